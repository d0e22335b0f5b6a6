"""A real demo, in a process of its own, and a real browser that tolerates no error on any page."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} refuses ${event.blockedURI} ${event.sample}`));
"""
# Chromium reports each answer of 4xx as an error; that a page answers so is for the test to say.
ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def demo():
    """The address of a running `manage.py demo`."""
    with started_demo("--port", str(free_port())) as process:
        yield address_of(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@contextmanager
def started_demo(*arguments):
    """A demo in a process of its own, which does not outlive the test, whatever becomes of it."""
    command = [sys.executable, "example_project/manage.py", "demo", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment | {"PYTHONUNBUFFERED": "1"}, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def address_of(process):
    """Waits for the line that names it."""
    for line in process.stdout:
        if "Open" in line:
            return line.split()[-1].rstrip("/")
    raise AssertionError(f"The demo named no address, but ended with {process.stderr.read()}")


# A module's, not a session's: while Playwright runs, Django refuses database access in this thread.
@pytest.fixture(scope="module")
def browser(chromium):
    with launched(chromium) as browser:
        yield browser


@contextmanager
def launched(chromium):
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, demo):
    """`open_page(width=360)` opens a window on the demo; errors in any of them fail the test."""
    with window_on(browser, demo) as open_window:
        yield open_window


@contextmanager
def window_on(browser, address):
    contexts, errors = [], []

    def open_window(*, width=1280, **options):
        context = browser.new_context(
            base_url=address, viewport={"width": width, "height": 800}, reduced_motion="reduce", **options
        )
        contexts.append(context)
        watch(context, errors)
        return context.new_page()

    yield open_window
    for context in contexts:
        context.close()
    assert errors == []


def watch(context, errors):
    """Note what goes wrong in any of its pages: errors of scripts and of the console, and what the policy refuses."""
    context.add_init_script(REPORT_VIOLATIONS)
    context.on("console", lambda message: note(errors, message))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.set_default_timeout(30_000)


def note(errors, message):
    if message.type == "error" and not ANSWERED.match(message.text):
        errors.append(f"{message.page.url if message.page else ''}: {message.text}")


@pytest.fixture
def page(open_page):
    return open_page()
