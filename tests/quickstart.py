"""`python -m tests.quickstart WHEEL`: does what docs/quickstart.md says, in a new project and a new environment.

It knows nothing of the library: commands and files are those of the page, in their order. What a reader does that is no
command, such as to log in, is said at the place where it is done.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.databases import free_port
from tests.parts import ROOT

PAGE = (ROOT / "docs" / "quickstart.md").read_text()
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.py)\n")
# What a reader types when asked.
ANSWERS = {"DJANGO_SUPERUSER_PASSWORD": "a long one", "DJANGO_SUPERUSER_EMAIL": "ada@example.com"}
TYPE_INTO_A_SHELL = "import doctest; doctest.testfile('session.txt', module_relative=False, raise_on_error=True)"
START_SECONDS = 60


@dataclass
class Reader:
    """Somebody with a project, who reads the page from its beginning to its end."""

    project: Path
    python: str = sys.executable
    installs: bool = False
    wheel: str = ""

    def read(self, page: str = PAGE) -> None:
        for language, text in BLOCK.findall(page):
            if language == "console":
                self.follow(text)
            else:
                write(self.project, text)
        self.run("python manage.py shell -c", TYPE_INTO_A_SHELL)

    def follow(self, commands: str) -> None:
        for command in commands.splitlines():
            if "pip install" in command:
                if self.installs:
                    self.run(command.replace('"django-quickscale', f'"{self.wheel}').replace('"', ""))
            elif "runserver" in command:
                self.visit()
            else:
                self.run(command.replace("createsuperuser", "createsuperuser --noinput"))
            if "startapp" in command:  # as the text above it says
                write(self.project, '# mysite/settings.py\nINSTALLED_APPS += ["shop"]\n')

    def visit(self) -> None:
        """Logs in, opens the services, chooses one and sends a text; looks at runs and credits."""
        with self.served() as address:
            browser = Browser(address)
            browser.send("/admin/login/?next=/admin/", username="ada", password=ANSWERS["DJANGO_SUPERUSER_PASSWORD"])
            assert "/services/shout/" in browser.open("/services/")
            assert "HELLO" in browser.send("/services/shout/", text="hello")
            assert "shout" in browser.open("/services/runs/").lower()
            assert re.search(r"\b98\b", browser.open("/credits/")), "100 were given, and 2 are the price."

    @contextmanager
    def served(self) -> Iterator[str]:
        port = free_port()
        command = [self.python, "manage.py", "runserver", "--noreload", str(port)]
        with (self.project / "server.log").open("wb") as log:
            server = subprocess.Popen(command, cwd=self.project, env=environment(), stdout=log, stderr=log)
        try:
            wait_for(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)

    def run(self, command: str, *arguments: str) -> str:
        return run(self.project, command, *arguments, python=self.python)


class Browser:
    def __init__(self, address: str) -> None:
        self.address, self.cookies = address, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def open(self, path: str, data: bytes | None = None) -> str:
        with self.opener.open(self.address + path, data, timeout=60) as answer:
            return answer.read().decode()

    def send(self, path: str, **fields: str) -> str:
        """Opens the form first, as a reader does."""
        self.open(path)
        token = next(cookie.value for cookie in self.cookies if cookie.name == "csrftoken")
        return self.open(path, urlencode(fields | {"csrfmiddlewaretoken": token}).encode())


def write(project: Path, text: str) -> None:
    """Settings, and what is typed into the shell, are added to; other files are as the page shows them."""
    name = FILE.match(text)[1] if not text.startswith(">>>") else "session.txt"
    with (project / name).open("a" if name.endswith(("settings.py", ".txt")) else "w") as file:
        file.write(f"\n{text}")


def run(project: Path, command: str, *arguments: str, python: str = sys.executable) -> str:
    words = [python if word == "python" else word for word in command.split()]
    done = subprocess.run([*words, *arguments], cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    ours = ("DJANGO_", "PYTHON", "VIRTUAL_")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | ANSWERS


def wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def with_nothing_but_django(folder: Path, wheel: str) -> Reader:
    """An existing project, as django-admin makes it, in an environment that has Django and no more."""
    run(folder, f"python -m venv {folder / 'venv'}")
    python = str(folder / "venv" / "bin" / "python")
    run(folder, "python -m pip install --quiet django", python=python)
    project = folder / "project"
    project.mkdir()
    run(project, "python -m django startproject mysite .", python=python)
    return Reader(project, python=python, installs=True, wheel=wheel)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        started = time.monotonic()
        reader = with_nothing_but_django(Path(made), str(Path(sys.argv[1]).resolve()))
        begun = time.monotonic()
        reader.read()
        print(f"A charged call after {time.monotonic() - begun:.0f} s from an existing project.")
