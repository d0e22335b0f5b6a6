from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.utils.translation import gettext_lazy as _

from inkwell.teams import members
from inkwell.teams.models import Membership, Organization


class KeepsAnAdministrator(BaseInlineFormSet):
    """Whoever has one keeps one, as on the team's own page."""

    def clean(self):
        super().clean()
        if any(self.errors) or self.instance.pk is None:
            return
        members.lock(self.instance)
        there = dict(self.instance.memberships.values_list("pk", "role"))
        if Membership.Role.ADMINISTRATOR in there.values() and not any(map(self._stays_administrator, self.forms)):
            raise ValidationError(_("A team needs an administrator: make somebody else one first."))

    def _stays_administrator(self, form):
        given = form.cleaned_data
        return given.get("role") == Membership.Role.ADMINISTRATOR and not given.get("DELETE")


class MembershipInline(admin.TabularInline):
    model = Membership
    formset = KeepsAnAdministrator
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin):
    list_display = ["name", "created_at"]
    search_fields = ["name", "members__email"]
    inlines = [MembershipInline]
