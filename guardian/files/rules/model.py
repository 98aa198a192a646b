"""The shape of a rule file: its keys, their types and bounds. What they mean is `build`'s."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from guardian.files.fields import Pause, Region, Silence, Version
from guardian.files.findings import not_yet
from guardian.files.units import LIMIT_SCHEMA, Duration, MofN, Points, pattern, told
from guardian.files.validation import Strict

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


def _period(seconds: float) -> float:
    if seconds not in (10, 20, 30) and (seconds < 60 or seconds % 60 or seconds > 3600):
        raise ValueError("a period is 10s, 20s, 30s, or a whole number of minutes up to 1h")
    return seconds


Name = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "pattern": pattern(_NAME), "maxLength": 64}),
]
AccountId = Annotated[
    str,
    AfterValidator(_twelve),
    WithJsonSchema({"type": "string", "pattern": pattern(_ACCOUNT), "examples": ["333333333333"]}),
]
SourceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Period = Annotated[Duration, AfterValidator(_period)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Dimensions = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=30)
]
"""CloudWatch allows 30 dimensions on a metric, with values of up to 1,024 characters."""
Reference = Annotated[str, Field(min_length=1, max_length=1024)]
Sustain = Annotated[int, Field(ge=1, le=60)]
ClusterSize = Annotated[float, Field(ge=1, le=1000)]
OnFailWord = Literal["rollback", "hold", "notify"]
JudgeWord = Literal["sequential", "threshold"]
MissingWord = Literal["missing", "ignore", "breaching", "notBreaching"]
Periods = Annotated[int, Field(ge=1, le=60)]
LimitText = Annotated[Any, WithJsonSchema(LIMIT_SCHEMA)]


def _with_stable(word: str) -> str:
    if word == "before":
        raise ValueError(not_yet("comparing with 'before'"))
    return word


class Variable(Strict):
    """A name that a service gives its value."""

    description: str = Field(default="", description="What the service must fill in.")


class Defaults(Strict):
    """What holds for every criterion of the file that says nothing else."""

    source: SourceName | None = Field(default=None, description="Where metrics are read.")
    period: Period | None = Field(default=None, description="Length of one datapoint.")
    region: Region | None = Field(default=None, description="Where the metrics are.")
    account_id: AccountId | None = Field(default=None, description="Whose metrics they are.")
    on_fail: OnFailWord | None = Field(default=None, description="What a breach does.")
    judge: JudgeWord | None = Field(
        default=None, description="How ratios and latencies are judged."
    )
    datapoints: MofN | None = Field(
        default=None, description="M of N over the limit, where a threshold judges."
    )
    treat_missing_data: MissingWord | None = Field(
        default=None, description="What a gauge's missing datapoint counts as."
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


class LimitModel(Strict):
    """One limit; its unit depends on what is measured."""

    above: LimitText = Field(default=None, description="Crossed when strictly greater.")
    at_or_above: LimitText = Field(default=None, description="Crossed when greater or equal.")
    below: LimitText = Field(default=None, description="Crossed when strictly less.")
    at_or_below: LimitText = Field(default=None, description="Crossed when less or equal.")


class Threshold(LimitModel):
    """One limit; its unit depends on what is measured."""

    any: Annotated[bool, Field(json_schema_extra={"const": True})] = Field(
        default=False, description="true: any one is a breach; for incidents and alarms."
    )


class CompareModel(Strict):
    """Canary against stable, besides the limit."""

    to: Annotated[
        Literal["stable", "before"],
        AfterValidator(_with_stable),
        WithJsonSchema({"type": "string", "const": "stable"}),
    ] = Field(description="What the canary is compared with.")
    max_ratio: Annotated[float, Field(ge=1, le=100)] = Field(
        default=1.0, description="How many times stable's rate is still allowed."
    )
    min_increase: Points = Field(
        default=0.005,
        description="A smaller difference never fails.",
        json_schema_extra={"default": "0.5pp"},
    )


class RuleFile(Strict):
    """A named list of criteria; each of them is validated by itself, so that all errors show."""

    version: Version = Field(description="Version of the format: 1.")
    name: Name = Field(description="What the file is called.")
    description: str = Field(default="", description="In a sentence, for people.")
    extends: Reference | None = Field(
        default=None, description="The rule file that this one changes: a path or preset:NAME."
    )
    include: Annotated[list[Reference], Field(max_length=100)] = Field(
        default_factory=list, description="Rule files whose criteria are added; * is a wildcard."
    )
    vars: dict[str, Variable] = Field(
        default_factory=dict, description="What each service fills in."
    )
    defaults: Defaults = Field(default_factory=Defaults, description="Where a criterion is silent.")
    criteria: Annotated[list[Any], Field(min_length=1)] = Field(
        default_factory=list, description="The conditions, each with a name."
    )
