"""What the example serves from other projects is what it says it is."""

import hashlib
import tomllib
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "example_project" / "static" / "vendor"
FILES = tomllib.loads((VENDOR / "VENDORED.toml").read_text())["file"]


@pytest.mark.parametrize("record", FILES, ids=lambda record: record["path"])
def test_a_vendored_file_has_the_recorded_hash_and_its_license(record):
    content = (VENDOR / record["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert "Permission" in (VENDOR / record["license_file"]).read_text()


def test_every_vendored_file_is_recorded():
    recorded = {record[key] for record in FILES for key in ("path", "license_file")} | {"VENDORED.toml"}
    assert {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()} == recorded
