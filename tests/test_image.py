"""The Dockerfile of the example: what it says can be done, and what comes of it serves, as nobody in particular."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests import image_steps
from tests.parts import ROOT

NEEDS = "needs root and debootstrap"
can_make_roots = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("debootstrap") is None, reason=NEEDS)
pytestmark = pytest.mark.once


@pytest.fixture
def folder():
    """Gone at once: it has three roots."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def test_every_instruction_is_one_that_is_followed():
    words = {word for word, _argument in image_steps.instructions(image_steps.DOCKERFILE.read_text())}
    assert words - {"FROM"} <= set(image_steps.STEPS)


def test_the_environment_of_the_start_is_what_the_docs_ask_for():
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| none \|$", (ROOT / "docs" / "how-to" / "deploy.md").read_text(), re.MULTILINE
    )
    assert set(rows) == set(image_steps.STARTED_WITH)


@pytest.mark.installs
@can_make_roots
def test_the_steps_of_the_image_lead_to_a_site_that_answers(folder):
    image = image_steps.build(folder)
    with image_steps.started(image, folder / "log") as port:
        wait_until_healthy(image, port)
    assert "ERROR" not in (folder / "log").read_text()
    assert refuses_to_write(image, "/srv/app")
    assert not list(Path(image.root, "srv/app").rglob(".env"))


def wait_until_healthy(image, port):
    deadline = time.monotonic() + 60
    while not image_steps.is_healthy(image, port):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def refuses_to_write(image, folder):
    """The image's user may read the code and not change it."""
    return subprocess.run(image.command_line(f"touch {folder}/x"), capture_output=True, check=False).returncode != 0
