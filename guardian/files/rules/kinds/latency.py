"""Latencies: a percentile as a count of slow requests, or as CloudWatch computes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from guardian.cloudwatch import changed
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Direction, Judge
from guardian.files.findings import Finding, Place, did_you_mean
from guardian.files.rules.durations import TIME_UNITS, in_units, odd_limit
from guardian.files.rules.measure_form import (
    MIN_BAD,
    UPWARD,
    MeasureForm,
    MeasureSpec,
    Part,
    Placed,
)
from guardian.files.rules.model import Dimensions, Metric
from guardian.files.rules.query import BuildContext, query_of
from guardian.files.units import plain, told
from guardian.files.validation import Strict
from guardian.namespaces import unit

SAMPLES_ABOVE: Final = 10
"""A percentile of a datapoint rests on at least this many samples above it."""
_COUNTED: Final = (
    "a latency judged by counts knows only the requests over its fail_if: write judge: threshold,"
    " or a second criterion with on_fail: notify"
)


class LatencyModel(Strict):
    """A percentile of durations."""

    percentile: Annotated[float, Field(gt=0, lt=100)] = Field(description="95 for p95.")
    metric: Metric = Field(description="Measures each request's duration.")
    dimensions: Dimensions = Field(default_factory=dict, description="Dimensions of the metric.")


class _LatencyForm(MeasureForm[LatencyModel, Latency | Percentile]):
    written = LatencyModel
    description = "A percentile of durations."
    makes = (Latency, Percentile)
    suffer = "be too slow for"

    def spec(self, of: LatencyModel, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        percentile = Decimal(str(of.percentile))
        _check_percentile(of, percentile, context)
        place = ("latency", "metric")
        base = query_of(of.metric, place, beside=of.dimensions, stat="SampleCount", context=context)
        per_second = _per_second(of.metric, base.unit, context)
        rate = 1 - percentile / 100
        count = changed(base, stat="SampleCount")
        counted = judge is Judge.SEQUENTIAL

        def measure(limit: Decimal) -> Measure:
            if counted:
                within = changed(base, stat=f"TC(:{plain(limit)})")
                return Latency(percentile=of.percentile, count=count, within=within)
            series = changed(base, stat=f"p{plain(percentile)}")
            return Percentile(percentile=of.percentile, series=series, count=count)

        return MeasureSpec(
            read=in_units(per_second or Decimal(1)),
            refused=_only_above if counted else _only_upward,
            measure=measure,
            floor=lambda _: math.ceil((MIN_BAD if counted else SAMPLES_ABOVE) / rate),
            impossible=lambda limit: None if limit else "every request takes longer",
        )

    def unfit(self, judge: Judge) -> Iterator[tuple[str, str]]:
        if judge is Judge.SEQUENTIAL:
            yield "warn_if", _COUNTED

    def subject(self, measure: Latency | Percentile, than: str) -> str:
        if isinstance(measure, Percentile):
            return f"p{measure.percentile:g} is {than}"
        slower = than.removeprefix("more than ")
        share = f"more than {100 - measure.percentile:.6g}% of requests"
        return f"p{measure.percentile:g} is above {slower}, which means that {share} take longer"

    def parts(self, measure: Latency | Percentile) -> Sequence[Part]:
        place, beside = ("latency", "metric"), ("latency", "dimensions")
        count = Part("all requests", measure.count, place, beside)
        if isinstance(measure, Percentile):
            return (Part("percentile", measure.series, place, beside), count)
        return (count, Part("within the limit", measure.within, place, beside))

    def why_floor(self, criterion: Criterion) -> str:
        measure = criterion.measure
        if isinstance(measure, Percentile):
            return f"{SAMPLES_ABOVE} samples lie above p{measure.percentile:g}"
        return super().why_floor(criterion)

    def doubts(self, placed: Placed, measure: Latency | Percentile) -> Iterator[Finding]:
        yield from odd_limit(placed, measure.queries[0])
        if not isinstance(measure, Percentile):
            return
        floor = placed.criterion.min_samples
        wanted = math.ceil(SAMPLES_ABOVE / (1 - Decimal(str(measure.percentile)) / 100))
        if floor < wanted:
            yield placed.warn(
                "min_samples",
                f"p{measure.percentile:g} of {floor} samples is decided by one or two slow"
                f" requests: {wanted} are enough, which is the default",
            )


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


FORM = _LatencyForm()
