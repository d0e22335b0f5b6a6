import pytest
from django.contrib.admin.sites import site

from quickscale_credits.testing import fund
from quickscale_services import registry
from quickscale_services.exceptions import ServiceDisabled
from quickscale_services.models import Service, ServiceRun
from quickscale_services.switches import make_after_migrate
from quickscale_services.testing import run_service

SERVICES = "/admin/quickscale_services/service/"
RUNS = "/admin/quickscale_services/servicerun/"


@pytest.fixture
def row(db):
    make_after_migrate(using="default")
    return Service.objects.get(name="count-words")


def test_a_service_is_switched_off_in_the_admin_at_once(admin_client, row, user):
    fund(user, 5)
    form = {"cost_override": "", "rate_limit": ""}
    assert admin_client.post(f"{SERVICES}{row.pk}/change/", form).status_code == 302
    with pytest.raises(ServiceDisabled):
        registry["count-words"].run(user, text="one")


def test_the_box_of_a_service_in_the_list_is_named_by_it(admin_client, row):
    assert 'aria-label="count-words: Active"' in admin_client.get(SERVICES).content.decode()


def test_the_choice_of_runs_without_an_error_has_a_name(admin_client, user):
    fund(user, 5)
    run_service("count-words", user, text="one")
    assert '<a href="?error_code=">No error</a>' in " ".join(admin_client.get(RUNS).content.decode().split())


def test_an_override_holds_from_the_next_run_on(admin_client, row, user):
    fund(user, 5)
    form = {"is_active": "on", "cost_override": "0.5", "rate_limit": "60/minute"}
    admin_client.post(f"{SERVICES}{row.pk}/change/", form)
    assert str(registry["count-words"].run(user, text="one").cost) == "0.5"


@pytest.mark.parametrize(("cost", "rate"), [("-1", ""), ("x", ""), ("0.0000001", ""), ("", "often"), ("", "0/day")])
def test_what_makes_no_sense_is_not_saved(admin_client, row, cost, rate):
    form = {"is_active": "on", "cost_override": cost, "rate_limit": rate}
    response = admin_client.post(f"{SERVICES}{row.pk}/change/", form)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors


def test_the_list_shows_title_and_price(admin_client, row):
    page = admin_client.get(SERVICES).content.decode()
    assert "Count words" in page
    assert "2 credits" in page
    assert admin_client.get(f"{SERVICES}add/").status_code == 403


def test_a_service_that_is_registered_no_more_can_be_deleted(rf, admin_user, row):
    request = rf.get("/")
    request.user = admin_user
    model_admin = site.get_model_admin(Service)
    assert not model_admin.has_delete_permission(request, row)
    assert model_admin.has_delete_permission(request, Service(name="gone"))


def test_runs_can_be_searched_and_read_but_not_changed(admin_client, user):
    run = run_service("count-words", user, actor=user, text="one").run
    for search in (user.username, str(run.pk), "nobody"):
        page = admin_client.get(RUNS, {"q": search, "status": "succeeded"}).content.decode()
        assert (str(run.pk) in page) == (search != "nobody")
    page = admin_client.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert 'name="_save"' not in page
    assert admin_client.post(f"{RUNS}{run.pk}/delete/").status_code == 403
    assert ServiceRun.objects.get() == run


def test_what_people_sent_is_not_shown_to_staff(admin_client, user):
    run = registry["free-words"].run(user, text="one two", idempotency_key="k").run
    assert run.output is not None
    assert "replay" in admin_client.get(f"{RUNS}{run.pk}/change/").content.decode().lower()
    assert '{"words"' not in admin_client.get(f"{RUNS}{run.pk}/change/").content.decode()


def test_the_page_of_an_account_shows_its_runs(admin_client, user):
    run = run_service("count-words", user, text="one").run
    page = admin_client.get(f"/admin/quickscale_credits/creditaccount/{run.account_id}/change/").content.decode()
    assert "Service runs" in page
    every_run = f"{RUNS}?account__id__exact={run.account_id}"
    assert every_run in page
    assert str(run.pk) in admin_client.get(every_run).content.decode()
