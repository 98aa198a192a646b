"""Latencies: a percentile as a count of slow requests, or as CloudWatch computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.measure import Measure
from guardian.core.model import Direction, Judge
from guardian.files.findings import Place, did_you_mean
from guardian.files.rules.kinds import MIN_BAD, UPWARD, MeasureSpec
from guardian.files.rules.model import CriterionModel, LatencyModel, Metric
from guardian.files.rules.query import BuildContext, query_of
from guardian.files.units import exact_seconds, plain, told
from guardian.namespaces import MILLISECONDS, SECONDS, unit

TIME_UNITS: Final[Mapping[str, Decimal]] = {
    SECONDS: Decimal(1),
    MILLISECONDS: Decimal(1000),
    "Microseconds": Decimal(10**6),
}
"""How many of a unit make a second; CloudWatch's words."""
SAMPLES_ABOVE: Final = 10
"""A percentile of a datapoint rests on at least this many samples above it."""


def latency(model: CriterionModel, judge: Judge, context: BuildContext) -> MeasureSpec | None:
    """A percentile of durations."""
    of = model.latency
    assert of is not None  # noqa: S101 - the caller looked
    percentile = Decimal(str(of.percentile))
    _check_percentile(of, percentile, context)
    base = query_of(
        of.metric, ("latency", "metric"), beside=of.dimensions, stat="SampleCount", context=context
    )
    per_second = _per_second(of.metric, base.unit, context)
    rate = 1 - percentile / 100
    count = replace(base, stat="SampleCount")
    counted = judge is Judge.SEQUENTIAL

    def measure(limit: Decimal) -> Measure:
        if counted:
            within = replace(base, stat=f"TC(:{plain(limit)})")
            return Latency(percentile=of.percentile, count=count, within=within)
        series = replace(base, stat=f"p{plain(percentile)}")
        return Percentile(percentile=of.percentile, series=series, count=count)

    return MeasureSpec(
        read=in_units(per_second or Decimal(1)),
        refused=_only_above if counted else _only_upward,
        measure=measure,
        floor=lambda _: math.ceil((MIN_BAD if counted else SAMPLES_ABOVE) / rate),
        impossible=lambda limit: None if limit else "every request takes longer",
    )


def in_units(per_second: Decimal) -> Callable[[object], Decimal]:
    """Reads a duration into a metric's unit."""
    return lambda written: exact_seconds(written) * per_second


def _check_percentile(of: LatencyModel, percentile: Decimal, context: BuildContext) -> None:
    if percentile < 1:
        context.say(
            ("latency", "percentile"),
            f"{percentile} means that {plain(100 - percentile)}% of requests may be slower:"
            f" write {plain(percentile * 100)} for p{plain(percentile * 100)}",
        )
    elif percentile != round(percentile, 2):
        context.say(("latency", "percentile"), "a percentile has at most two decimals")
    if of.metric.stat not in (None, f"p{plain(percentile)}"):
        context.say(
            ("latency", "metric", "stat"),
            f"{told(of.metric.stat)} cannot be used here: a latency counts the requests over the"
            " limit (SampleCount and TC), so leave stat out and set percentile",
        )


def _only_above(direction: Direction) -> str | None:
    if direction is Direction.AT_OR_ABOVE:
        return "write above: CloudWatch counts the requests up to and including the limit"
    return _only_upward(direction)


def _only_upward(direction: Direction) -> str | None:
    if direction in UPWARD:
        return None
    return f"latency with {direction.value} would fail fast releases: write above"


def _per_second(metric: Metric, named: str | None, context: BuildContext) -> Decimal | None:
    """How many of the metric's unit make a second."""
    place: Place = ("latency", "metric")
    known = unit(metric.namespace, metric.metric)
    if metric.unit and known and metric.unit != known:
        context.say(
            (*place, "unit"), f"{metric.namespace} {metric.metric} is held in {known}: remove unit"
        )
        return None
    if named is not None and named in TIME_UNITS:
        return TIME_UNITS[named]
    words = ", ".join(TIME_UNITS)
    if named is None:
        context.say(
            place,
            f"the unit of {metric.namespace} {metric.metric} is not known: add unit: with one of"
            f" {words}",
        )
    else:
        where = (*place, "unit") if metric.unit else place
        context.say(
            where,
            f"{told(named)} is not a duration's unit: {words}{did_you_mean(named, TIME_UNITS)}",
        )
    return None
