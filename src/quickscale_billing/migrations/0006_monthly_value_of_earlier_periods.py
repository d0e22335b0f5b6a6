"""What a month of a period is worth that was booked before that was written down; and reading refunds by their time."""

from fractions import Fraction
from typing import Any

from django.db import migrations, models

from quickscale_billing.monthly import monthly

AT_ONCE = 500


def write_down_what_a_month_was_worth(apps: Any, schema_editor: Any) -> None:
    """From the price, where it is known, as a line may be of a part of it; less the share that the invoice took off."""
    using = schema_editor.connection.alias
    segments = apps.get_model("quickscale_billing", "PaidSegment").objects.using(using)
    prices = apps.get_model("quickscale_billing", "PlanPrice").objects.using(using)
    full = dict(prices.exclude(stripe_price_id=None).values_list("stripe_price_id", "amount"))
    after = 0
    while page := list(segments.filter(monthly=0, amount__gt=0, pk__gt=after).order_by("pk")[:AT_ONCE]):
        kept = _kept(apps, using, [each.stripe_invoice_id for each in page])
        for each in page:
            amount = max(each.amount, full.get(each.stripe_price_id, 0))
            each.monthly = monthly(amount, each.interval, kept=kept.get(each.stripe_invoice_id, Fraction(1)))
        segments.bulk_update(page, ["monthly"])
        after = page[-1].pk


def _kept(apps: Any, using: str, stripe_ids: list[str]) -> dict[str, Fraction]:
    invoices = apps.get_model("quickscale_billing", "Invoice").objects.using(using)
    found = invoices.filter(stripe_id__in=stripe_ids, subtotal__gt=0)
    return {
        stripe_id: Fraction(max(0, subtotal - discount), subtotal)
        for stripe_id, subtotal, discount in found.values_list("stripe_id", "subtotal", "discount")
    }


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_billing", "0005_monthly_value"),
    ]

    operations = [
        migrations.RunPython(write_down_what_a_month_was_worth, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["created_at"], name="billing_refund_time"),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(fields=["closed_at"], name="billing_dispute_end"),
        ),
    ]
