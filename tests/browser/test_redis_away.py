"""The cache of the example is kept in Redis: what goes on while that is away, tried with a real one that is stopped."""

import shutil
import socket
import subprocess

import pytest
from django.core.cache import cache
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NotThere
from redis.retry import Retry

from inkwell.operations.caching import RedisOrMemory
from quickscale_credits import ledger
from quickscale_services.models import ApiKey

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server")

LETTER = {"name": "Ada", "email": "ada@example.com", "message": "Hello"}


@pytest.fixture
def redis_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        with Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200), retry_on_error=[NotThere]) as asking:
            asking.ping()
        server.address = f"redis://127.0.0.1:{port}/0"
        yield server
        server.kill()


@pytest.fixture
def in_redis(redis_server, settings):
    options = {"socket_connect_timeout": 1, "socket_timeout": 1}
    backend = f"{RedisOrMemory.__module__}.{RedisOrMemory.__name__}"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": redis_server.address, "OPTIONS": options}}
    yield redis_server
    cache._memory.clear()


def stop(server):
    server.kill()
    server.wait()


def test_processes_share_what_is_in_redis(in_redis):
    cache.set("a", 1)
    assert RedisOrMemory(in_redis.address, {}).incr("a") == 2


def test_pages_and_the_api_answer_while_redis_is_away(in_redis, client, db, django_user_model):
    user = django_user_model.objects.create_user("ada@example.com", "a long enough secret")
    ledger.grant(user, 5)
    _, key = ApiKey.objects.issue(user, name="mine", scopes=["credits:read"])
    client.force_login(user)
    stop(in_redis)
    asked = [client.get("/api/account", headers={"authorization": f"Bearer {key}"})]
    asked += [client.get(page) for page in ("/", "/dashboard/", "/health/ready")]
    assert [response.status_code for response in asked] == [200] * 4
    assert client.post("/services/text-summary/", {"text": "One. Two.", "form_id": "a"}).status_code < 500


def test_limits_hold_in_each_process_while_redis_is_away(in_redis, client, db, caplog):
    assert client.post("/contact/", LETTER).status_code == 302
    stop(in_redis)
    assert [client.post("/contact/", LETTER).status_code for _ in range(6)] == [302] * 5 + [422]
    logins = [client.post("/accounts/login/", {"login": "ada@example.com", "password": "no"}) for _ in range(11)]
    assert logins[-1].status_code != 500
    assert "too many" in logins[-1].content.decode().lower()
    assert len([record for record in caplog.records if "Redis is away" in record.message]) == 1


def test_a_form_that_is_sent_twice_counts_once_while_redis_is_away(in_redis, client, db, mailoutbox):
    stop(in_redis)
    for _ in range(2):
        client.post("/contact/", LETTER | {"form_id": "b"})
    assert len(mailoutbox) == 1
