"""Personal data of a customer in dj-stripe's rows. What Stripe has to keep, it keeps."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast
from djstripe.models import Customer, Event, WebhookEventTrigger

PERSONAL: Final = frozenset(
    {
        "account_name",
        "address",
        "billing_details",
        "collected_information",
        "customer_address",
        "customer_details",
        "customer_email",
        "customer_name",
        "customer_phone",
        "customer_shipping",
        "customer_tax_ids",
        "email",
        "fingerprint",
        "individual_name",
        "ip",
        "last4",
        "metadata",
        "name",
        "phone",
        "receipt_email",
        "shipping",
        "shipping_details",
        "tax_ids",
        "verified_email",
        "verified_name",
    }
)
"""Keys of Stripe's objects under which people are named; metadata is the host's, who may have put anything there."""


def forget(customer_id: str) -> None:
    """Blank what dj-stripe has copied about this customer, and drop the deliveries that speak of them."""
    _blank(Customer.objects.filter(id=customer_id), email="", subscriber=None)
    for model in apps.get_app_config("djstripe").get_models():
        if _belongs_to_a_customer(model):
            _blank(model._base_manager.filter(customer__id=customer_id))
    WebhookEventTrigger.objects.filter(body__contains=customer_id).delete()
    Event.objects.annotate(told=Cast("data", TextField())).filter(told__contains=customer_id).delete()


def _belongs_to_a_customer(model: type[Model]) -> bool:
    names = {field.name: field for field in model._meta.concrete_fields}
    return "stripe_data" in names and "customer" in names and names["customer"].related_model is Customer


def _blank(rows: QuerySet[Any], **columns: Any) -> None:
    for row in rows:
        changes = columns | {"stripe_data": _scrubbed(row.stripe_data), "metadata": None}
        held = {field.name for field in row._meta.concrete_fields}
        type(row)._base_manager.filter(pk=row.pk).update(**{name: changes[name] for name in changes if name in held})


def _scrubbed(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: None if name in PERSONAL else _scrubbed(value) for name, value in told.items()}
    return [_scrubbed(each) for each in told] if isinstance(told, list) else told
