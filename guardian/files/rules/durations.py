"""Metrics that hold durations: their units, and limits that are probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from guardian.cloudwatch import metric_of
from guardian.core.model import Query, Word
from guardian.files.findings import Finding
from guardian.files.rules.measure_form import Placed
from guardian.files.units import exact_seconds, plain
from guardian.namespaces import MILLISECONDS, SECONDS

TIME_UNITS: Final[Mapping[str, Decimal]] = {
    SECONDS: Decimal(1),
    MILLISECONDS: Decimal(1000),
    "Microseconds": Decimal(10**6),
}
"""How many of a unit make a second; CloudWatch's words."""
_LONGEST_S: Final[Mapping[tuple[Word, Word], float]] = {
    ("AWS/Lambda", "Duration"): 900.0,
    ("AWS/ApiGateway", "Latency"): 300.0,
}
"""No sample can be longer: Lambda's largest time-out is 15 minutes (Lambda quotas), API Gateway's
integration time-out 29 s unless raised, which a REST API allows up to 5 minutes."""
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
    longest = _LONGEST_S.get(metric_of(query))
    if longest is not None and seconds > longest:
        thousandth = plain(exact_seconds(written))
        yield placed.warn(
            "fail_if",
            f"no request can take longer than {written} here (the most is"
            f" {plain_minutes(longest)}): is {thousandth}ms meant?",
        )
    elif seconds < _SHORTEST_S:
        yield placed.warn("fail_if", f"{written} is shorter than any request")
