"""A plugin of pytest: one process imports, collects and makes the database, and tries each alteration in a fork of it.

To begin anew takes longer than most of the tests that notice. `--altered=FILE` names the alterations; what became of
each is written over them: noticed, not noticed, or null where functions that exist cannot be altered.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from types import CodeType, FunctionType
from typing import Any

import pytest
from coverage import Coverage
from django.db import connection, connections

from tests.mutation.reaching import Reached, reached_in, tests_of

AT_LEAST, TIMES = 60, 10  # seconds that an alteration may take, and how often what its tests took


class Noted:
    """Whether a test failed, and how long each took."""

    def __init__(self) -> None:
        self.has_failed = False
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.has_failed |= report.failed
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--altered", metavar="FILE", type=Path)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    file = session.config.getoption("--altered")
    if file is None:
        return None
    jobs = json.loads(file.read_text())
    warm_up(session)
    found = forked(lambda: reached_by(session, {Path(job["module"]) for job in jobs}), longest=3600)
    if found is None:
        raise SystemExit("The tests fail as they are.")
    reached, seconds = found
    file.write_text(json.dumps([is_noticed(session, job, reached, seconds) for job in jobs]))
    return True


def warm_up(session: pytest.Session) -> None:
    """Make the database; what comes last is kept: a process of the tests must not destroy it."""
    first = session.items[0]
    first.config.hook.pytest_runtest_protocol(item=first, nextitem=session)
    first._initrequest()  # type: ignore[attr-defined]


def reached_by(session: pytest.Session, modules: set[Path]) -> tuple[Reached, dict[str, float]] | None:
    coverage = Coverage(data_file=None, include=[str(path.resolve()) for path in modules], config_file=False)
    coverage.start()
    noted = run(session, session.items, before=lambda item: coverage.switch_context(item.nodeid))
    coverage.stop()
    return None if noted.has_failed else (reached_in(coverage.get_data()), noted.seconds)


def run(session: pytest.Session, items: list[pytest.Item], *, before: Callable[[pytest.Item], object]) -> Noted:
    """Up to the first that fails."""
    noted = Noted()
    session.config.pluginmanager.register(noted)
    for item, following in zip(items, [*items[1:], session], strict=True):
        before(item)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if noted.has_failed:
            break
    return noted


def is_noticed(session: pytest.Session, job: Any, reached: Reached, seconds: dict[str, float]) -> bool | None:
    module, altered = Path(job["module"]), job["altered"]
    near = tests_of(module, job["line"], reached)
    items = sorted((each for each in session.items if each.nodeid in near), key=lambda each: seconds[each.nodeid])
    original = module.read_text()
    codes = changed_codes(original, altered, str(module.resolve()))
    if not items or not codes:
        return None

    def work() -> bool | None:
        try:
            put_in(codes)
        except ValueError:  # it has other free variables
            return None
        return run(session, items, before=lambda item: None).has_failed

    longest = AT_LEAST + TIMES * sum(seconds[each.nodeid] for each in items)
    module.write_text(altered)  # for other processes, which tests start
    try:
        noticed: bool | None = forked(work, longest=longest, otherwise=True)
    finally:
        module.write_text(original)
    return noticed


def changed_codes(original: str, altered: str, name: str) -> dict[tuple[str, str, int], CodeType]:
    """By file, name and line of a function the code that it has instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `is` instead of `==` is a warning
        before, after = (codes_in(compile(text, name, "exec")) for text in (original, altered))
        return {place_of(one): other for one, other in zip(before, after, strict=False) if one != other}


def codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from codes_in(constant)


def place_of(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def put_in(codes: dict[tuple[str, str, int], CodeType]) -> None:
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if other := codes.get(place_of(function.__code__)):
            function.__code__ = other


def forked(work: Callable[[], Any], *, longest: float, otherwise: Any = None) -> Any:
    """What `work` answers in a process and a database of its own; `otherwise`, if it dies or takes too long."""
    connections.close_all()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer_and_exit(work, writer)
    os.close(writer)
    try:
        answer = read_all(reader, until=time.monotonic() + longest)
    finally:
        os.close(reader)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for file in Path(str(connection.settings_dict["NAME"])).parent.glob(f"*-{child}.fork*"):
            file.unlink()
    return json.loads(answer) if answer else otherwise


def answer_and_exit(work: Callable[[], Any], writer: int) -> None:
    try:
        os.setsid()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        if connection.vendor == "sqlite":
            name = str(connection.settings_dict["NAME"])
            connection.settings_dict["NAME"] = shutil.copy(name, f"{name}-{os.getpid()}.fork")
        with os.fdopen(writer, "w") as answer:
            json.dump(work(), answer)
    finally:
        os._exit(0)


def read_all(reader: int, *, until: float) -> bytes:
    """Nothing if it does not end in time."""
    found = b""
    while select([reader], [], [], max(0, until - time.monotonic()))[0]:
        part = os.read(reader, 1 << 16)
        if not part:
            return found
        found += part
    return b""
