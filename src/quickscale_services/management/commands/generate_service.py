from __future__ import annotations

import keyword
import site
import sysconfig
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_services import checks, discovery
from quickscale_services.causes import cause_of
from quickscale_services.management.scaffolding import KINDS, Plan, Wanted, class_name_of, planned, slug_of, write
from quickscale_services.registry import registry

# What the generated modules import: a class of such a name would hide it.
IMPORTED = {
    *("Accept", "Annotated", "BaseModel", "BaseService", "Context", "Decimal", "Field", "Image", "InvalidInput", "Row"),
    *("TestCase", "Upload"),
}
LIBRARY_FOLDERS = {"site-packages", "dist-packages"}


class Command(BaseCommand):
    help = "Write a new service and a test of it that passes, and say which files. Nothing is overwritten."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the service is called, such as summarize-text")
        parser.add_argument("--app", metavar="APP", help="the label of the app that gets it")
        parser.add_argument("--type", metavar="TYPE", default="basic", help=", ".join(KINDS))
        parser.add_argument("--cost", metavar="CREDITS", default="1", help="what a run costs; 1 if not given")
        parser.add_argument("--free", action="store_true", help="the same as --cost 0")

    def handle(self, *args: Any, **given: Any) -> None:
        name, kind = _checked_name(given["name"]), _checked_kind(given["type"])
        cost = Decimal(0) if given["free"] else _checked_cost(str(given["cost"]))
        plan = planned(Wanted(name=name, app=_checked_app(given["app"]), kind=kind, cost=cost))
        _require_room(plan)
        known = plan.registry.exists()
        try:
            write(plan)
        except (OSError, UnicodeError) as error:
            raise CommandError(f"Nothing was written: {error}. Mend that and run it again.") from error
        self._say(plan, known=known)

    def _say(self, plan: Plan, *, known: bool) -> None:
        name = plan.wanted.name
        self.stdout.write(f"Written:\n  {_shown(plan.service)}\n  {_shown(plan.test)}")
        self.stdout.write(f"{'Added' if known else 'Written, with'} an import of it:\n  {_shown(plan.registry)}")
        self.stdout.write(
            f"Next:\n"
            f"  python manage.py test {plan.test_module}\n"
            f"  python manage.py validate_service {name}\n"
            f"  python manage.py migrate   # so that {name} can be switched in the admin"
        )


def _checked_name(name: str) -> str:
    if not checks.NAME.fullmatch(name) or len(name) > checks.LONGEST_NAME:
        raise CommandError(
            f"{name!r} is no name for a service. Use at most {checks.LONGEST_NAME} lower-case letters, "
            "digits, - and _, beginning with a letter, such as summarize-text."
        )
    if name in checks.TAKEN_NAMES:
        raise CommandError(f"{name!r} is an address of the pages of services. Choose another name.")
    if name in registry:
        kind = type(registry[name])
        raise CommandError(f"{kind.__module__}.{kind.__qualname__} is named {name!r} already. Choose another name.")
    slug, class_name = slug_of(name), class_name_of(name)
    if keyword.iskeyword(slug) or keyword.iskeyword(class_name) or class_name in IMPORTED:
        raise CommandError(
            f"{name!r} means something in Python or in the new modules. Choose another, such as my-{name}."
        )
    return name


def _checked_kind(kind: str) -> str:
    if kind not in KINDS:
        raise CommandError(f"There is no type {kind!r}. Choose one of {', '.join(KINDS)}.")
    if kind == "image" and find_spec("PIL") is None:
        raise CommandError("A service for images needs Pillow. Run python -m pip install pillow, and this again.")
    return kind


def _checked_cost(text: str) -> Decimal:
    try:
        cost = from_micro(to_micro(text))
    except ValueError:
        cost = Decimal(-1)
    if cost < 0:
        raise CommandError(
            f"{text!r} is no cost. Write credits such as 2 or 0.5, with at most six decimal places, or --free."
        )
    return cost


def _checked_app(label: str | None) -> AppConfig:
    app = next((each for each in apps.get_app_configs() if label in (each.label, each.name)), None)
    if app is None:
        raise CommandError(
            f"{f'There is no app {label!r}' if label else 'Say which app gets the service, with --app'}. "
            f"In this project: {_own_apps()}."
        )
    if not _is_own(app):
        raise CommandError(
            f"{app.label} is installed in {app.path}: it is not this project's to change. "
            f"In this project: {_own_apps()}."
        )
    if failed := next((each for each in discovery.failed_imports if each.module.startswith(f"{app.name}.")), None):
        raise CommandError(f"{failed.module} cannot be imported. {cause_of(failed.error)} Mend it first.")
    return app


def _own_apps() -> str:
    own = [app.label for app in apps.get_app_configs() if _is_own(app)]
    return ", ".join(own) or "none yet; python manage.py startapp shop makes one, then add it to INSTALLED_APPS"


def _is_own(app: AppConfig) -> bool:
    """Whether it is the developer's code, and not installed like Django or like us."""
    path = Path(app.path).resolve()
    known = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    libraries = [Path(folder).resolve() for folder in [*known, site.getusersitepackages()]]
    is_installed = any(map(path.is_relative_to, libraries)) or not LIBRARY_FOLDERS.isdisjoint(path.parts)
    return not is_installed and not app.name.startswith(("quickscale_credits", "quickscale_services"))


def _require_room(plan: Plan) -> None:
    for path in (plan.service, plan.test):
        if path.exists() or path.is_symlink():
            raise CommandError(f"{_shown(path)} exists, and nothing is overwritten. Choose another name, or remove it.")


def _shown(path: Path) -> Path:
    """From here, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
