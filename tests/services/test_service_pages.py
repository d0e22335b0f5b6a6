import re
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pydantic import BaseModel, Field

from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService, registry
from quickscale_services.exceptions import ServiceFailed
from quickscale_services.files import Accept, Upload
from quickscale_services.models import Service, ServiceRun
from quickscale_services.testing import register_temporarily, run_service
from tests.services.samples import CountWords, doing

HTMX = {"HX-Request": "true"}
ADDRESS = "/services/count-words/"


class Color(Enum):
    RED = "red"
    DEEP_BLUE = "deep_blue"


class Everything(BaseService):
    name = "everything"
    title = "Everything"

    class Input(BaseModel):
        note: str = Field(max_length=50, description="A few words.")
        essay: str = ""
        count: int = Field(default=3, ge=1, le=9)
        weight: float = 0.5
        loud: bool = True
        size: Literal["small", "very_large"] = "small"
        color: Color | None = None
        day: date | None = None
        tags: list[str] = []
        sides: list[Literal["left", "right"]] = []
        picture: Annotated[Upload, Accept("image/png", max_size=1000)] | None = None

    def execute(self, data: Input, context: Any) -> dict[str, Any]:
        given = data.model_dump(exclude={"picture", "color"})
        return given | {"color": data.color, "bytes": data.picture and data.picture.read().decode()}


@pytest.fixture(autouse=True)
def everything():
    with register_temporarily(Everything):
        yield


@pytest.fixture
def browser(client, user):
    client.force_login(user)
    return client


def form_id(response):
    return re.search(r'name="form_id" value="([^"]+)"', response.content.decode())[1]


def test_the_list_shows_titles_prices_and_only_what_is_on(client, db):
    Service.objects.update_or_create(name="metered", defaults={"is_active": False})
    Service.objects.update_or_create(name="count-words", defaults={"cost_override": 7})
    page = client.get("/services/").content.decode()
    assert "Count words" in page
    assert "7 credits" in page
    assert "Free" in page
    assert "/services/metered/" not in page


def test_the_page_of_a_service_has_a_field_for_each_input(browser):
    page = browser.get("/services/everything/").content.decode()
    for name in Everything.Input.model_fields:
        assert f'name="{name}"' in page
        assert f'for="id_{name}' in page or name == "sides"
    assert '<textarea name="essay"' in page
    assert re.search(r'<input type="number" name="count" value="3" min="1" max="9"', page)
    assert re.search(r'type="date" name="day"', page)
    assert re.search(r'type="file" name="picture" accept="image/png"', page)
    assert '<option value="very_large">Very large</option>' in page
    assert 'enctype="multipart/form-data"' in page
    assert 'aria-describedby="id_note_helptext"' in page


def test_an_input_of_any_shape_gets_a_form(browser, user):
    class Tree(BaseModel):
        name: str
        children: list["Tree"] = []

    class Odd(BaseModel):
        tree: Tree
        either: int | str
        nested: list[list[int]] = []
        price: Decimal = Decimal("1.5")

    fund(user, 5)
    service = doing(lambda context: "done", Input=Odd, execute=lambda self, data, context: data.tree.name)
    with register_temporarily(type(service)):
        form = {"tree": '{"name": "oak", "children": [{"name": "twig"}]}', "either": "7", "nested": "[[1]]"}
        assert browser.post("/services/doing/", form).context["output"] == "oak"
        wrong = browser.post("/services/doing/", form | {"tree": '{"children": [{}]}'})
    assert wrong.context["form"].errors["tree"][0] == "name: Field required"


def test_the_page_has_no_inline_script_or_style(browser):
    page = browser.get("/services/everything/").content.decode()
    assert not re.search(r"<style|style=|<script(?![^>]*src)|\son[a-z]+=", page)


def test_what_is_typed_arrives_as_the_input(browser):
    form = {
        "note": " hi ",
        "essay": "one\r\ntwo",
        "count": "4",
        "weight": "1.25",
        "size": "very_large",
        "color": "deep_blue",
        "day": "2026-02-28",
        "tags": "a\r\n\r\n b",
        "sides": ["left", "right"],
        "picture": SimpleUploadedFile("a.png", b"pixels", "image/png"),
    }
    response = browser.post("/services/everything/", form)
    assert response.context["output"] == {
        "note": " hi ",
        "essay": "one\ntwo",
        "count": 4,
        "weight": 1.25,
        "loud": False,
        "size": "very_large",
        "color": "deep_blue",
        "day": "2026-02-28",
        "tags": ["a", "b"],
        "sides": ["left", "right"],
        "bytes": "pixels",
    }


def test_what_is_left_empty_has_its_default(browser):
    output = browser.post("/services/everything/", {"note": "x", "loud": "on"}).context["output"]
    assert (output["count"], output["color"], output["tags"], output["loud"]) == (3, None, [], True)


def test_a_run_shows_result_cost_and_new_balance_without_scripts(browser, user):
    fund(user, 5)
    page = browser.post(ADDRESS, {"text": "one two three"}).content.decode()
    assert "<html" in page
    assert "<dt>Words</dt>" in page
    assert "you have <strong>3 credits</strong> left" in page
    assert_balance(user, 3)


def test_htmx_gets_only_the_part_that_changed(browser, user):
    fund(user, 5)
    response = browser.post(ADDRESS, {"text": "one"}, headers=HTMX)
    page = response.content.decode()
    assert "<html" not in page
    assert '<span id="credit-balance" hx-swap-oob="true">3</span>' in page
    assert "HX-Request" in response.headers["Vary"]


def test_a_form_that_is_sent_twice_runs_once(browser, user):
    fund(user, 5)
    form = {"text": "one", "form_id": form_id(browser.get(ADDRESS))}
    first, second = (browser.post(ADDRESS, form).context["result"] for _ in range(2))
    assert first.run == second.run
    assert browser.post(ADDRESS, form | {"text": "another"}).context["result"].run != first.run
    assert_balance(user, 1)


def test_a_form_sent_again_while_its_run_goes_on_says_so_and_gives_the_result_later(browser, user):
    fund(user, 5)
    form = {"form_id": form_id(browser.get(ADDRESS))}
    meanwhile = []

    def send_again(context):
        meanwhile.append(browser.post("/services/doing/", form))
        return {"text": "done"}

    with register_temporarily(type(doing(send_again, cost=2))):
        done = browser.post("/services/doing/", form)
        again = browser.post("/services/doing/", {"form_id": form_id(meanwhile[0])})
    assert meanwhile[0].status_code == 409
    assert "has not ended yet" in meanwhile[0].content.decode()
    assert again.context["result"].run == done.context["result"].run
    assert_balance(user, 3)


def test_after_a_run_the_form_is_ready_for_a_new_one(browser, user):
    fund(user, 5)
    first = browser.post(ADDRESS, {"text": "one", "form_id": form_id(browser.get(ADDRESS))})
    browser.post(ADDRESS, {"text": "one", "form_id": form_id(first)})
    assert_balance(user, 1)


@pytest.mark.parametrize("bad", ["", "x", "\x00", "qs:1", "a" * 300])
def test_a_form_id_that_was_tampered_with_does_no_harm(browser, user, bad):
    fund(user, 5)
    assert browser.post(ADDRESS, {"text": "one", "form_id": bad}).status_code == 200
    assert_balance(user, 3)


def test_errors_stand_next_to_their_fields_and_nothing_is_charged(browser, user):
    fund(user, 5)
    response = browser.post("/services/everything/", {"note": "x" * 51, "count": "0"})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"note", "count"}
    assert 'aria-describedby="id_note_helptext id_note_error"' in response.content.decode()
    assert not ServiceRun.objects.exists()


def test_an_upload_that_does_not_fit_is_explained(browser):
    for content, kind in [(b"x" * 1001, "image/png"), (b"x", "text/html"), (b"", "image/png")]:
        upload = SimpleUploadedFile("a.bin", content, kind)
        response = browser.post("/services/everything/", {"note": "x", "picture": upload})
        assert response.status_code == 422
        assert response.context["form"].errors["picture"]


def test_who_is_out_of_credits_reads_what_is_missing(browser, user):
    fund(user, "0.5")
    response = browser.post(ADDRESS, {"text": "one"})
    assert response.status_code == 402
    assert "needs 2 credits and you have 0.5: 1.5 are missing" in response.content.decode()
    assert CountWords.executed == []


def test_each_refusal_and_failure_has_its_status(browser, user):
    fund(user, 50)

    def fails(context):
        raise ServiceFailed("The provider is down.")

    services = {
        "failing": (doing(fails, name="failing"), 502),
        "forbidden": (doing(lambda context: 1, name="forbidden", allows=lambda self, owner, actor: False), 403),
        "late": (doing(lambda context: 1, name="late", timeout=-1), 504),
    }
    with register_temporarily(*(type(service) for service, _ in services.values())):
        for name, (_, status) in services.items():
            response = browser.post(f"/services/{name}/")
            assert (response.status_code, name) == (status, name)
            assert "notification is-danger" in response.content.decode()
    assert_balance(user, 50)


def test_a_service_that_is_off_says_so(browser, user):
    fund(user, 5)
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False})
    assert "switched off" in browser.get(ADDRESS).content.decode()
    assert browser.post(ADDRESS, {"text": "one"}).status_code == 503


def test_a_price_by_input_can_be_asked_for_first(browser, user):
    fund(user, 5)
    response = browser.post("/services/priced-by-length/", {"text": "12345", "qs-estimate": "1"})
    assert "would cost at most 0.5 credits" in response.content.decode()
    assert not ServiceRun.objects.exists()


def test_a_service_may_ask_for_an_estimate_itself(browser, user):
    fund(user, 5)
    asks = type("Input", (BaseModel,), {"__annotations__": {"estimate": int}})
    service = doing(lambda context: "done", Input=asks)
    with register_temporarily(type(service)):
        browser.post("/services/doing/", {"estimate": "3"})
    assert ServiceRun.objects.get().status == "succeeded"


def test_a_visitor_may_look_but_must_sign_in_to_run(client, db):
    assert "Sign in to run it" in client.get(ADDRESS).content.decode()
    response = client.post(ADDRESS, {"text": "one"})
    assert response.status_code == 302
    assert not ServiceRun.objects.exists()


def test_an_unknown_service_is_not_found(browser):
    assert browser.get("/services/no-such/").status_code == 404


def test_a_form_from_elsewhere_is_refused(user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(ADDRESS, {"text": "one"}).status_code == 403


def test_people_see_their_own_runs_and_nobody_elses(browser, user, django_user_model):
    own = run_service("count-words", user, text="one").run
    other = run_service("count-words", django_user_model.objects.create_user("eve"), text="two").run
    page = browser.get("/services/runs/").content.decode()
    assert f"/services/runs/{own.pk}/" in page
    assert str(other.pk) not in page
    assert browser.get(f"/services/runs/{own.pk}/").status_code == 200
    assert browser.get(f"/services/runs/{other.pk}/").status_code == 404


def test_runs_turn_pages_without_losing_one(browser, user):
    for _ in range(52):
        registry["free-words"].run(user, text="one")
    first = browser.get("/services/runs/")
    assert len(first.context["runs"]) == 50
    last = first.context["runs"][-1]
    assert f"?before={last.pk}" in first.content.decode()
    rest = browser.get("/services/runs/", {"before": str(last.pk)}).context["runs"]
    assert len({run.pk for run in [*first.context["runs"], *rest]}) == 52


def test_a_run_that_failed_says_why(browser, user):
    fund(user, 5)
    with pytest.raises(ServiceFailed):
        doing(lambda context: 1 / 0).run(user)
    page = browser.get(f"/services/runs/{ServiceRun.objects.get().pk}/").content.decode()
    assert "The service failed; nothing was charged." in page


def test_a_run_page_shows_its_result_while_that_is_kept(browser, user):
    fund(user, 5)
    run = registry["count-words"].run(user, text="one two", idempotency_key="k").run
    assert "<dt>Words</dt>" in browser.get(f"/services/runs/{run.pk}/").content.decode()
    other = registry["count-words"].run(user, text="one two").run
    assert "not kept" in browser.get(f"/services/runs/{other.pk}/").content.decode()


def test_what_comes_from_people_and_services_is_escaped(browser, user):
    fund(user, 5)
    with register_temporarily(type(doing(lambda context: {"<b>": "<script>x</script>"}, title="<i>T</i>"))):
        page = browser.post("/services/doing/").content.decode()
    assert "<script>x" not in page
    assert "<i>T" not in page
    assert "<b>" not in page


def test_a_service_may_show_its_result_by_its_own_template(browser, user, settings, tmp_path):
    (tmp_path / "words.html").write_text("<p>{{ output.words }} words, cost {{ run.cost }}</p>")
    own = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    settings.TEMPLATES = own
    fund(user, 5)
    with register_temporarily(type("Shown", (CountWords,), {"name": "shown", "result_template": "words.html"})):
        page = browser.post("/services/shown/", {"text": "one two"}).content.decode()
    assert "<p>2 words, cost 2</p>" in page


@pytest.mark.django_db(transaction=True)
def test_the_page_runs_services_under_atomic_requests(browser, user, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    fund(user, 5)
    assert browser.post(ADDRESS, {"text": "one"}).status_code == 200
    assert_balance(user, 3)
