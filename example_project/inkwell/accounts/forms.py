import zoneinfo

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from inkwell.accounts.models import User


class ProfileForm(forms.ModelForm):
    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    class Meta:
        model = User
        fields = ["name", "language", "time_zone"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", _("As the browser asks")), *settings.LANGUAGES]
        self.fields["time_zone"].choices = [("", settings.TIME_ZONE), *((zone, zone) for zone in zones())]


def zones():
    """Those named by a place, which people find themselves in."""
    return sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
