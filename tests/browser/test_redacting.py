"""What the log of the example keeps to itself, in any shape, at any length, and in what gunicorn writes of requests."""

import logging
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from inkwell.operations.redacting import RedactSecrets, redacted
from tests.browser.test_operations import ENVIRONMENT
from tests.databases import free_port
from tests.parts import ROOT

CASES = [
    ("key sk_live_51HabcDEF", "key sk_live_…"),
    ("rk_test_abc def", "rk_test_… def"),
    ("whsec_0123456789+/=", "whsec_…"),
    ("pi_123_secret_abc", "pi_123_secret_…"),
    ("used qs_0123456789abcdef_" + "x" * 43, "used qs_0123456789abcdef_…"),
    ("used acme-live_0123456789abcdef_" + "-" * 43, "used acme-live_0123456789abcdef_…"),
    ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer …"),
    ("{'HTTP_AUTHORIZATION': 'Basic YTpi', 'A': 1}", "{'HTTP_AUTHORIZATION': 'Basic …', 'A': 1}"),
    ("Authorization: abc", "Authorization: …"),
    ("a bearer abcdefgh", "a bearer …"),
    ("Cookie: sessionid=abc; csrftoken=def", "Cookie: …"),
    ("Set-Cookie: sessionid=abc; Path=/", "Set-Cookie: …"),
    ("{'HTTP_COOKIE': 'a=b; c=d', 'A': 1}", "{'HTTP_COOKIE': '…', 'A': 1}"),
    ("sessionid=abc;", "sessionid=…;"),
    ("password=hunter2 and more", "password=… and more"),
    ('"new_password1": "hunter2 with spaces", "a": 1', '"new_password1": …, "a": 1'),
    ("EMAIL_HOST_PASSWORD = 'a b'", "EMAIL_HOST_PASSWORD = …"),
    ("max_tokens=512 tokens: 3", "max_tokens=512 tokens: 3"),
    ('"GET /accounts/password/reset/key/1-c3x-ab/ HTTP/1.1" 200', '"GET /accounts/password/reset/key/…/ HTTP/1.1" 200'),
    ('"GET /accounts/confirm-email/MQ:1x:Zz-_/ HTTP/1.1"', '"GET /accounts/confirm-email/…/ HTTP/1.1"'),
    ("/accounts/confirm-email/ HTTP", "/accounts/confirm-email/ HTTP"),
    ("/team/join/aB-_9/ 302", "/team/join/…/ 302"),
    ("/accounts/login/?next=/team/join/aB-_9/ 302", "/accounts/login/?next=/team/join/…/ 302"),
    ("/accounts/login/?next=%2Fteam%2Fjoin%2FaB-_9%2F 302", "/accounts/login/?next=%2Fteam%2Fjoin%2F…%2F 302"),
    ("/a/?q=ada@example.com&p=2 200", "/a/?q=…&p=2 200"),
    ("/a/?p=2&email=ada%40example.com HTTP", "/a/?p=2&email=… HTTP"),
    ("postgresql://inkwell:hunter2@db:5432/inkwell", "postgresql://inkwell:…@db:5432/inkwell"),
    ("redis://:hunter2@redis:6379/0", "redis://:…@redis:6379/0"),
    ("nothing secret at 12:30", "nothing secret at 12:30"),
    ("run 7 of ada@example.com took 0.3 s", "run 7 of ada@example.com took 0.3 s"),
]
HOSTILE = [
    *[
        "-",
        "_",
        "a",
        "@",
        " ",
        "'",
        "\n",
        "0123456789abcdef_",
        "?a=",
        "&a=",
        "?a=a",
        "://",
        "://a:",
        "%2fjoin%2f",
        "/reset",
    ],
    *[
        "token",
        "token=",
        "password='",
        'password="',
        "session_",
        "bearer",
        "bearer ",
        "cookie",
        "cookie:",
        "authorization:",
    ],
    *["authorization", "authorization: ", "sk_live_", "_secret_", "whsec_"],
]
SECRET = "aB3-" * 10
ASKED = f"/accounts/password/reset/key/1-{SECRET}/?email=ada@example.com&token={SECRET}"


@pytest.mark.parametrize(("written", "kept"), CASES)
def test_no_secret_reaches_the_log(written, kept):
    assert redacted(written) == kept


@pytest.mark.parametrize("filling", HOSTILE)
def test_a_line_takes_time_in_proportion_to_its_length(filling):
    """Sixteen times as long; what grows by the square would take 256 times as much."""
    short, long = (filling * (size // len(filling)) for size in (4096, 65536))
    assert seconds(long) < 100 * max(seconds(short), 0.0002)


def seconds(text):
    """Of this process alone, at best: what else the machine does is not counted."""

    def once():
        began = time.process_time()
        redacted(text)
        return time.process_time() - began

    return min(once() for _ in range(3))


def record(message, *arguments, **others):
    return logging.LogRecord("any", logging.ERROR, __file__, 1, message, arguments, None, **others)


def written(record):
    assert RedactSecrets().filter(record)
    return logging.Formatter().format(record)


def test_tracebacks_are_redacted_too():
    broken = record("it %s", "broke", sinfo="token=abcdef")
    try:
        raise ValueError("token: abcdef")
    except ValueError:
        broken.exc_info = sys.exc_info()
    assert "abcdef" not in written(broken)
    assert "it broke" in written(broken)


def test_a_message_whose_arguments_do_not_fit_is_written_and_redacted():
    assert written(record("%d of %s", "token=abcdef")) == "%d of %s ('token=…',)"


@contextmanager
def gunicorn(folder):
    """Started as the image starts it, with another port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "inkwell.wsgi", "--bind", f"127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        options = {"cwd": ROOT / "example_project", "env": os.environ | ENVIRONMENT, "stdout": log, "stderr": log}
        with subprocess.Popen(command, **options) as server:
            yield port
            server.terminate()


def ask(port, path, **headers):
    """Until it answers at all."""
    deadline = time.monotonic() + 120
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        finally:
            connection.close()


def test_the_log_of_requests_is_redacted_as_shipped(tmp_path):
    with gunicorn(tmp_path) as port:
        headers = {"Host": "inkwell.example", "Referer": f"https://inkwell.example/team/join/{SECRET}/"}
        assert ask(port, ASKED, **headers, **{"User-Agent": f"Bearer {SECRET}"}) == 301
    log = (tmp_path / "log").read_text()
    assert '"GET /accounts/password/reset/key/…/?email=…&token=… HTTP/1.1" 301' in log
    assert "inkwell.example/team/join/…/" in log
    assert SECRET not in log
    assert "Booting worker" in log
