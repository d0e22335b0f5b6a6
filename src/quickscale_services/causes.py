"""What went wrong in somebody's code, in one line."""

from __future__ import annotations

import traceback


def cause_of(error: BaseException) -> str:
    """What was raised in the beginning, and where: `KeyError: 'x' (shop/services.py, line 7).`"""
    while error.__cause__ is not None:
        error = error.__cause__
    at = traceback.extract_tb(error.__traceback__)
    where = f" ({at[-1].filename}, line {at[-1].lineno})" if at and not isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}."
