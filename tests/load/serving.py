"""Gunicorn's settings under load: a worker notes when it is ready, since its port takes connections long before."""

import os
import time
from pathlib import Path
from typing import Any


def post_worker_init(worker: Any) -> None:
    with Path(os.environ["LOAD_READY"]).open("a") as file:
        file.write(f"{time.monotonic()}\n")
