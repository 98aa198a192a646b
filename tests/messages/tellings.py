"""Entries, plans and walks that the tests of notices share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from guardian.cloudwatch import metric_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Direction, Limit
from guardian.core.notices import Notice
from guardian.core.plan import Drive, Plan, Policy
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.rollout.machine import Rollout, apply, start
from guardian.core.traffic import FULL, Snapshot, Step, Traffic, Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.messages.table import notice
from tests.core.builders import FIVE_PERCENT, share

T0 = 1_790_000_000.0
TEN = Weight.percent(10)
STABLE = Traffic(primary="41")
TARGET = "lambda_alias:333333333333:us-east-1:agents-api:live"


def a_verdict(outcome: Outcome = Outcome.FAIL, *, value: float | None = 0.061) -> Verdict:
    """A verdict with numbers."""
    return Verdict(
        criterion="error-rate",
        outcome=outcome,
        why="29 of 480 requests failed",
        evidence=Evidence(
            limit=FIVE_PERCENT,
            value=None if value is None else share(value),
            bad=29,
            samples=480,
            min_samples=60,
            window_start=T0,
            window_end=T0 + 600,
        ),
    )


PLAN = Plan(
    rollout="r-20260921-ab12cd34",
    service="agents-api",
    environment="production",
    target=TARGET,
    drive=Drive.ROLLOUT,
    stable="41",
    canary="42",
    found=STABLE,
    snapshot=Snapshot(
        service="agents-api", target=TARGET, traffic=STABLE, taken_at=T0, taken_by="alice"
    ),
    restores=True,
    steps=(
        Step(weight=TEN, bake_s=600, max_bake_s=1800),
        Step(weight=FULL, bake_s=90, max_bake_s=5400),
    ),
    criteria=(
        Criterion(
            name="error-rate",
            measure=Ratio(
                part=metric_query(namespace="N", metric="Bad", stat="Sum"),
                total=metric_query(namespace="N", metric="All", stat="Sum"),
                good=False,
            ),
            fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
            min_samples=60,
        ),
    ),
    policy=Policy(),
    actor="alice",
)
WATCH = replace(
    PLAN,
    drive=Drive.WATCH,
    found=Traffic(primary="42"),
    steps=(Step(weight=FULL, bake_s=1800, max_bake_s=3600),),
)
GATE = replace(WATCH, restores=False)
BY_HAND = replace(WATCH, drive=Drive.ROLLBACK, steps=(), criteria=(), reason="users hurt")

STEP_0 = StepEntered(at=T0 + 1, step=0)
AT_TEN = WeightConfirmed(at=T0 + 2, weight=TEN)
STEP_1 = StepEntered(at=T0 + 700, step=1)
AT_FULL = WeightConfirmed(at=T0 + 701, weight=FULL)
BLIND = Held(at=T0 + 100, why=HoldReason.BLIND, detail="AccessDenied", verdicts=(a_verdict(),))
BACK = RollbackStarted(
    at=T0 + 200, cause=Cause.BREACH, detail="error-rate: too many", verdicts=(a_verdict(),)
)
STUCK_1 = RollbackStuck(at=T0 + 260, level=1, detail="AccessDenied")
STUCK_2 = RollbackStuck(at=T0 + 500, level=2, detail="AccessDenied")
CONFIRMED = RollbackConfirmed(at=T0 + 510, by_guardian=True, detail="read back: 41 100%")
DONE = Completed(at=T0 + 900, verdicts=(a_verdict(Outcome.PASS, value=0.01),))


def key(cause: str) -> str:
    """The page key of this rollout and a cause."""
    return f"guardian/production/agents-api/r-20260921-ab12cd34/{cause}"


def walk(plan: Plan, entries: Iterable[Entry]) -> list[Notice | None]:
    """What is told of a start and each further entry, through the real state machine."""
    first = RolloutStarted(at=T0, plan=plan)
    rollout: Rollout = start(first)
    told = [notice(None, first, rollout)]
    for entry in entries:
        after = apply(rollout, entry)
        told.append(notice(rollout, entry, after))
        rollout = after
    return told


def last(*entries: Entry, plan: Plan = PLAN) -> Notice:
    """What is told of the last entry."""
    told = walk(plan, entries)[-1]
    assert told is not None
    return told


def state(*entries: Entry) -> Rollout:
    """The state after a start and these entries."""
    rollout = start(RolloutStarted(at=T0, plan=PLAN))
    for entry in entries:
        rollout = apply(rollout, entry)
    return rollout
