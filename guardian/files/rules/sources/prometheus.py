"""Metrics of Prometheus: an expression in PromQL that gives one series."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from guardian.core.model import Query
from guardian.core.wording import span
from guardian.files.findings import Place
from guardian.files.rules.model import Text
from guardian.files.rules.query import BuildContext, filled
from guardian.files.rules.source_form import Key, MetricBase, Samples, SourceForm

SETTLE_S: Final = 120.0
"""The usual longest scrape interval and a minute for what is written late: a rule's `settle` says
otherwise, as for remote writes that lag."""
_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_RANGE: Final = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS: Final = {
    "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000
}  # fmt: skip
"""Of Prometheus's durations (Querying basics, "Float literals and time durations")."""
_PER_SECOND: Final = re.compile(r"\bi?rate\s*\(")
_NO_LATENCY: Final = (
    "Prometheus counts durations in buckets, so a latency is a ratio: for a p95 of 0.5 s write"
    ' good: increase(NAME_bucket{le="0.5"}[1m]), total: increase(NAME_count[1m]) and fail_if:'
    " {below: 95%}, each with sum(...) around it"
)


class PrometheusMetric(MetricBase):
    """One series of Prometheus."""

    source: Literal["prometheus"] = Field(description="Where it is read.")
    query: Annotated[str, Field(min_length=1, max_length=4000)] = Field(
        description="PromQL that gives one series; the value at a period's end is the period's."
    )
    name: Text | None = Field(default=None, description="What people call it.")


class _PrometheusForm(SourceForm[PrometheusMetric]):
    title = "Prometheus"
    written = PrometheusMetric

    def counts(
        self,
        metric: PrometheusMetric,
        place: Place,
        beside: Mapping[str, str],
        context: BuildContext,
        who: str,
    ) -> Query:
        """An increase over exactly one period, so that no event counts twice or never."""
        series = _query(metric, place, context)
        where = (*place, "query")
        if beside:
            key = (*place[:1], "dimensions")
            context.say(key, "Prometheus has labels: write them in the expression", key=True)
        text = str(series.word("query"))
        if _PER_SECOND.search(text):
            context.say(where, f"{who} counts events, and a rate is per second: write increase")
        if {_range_s(of) for of in _RANGE.findall(text)} - {series.period_s}:
            context.say(
                where,
                f"{who} counts each event once: every range is as long as the period"
                f" ([{span(series.period_s)}]), unless period: says otherwise",
            )
        return series

    def value(self, metric: PrometheusMetric, place: Place, context: BuildContext) -> Query:
        """As the expression gives it."""
        return _query(metric, place, context)

    def samples(
        self,
        metric: PrometheusMetric,
        percentile: Decimal,
        place: Place,
        beside: Mapping[str, str],
        context: BuildContext,
    ) -> Samples | None:
        """None: what lies within a limit is a bucket of its own."""
        del metric, percentile, beside
        context.say(place, _NO_LATENCY)
        return None

    def settle_s(self, query: Query) -> float:
        """Two minutes."""
        del query
        return SETTLE_S

    def keys(self, query: Query) -> Iterator[Key]:
        """The expression, as it was written but for the service's variables."""
        yield Key("query", query.filled(str(query.word("query"))))
        yield Key("name", query.name)
        yield Key("period", span(query.period_s))
        yield Key("unit", query.unit or "none")


def _range_s(text: str) -> float:
    """The seconds of a range: `90s`, `1m30s`."""
    return sum(int(n) * _SECONDS[unit] for n, unit in _PART.findall(text))


def _query(metric: PrometheusMetric, place: Place, context: BuildContext) -> Query:
    """The rollout's names stay out of the expression, so that the other version's can be put in."""
    text = filled(metric.query, (*place, "query"), context)
    names = tuple(sorted(set(_VARIABLE.findall(text))))
    return Query(
        source="prometheus",
        name=filled(metric.name, (*place, "name"), context) if metric.name else text,
        words=(
            ("query", _VARIABLE.sub(r"$(\1)", text)),
            ("values", tuple((name, f"${{{name}}}") for name in names)),
        ),
        period_s=int(metric.period or context.defaults.period or 60),
        unit=metric.unit,
    )


FORM = _PrometheusForm()
