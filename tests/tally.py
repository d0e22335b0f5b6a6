"""What a run of pytest did, in numbers and reasons, read from its JUnit report."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

EXIT_CODES = {
    2: "pytest was interrupted",
    3: "pytest had an internal error",
    4: "pytest was called wrongly",
}
NOTHING_COLLECTED = 5


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0

    @classmethod
    def of(cls, report: Path, *, exit_code: int) -> Tally:
        tally = cls()
        if report.exists():
            for case in ET.parse(report).iter("testcase"):
                tally.count(case)
        if exit_code not in (0, 1, NOTHING_COLLECTED) or (exit_code == 1 and not tally.failed):
            tally.fail(EXIT_CODES.get(exit_code, f"pytest ended with exit code {exit_code}"))
        return tally

    @classmethod
    def broken(cls, problem: str) -> Tally:
        return cls(failed=1, failures=[problem])

    @property
    def empty(self) -> bool:
        return not (self.passed or self.failed or self.skipped)

    def count(self, case: ET.Element) -> None:
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}")
        elif skipped is not None:
            self.skipped[skipped.get("message", "without a reason")] += 1
        else:
            self.passed += 1

    def fail(self, what: str) -> None:
        """A test that fails and then cannot clean up is reported twice, but is one test."""
        if what not in self.failures:
            self.failed += 1
            self.failures.append(what)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            failures=self.failures + other.failures,
            seconds=self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped.total()} skipped"
