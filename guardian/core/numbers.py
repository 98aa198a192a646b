"""A verdict's figures as programs read them: in base units, under the same keys everywhere."""

from __future__ import annotations

from typing import Any

from guardian.core.verdict import Datapoints, Evidence, Stable, Unsettled


def numbers(seen: Evidence) -> dict[str, Any]:
    """The figures beside the texts; null is what there is not."""
    value, limit = seen.value, seen.limit
    figure = value or (limit.figure if limit is not None else None)
    return {
        "test": seen.basis.value,
        "number": None if value is None else value.value,
        "limit_number": None if limit is None else limit.figure.value,
        "unit": None if figure is None else figure.unit.value,
        "bad": seen.bad,
        "samples": seen.samples,
        "minutes": seen.minutes,
        "unsettled": None if seen.unsettled is None else _unsettled(seen.unsettled),
        "stable": None if seen.stable is None else _stable(seen.stable),
        "datapoints": None if seen.datapoints is None else _datapoints(seen.datapoints),
    }


def _unsettled(late: Unsettled) -> dict[str, Any]:
    return {
        "bad": late.bad,
        "samples": late.samples,
        "minutes": late.minutes,
        "samples_at_most": late.most,
        "number_at_least": None if late.bound is None else late.bound.value,
    }


def _stable(other: Stable) -> dict[str, Any]:
    return {"number": other.value.value, "bad": other.bad, "samples": other.samples}


def _datapoints(of: Datapoints) -> dict[str, Any]:
    return {"over": of.over, "of": of.of, "needed": list(of.needed)}
