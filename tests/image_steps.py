"""`python -m tests.image_steps`: the steps of the example's Dockerfile, one by one, on clean Debian roots.

An engine builds images; where there is none, this shows that the steps are right. It is no engine: Debian's own Python
stands for that of the base image, there are no layers, and the network is that of this machine. It needs root and
debootstrap.
"""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.databases import free_port
from tests.parts import ROOT

DOCKERFILE = ROOT / "example_project" / "Dockerfile"
PACKAGES = "python3,python3-venv,ca-certificates"
PORT = "8000"
# What makes the network and pip work on this machine makes them work in the root.
OF_THIS_MACHINE = ["/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"]
STARTED_WITH = {
    "SECRET_KEY": "for this start only, fifty characters long or longer",
    "ALLOWED_HOSTS": "inkwell.example",
    "DATABASE_URL": "sqlite:////tmp/db.sqlite3",
    "REDIS_URL": "redis://localhost",
}


@dataclass
class Stage:
    root: Path
    folder: str = "/"
    user: str = "0"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin"})
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return self.root / (path if path.startswith("/") else f"{self.folder}/{path}").lstrip("/")

    def command_line(self, shell: str, **environment: str) -> list[str]:
        named = [f"{key}={value}" for key, value in (self.environment | environment).items()]
        into = ["chroot", f"--userspec={self.user}:{self.user}", str(self.root), "/usr/bin/env", "-i", *named]
        return [*into, "sh", "-c", f"cd {self.folder} && {shell}"]


def build(folder: Path) -> Stage:
    """The last stage, with all its files. Whatever step fails is named."""
    clean, stages = clean_root(folder), {}
    stage = None
    for word, argument in instructions(DOCKERFILE.read_text()):
        print(f"{word} {argument}", flush=True)
        if word == "FROM":
            name = argument.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(folder / name)
            subprocess.run(["cp", "--archive", clean, stage.root], check=True)
        else:
            STEPS[word](stage, argument, stages)
    return stage


def clean_root(folder: Path) -> Path:
    root = folder / "debian"
    suite = re.search(r"^FROM python:\S+-slim-(\w+)", DOCKERFILE.read_text(), re.MULTILINE)[1]
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, root], check=True)
    (root / "usr" / "bin" / "python").symlink_to("python3")
    for file in map(Path, OF_THIS_MACHINE):
        if file.exists():
            shutil.copyfile(file, root / str(file).lstrip("/"))
    return root


def instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    for line in filter(str.strip, lines):
        word, _space, argument = line.partition(" ")
        yield word, argument.strip()


def set_environment(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    for setting in shlex.split(argument):
        name, _equals, value = setting.partition("=")
        stage.environment[name] = Template(value).safe_substitute(stage.environment)


def change_folder(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    stage.folder = argument
    stage.inside(argument).mkdir(parents=True, exist_ok=True)


def change_user(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    stage.user = argument


def run(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    subprocess.run(stage.command_line(argument), check=True)


def copy(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    *options, target = argument.split()
    origin = options.pop(0).removeprefix("--from=") if options[0].startswith("--from=") else ""
    for source in options:
        if origin:
            found = stages[origin].inside(source)
            subprocess.run(["cp", "--archive", "--no-target-directory", found, stage.inside(target)], check=True)
        else:
            copy_from_context(source, stage.inside(target), into=target.endswith("/"))


def copy_from_context(source: str, target: Path, *, into: bool) -> None:
    """Of what git knows, as in a fresh clone, and what `.dockerignore` leaves."""
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert source.split("/")[0] in sent, f"{source} is kept away from the engine by .dockerignore"
    listed = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True)
    for file in listed.stdout.splitlines():
        below = Path(file).name if into else str(Path(file).relative_to(source))
        place = target / below
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, place)


def set_command(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    stage.command = json.loads(argument)


def set_health(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    stage.health = json.loads(argument.partition("CMD ")[2])


def note(stage: Stage, argument: str, stages: dict[str, Stage]) -> None:
    """EXPOSE is for the reader."""


STEPS = {
    "ENV": set_environment,
    "WORKDIR": change_folder,
    "USER": change_user,
    "RUN": run,
    "COPY": copy,
    "CMD": set_command,
    "HEALTHCHECK": set_health,
    "EXPOSE": note,
}


@contextmanager
def started(stage: Stage, log: Path) -> Iterator[str]:
    """The port at which the image's own command listens, as the image's own user."""
    port = str(free_port())
    shell = "exec " + shlex.join(stage.command).replace(PORT, port)
    with log.open("wb") as output:
        server = subprocess.Popen(stage.command_line(shell, **STARTED_WITH), stdout=output, stderr=output)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def is_healthy(stage: Stage, port: str) -> bool:
    """Asked as the engine asks."""
    shell = shlex.join(stage.health).replace(PORT, port)
    return subprocess.run(stage.command_line(shell), capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        build(Path(made))
