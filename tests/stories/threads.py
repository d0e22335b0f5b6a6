"""Work that really happens at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(count: int, work: Callable[[], T]) -> list[T | Exception]:
    """What `count` threads answer that start together, each on a connection of its own; errors are answers, too."""
    together = threading.Barrier(count)

    def answer() -> T | Exception:
        try:
            connection.ensure_connection()
            together.wait(timeout=60)
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(answer) for _ in range(count)]]
