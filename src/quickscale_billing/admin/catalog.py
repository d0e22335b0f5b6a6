"""Plans and packs. Where a file says what is sold they are only shown; else what is saved is pushed to Stripe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quickscale_billing import catalog
from quickscale_billing.catalog import Item
from quickscale_billing.conf import conf
from quickscale_billing.exceptions import BillingError
from quickscale_billing.models import CreditPack, Plan, PlanPrice
from quickscale_billing.money import formatted

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
else:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.forms import ModelForm


class ItemForm(ModelForm):
    """A slug means one thing, be it a plan or a pack."""

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if catalog.slug_is_taken(slug, by_other_than=type(self.instance)):
            raise ValidationError(_("Plans and packs share one namespace, and this slug is taken."))
        return slug


class PriceForm(ModelForm):
    def clean(self) -> Any:
        if self.instance.stripe_price_id and {"interval", "currency"} & set(self.changed_data):
            raise ValidationError(_("Who pays this price pays it so: take it off sale, and add another."))
        return super().clean()


class CatalogAdmin(ModelAdmin):
    form = ItemForm
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["stripe_product_id"]
    actions = ("push",)

    @admin.action(description=gettext_lazy("Push the selected to Stripe"), permissions=["change"])
    def push(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for item in queryset:
            self._push_soon(request, item)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._push_soon(request, form.instance)

    def _push_soon(self, request: HttpRequest, item: Item) -> None:
        """Stripe is asked when the rows are saved: no lock is held while it answers."""
        transaction.on_commit(partial(self._push, request, item))

    def _push(self, request: HttpRequest, item: Item) -> None:
        try:
            lines = catalog.push(item)
        except BillingError as error:
            problem = _("“%(item)s” is saved, but not at Stripe: %(problem)s Push it again from the list.")
            messages.error(request, problem % {"item": item, "problem": error})
            return
        for line in lines:
            messages.success(request, _("At Stripe: %(change)s") % {"change": line})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return conf.CATALOG is None and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.CATALOG is None and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_readonly_fields(request, obj)
        if conf.CATALOG is None:
            return [*shown, "slug"] if obj else shown
        return [field.name for field in self.opts.fields if field.editable and field.name != self.opts.pk.name]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj or conf.CATALOG else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Above the fields, whose they are."""
        [(_title, options)] = super().get_fieldsets(request, obj)
        return [(None, {**options, "description": _from_file()})]


class PriceInline(TabularInline):
    model = PlanPrice
    form = PriceForm
    template = "admin/quickscale_billing/scrolling.html"
    extra = 0
    fields = ("interval", "amount", "currency", "money", "is_active", "stripe_price_id")
    readonly_fields = ("money", "stripe_price_id")

    class Media:
        css: ClassVar = {"all": ["quickscale_credits/admin.css"]}

    @admin.display(description=gettext_lazy("price"))
    def money(self, price: PlanPrice) -> str:
        return formatted(price.amount, price.currency) if price.pk else "—"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.CATALOG is None and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.CATALOG is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Somebody may pay it: it is taken off sale instead."""
        return False


@admin.register(Plan)
class PlanAdmin(CatalogAdmin):
    list_display = ("name", "slug", "credits", "refill_every", "position", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    inlines = (PriceInline,)


@admin.register(CreditPack)
class PackAdmin(CatalogAdmin):
    list_display = ("name", "slug", "credits", "bonus_credits", "money", "position", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    readonly_fields = ["stripe_product_id", "stripe_price_id"]

    @admin.display(description=gettext_lazy("price"))
    def money(self, pack: CreditPack) -> str:
        return formatted(pack.amount, pack.currency)


def _from_file() -> str:
    if conf.CATALOG is None:
        return ""
    return _("What is sold is written in %(file)s: edit that file, then run sync_catalog.") % {"file": conf.CATALOG}
