"""A row of the table, and the stop-watches that fill it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, what came out, and how."""

    what: str
    result: str
    how: str


def per_call_us(call: Callable[[], object], *, calls: int, rounds: int = 7) -> float:
    """Microseconds of one call: the best of several rounds, since noise only ever adds."""
    return min(_round_s(call, calls) for _ in range(rounds)) / calls * 1e6


def _round_s(call: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - begin


def least_and_median(values: list[float], unit: str = "ms") -> str:
    """Two numbers that say how it is and how it mostly is."""
    return f"{min(values):.0f} {unit} / {statistics.median(values):.0f} {unit}"
