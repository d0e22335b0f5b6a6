"""The recipe for django-unfold, in a project of its own: every page of the admin answers in its dress."""

import re

import pytest

from tests.parts import ROOT
from tests.quickstart import run, write

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "how-to" / "use-django-unfold.md").read_text()
FILES = re.findall(r"```python\n(# mysite/\w+\.py\n.*?)```", PAGE, re.DOTALL)

SETTINGS = """# mysite/settings.py
INSTALLED_APPS += ["quickscale_credits", "quickscale_services", "quickscale_services.examples", "shop"]
DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
ADDRESSES = """# mysite/urls.py
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/analytics/", include("quickscale_credits.analytics.urls")),
    path("admin/", admin.site.urls),
]
"""
ADMIN = """# shop/admin.py
from django.contrib import admin
from mysite.unfolded import unfold

unfold(admin.site)
"""
WALK = """
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from quickscale_credits import ledger
from quickscale_services import registry

staff = User.objects.create_superuser("ada")
ledger.grant(staff, 10)
registry["text-summary"].run(staff, text="One sentence. And another one.")
ours = [model for model in admin.site._registry if model._meta.app_label.startswith("quickscale_")]
pages = ["/admin/", reverse("quickscale_analytics:dashboard")]
pages += [reverse("admin:quickscale_credits_creditaccount_give", args=[1]), reverse("admin:quickscale_services_usage")]
for model in ours:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    pages += [reverse(f"{name}_changelist")]
    pages += [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()[:1]]

browser = Client(SERVER_NAME="localhost")
browser.force_login(staff)
for page in pages:
    answer = browser.get(page)
    assert (answer.status_code, b"mysite/unfolded.css" in answer.content) == (200, True), page
print(len(pages))
"""


def test_every_page_of_the_admin_answers_in_the_dress_of_unfold(tmp_path):
    run(tmp_path, "python -m django startproject mysite .")
    run(tmp_path, "python manage.py startapp shop")
    for text in (SETTINGS, ADDRESSES, ADMIN, *FILES):
        write(tmp_path, text)
    run(tmp_path, "python manage.py migrate")
    assert int(run(tmp_path, "python manage.py shell -v 0 -c", WALK)) > 20
