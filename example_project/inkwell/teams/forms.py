from django import forms
from django.utils.translation import gettext_lazy as _

from inkwell.teams.models import Organization
from quickscale_credits.models import SpendingLimit


class OrganizationForm(forms.ModelForm):
    class Meta:
        model = Organization
        fields = ["name"]


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("Email address"))


class LimitForm(forms.Form):
    """What a member may spend; an empty amount takes the limit away."""

    amount = forms.DecimalField(
        label=_("Credits"), required=False, min_value=0, max_digits=18, decimal_places=6, localize=True
    )
    period = forms.ChoiceField(label=_("Each"), choices=SpendingLimit.Period.choices)
