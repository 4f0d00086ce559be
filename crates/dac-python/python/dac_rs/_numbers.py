"""Checks of numbers."""

from __future__ import annotations

import math

from ._errors import UsageError


def count(what: str, value: int | None) -> int | None:
    """Checks a number of at least 1."""
    if value is not None and value < 1:
        raise UsageError(f"{what} is {value}, expected 1 or more")
    return value


def positive(what: str, value: float | None) -> float | None:
    """Checks a finite number above 0."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(f"{what} is {value}, expected a number above 0")
    return value
