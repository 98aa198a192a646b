"""`guardian/v1`, the report on one rollout: what happened, and every datapoint."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from guardian.core import notices
from guardian.core.figures import Unit
from guardian.core.plan import Drive
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Outcome
from guardian.messages.v1 import (
    PageRecord,
    Share,
    SnapshotRecord,
    StepRecord,
    Time,
    TrafficRecord,
    VerdictRecord,
)


class MetricsRecord(TypedDict):
    """Whether the metrics were read again."""

    read: bool
    missing: str
    """Why some or all are not there; empty when all are."""


class WeightRecord(TypedDict):
    """The canary's share of traffic, from this time on."""

    time: Time
    weight: Share


class TellingRecord(TypedDict):
    """What people were told of an entry."""

    event: Annotated[str, notices.Event]
    title: str
    did: str
    pages: list[PageRecord]
    to: list[str] | None
    """Who listens by the present configuration; null where none is known."""


class DecisionRecord(TypedDict):
    """One journal entry, what it rests on, and who was told."""

    seq: int
    time: Time
    event: str
    actor: str
    text: str
    set_aside: str
    """The criteria that it passed over, and how; empty for none."""
    verdicts: list[VerdictRecord]
    told: TellingRecord | None
    entry: dict[str, Any]
    """All of it in the journal's own form (weights are millionths there)."""


class PointRecord(TypedDict):
    """What one period of a criterion showed."""

    start: Time
    number: float | None
    """In the criterion's unit; null without samples."""
    bad: float | None
    samples: float | None
    over: bool
    """It lies on the side of the limit that hurts."""
    settled: bool


class EvidenceRecord(TypedDict):
    """The judgement after one period."""

    until: Time
    verdict: Annotated[str, Outcome]
    log_e: float


class CriterionRecord(TypedDict):
    """One criterion, judged again from the datapoints as they stand now."""

    criterion: str
    limit: str
    queries: list[dict[str, Any]]
    problem: str
    """Why it could not be judged again; empty where it was."""
    settled_at_decision: Time | None
    """Up to when datapoints were settled for the decisive verdict."""
    plotted: bool
    period_s: NotRequired[float]
    unit: NotRequired[Annotated[str, Unit]]
    limit_number: NotRequired[float | None]
    log_e_limit: NotRequired[float]
    values: NotRequired[list[PointRecord]]
    stable: NotRequired[list[PointRecord]]
    evidence: NotRequired[list[EvidenceRecord]]


class DatapointRecord(TypedDict):
    """One datapoint, as its source has it."""

    start: Time
    number: float | None
    settled: bool


class SeriesRecord(TypedDict):
    """One series, as it was read again."""

    query: dict[str, Any]
    read: bool
    problem: str | None
    settled_before: Time | None
    datapoints: list[DatapointRecord]


class PlanRecord(TypedDict):
    """What was asked for, as journalled at the start."""

    rollout: str
    service: str
    environment: str
    target: str
    drive: Annotated[str, Drive]
    stable: str
    canary: str
    found: TrafficRecord
    """The traffic before it began."""
    snapshot: SnapshotRecord
    """What a rollback restores."""
    restores: bool
    """Whether a breach is rolled back."""
    movable: bool
    """Whether guardian can move traffic there at all."""
    steps: list[StepRecord]
    criteria: list[dict[str, Any]]
    policy: dict[str, Any]
    actor: str
    reason: str
    rules: list[str]
    approvals: list[dict[str, Any]]
    fixes: list[str]
    group: str
    open_pages: list[str]
    """Keys of pages that its completion resolves."""
    reach: dict[str, Any] | None
    """How its target is reached."""


class ReportRecord(TypedDict):
    """What happened in one rollout, and why: `report -o json`."""

    schema: Literal["guardian/v1/report"]
    time: Time
    rollout: str
    service: str
    environment: str
    target: str
    stable: str
    canary: str
    phase: Annotated[str, Phase]
    live: bool
    weight: Share
    span: list[Time]
    """From when to when it happened."""
    decisive: int | None
    """The entry that the outcome rests on."""
    metrics: MetricsRecord
    weights: list[WeightRecord]
    decisions: list[DecisionRecord]
    criteria: list[CriterionRecord]
    series: list[SeriesRecord]
    plan: PlanRecord
