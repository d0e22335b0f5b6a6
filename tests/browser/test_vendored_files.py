"""What we carry from other projects is what it says it is."""

import hashlib
import tomllib

import pytest

from tests.parts import ROOT

FOLDERS = [
    ROOT / "example_project/static/vendor",
    ROOT / "src/quickscale_credits/static/quickscale_credits/vendor",
    ROOT / "tests/browser/vendor",
]
RECORDS = {folder: tomllib.loads((folder / "VENDORED.toml").read_text())["file"] for folder in FOLDERS}
FILES = [(folder, record) for folder, records in RECORDS.items() for record in records]
# Words that the text of each license has.
LICENSES = {"MIT": "Permission is hereby granted", "0BSD": "Permission to use", "MPL-2.0": "Mozilla Public License"}


@pytest.mark.parametrize(
    ("folder", "record"), FILES, ids=lambda value: value["path"] if isinstance(value, dict) else value.parent.name
)
def test_a_vendored_file_has_the_recorded_hash_and_its_license(folder, record):
    content = (folder / record["path"]).read_bytes() + record.get("left_out", "").encode()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert LICENSES[record["license"]] in (folder / record["license_file"]).read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_vendored_file_is_recorded(folder):
    recorded = {record[key] for record in RECORDS[folder] for key in ("path", "license_file")} | {"VENDORED.toml"}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == recorded
