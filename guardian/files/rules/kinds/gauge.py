"""Gauges: one metric's value against a limit in the metric's own unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.model import Criterion, Judge
from guardian.files.findings import Finding, did_you_mean
from guardian.files.rules.durations import TIME_UNITS, in_units, odd_limit
from guardian.files.rules.measure_form import (
    MeasureForm,
    MeasureSpec,
    Part,
    Placed,
    either,
)
from guardian.files.rules.model import Metric
from guardian.files.rules.query import BuildContext, query_of
from guardian.files.units import exact_bytes, exact_number, exact_percent, told
from guardian.namespaces import COUNT, PERCENT, SECONDS, unit

BYTES: Final = "Bytes"
_PERCENTILE: Final = re.compile(r"p([0-9.]+)")
_AVERAGE: Final = "Average"
_MAXIMUM: Final = "Maximum"
_KNOWN: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("AWS/Lambda", "IteratorAge"): ("Milliseconds", _MAXIMUM),
    ("AWS/Lambda", "ConcurrentExecutions"): (COUNT, _MAXIMUM),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): (SECONDS, _MAXIMUM),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): (COUNT, _MAXIMUM),
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): (COUNT, _MAXIMUM),
    ("AWS/ApplicationELB", "UnHealthyHostCount"): (COUNT, _MAXIMUM),
    ("AWS/ApplicationELB", "HealthyHostCount"): (COUNT, "Minimum"),
    ("AWS/ECS", "CPUUtilization"): (PERCENT, _AVERAGE),
    ("AWS/ECS", "MemoryUtilization"): (PERCENT, _AVERAGE),
    ("AWS/EC2", "CPUUtilization"): (PERCENT, _AVERAGE),
    ("AWS/RDS", "CPUUtilization"): (PERCENT, _AVERAGE),
    ("AWS/RDS", "DatabaseConnections"): (COUNT, _MAXIMUM),
    ("AWS/RDS", "FreeableMemory"): (BYTES, "Minimum"),
    ("AWS/RDS", "FreeStorageSpace"): (BYTES, "Minimum"),
    ("AWS/RDS", "ReplicaLag"): (SECONDS, _MAXIMUM),
    ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"): ("Milliseconds", _MAXIMUM),
    ("LambdaInsights", "memory_utilization"): (PERCENT, _MAXIMUM),
}
"""The unit of a metric and the statistic that shows its trouble (the vendors' metric pages)."""
UNITS: Final = frozenset(
    {
        "Seconds", "Milliseconds", "Microseconds", "Percent", "Count", "Count/Second", "None",
        *(prefix + kind + per
          for prefix in ("Kilo", "Mega", "Giga", "Tera")
          for kind in ("bytes", "bits")
          for per in ("", "/Second")),
        "Bytes", "Bits", "Bytes/Second", "Bits/Second",
    }
)  # fmt: skip
"""CloudWatch's StandardUnit (API reference, MetricDatum)."""


class _GaugeForm(MeasureForm[Metric, Gauge]):
    written = Metric
    description = "One metric's value, any statistic."
    makes = (Gauge,)
    fills = True

    def spec(self, of: Metric, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        del judge
        held, usual = _KNOWN.get((of.namespace, of.metric), (None, _AVERAGE))
        series = query_of(of, ("gauge",), beside={}, stat=usual, context=context)
        named = series.unit or held
        if of.unit:
            _check_unit(of, unit(of.namespace, of.metric) or held, context)
        if series.word("stat") == "SampleCount":
            named = COUNT
        series = replace(series, unit=named)
        return MeasureSpec(
            read=_reader(of, named),
            refused=either,
            measure=lambda _: Gauge(series=series),
            floor=lambda _: 1,
        )

    def subject(self, measure: Gauge, than: str) -> str:
        del measure
        return f"the metric is {than}"

    def parts(self, measure: Gauge) -> Sequence[Part]:
        return (Part("value", measure.series, ("gauge",), ("gauge", "dimensions")),)

    def pooled(self, criterion: Criterion) -> str:
        del criterion
        return ""

    def doubts(self, placed: Placed, measure: Gauge) -> Iterator[Finding]:
        query, limit = measure.series, placed.criterion.fail_if
        percentile = _PERCENTILE.fullmatch(stat := str(query.word("stat")))
        if percentile is not None:
            yield placed.warn(
                "gauge",
                f"{stat} of a gauge has no floor: one slow request of a quiet minute decides"
                f" it. Write latency with percentile: {percentile[1]} and judge: threshold, which"
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


def _check_unit(metric: Metric, known: str | None, context: BuildContext) -> None:
    where = ("gauge", "unit")
    if known and metric.unit != known:
        context.say(where, f"{metric.namespace} {metric.metric} is held in {known}: remove unit")
    elif metric.unit not in UNITS:
        meant = did_you_mean(str(metric.unit), UNITS)
        context.say(where, f"{told(metric.unit)} is not a unit of CloudWatch{meant}")


def _reader(metric: Metric, named: str | None) -> Callable[[object], Decimal]:
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
            about = f"{metric.namespace} {metric.metric}"
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
