"""All measurements on one database, in a process of its own; the results go to the parent, a line each."""

from __future__ import annotations

import json
import sys

from benchmarks import scale
from benchmarks.databases import describe, made
from benchmarks.measurements import SALES
from benchmarks.migrating import set_up

SCALES = {each.name: each for each in (scale.SHORT, scale.ORDINARY, scale.FULL)}


def main(database: str, size: str, *wanted: str) -> None:
    with made(database) as place:
        set_up(database, place, settings="benchmarks.selling_settings" if SALES in wanted else "benchmarks.settings")
        from django.db import connection

        from benchmarks.measurements import Run, measurements

        run = Run(database=database, place=place, scale=SCALES[size])
        _say({"settings": {run.title: describe()}})
        for name, measure in measurements().items():
            if not wanted or name in wanted:
                for result in measure(run):
                    _say({"result": result.as_json()})
        connection.close()


def _say(line: object) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
