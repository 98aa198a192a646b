"""Gauges: one metric's value against a limit in the metric's own unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.model import Criterion, Judge, Query
from guardian.files.findings import Finding
from guardian.files.rules.durations import in_units, odd_limit
from guardian.files.rules.measure_form import MeasureForm, MeasurePart, MeasureSpec, Placed, either
from guardian.files.rules.query import BuildContext
from guardian.files.rules.source_form import BYTES, PERCENT, TIME_UNITS, no_part
from guardian.files.rules.sources import Metric, form_of_metric, form_of_query
from guardian.files.units import exact_bytes, exact_number, exact_percent, told


class _GaugeForm(MeasureForm[Metric, Gauge]):
    written = Metric
    description = "One metric's value, any statistic."
    makes = (Gauge,)
    fills = True

    def spec(self, of: Metric, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        del judge
        series = form_of_metric(of).value(of, ("gauge",), context)
        no_part(of, ("gauge",), context)
        return MeasureSpec(
            read=_reader(series),
            refused=either,
            measure=lambda _: Gauge(series=series),
            floor=lambda _: 1,
        )

    def subject(self, measure: Gauge, than: str) -> str:
        del measure
        return f"the metric is {than}"

    def parts(self, measure: Gauge) -> Sequence[MeasurePart]:
        return (MeasurePart("value", measure.series, ("gauge",), ("gauge", "dimensions")),)

    def pooled(self, criterion: Criterion) -> str:
        del criterion
        return ""

    def doubts(self, placed: Placed, measure: Gauge) -> Iterator[Finding]:
        query, limit = measure.series, placed.criterion.fail_if
        percentile = form_of_query(query).percentile_of(query)
        if percentile:
            yield placed.warn(
                "gauge",
                f"p{percentile} of a gauge has no floor: one slow request of a quiet minute decides"
                f" it. Write latency with percentile: {percentile} and judge: threshold, which"
                " knows how many samples a datapoint rests on",
            )
        if query.unit in TIME_UNITS:
            yield from odd_limit(placed, query)
        if query.unit == PERCENT and 0 < limit.value < 1:
            yield placed.warn(
                "fail_if",
                f"{query.name} goes up to 100%, and the limit is"
                f" {limit.text}: is {100 * limit.value:g}% meant?",
            )


def _reader(series: Query) -> Callable[[object], Decimal]:
    named, about = series.unit, series.name
    if named is not None and named in TIME_UNITS:
        return in_units(TIME_UNITS[named])
    if named == PERCENT:
        return exact_percent
    if named == BYTES:
        return exact_bytes

    def number(written: object) -> Decimal:
        try:
            return exact_number(written)
        except ValueError:
            if named is None and isinstance(written, str):
                raise ValueError(
                    f"the unit of {about} is not known, so {told(written)} cannot be converted:"
                    " add unit: with CloudWatch's word (Percent, Seconds, Bytes ...)"
                ) from None
            if named is None:
                raise
            raise ValueError(
                f"{about} is held in {named}: write a plain number, not {told(written)}"
            ) from None

    return number


FORM = _GaugeForm()
