"""The shape of a rule file: its keys, their types and bounds. What they mean is `build`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from guardian.text.fields import Pause, Region, Silence, Version
from guardian.text.findings import not_yet
from guardian.text.units import Duration, Points, told
from guardian.text.validation import Strict

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ACCOUNT: Final = re.compile(r"[0-9]{12}|\$\{\w+\}")


def _named(text: str) -> str:
    if not _NAME.fullmatch(text) or len(text) > 64:
        raise ValueError(
            f"{told(text)} is not a name: use up to 64 lower-case letters, digits and single"
            " hyphens, beginning with a letter"
        )
    return text


def _twelve(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise ValueError(f"{told(text)} is not an AWS account: write its 12 digits in quotes")
    return text


def _whole_minutes(seconds: float) -> float:
    if seconds < 60 or seconds % 60 or seconds > 3600:
        raise ValueError("a period is a whole number of minutes, between 1m and 1h")
    return seconds


Name = Annotated[str, AfterValidator(_named)]
AccountId = Annotated[str, AfterValidator(_twelve)]
Period = Annotated[Duration, AfterValidator(_whole_minutes)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Dimensions = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=30)
]
"""CloudWatch allows 30 dimensions on a metric, with values of up to 1,024 characters."""
Sustain = Annotated[int, Field(ge=1, le=60)]
ClusterSize = Annotated[float, Field(ge=1, le=1000)]
OnFailWord = Literal["rollback", "hold", "notify"]


def _sequential(word: str) -> str:
    if word == "threshold":
        raise ValueError(not_yet("'judge: threshold'"))
    return word


def _with_stable(word: str) -> str:
    if word == "before":
        raise ValueError(not_yet("comparing with 'before'"))
    return word


class Variable(Strict):
    """A name that a service gives its value."""

    description: str = Field(default="", description="What the service must fill in.")


class Defaults(Strict):
    """What holds for every criterion of the file that says nothing else."""

    promised: ClassVar[frozenset[str]] = frozenset({"judge", "treat_missing_data"})

    period: Period | None = Field(default=None, description="Length of one datapoint.")
    region: Region | None = Field(default=None, description="Where the metrics are.")
    account_id: AccountId | None = Field(default=None, description="Whose metrics they are.")
    on_fail: OnFailWord | None = Field(default=None, description="What a breach does.")
    sustain: Sustain | None = Field(default=None, description="Fewest bad minutes that prove.")
    cluster_size: ClusterSize | None = Field(
        default=None, description="Errors that one fault makes."
    )
    warm_up: Pause | None = Field(default=None, description="Left out after each shift.")
    settle: Pause | None = Field(default=None, description="Age at which datapoints are final.")
    no_data_after: Silence | None = Field(
        default=None, description="Silence that counts as no data."
    )


class Metric(Strict):
    """One CloudWatch metric."""

    namespace: Text = Field(description="As in CloudWatch.")
    metric: Text = Field(description="As in CloudWatch.")
    stat: str | None = Field(default=None, description="Defaults to what the criterion needs.")
    unit: str | None = Field(
        default=None, description="What the values mean, in CloudWatch's word."
    )
    dimensions: Dimensions = Field(default_factory=dict, description="The exact set.")
    period: Period | None = Field(default=None, description="Length of one datapoint.")
    region: Region | None = Field(default=None, description="Where the metric is.")
    account_id: AccountId | None = Field(default=None, description="Whose metric it is.")


class RatioModel(Strict):
    """A share of events."""

    bad: Metric | None = Field(default=None, description="Counts the events that hurt.")
    good: Metric | None = Field(default=None, description="Counts the events that went well.")
    total: Metric = Field(description="Counts all events.")
    dimensions: Dimensions = Field(default_factory=dict, description="For both metrics.")


class LatencyModel(Strict):
    """A percentile of durations."""

    percentile: Annotated[float, Field(gt=0, lt=100)] = Field(description="95 for p95.")
    metric: Metric = Field(description="Measures each request's duration.")
    dimensions: Dimensions = Field(default_factory=dict, description="For the metric.")


class Threshold(Strict):
    """One limit; its unit depends on what is measured."""

    promised: ClassVar[frozenset[str]] = frozenset({"any"})

    above: Any = Field(default=None, description="Breached when strictly greater.")
    at_or_above: Any = Field(default=None, description="Breached when greater or equal.")
    below: Any = Field(default=None, description="Breached when strictly less.")
    at_or_below: Any = Field(default=None, description="Breached when less or equal.")


class CompareModel(Strict):
    """Canary against stable, besides the limit."""

    to: Annotated[Literal["stable", "before"], AfterValidator(_with_stable)] = Field(
        description="What the canary is compared with."
    )
    max_ratio: Annotated[float, Field(ge=1, le=100)] = Field(
        default=1.0, description="How many times stable's rate is still allowed."
    )
    min_increase: Points = Field(default=0.005, description="A smaller difference never fails.")


class CriterionModel(Strict):
    """One condition."""

    meant: ClassVar[Mapping[str, str]] = {
        "threshold": "fail_if",
        "limit": "fail_if",
        "breach_if": "fail_if",
        "action": "on_fail",
        "severity": "on_fail",
        "minimum_samples": "min_samples",
    }

    promised: ClassVar[frozenset[str]] = frozenset(
        {
            "gauge", "count", "incidents", "alarms", "probe", "warn_if", "datapoints",
            "evaluation_periods", "datapoints_to_alarm", "treat_missing_data",
        }
    )  # fmt: skip

    name: Name = Field(description="Unique among a service's criteria.")
    description: str = Field(default="", description="For people.")
    ratio: RatioModel | None = Field(default=None, description="A share of events.")
    latency: LatencyModel | None = Field(default=None, description="A percentile of durations.")
    fail_if: Threshold = Field(description="The limit.")
    compare: CompareModel | None = Field(default=None, description="Also against stable.")
    judge: Annotated[Literal["sequential", "threshold"], AfterValidator(_sequential)] = Field(
        default="sequential", description="How."
    )
    scope: Literal["canary", "service"] | None = Field(
        default=None, description="Whether a step waits for its pass."
    )
    on_fail: OnFailWord | None = Field(default=None, description="What a breach does.")
    min_samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="Fewer samples in a step prove no health."
    )
    sustain: Sustain | None = Field(default=None, description="Fewest bad minutes that prove.")
    cluster_size: ClusterSize | None = Field(
        default=None, description="Errors that one fault makes."
    )
    warm_up: Pause | None = Field(default=None, description="Left out after each shift.")
    settle: Pause | None = Field(default=None, description="Age at which datapoints are final.")
    no_data_after: Silence | None = Field(
        default=None, description="Silence that counts as no data."
    )
    enabled: bool = Field(default=True, description="false turns it off.")


class RuleFile(Strict):
    """A named list of criteria; each of them is validated by itself, so that all errors show."""

    promised: ClassVar[frozenset[str]] = frozenset({"extends", "include"})

    version: Version = Field(description="Of the format.")
    name: Name = Field(description="For people and the journal.")
    description: str = Field(default="", description="For people.")
    vars: dict[str, Variable] = Field(default_factory=dict, description="What services fill in.")
    defaults: Defaults = Field(default_factory=Defaults, description="For all criteria.")
    criteria: Annotated[list[Any], Field(min_length=1)] = Field(description="The conditions.")
