"""Metrics that hold durations: their units, and limits that are probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from guardian.core.model import Query
from guardian.files.findings import Finding
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.sources import form_of_query
from guardian.files.units import exact_seconds, plain

_SHORTEST_S: Final = 0.001


def in_units(per_second: Decimal) -> Callable[[object], Decimal]:
    """Reads a duration into a metric's unit."""
    return lambda written: exact_seconds(written) * per_second


def plain_minutes(seconds: float) -> str:
    """`3m` or `90s`."""
    return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}s"


def odd_limit(placed: Placed, query: Query) -> Iterator[Finding]:
    """A limit that no request can reach, or that every one does."""
    written = placed.criterion.fail_if.text
    seconds = float(exact_seconds(written))
    longest = form_of_query(query).longest_s(query)
    if seconds > longest:
        thousandth = plain(exact_seconds(written))
        yield placed.warn(
            "fail_if",
            f"no request can take longer than {written} here (the most is"
            f" {plain_minutes(longest)}): is {thousandth}ms meant?",
        )
    elif seconds < _SHORTEST_S:
        yield placed.warn("fail_if", f"{written} is shorter than any request")
