"""Who uses the site: programs, browsers and buyers, each until it is told to stop, and what they were promised."""

import http.client
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from quickscale_billing import checkout
from tests.load.tracing import Answer

RUN = "/api/services/text-summary/run"
TEXT = {"text": "Credits are spent. Runs are charged once. Failures cost nothing at all."}
PAGES = ["/credits/", "/services/", "/billing/", "/services/runs/", "/billing/history/"]


@dataclass
class Heard:
    """What callers were told. `wrong` are answers that nobody should get while no process is killed, or ever."""

    runs: dict[str, str] = field(default_factory=dict)
    queued: dict[str, str] = field(default_factory=dict)
    paid: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    cut_off: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def ask(self, kind: str, port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """The answer; (0, b"") where there was none, as when the process is killed."""
        connection, started = http.client.HTTPConnection("127.0.0.1", port, timeout=30), time.monotonic()
        try:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} | headers)
            answer = connection.getresponse()
            told = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.cut_off.append(time.monotonic() - started)
            time.sleep(0.05)
            return 0, b""
        finally:
            connection.close()
        self.answers.append(Answer(kind, port, started, time.monotonic()))
        if told[0] >= 500:
            self.wrong.append(f"{method} {path}: {told[0]}")
        return told

    def seconds(self, kind: str) -> list[float]:
        return [answer.seconds for answer in self.answers if answer.kind == kind]


Going = Callable[[], bool]


def call_api(heard: Heard, ports: list[int], plain_key: str, name: str, going: Going, *, later: bool = False) -> None:
    """Runs one after the other, each with its key until it is acknowledged."""
    chance, kind = random.Random(name), "queued run" if later else "run"
    prefer = {"Prefer": "respond-async"} if later else {}
    for key in keys(name, going):
        headers = {"Authorization": f"Bearer {plain_key}", "Idempotency-Key": key} | prefer
        status = 0
        while status not in (200, 202, 402):
            status, body = heard.ask(kind, chance.choice(ports), "POST", RUN, TEXT, **headers)
            if status == 409:  # the one that was cut off is still under way
                break
            if status in (200, 202):
                (heard.queued if status == 202 else heard.runs)[key] = json.loads(body)["run"]["id"]


def keys(name: str, going: Going) -> Iterator[str]:
    number = 0
    while going():
        number += 1
        yield f"{name}-{number}"


def look_at_pages(heard: Heard, ports: list[int], cookie: str, name: str, going: Going) -> None:
    chance = random.Random(name)
    while going():
        path = f"{chance.choice(PAGES)}?{urlencode({'page': chance.randrange(3)})}"
        heard.ask("page", chance.choice(ports), "GET", path, Cookie=cookie)


def buy(heard: Heard, shop: Any, buyers: list[Any], going: Going) -> None:
    """Packs, at the simulator, which tells a web process by webhooks while all else goes on."""
    chance = random.Random("buyers")
    while going():
        session = checkout.start(chance.choice(buyers), "large")
        shop.pay(session)
        heard.paid.append(session.stripe_id)
        time.sleep(0.2)
