"""`python -m tests.settings_pages` writes what the docs say of each setting, from the code that reads it.

The meaning is the docstring of the property, the default is what it answers for an empty dict. What else there is to
say stands outside of the marks, by hand.
"""

import inspect
import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import django
from django.test import override_settings

from tests.parts import ROOT

REFERENCE = ROOT / "docs" / "reference"
MADE = re.compile(r"(<!-- made of (?P<setting>\w+): (?P<form>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MODULES = ("quickscale_credits", "quickscale_services", "quickscale_services.examples", "quickscale_billing")
UNITS = {"days": timedelta(days=1), "hours": timedelta(hours=1), "minutes": timedelta(minutes=1)}


def made(page: str) -> str:
    """The page with all that stands between marks made anew."""
    return MADE.sub(lambda found: found[1] + FORMS[found["form"]](conf_of(found["setting"])) + found[4], page)


def conf_of(setting: str) -> Any:
    confs = [import_module(f"{module}.conf").conf for module in MODULES]
    return next(conf for conf in confs if conf.setting == setting)


def table(conf: Any) -> str:
    rows = [f"| `{key}` | `{source(value)}` | {meaning(conf, key)} |" for key, value in defaults(conf).items()]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows, ""])


def written_out(conf: Any) -> str:
    lines = [f"    {source(key)}: {source(value)}," for key, value in defaults(conf).items()]
    return "\n".join(["```python", "# settings.py", *imports(lines), f"{conf.setting} = {{", *lines, "}", "```", ""])


FORMS = {"table": table, "defaults": written_out}


def defaults(conf: Any) -> dict[str, Any]:
    with override_settings(**{conf.setting: {}}):
        return {key: getattr(conf, key) for key in conf.keys()}  # noqa: SIM118 - no dict


def meaning(conf: Any, key: str) -> str:
    return " ".join(inspect.getdoc(getattr(type(conf), key)).split())


def source(value: Any) -> str:
    """As one writes it in settings."""
    if isinstance(value, timedelta):
        unit = next((name for name, one in UNITS.items() if value % one == timedelta(0)), "seconds")
        return f"timedelta({unit}={value // UNITS.get(unit, timedelta(seconds=1))})"
    return repr(value).replace("'", '"')


def imports(lines: list[str]) -> list[str]:
    return ["from datetime import timedelta", ""] if any("timedelta(" in line for line in lines) else []


if __name__ == "__main__":
    django.setup()
    for page in REFERENCE.glob("*.md"):
        page.write_text(made(page.read_text()))
