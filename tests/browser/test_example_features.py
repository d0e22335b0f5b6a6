"""What the example adds around QuickScale: contact, profile, sessions, notices, and the staff's page."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from inkwell.accounts import preferences
from inkwell.notices.models import Notice
from quickscale_billing.mail import Reader
from quickscale_credits import ledger
from quickscale_services import registry

LETTER = {"name": "Ada", "email": "ada@example.com", "message": "Is there a plan for schools?"}
PASSWORD = "a long enough secret"


@pytest.fixture(autouse=True)
def forget_limits():
    cache.clear()


@pytest.fixture
def ada(db):
    user = get_user_model().objects.create_user("ada@example.com", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def page_of(client, ada):
    client.force_login(ada)
    return lambda address: client.get(address).content.decode()


def test_a_letter_goes_to_whoever_runs_the_site_and_is_answered_to_its_writer(client, db):
    assert client.post("/contact/", LETTER).url == "/contact/thanks/"
    [letter] = mail.outbox
    assert letter.to == ["hello@inkwell.example"]
    assert letter.reply_to == ["ada@example.com"]
    assert letter.body == LETTER["message"]


def test_a_name_cannot_add_a_header_to_the_letter(client, db):
    client.post("/contact/", LETTER | {"name": "Ada\nBcc: everybody@example.com"})
    assert mail.outbox[0].subject == "Inkwell: Ada Bcc: everybody@example.com wrote on the contact page"
    assert mail.outbox[0].recipients() == ["hello@inkwell.example"]


def test_a_letter_without_a_message_is_sent_back_with_the_reason(client, db):
    response = client.post("/contact/", LETTER | {"message": ""})
    assert response.status_code == 422
    assert "This field is required." in response.content.decode()
    assert mail.outbox == []


def test_a_program_that_fills_in_every_field_is_thanked_and_not_read(client, db):
    assert client.post("/contact/", LETTER | {"website": "https://spam.example"}).url == "/contact/thanks/"
    assert mail.outbox == []


def test_nobody_writes_more_than_five_letters_an_hour(client, db):
    statuses = [client.post("/contact/", LETTER).status_code for _ in range(6)]
    assert statuses == [302] * 5 + [422]
    assert len(mail.outbox) == 5


def test_a_letter_that_the_mail_server_refuses_stays_in_the_form(client, db, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    page = client.post("/contact/", LETTER).content.decode()
    assert "could not be sent now" in page
    assert LETTER["message"] in page


def test_a_profile_is_saved_and_its_name_shown(client, ada, page_of):
    client.post("/accounts/profile/", {"name": "Ada Lovelace", "language": "", "time_zone": "Asia/Tokyo"})
    ada.refresh_from_db()
    assert (ada.name, ada.time_zone) == ("Ada Lovelace", "Asia/Tokyo")
    assert "Ada Lovelace" in page_of("/dashboard/")


def test_a_time_zone_that_does_not_exist_is_refused(client, ada):
    client.force_login(ada)
    response = client.post("/accounts/profile/", {"name": "", "language": "", "time_zone": "Mars/Olympus"})
    assert response.status_code == 422
    assert get_user_model().objects.get().time_zone == ""


def test_a_time_zone_that_is_not_known_any_more_breaks_no_page(client, ada):
    get_user_model().objects.update(time_zone="Gone/City")
    client.force_login(ada)
    assert client.get("/dashboard/").status_code == 200


def test_somebody_sees_their_sessions_and_ends_the_others(ada):
    here, elsewhere = Client(), Client(headers={"User-Agent": "Kiosk at the library"})
    for browser in (here, elsewhere):
        browser.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD})
        browser.get("/dashboard/")
    assert "Kiosk at the library" in here.get("/accounts/sessions/").content.decode()
    here.post("/accounts/sessions/")
    assert elsewhere.get("/dashboard/").status_code == 302
    assert here.get("/dashboard/").status_code == 200


def test_new_credits_and_low_credits_become_notices(ada, page_of, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        ledger.grant(ada, 100)
        ledger.spend(ada, 85, reason="sale")
    page = page_of("/notices/")
    assert "You have new credits." in page
    assert "Your credits run low." in page
    assert 'aria-label="2 are new"' in page


def test_notices_are_marked_as_read_and_belong_to_one_user(client, ada, page_of):
    Notice.objects.create(user=ada, kind=Notice.Kind.BALANCE_LOW, url="/billing/")
    other = get_user_model().objects.create_user("bram@example.com")
    Notice.objects.create(user=other, kind=Notice.Kind.RUN_FAILED, url="/services/runs/")
    assert "has failed" not in page_of("/notices/")
    client.post("/notices/read/")
    assert list(Notice.objects.filter(read_at=None).values_list("user", flat=True)) == [other.pk]


def test_only_runs_that_nobody_waits_for_become_notices(ada, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        registry["text-statistics"].run(ada, text="a text")
    assert not Notice.objects.filter(kind=Notice.Kind.RUN_SUCCEEDED).exists()


def test_the_staff_page_is_for_the_staff(client, ada):
    client.force_login(ada)
    assert client.get("/staff/").status_code == 403


def test_the_staff_page_leads_only_to_what_one_may_see(client, ada, page_of):
    ada.is_staff = True
    ada.save()
    assert "nobody has given you a role yet" in page_of("/staff/")
    ada.user_permissions.add(Permission.objects.get(codename="view_servicerun"))
    page = page_of("/staff/")
    assert "/admin/quickscale_services/servicerun/" in page
    assert "/admin/quickscale_credits/creditaccount/" not in page


def test_every_tool_of_the_staff_opens(admin_client):
    page = admin_client.get("/staff/").content.decode()
    links = [part.split('"')[0] for part in page.split('<li><a href="')[1:]]
    assert len(links) >= 11
    assert {link: admin_client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_mail_about_billing_comes_in_the_language_and_time_of_its_reader(ada):
    ada.language, ada.time_zone = "de", "Asia/Tokyo"
    assert preferences.reader_of(ada) == Reader(to=["ada@example.com"], language="de", time_zone="Asia/Tokyo")
    ada.language, ada.time_zone = "", "Atlantis"  # known once, and not any more
    assert preferences.reader_of(ada) == Reader(to=["ada@example.com"])


def test_whose_credits_run_low_gets_a_letter_that_leads_to_the_prices(ada, django_capture_on_commit_callbacks):
    ledger.grant(ada, 25)
    with django_capture_on_commit_callbacks(execute=True):
        ledger.spend(ada, 10, reason="work")
    call_command("send_mail", verbosity=0)
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == (["ada@example.com"], "Your credits run low")
    assert "http://localhost:8000/billing/" in letter.body
