"""Latencies: a percentile as a count of slow requests, or as CloudWatch computes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Direction, Judge
from guardian.files.findings import Finding
from guardian.files.rules.durations import in_units, odd_limit
from guardian.files.rules.measure_form import MIN_BAD, MeasureForm, MeasurePart, MeasureSpec, Placed
from guardian.files.rules.model import Dimensions
from guardian.files.rules.query import BuildContext
from guardian.files.rules.source_form import no_part
from guardian.files.rules.sources import Metric, form_of_metric
from guardian.files.units import plain
from guardian.files.validation import Strict

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
        _check_percentile(percentile, context)
        place = ("latency", "metric")
        form = form_of_metric(of.metric)
        samples = form.samples(of.metric, percentile, place, of.dimensions, context)
        no_part(of.metric, place, context)
        if samples is None:
            return None
        count, rate = samples.count, 1 - percentile / 100
        counted = judge is Judge.SEQUENTIAL

        def measure(limit: Decimal) -> Measure:
            if counted:
                within = samples.within(limit)
                return Latency(percentile=of.percentile, count=count, within=within)
            return Percentile(percentile=of.percentile, series=samples.percentile, count=count)

        return MeasureSpec(
            read=in_units(samples.per_second),
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

    def parts(self, measure: Latency | Percentile) -> Sequence[MeasurePart]:
        place, beside = ("latency", "metric"), ("latency", "dimensions")
        count = MeasurePart("all requests", measure.count, place, beside)
        if isinstance(measure, Percentile):
            return (MeasurePart("percentile", measure.series, place, beside), count)
        return (count, MeasurePart("within the limit", measure.within, place, beside))

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


def _check_percentile(percentile: Decimal, context: BuildContext) -> None:
    if percentile < 1:
        context.say(
            ("latency", "percentile"),
            f"{percentile} means that {plain(100 - percentile)}% of requests may be slower:"
            f" write {plain(percentile * 100)} for p{plain(percentile * 100)}",
        )
    elif percentile != round(percentile, 2):
        context.say(("latency", "percentile"), "a percentile has at most two decimals")


def _only_above(direction: Direction) -> str | None:
    if direction is Direction.AT_OR_ABOVE:
        return "write above: requests are counted up to and including the limit"
    return _only_upward(direction)


def _only_upward(direction: Direction) -> str | None:
    if direction.rising:
        return None
    return f"latency with {direction.value} would fail fast releases: write above"


FORM = _LatencyForm()
