"""The files of a new service: where they go, what is in them, and writing all of them or none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template
from tempfile import NamedTemporaryFile

from django.apps import AppConfig

from quickscale_services.conf import conf
from quickscale_services.labels import label

TEMPLATES = Path(__file__).with_name("service_template")
KINDS = ("basic", "text", "image", "data")
ADDED = re.compile(r"from [\w.]+ import (\w+) as \1(  # noqa: E402)?")
HEADING = '"""The services of this app. Django imports this module when it starts."""\n\n'


@dataclass(frozen=True, kw_only=True)
class Wanted:
    name: str
    app: AppConfig
    kind: str
    cost: Decimal

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    @property
    def class_name(self) -> str:
        return class_name_of(self.name)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`service` and `test` are new files; `registry`, the module that is found at start-up, gets an import."""

    wanted: Wanted
    service: Path
    module: str
    test: Path
    registry: Path

    @property
    def test_module(self) -> str:
        return ".".join([self.wanted.app.name, *self.test.relative_to(self.wanted.app.path).with_suffix("").parts])

    @property
    def import_line(self) -> str:
        line = f"from {self.module} import {self.wanted.class_name} as {self.wanted.class_name}"
        return line if self.registry.name == "__init__.py" else f"{line}  # noqa: E402"


def slug_of(name: str) -> str:
    return name.replace("-", "_")


def class_name_of(name: str) -> str:
    return "".join(part.capitalize() for part in slug_of(name).split("_"))


def planned(wanted: Wanted) -> Plan:
    """A module of its own in the app's package of services; where `services.py` is a single file, beside it."""
    app, slug = Path(wanted.app.path), wanted.slug
    package = app.joinpath(*conf.AUTODISCOVER_MODULE.split("."))
    single = package.with_suffix(".py")
    is_single = single.exists() and not (package / "__init__.py").exists()
    service = single.with_name(f"{slug}_service.py") if is_single else package / f"{slug}.py"
    tests = app / "tests" if (app / "tests").is_dir() else app
    return Plan(
        wanted=wanted,
        service=service,
        module=".".join([wanted.app.name, *service.relative_to(app).with_suffix("").parts]),
        test=tests / f"test_{slug}.py",
        registry=single if is_single else package / "__init__.py",
    )


def write(plan: Plan) -> None:
    """Raises `OSError` or `UnicodeError`, and then leaves everything as it was."""
    made: list[Path] = []
    try:
        _make_folder(plan.service.parent, made)
        for path, text in _new_files(plan):
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
        if plan.registry not in made:
            _replace(plan.registry, _with_line(_text(plan.registry), plan), made)
    except BaseException:
        _remove(made)
        raise


def _new_files(plan: Plan) -> Iterator[tuple[Path, str]]:
    yield plan.service, _rendered(f"{plan.wanted.kind}.py-tpl", plan)
    yield plan.test, _rendered(f"test_{plan.wanted.kind}.py-tpl", plan)
    if not plan.registry.exists():
        yield plan.registry, f"{HEADING}{plan.import_line}\n"


def _rendered(template: str, plan: Plan) -> str:
    cost = plan.wanted.cost
    amount = format(cost.normalize(), "f")
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(
        name=plan.wanted.name,
        title=label(plan.wanted.slug),
        class_name=plan.wanted.class_name,
        module=plan.module,
        amount=amount,
        cost=amount if cost == int(cost) else f'"{amount}"',
    )


def _make_folder(folder: Path, made: list[Path]) -> None:
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        each.mkdir()
        made.append(each)


def _text(path: Path) -> str:
    """As it is, with its own ends of lines."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _with_line(text: str, plan: Plan) -> str:
    """Among the lines that were added before, in their order, else at the end."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.removesuffix(end).split(end)
    added = [place for place, line in enumerate(lines) if ADDED.fullmatch(line)]
    smaller = [place + 1 for place in added if lines[place] < plan.import_line]
    place = smaller[-1] if smaller else added[0] if added else len(lines)
    return end.join([*lines[:place], plan.import_line, *lines[place:], ""])


def _replace(path: Path, text: str, made: list[Path]) -> None:
    """In one step, so that nobody ever reads half of it."""
    target = path.resolve()
    with NamedTemporaryFile("w", dir=target.parent, encoding="utf-8", newline="", delete=False) as file:
        made.append(Path(file.name))
        file.write(text)
    shutil.copymode(target, file.name)
    os.replace(file.name, target)


def _remove(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
