"""Metrics of CloudWatch: a namespace, a name, a statistic and the exact set of dimensions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from guardian.cloudwatch import MetricStat, changed, metric_of, metric_query
from guardian.core.model import MINUTE_S, Query, Word
from guardian.core.wording import span
from guardian.files.fields import Region
from guardian.files.findings import Place, did_you_mean
from guardian.files.rules.model import AccountId, Dimensions, Text
from guardian.files.rules.query import BuildContext, filled
from guardian.files.rules.source_form import TIME_UNITS, Key, MetricBase, Samples, SourceForm
from guardian.files.units import pattern, plain, told
from guardian.namespaces import (
    COUNT,
    ONLY_NONZERO,
    PERCENT,
    SECONDS,
    SETTLE_FINE_S,
    settle_s,
    unit,
    vended,
)

_STAT: Final = re.compile(
    r"Average|Sum|Minimum|Maximum|SampleCount|IQM"
    r"|(p|tm|wm|tc|ts)[0-9]{1,2}(\.[0-9]{1,10})?|p100|(PR|TM|WM|TC|TS)\([0-9.:%]{1,40}\)"
)
"""CloudWatch's statistics (CloudWatch User Guide, "Statistics definitions")."""
_COUNT_UNITS: Final = ("Count", "None")
_COUNTING_STATS: Final = ("Sum", "SampleCount")
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
    ("AWS/RDS", "FreeableMemory"): ("Bytes", "Minimum"),
    ("AWS/RDS", "FreeStorageSpace"): ("Bytes", "Minimum"),
    ("AWS/RDS", "ReplicaLag"): (SECONDS, _MAXIMUM),
    ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"): ("Milliseconds", _MAXIMUM),
    ("LambdaInsights", "memory_utilization"): (PERCENT, _MAXIMUM),
}
"""The unit of a metric and the statistic that shows its trouble (the vendors' metric pages)."""
_LONGEST_S: Final[Mapping[tuple[Word, Word], float]] = {
    ("AWS/Lambda", "Duration"): 900.0,
    ("AWS/ApiGateway", "Latency"): 300.0,
}
"""No sample can be longer: Lambda's largest time-out is 15 minutes (Lambda quotas), API Gateway's
integration time-out 29 s unless raised, which a REST API allows up to 5 minutes."""
_PERCENTILE: Final = re.compile(r"p([0-9.]+)")
_LAMBDA_ERRORS: Final = ("AWS/Lambda", "Errors")
_LAMBDA_BLIND: Final = (
    "AWS/Lambda Errors counts invocations that throw or time out; a function behind HTTP that"
    " returns status 500 counts as healthy: add a criterion on the failures that callers see"
)
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


def _statistic(text: str) -> str:
    if not _STAT.fullmatch(text):
        raise ValueError(
            f"{told(text)} is not a statistic of CloudWatch: write one like Average, Sum, Maximum,"
            " SampleCount or p95"
        )
    return text


Stat = Annotated[
    str,
    AfterValidator(_statistic),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": pattern(_STAT),
            "examples": ["Average", "Sum", "Maximum", "Minimum", "SampleCount", "p95"],
        }
    ),
]


class CloudWatchMetric(MetricBase):
    """One CloudWatch metric."""

    source: Literal["cloudwatch"] = Field(default="cloudwatch", description="Where it is read.")
    namespace: Text = Field(description="As CloudWatch names it.")
    metric: Text = Field(description="As CloudWatch names it.")
    stat: Stat | None = Field(default=None, description="Defaults to what the criterion needs.")
    dimensions: Dimensions = Field(default_factory=dict, description="The exact set, by name.")
    region: Region | None = Field(default=None, description="Where the metric is.")
    account_id: AccountId | None = Field(default=None, description="Whose metric it is.")

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.namespace} {self.metric}"


class _CloudWatchForm(SourceForm[CloudWatchMetric]):
    title = "CloudWatch"
    written = CloudWatchMetric

    def counts(
        self,
        metric: CloudWatchMetric,
        place: Place,
        beside: Mapping[str, str],
        context: BuildContext,
        who: str,
    ) -> Query:
        """A statistic that counts."""
        if metric.stat not in (None, *_COUNTING_STATS):
            context.say(
                (*place, "stat"),
                f"{who} counts events: its stat is {' or '.join(_COUNTING_STATS)}, not"
                f" {told(metric.stat)}",
            )
        known = unit(metric.namespace, metric.metric)
        stated = metric.unit or known
        if stated not in (None, *_COUNT_UNITS) and metric.stat != "SampleCount":
            where = (*place, "unit") if metric.unit else place
            context.say(
                where,
                f"{who} counts events, and {metric.name} holds {stated}:"
                " use a metric that counts, or stat: SampleCount",
            )
        return _query(metric, place, beside, "Sum", context)

    def value(self, metric: CloudWatchMetric, place: Place, context: BuildContext) -> Query:
        """The statistic that shows a metric's trouble, in the unit that is known of it."""
        held, usual = _KNOWN.get((metric.namespace, metric.metric), (None, _AVERAGE))
        series = _query(metric, place, {}, usual, context)
        if metric.unit:
            known, where = unit(metric.namespace, metric.metric) or held, (*place, "unit")
            if known and metric.unit != known:
                context.say(where, f"{metric.name} is held in {known}: remove unit")
            elif metric.unit not in UNITS:
                meant = did_you_mean(str(metric.unit), UNITS)
                context.say(where, f"{told(metric.unit)} is not a unit of CloudWatch{meant}")
        counts = MetricStat.of(series).stat == "SampleCount"
        return replace(series, unit=COUNT if counts else series.unit or held)

    def samples(
        self,
        metric: CloudWatchMetric,
        percentile: Decimal,
        place: Place,
        beside: Mapping[str, str],
        context: BuildContext,
    ) -> Samples | None:
        """SampleCount, and TC(:L) for those within L."""
        if metric.stat not in (None, f"p{plain(percentile)}"):
            context.say(
                (*place, "stat"),
                f"{told(metric.stat)} cannot be used here: a latency counts the requests over the"
                " limit (SampleCount and TC), so leave stat out and set percentile",
            )
        base = _query(metric, place, beside, "SampleCount", context)
        return Samples(
            per_second=_per_second(metric, base.unit, place, context),
            count=changed(base, stat="SampleCount"),
            within=lambda limit: changed(base, stat=f"TC(:{plain(limit)})"),
            percentile=changed(base, stat=f"p{plain(percentile)}"),
        )

    def called(self, query: Query) -> str:
        """The metric alone."""
        return MetricStat.of(query).metric

    def settle_s(self, query: Query) -> float:
        """As its namespace is published, and sooner where it is published by the second."""
        usual = settle_s(MetricStat.of(query).namespace)
        return usual if query.period_s >= MINUTE_S else SETTLE_FINE_S

    def settles(self, query: Query) -> str:
        """The namespace."""
        return MetricStat.of(query).namespace

    def percentile_of(self, query: Query) -> str:
        """By its statistic."""
        found = _PERCENTILE.fullmatch(MetricStat.of(query).stat)
        return found[1] if found is not None else ""

    def longest_s(self, query: Query) -> float:
        """As the services that publish durations end what takes longer."""
        return _LONGEST_S.get(metric_of(query), math.inf)

    def sparse(self, query: Query) -> str:
        """Of what is published only when there is something to count."""
        asked = MetricStat.of(query)
        if (asked.namespace, asked.metric) not in ONLY_NONZERO:
            return ""
        return f"{asked.namespace} publishes {asked.metric} only when it is not zero"

    def blind_spot(self, query: Query) -> str:
        """A returned HTTP 500 is no error of Lambda's."""
        return _LAMBDA_BLIND if metric_of(query) == _LAMBDA_ERRORS else ""

    def keys(self, query: Query) -> Iterator[Key]:
        """CloudWatch's words."""
        asked = MetricStat.of(query)
        yield Key("namespace", asked.namespace)
        yield Key("metric", asked.metric)
        yield Key("stat", asked.stat)
        yield Key("dimensions", query.labels, beside=True)
        yield Key("period", span(query.period_s))
        yield Key("unit", query.unit or "none", "built in" if query.unit else "")
        yield Key("region", asked.region or "the service's")
        yield Key("account_id", asked.account_id or "the service's")


def _query(
    metric: CloudWatchMetric,
    place: Place,
    beside: Mapping[str, str],
    stat: str,
    context: BuildContext,
) -> Query:
    """The metric's own dimensions win over those that stand beside it."""
    defaults, group = context.defaults, place[:1]
    dimensions = {
        name: filled(text, (*group, "dimensions", name), context) for name, text in beside.items()
    }
    dimensions |= {
        name: filled(text, (*place, "dimensions", name), context)
        for name, text in metric.dimensions.items()
    }
    region, account = metric.region or defaults.region, metric.account_id or defaults.account_id
    period_s = int(metric.period or defaults.period or MINUTE_S)
    if period_s < MINUTE_S and vended(metric.namespace):
        context.say(
            (*place, "period") if metric.period else place,
            f"AWS publishes {metric.name} by the minute and no more often: only metrics of your own"
            " that are put with StorageResolution 1 have periods of 10s, 20s and 30s",
        )
    return metric_query(
        namespace=filled(metric.namespace, (*place, "namespace"), context),
        metric=filled(metric.metric, (*place, "metric"), context),
        stat=metric.stat or stat,
        dimensions=tuple(sorted(dimensions.items())),
        period_s=period_s,
        unit=metric.unit or unit(metric.namespace, metric.metric),
        region=filled(region, (*place, "region"), context, bound=False) if region else None,
        account_id=filled(account, (*place, "account_id"), context, bound=False)
        if account
        else None,
    )


def _per_second(
    metric: CloudWatchMetric, named: str | None, place: Place, context: BuildContext
) -> Decimal:
    """How many of the metric's unit make a second."""
    known = unit(metric.namespace, metric.metric)
    if metric.unit and known and metric.unit != known:
        context.say((*place, "unit"), f"{metric.name} is held in {known}: remove unit")
    elif named is None:
        words = ", ".join(TIME_UNITS)
        context.say(place, f"the unit of {metric.name} is not known: add unit: with one of {words}")
    elif named not in TIME_UNITS:
        words, meant = ", ".join(TIME_UNITS), did_you_mean(named, TIME_UNITS)
        where = (*place, "unit") if metric.unit else place
        context.say(where, f"{told(named)} is not a duration's unit: {words}{meant}")
    return TIME_UNITS.get(named or "", Decimal(1))


FORM = _CloudWatchForm()
