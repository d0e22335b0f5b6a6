import hashlib
import logging
from datetime import datetime, timedelta

import pytest
from django.core import management
from django.utils import timezone

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.testing import fund
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.plain_keys import PlainKey, RedactKeys


def verify(plain):
    return ApiKey.objects.verify(plain)


@pytest.fixture
def issued(user):
    return ApiKey.objects.issue(user, name="laptop")


def test_a_key_is_found_again_by_its_text_alone(user, issued):
    key, plain = issued
    assert verify(plain) == key
    assert (key.account, key.name, key.scopes) == (user.credit_account, "laptop", ["services:run"])
    assert ApiKey.objects.for_owner(user).get() == key


def test_the_secret_has_256_bits_and_only_its_digest_is_stored(issued, tmp_path):
    key, plain = issued
    secret = plain.split("_", 2)[2]
    assert len(secret) * 6 >= 256
    assert key.digest == hashlib.sha256(secret.encode()).hexdigest()
    management.call_command("dumpdata", "quickscale_services", output=str(tmp_path / "dump.json"), verbosity=0)
    assert key.digest in (tmp_path / "dump.json").read_text()
    assert secret not in (tmp_path / "dump.json").read_text()


def test_no_two_keys_are_alike(user):
    plain = {ApiKey.objects.issue(user, name="k")[1] for _ in range(50)}
    assert len(plain) == len({text.split("_")[1] for text in plain}) == 50


def test_a_key_with_one_character_changed_is_refused(issued):
    plain = issued[1]
    for place in range(len(plain)):
        changed = plain[:place] + ("x" if plain[place] != "x" else "y") + plain[place + 1 :]
        assert verify(changed) is None


@pytest.mark.parametrize(
    "scopes", [["admin"], ["services:run:nope"], ["credits:write"], [""], [None], [], "services:run"]
)
def test_an_unknown_scope_is_refused(user, scopes):
    with pytest.raises(ValueError, match="scope"):
        ApiKey.objects.issue(user, name="k", scopes=scopes)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b"])
def test_a_name_that_cannot_be_is_refused(user, name):
    with pytest.raises(ValueError, match="name"):
        ApiKey.objects.issue(user, name=name)


@pytest.mark.parametrize("expires_at", [timezone.now() - timedelta(days=1), datetime(2099, 1, 1)])  # noqa: DTZ001
def test_an_expiry_that_is_over_or_has_no_zone_is_refused(user, expires_at):
    with pytest.raises(ValueError, match="expires_at"):
        ApiKey.objects.issue(user, name="k", expires_at=expires_at)


def test_a_key_works_until_it_expires(user, clock):
    plain = ApiKey.objects.issue(user, name="k", expires_at=timezone.now() + timedelta(days=1))[1]
    clock.shift(timedelta(hours=23))
    assert verify(plain)
    clock.shift(timedelta(hours=1))
    assert verify(plain) is None
    assert not ApiKey.objects.usable().exists()


def test_a_revoked_key_is_refused_at_once_and_for_good(issued, clock):
    key, plain = issued
    key.revoke()
    first = key.revoked_at
    clock.shift(timedelta(days=1))
    key.revoke()
    assert verify(plain) is None
    assert key.revoked_at == first == timezone.now() - timedelta(days=1)


def test_rotation_lets_both_keys_work_for_an_hour(user, clock):
    key, plain = ApiKey.objects.issue(user, name="k", scopes=["credits:read"], user=user)
    new, new_plain = key.rotate()
    assert (verify(plain), verify(new_plain)) == (key, new)
    assert (new.account, new.user, new.name, new.scopes) == (key.account, user, "k", ["credits:read"])
    clock.shift(timedelta(hours=1))
    assert (verify(plain), verify(new_plain)) == (None, new)


def test_rotation_without_overlap_ends_the_old_key_at_once(issued):
    key, plain = issued
    new_plain = key.rotate(overlap=timedelta(0))[1]
    assert (verify(plain), verify(new_plain) is None) == (None, False)


def test_rotation_makes_no_key_last_longer(user, clock):
    end = timezone.now() + timedelta(minutes=10)
    key, _plain = ApiKey.objects.issue(user, name="k", expires_at=end)
    new, _new_plain = key.rotate()
    assert new.expires_at == key.expires_at == end


def test_a_key_rotated_twice_hands_on_the_end_it_was_issued_with(user, clock):
    key, _plain = ApiKey.objects.issue(user, name="k")
    end = timezone.now() + timedelta(days=30)
    ending, _plain = ApiKey.objects.issue(user, name="until", expires_at=end)
    assert [key.rotate()[0].expires_at for _ in range(2)] == [None, None]
    assert [ending.rotate()[0].expires_at for _ in range(2)] == [end, end]
    assert key.expires_at == ending.expires_at == timezone.now() + timedelta(hours=1)


def test_a_request_sent_again_gets_the_key_that_it_made(user, clock):
    asked = {"name": "k", "once": "form"}
    key, plain = ApiKey.objects.issue(user, expires_at=timezone.now() + timedelta(days=30), **asked)
    clock.shift(timedelta(seconds=5))
    again, new_plain = ApiKey.objects.issue(user, expires_at=timezone.now() + timedelta(days=30), **asked)
    assert (again, verify(plain), verify(new_plain)) == (key, None, key)


@pytest.mark.parametrize(
    "other", [{"name": "l"}, {"scopes": ["credits:read"]}, {"expires_at": timezone.now() + timedelta(days=9)}]
)
def test_a_request_that_asks_for_another_key_by_the_same_name_is_refused(user, other):
    plain = ApiKey.objects.issue(user, name="k", once="form")[1]
    with pytest.raises(IdempotencyConflict):
        ApiKey.objects.issue(user, **{"name": "k", "once": "form"} | other)
    assert verify(plain)


def test_rotation_without_overlap_can_be_asked_for_again_by_the_same_request(issued):
    key, _plain = issued
    new, first_plain = key.rotate(timedelta(0), once="form")
    again, plain = key.rotate(timedelta(0), once="form")
    assert (again, verify(first_plain), verify(plain)) == (new, None, new)
    with pytest.raises(ValueError, match="issue a new one"):
        key.rotate(timedelta(0), once="another")


def test_a_key_that_works_no_more_cannot_be_rotated(issued):
    key, _plain = issued
    ApiKey.objects.get(pk=key.pk).revoke()
    with pytest.raises(ValueError, match="issue a new one"):
        key.rotate()
    with pytest.raises(ValueError, match="overlap"):
        key.rotate(overlap=timedelta(seconds=-1))
    assert ApiKey.objects.count() == 1


def test_the_last_use_is_written_once_a_minute(program, clock, django_assert_num_queries):
    started = timezone.now()
    for seconds in (0, 30, 29):
        clock.shift(timedelta(seconds=seconds))
        program.get("runs")
    assert ApiKey.objects.get().last_used_at == started
    clock.shift(timedelta(seconds=1))
    program.get("runs")
    assert ApiKey.objects.get().last_used_at == timezone.now()


def test_the_run_of_a_key_outlives_its_user(user, program_of, django_user_model):
    member = django_user_model.objects.create_user("grace")
    fund(user, 5)
    program_of(user, user=member).post("services/count-words/run", {"text": "one"})
    member.delete()
    run = ServiceRun.objects.get()
    assert (run.api_key, run.cost, run.actor) == (None, 2, str(run.entry.actor))


def test_neither_a_key_nor_its_parts_show_the_secret(issued):
    key, plain = issued
    secret = plain.split("_", 2)[2]
    for shown in (repr(key), str(key), repr(PlainKey.parse(plain)), repr(vars(key))):
        assert secret not in shown


def test_keys_are_blanked_in_logs(issued, caplog):
    plain = issued[1]
    logger = logging.getLogger("quickscale_services")
    assert any(isinstance(each, RedactKeys) for each in logging.getLogger("django.request").filters)
    logger.warning("asked with %s", plain)
    try:
        raise LookupError(plain)
    except LookupError:
        logger.exception("failed")
    assert plain not in caplog.text
    assert caplog.text.count(f"qs_{issued[0].public_id}_[secret]") == 2


def test_a_key_is_never_stored_nor_logged_by_a_failing_run(user, program_of, caplog):
    caplog.set_level("DEBUG")
    asking = program_of(user)
    asking.post("services/count-words/run", {"text": "one"})
    asking.get(f"runs?key={asking.plain_key}")
    assert asking.plain_key not in caplog.text
