"""What a run over HTTP costs beside the least that an endpoint with a record can be."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec

from benchmarks.measurements import Run
from benchmarks.people import make_people
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import Times, interleaved, speed_ratio

RUN, BARE = "a run", "the bare endpoint"
CREDITS = 1_000_000
MOST_TIMES = 3
CROWDS = (1, 2, 4, 8)
WORKERS = 2
SLICE = 0.5


def a_run_in_process(run: Run) -> Iterator[Result]:
    from benchmarks.serving import endpoints

    times = interleaved(endpoints(*_new_keys(1)), seconds=run.scale.seconds)
    yield _result(run, times, "without a server", note="called as a WSGI server does, one client")


def runs_over_http(run: Run) -> Iterator[Result]:
    """On SQLite, which has one writer, clients would only wait for each other."""
    if run.is_sqlite or not find_spec("gunicorn"):
        return
    keys = _new_keys(max(CROWDS))
    with _served(run) as port:
        for count in CROWDS:
            times = _compared(port, keys[:count], run.scale.slices)
            yield _result(
                run,
                times,
                f"over HTTP, {count} client{'s' if count > 1 else ''}",
                note=f"gunicorn with {WORKERS} workers; an account for each client; time per request of all together",
                target=1 / MOST_TIMES if count == 1 else None,
            )


def _result(run: Run, times: Times, where: str, *, note: str, target: float | None = None) -> Result:
    return Result(
        what=f"a run of a service that does nothing, {where}",
        database=run.title,
        note=note,
        times=spreads(times),
        ratios=[ratio(f"speed of a run {where}, the bare endpoint's as 1", speed_ratio(times, RUN, BARE), target)],
    )


def _new_keys(count: int) -> list[str]:
    from quickscale_credits import ledger
    from quickscale_services.models import ApiKey

    owners = make_people(count)
    for owner in owners:
        ledger.grant(owner, CREDITS)
    return [ApiKey.objects.issue(owner, name="benchmark")[1] for owner in owners]


@contextmanager
def _served(run: Run) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    environment = os.environ | {"BENCHMARK_DATABASE": run.database, "BENCHMARK_PLACE": run.place}
    command = [sys.executable, "-m", "gunicorn", f"--workers={WORKERS}", f"--bind=127.0.0.1:{port}"]
    command += ["--log-level=error", "django.core.wsgi:get_wsgi_application()"]
    server = subprocess.Popen(command, env=environment)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    while True:
        try:
            return _ask(port, "GET", "/api/openapi.json", "")
        except OSError:
            time.sleep(0.1)


def _compared(port: int, keys: Sequence[str], slices: int) -> Times:
    times: Times = {RUN: [], BARE: []}
    names = list(times)
    with ThreadPoolExecutor(len(keys)) as clients:
        for _ in range(slices + 1):
            for name in names:
                counts = clients.map(lambda key, name=name: _asked_for(SLICE, port, name, key), keys)
                times[name].append(SLICE / sum(counts))
            names.reverse()
    return {name: found[1:] for name, found in times.items()}


def _asked_for(seconds: float, port: int, name: str, key: str) -> float:
    """How many answers came, the last one counted by what of its time lay within."""
    path = "/api/services/nothing/run" if name == RUN else "/bare/record"
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        _ask(port, "POST", path, key)
        count += 1
    return count * seconds / passed


def _ask(port: int, method: str, path: str, key: str) -> None:
    from benchmarks.serving import BODY

    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request(method, path, BODY if method == "POST" else None, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {answer.decode()[:200]}")
