"""Builders for tests of the core: plans, rollouts in any phase, verdicts, and what a tick saw."""

from __future__ import annotations

from dataclasses import replace

from guardian.cloudwatch import metric_query
from guardian.core.judging.kinds.alarms import Alarms, alarm_query
from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Direction, Instant, Judge, Limit, OnFail, Scope
from guardian.core.plan import Approval, Drive, Plan, Policy, Unapproved
from guardian.core.rollout.desired import unknown_versions
from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    Freeze,
    Held,
    HoldReason,
    Order,
    OrderKind,
    PrimaryConfirmed,
    PromotionStuck,
    Resumed,
    Retired,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    Sighted,
    StepEntered,
    Superseded,
    TrafficSeen,
    Waived,
    Warned,
    WayBackSeen,
    WeightConfirmed,
)
from guardian.core.rollout.machine import Phase, Rollout, fold, step_traffic
from guardian.core.rollout.orders import Decision
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import FULL, Reading, Snapshot, Stamp, Step, Traffic, WayBack, Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.messages.order_answers import answer
from tests.core.builders import FIVE_PERCENT

T0: Instant = 1_790_000_040.0
"""A whole minute, so that observed time is easy to read."""
TEN, HALF = Weight.percent(10), Weight.percent(50)
STABLE = Traffic(primary="41")
CANARY = Traffic(primary="42")
SPLIT = Traffic(primary="41", secondary="42", weight=TEN)
TARGET = "lambda_alias:333333333333:us-east-1:agents-api:live"
ROLLOUT_ID = "r-20260921-ab12cd34"
BAKE_S, MAX_BAKE_S = 600.0, 1800.0


# --- plans -------------------------------------------------------------------------------------


def ratio(**dimensions: str) -> Ratio:
    """A share of bad events."""
    pairs = tuple(sorted(dimensions.items()))
    return Ratio(
        part=metric_query(namespace="N", metric="Bad", stat="Sum", dimensions=pairs),
        total=metric_query(namespace="N", metric="All", stat="Sum", dimensions=pairs),
        good=False,
    )


def criterion(
    name: str = "error-rate",
    *,
    on_fail: OnFail = OnFail.ROLLBACK,
    scope: Scope = Scope.CANARY,
) -> Criterion:
    """A criterion that fails above 5%."""
    return Criterion(
        name=name,
        measure=ratio(),
        fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
        on_fail=on_fail,
        scope=scope,
        min_samples=60,
    )


def step(weight: Weight) -> Step:
    """Ten observed minutes, of thirty at most."""
    return Step(weight=weight, bake_s=BAKE_S, max_bake_s=MAX_BAKE_S)


PLAN = Plan(
    rollout=ROLLOUT_ID,
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
    steps=(step(TEN), step(FULL)),
    criteria=(criterion(),),
    policy=Policy(),
    actor="alice",
)
"""10%, then 100%, with one criterion."""
WATCH = replace(PLAN, drive=Drive.WATCH, found=CANARY, steps=(step(FULL),))
BESIDE = replace(WATCH, found=SPLIT, steps=(step(TEN),))
"""A watch of what somebody else is shifting."""
GATE = replace(WATCH, restores=False)
BY_HAND = replace(WATCH, drive=Drive.ROLLBACK, steps=(), criteria=(), reason="users hurt")
"""A person's rollback: nothing is judged, and no step is taken."""
OBSERVE = replace(PLAN, restores=False)
"""`rollout start --observe`: shifts, and does not roll back by itself."""


def asks(
    *steps: int, on_timeout: Unapproved = Unapproved.ABORT, plan: Plan = PLAN, hours: float = 24.0
) -> Plan:
    """The plan, with an approval before each of these steps."""
    return replace(
        plan,
        approvals=tuple(
            Approval(before_step=s, timeout_s=3600 * hours, on_timeout=on_timeout) for s in steps
        ),
    )


PAGED = Criterion(
    name="p0-incident",
    measure=Incidents(
        open=incident_query("pagerduty", ("P0",), ("PABC123",)),
        priorities=("P0",),
        services=("PABC123",),
    ),
    fail_if=Limit(direction=Direction.ABOVE, value=0, text="0"),
    scope=Scope.SERVICE,
    min_samples=0,
)
"""No open incident of the highest priority."""
FIRING = Alarms(
    firing=alarm_query("cloudwatch_alarms", "firing", ("payments-*", "checkout-5xx"), ("ALARM",)),
    doubtful=alarm_query(
        "cloudwatch_alarms", "doubtful", ("payments-*", "checkout-5xx"), ("ALARM",)
    ),
    names=("payments-*", "checkout-5xx"),
    states=("ALARM",),
)
ALARMS = Criterion(
    name="alarms",
    measure=FIRING,
    fail_if=Limit(direction=Direction.ABOVE, value=0.0, text="0"),
    judge=Judge.PRESENCE,
    min_samples=0,
    settle_s=0.0,
)
"""No firing alarm of these names."""
CAREFUL = replace(PLAN, criteria=(criterion(), PAGED))
"""With the incidents of the service."""
FROZEN = Freeze(scope="agents-api", until=T0 + 7200, actor="carol", reason="launch day", at=T0 - 60)
SPARING = replace(FROZEN, rollbacks_too=True)
"""Not even guardian's own rollbacks."""


# --- entries, with the times out of the way ----------------------------------------------------


def held(
    why: HoldReason = HoldReason.PERSON, *, at: Instant = T0, actor: str | None = None
) -> Held:
    """A hold; `actor` as the real ones have it."""
    named = actor or ("bob" if why is HoldReason.PERSON else None)
    return Held(at=at, why=why, detail=f"because of {why.value}", actor=named)


def confirmed(weight: Weight = TEN, *, at: Instant = T0) -> WeightConfirmed:
    """A weight that was read back."""
    return WeightConfirmed(at=at, weight=weight)


RESUMED = Resumed(at=T0, detail="goes on")
BACK = RollbackStarted(at=T0, cause=Cause.BREACH, detail="too many errors")
DONE = Completed(at=T0, unproven=("error-rate",))

_TO_BAKING: tuple[Entry, ...] = (StepEntered(at=T0, step=0), confirmed())
_TO_LAST: tuple[Entry, ...] = (*_TO_BAKING, StepEntered(at=T0, step=1), confirmed(FULL))
_PATHS: dict[Phase, tuple[Entry, ...]] = {
    Phase.PENDING: (),
    Phase.SHIFTING: _TO_BAKING[:1],
    Phase.BAKING: _TO_BAKING,
    Phase.HELD: (*_TO_BAKING, held()),
    Phase.ROLLING_BACK: (*_TO_BAKING, BACK),
    Phase.ROLLED_BACK: (
        *_TO_BAKING,
        BACK,
        RollbackConfirmed(at=T0, by_guardian=True, detail="read back"),
    ),
    Phase.COMPLETED: (*_TO_LAST, DONE),
    Phase.RETIRED: (*_TO_LAST, DONE, PrimaryConfirmed(at=T0), Retired(at=T0, detail="old")),
    Phase.CANCELLED: (Cancelled(at=T0, detail="not now"),),
    Phase.SUPERSEDED: (Superseded(at=T0, detail="version 43"),),
}


def journal(*entries: Entry, plan: Plan = PLAN) -> tuple[Entry, ...]:
    """A whole journal: a start, and these."""
    return (RolloutStarted(at=T0, plan=plan), *entries)


def rollout(*entries: Entry, plan: Plan = PLAN) -> Rollout:
    """The state after a start and these entries."""
    return fold(journal(*entries, plan=plan))


def entries_to(phase: Phase, plan: Plan = PLAN) -> tuple[Entry, ...]:
    """What leads from the start to a phase; for a plan of one step, on that step."""
    if len(plan.steps) > 1:
        return _PATHS[phase]
    weight = plan.steps[0].weight
    skipped = (StepEntered(at=T0, step=1), confirmed(FULL))
    path = tuple(e for e in _PATHS[phase] if e not in skipped)
    return tuple(replace(e, weight=weight) if isinstance(e, WeightConfirmed) else e for e in path)


def in_phase(phase: Phase, *then: Entry, plan: Plan = PLAN) -> Rollout:
    """A rollout in a phase, everything at T0, and then these entries."""
    return rollout(*entries_to(phase, plan), *then, plan=plan)


def at_last_step(*then: Entry, plan: Plan = PLAN) -> Rollout:
    """A rollout that bakes at its last step."""
    return rollout(*(_TO_LAST if len(plan.steps) > 1 else entries_to(Phase.BAKING, plan)), *then,
                   plan=plan)  # fmt: skip


LEGAL: dict[type[Entry], Entry] = {
    type(entry): entry
    for entry in (
        *_PATHS[Phase.RETIRED],
        *_PATHS[Phase.ROLLED_BACK],
        *_PATHS[Phase.CANCELLED],
        *_PATHS[Phase.SUPERSEDED],
        held(),
        RESUMED,
        Sighted(at=T0),
        RollbackStuck(at=T0, level=1, detail="throttled"),
        TrafficSeen(at=T0, traffic=SPLIT),
        Approved(at=T0, step=0, actor="bob"),
        Waived(at=T0, criterion="error-rate", actor="bob"),
        Warned(at=T0, about=("slow",), detail="slow: it is"),
        WayBackSeen(at=T0, found=WayBack(problem="version 41 does not exist")),
        PromotionStuck(at=T0, detail="throttled"),
    )
}


# --- what a tick saw ---------------------------------------------------------------------------


def verdict(
    outcome: Outcome,
    name: str = "error-rate",
    *,
    over_limit: bool = False,
    blind_since: Instant | None = None,
) -> Verdict:
    """A verdict with just the evidence that decisions look at."""
    return Verdict(
        criterion=name,
        outcome=outcome,
        evidence=Evidence(limit=FIVE_PERCENT, over_limit=over_limit, blind_since=blind_since),
        why=f"{outcome.value} for a test",
    )


PASS, FAIL = verdict(Outcome.PASS), verdict(Outcome.FAIL)
FEW = verdict(Outcome.INCONCLUSIVE)
OVER = verdict(Outcome.INCONCLUSIVE, over_limit=True)


def blind(since: Instant = T0) -> Verdict:
    """A criterion that cannot be read since then."""
    return verdict(Outcome.ERROR, blind_since=since)


def reading(traffic: Traffic, *, stamped_by: str | None = None) -> Reading:
    """What the router shows, perhaps with a stamp."""
    stamp = None if stamped_by is None else Stamp(rollout=stamped_by, epoch=1, stable="41")
    return Reading(traffic=traffic, revision="rev-1", stamp=stamp)


def as_wished(state: Rollout) -> Reading:
    """The router shows the present step."""
    return reading(step_traffic(state.plan, max(0, state.step)), stamped_by=ROLLOUT_ID)


def saw(*verdicts: Verdict, minutes: float = 0.0, found: Traffic | None = None) -> Observation:
    """Verdicts, how many minutes after T0 were observed, and the traffic if it was read."""
    return Observation(
        verdicts=verdicts,
        observed_until=T0 + 60.0 * minutes,
        reading=None if found is None else reading(found),
    )


def answered(decision: Decision) -> tuple[str, ...]:
    """The orders that were answered, obeyed or refused, in that order."""
    return tuple(a.order for a in decision.answers)


def refusal(decision: Decision) -> str:
    """Why the one order was refused; it must have been, by a whole sentence."""
    (found,) = decision.answers
    assert decision.entry is None
    told = answer(found, "agents-api")
    assert len(told.refused.split()) >= 4, told
    return told.refused


def order(
    kind: OrderKind,
    *,
    at: Instant = T0,
    expect_step: int | None = None,
    name: str = "",
    full: bool = False,
    subject: str = "",
) -> Order:
    """What bob asks for."""
    return Order(
        id=name or f"o-{kind.value}",
        rollout=ROLLOUT_ID,
        kind=kind,
        actor="bob",
        reason="a test",
        at=at,
        expect_step=expect_step,
        full=full,
        subject=subject,
    )


def check_traffic(rollout: Rollout, traffic: Traffic) -> None:
    """Only versions that the rollout or its snapshot names ever receive traffic from guardian."""
    plan = rollout.plan
    assert not unknown_versions(plan, traffic), "traffic was sent to a stranger"
    rises = traffic.share(plan.canary) > plan.found.share(plan.canary)
    assert plan.drive is not Drive.WATCH or not rises, "a watch raised the canary's weight"
