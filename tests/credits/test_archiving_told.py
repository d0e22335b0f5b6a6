"""Where people read that entries were archived."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_credits.testing import fund
from tests.credits.archives import goes, spent

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb, pytest.mark.usefixtures("small_pages")]


@pytest.mark.once
def test_the_history_says_how_many_entries_were_archived(client, user, clock, tmp_path):
    client.force_login(user)
    assert "archived" not in client.get("/credits/").content.decode()
    assert goes(spent(user, clock), tmp_path)
    client.force_login(user)  # two months later
    assert "1 older entry was archived." in client.get("/credits/").content.decode()


@pytest.mark.once
def test_the_account_in_the_admin_says_how_many_entries_were_archived(admin_client, user, clock, tmp_path):
    assert goes(spent(user, clock), tmp_path)
    page = admin_client.get(f"/admin/quickscale_credits/creditaccount/{user.credit_account.pk}/change/")
    assert "Archived entries" in page.content.decode()


@pytest.mark.once
def test_an_export_says_what_it_has_not(user, grace, clock, tmp_path, capsys):
    day = timezone.now().date()
    assert goes(spent(user, clock), tmp_path)
    fund(grace, 1)
    told = f"1 entries, the last of {day}, were archived"
    for options, is_told in {
        (): True,
        ("--owner", str(user.pk)): True,
        ("--until", str(day + timedelta(days=1))): True,
        ("--owner", str(grace.pk)): False,
        ("--until", str(day)): False,
        ("--since", str(day + timedelta(days=1))): False,
    }.items():
        assert (told in exported(capsys, *options)) == is_told, options


def exported(capsys, *options):
    from django.core.management import call_command

    call_command("export_ledger", *options)
    return capsys.readouterr().err
