"""Running the commands: in this process, or as a host does in one of their own."""

import subprocess
import sys
from io import StringIO
from subprocess import CompletedProcess

from django.core.management import call_command

# Runs a command up to the nth statement of a kind, says "paused" and waits there to be stopped or told to go on.
PAUSING = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection
from quickscale_credits import exporting
from quickscale_credits.analytics import rollups
from quickscale_credits.ledger import expiring, pictures

settings.QUICKSCALE_CREDITS = {"SIGNUP_GRANT": {"amount": 25}}
rollups.PAGE = exporting.PAGE = pictures.PAGE = 3
expiring.PAGE = 2
verb, table, times = sys.argv[1], sys.argv[2], int(sys.argv[3])

def pause(execute, sql, params, many, context):
    global times
    times -= sql.lstrip().startswith(verb) and table in sql
    if times == 0:
        times = -1
        print("paused", flush=True)
        sys.stdin.readline()
    return execute(sql, params, many, context)

with connection.execute_wrapper(pause):
    execute_from_command_line(["", *sys.argv[4:]])
"""


def run(name: str, *arguments: object) -> str:
    """What the command wrote to standard output."""
    output = StringIO()
    call_command(name, *map(str, arguments), stdout=output, stderr=StringIO())
    return output.getvalue()


def manage(environment: dict[str, str], *arguments: object) -> CompletedProcess[str]:
    command = [sys.executable, "-m", "django", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def assert_failed_kindly(process: CompletedProcess[str], *words: str) -> None:
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    for word in words:
        assert word in process.stderr
