"""What is published: the wheel and the sdist hold what a host needs, and install where nothing else is."""

import os
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests import quickstart
from tests.parts import ROOT

pytestmark = pytest.mark.once

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
APPS = ["quickscale_billing", "quickscale_credits", "quickscale_services"]

SETTINGS = """
from pathlib import Path
SECRET_KEY = "only for this test"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", {apps}]
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).with_name("db.sqlite3"),
        "OPTIONS": {{"transaction_mode": "IMMEDIATE"}},
    }}
}}
"""

CREDITS_ALONE = """
from importlib.util import find_spec
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from quickscale_credits import ledger
call_command("check", fail_level="ERROR")
call_command("migrate", verbosity=0)
ada = User.objects.create_user("ada")
ledger.grant(ada, 100)
ledger.spend(ada, "0.25", reason="test")
print(ledger.balance(ada).total, find_spec("pydantic"), find_spec("quickscale_credits").origin)
"""


SHOP = """
import pydantic
from quickscale_services import BaseService, register_service

@register_service
class Shout(BaseService):
    name = "shout"
    title = "Shout"
    cost = 2

    class Input(pydantic.BaseModel):
        text: str

    class Output(pydantic.BaseModel):
        text: str

    def execute(self, data, context):
        return self.Output(text=data.text.upper())
"""

SERVICES_WITHOUT_BILLING = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from quickscale_credits import ledger
from quickscale_services import registry
call_command("check", fail_level="ERROR")
call_command("migrate", verbosity=0)
ada = User.objects.create_user("ada")
ledger.grant(ada, 100)
print(registry["shout"].run(ada, text="hello").output.text, ledger.balance(ada).total)
"""


BILLING_SETTINGS = """
ROOT_URLCONF = "settings"
urlpatterns = []
ALLOWED_HOSTS = ["shop.example"]
MIGRATION_MODULES = {"djstripe": "quickscale_billing.testing.djstripe_tables"}
STRIPE_API_VERSION = "2026-05-27.dahlia"
STRIPE_TEST_SECRET_KEY = "sk_test_" + 24 * "x"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
QUICKSCALE_BILLING = {"SUCCESS_URL": "/thanks/", "CANCEL_URL": "/prices/"}
"""

BILLING_WITHOUT_SERVICES = """
from importlib.util import find_spec
import django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from quickscale_billing import checkout
from quickscale_billing.models import CreditPack
from quickscale_billing.testing import StripeSimulator
from quickscale_credits import ledger
call_command("check", fail_level="ERROR")
call_command("migrate", verbosity=0)
ada = User.objects.create_user("ada")
CreditPack.objects.create(slug="pack", name="1000 credits", credits=1000, amount=4900, currency="usd")
with StripeSimulator() as simulator:
    settings.STRIPE_API_HOST = simulator.address
    session = checkout.start(ada, "pack")
    simulator.pay(session)
    checkout.settle(ada, session.stripe_id)
print(ledger.balance(ada).total, find_spec("pydantic"))
"""


RUN_A_SERVICE = """
from quickscale_services import registry
print(registry["shout"].run(ada, text="hello").output.text, ledger.balance(ada).total)
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Built from the sdist, as an index gets it: what the sdist forgets is missing from the wheel too."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist) -> Path:
    (wheel,) = dist.glob("django_quickscale-*-py3-none-any.whl")
    return wheel


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def published(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    files = [path for path in (ROOT / "src").glob("quickscale_*/**/*") if path.is_file()]
    source = {str(file.relative_to(ROOT / "src")) for file in files if "__pycache__" not in file.parts}
    assert published(wheel) == source


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    "part", ["py.typed", "migrations/0001_", "templates/", "management/commands/", "locale/es/LC_MESSAGES/django.mo"]
)
def test_an_app_is_published_with_its(part, app, wheel):
    assert any(name.startswith(f"{app}/{part}") for name in published(wheel))


def test_the_sdist_holds_the_source_and_what_one_reads_first(dist):
    (sdist,) = dist.glob("django_quickscale-*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2].partition("/")[0] for name in archive.getnames()}
    made = {"", "PKG-INFO", ".gitignore"}
    assert inside - made == {"src", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"}


def test_an_index_would_take_both(dist):
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()], check=False)
    assert done.returncode == 0


def test_the_metadata_says_what_is_needed(metadata):
    assert metadata["Name"] == "django-quickscale"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    required = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert sorted(required) == sorted(PYPROJECT["project"]["dependencies"])


def test_the_extras_are_the_announced_ones(metadata):
    announced = {"services", "api", "mcp", "background", "celery", "examples", "prices", "billing"}
    announced |= {"all", "demo", "test"}
    assert announced == set(metadata.get_all("Provides-Extra"))


@pytest.mark.installs
def test_credits_alone_work_with_django_and_model_utils_only(wheel, tmp_path):
    python = install(wheel, tmp_path)
    (tmp_path / "settings.py").write_text(SETTINGS.format(apps='"quickscale_credits"'))
    total, pydantic, origin = run(python, "-W", "error", "-c", CREDITS_ALONE, cwd=tmp_path).split()[-3:]
    assert (total, pydantic) == ("99.75", "None")
    assert Path(origin).is_relative_to(tmp_path)


@pytest.mark.installs
def test_services_work_with_their_extra_and_without_billing(wheel, tmp_path):
    python = install(wheel, tmp_path, extras="[services]")
    (tmp_path / "settings.py").write_text(SETTINGS.format(apps='"quickscale_credits", "quickscale_services", "shop"'))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "services.py").write_text(SHOP)
    said = run(python, "-W", "error", "-c", SERVICES_WITHOUT_BILLING, cwd=tmp_path)
    assert said.split()[-2:] == ["HELLO", "98"]


@pytest.mark.installs
def test_billing_works_with_its_extra_and_without_services(wheel, tmp_path):
    python = install(wheel, tmp_path, extras="[billing]")
    apps = '"quickscale_credits", "djstripe", "quickscale_billing"'
    (tmp_path / "settings.py").write_text(SETTINGS.format(apps=apps) + BILLING_SETTINGS)
    said = run(python, "-c", BILLING_WITHOUT_SERVICES, cwd=tmp_path)
    assert said.split()[-2:] == ["1000", "None"]


@pytest.mark.installs
def test_all_apps_work_together(wheel, tmp_path):
    python = install(wheel, tmp_path, extras="[all]")
    apps = [
        "quickscale_credits",
        "quickscale_services",
        "quickscale_services.examples",
        "djstripe",
        "quickscale_billing",
    ]
    named = ", ".join(f'"{app}"' for app in [*apps, "shop"])
    (tmp_path / "settings.py").write_text(SETTINGS.format(apps=named) + BILLING_SETTINGS)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "services.py").write_text(SHOP)
    said = run(python, "-c", BILLING_WITHOUT_SERVICES + RUN_A_SERVICE, cwd=tmp_path)
    assert said.split()[-2:] == ["HELLO", "998"]


@pytest.mark.installs
def test_the_quickstart_takes_minutes_from_an_existing_project_to_a_charged_call(wheel, tmp_path):
    reader = quickstart.with_nothing_but_django(tmp_path, str(wheel))
    started = time.monotonic()
    reader.read()
    assert time.monotonic() - started < 600


def install(wheel: Path, folder: Path, extras: str = "") -> Path:
    run(Path(sys.executable), "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}{extras}", cwd=folder)
    return python


def run(python: Path, *arguments: object, cwd: Path) -> str:
    """In an environment that has nothing of this repository or of the one that runs the tests."""
    ours = ("PYTHON", "VIRTUAL_", "DJANGO_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["DJANGO_SETTINGS_MODULE"] = "settings"
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
