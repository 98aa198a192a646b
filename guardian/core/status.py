"""The immutable picture of a rollout that commands, messages and metrics render."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.model import MINUTE_S, Instant
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import HoldReason
from guardian.core.rollout.machine import Hold, Phase, Rollout
from guardian.core.rollout.preconditions import approval_due, approval_of, unknown
from guardian.core.rollout.progress import (
    Observation,
    baked_at,
    calm_until,
    freeze_detail,
    observed_s,
    short_of_pass,
    waited_s,
)
from guardian.core.traffic import Traffic, Weight
from guardian.core.verdict import Verdict
from guardian.core.wording import hour_minute, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One rollout at one instant, ready to be shown."""

    at: Instant
    rollout: str
    service: str
    environment: str
    target: str
    drive: Drive
    phase: Phase
    stable: str
    canary: str
    step: int
    """Counted from 1; 0 before the first."""
    steps: int
    weight: Weight
    """The canary's weight as last read back."""
    wanted: Weight
    """The weight that the present step asks for."""
    held: HoldReason | None
    observed_min: float
    bake_min: float
    waited_min: float
    verdicts: tuple[Verdict, ...]
    traffic: Traffic | None
    """As last read; None when it could not be read."""
    trouble: str
    """The last error in the way, if any."""
    unproven: tuple[str, ...]
    waiting_for: str
    """One sentence: why nothing moves, or what comes next."""
    seq: int = 0
    """How many entries were recorded."""
    started_at: Instant = 0.0
    entered_at: Instant | None = None
    """When the present step was entered."""
    phase_since: Instant = 0.0
    restores: bool = True
    """Whether a breach is rolled back; False for a gate and under `--observe`."""
    hold_detail: str = ""
    """Why it is held, as recorded; empty when it is not."""
    held_since: Instant | None = None
    resume_to: Phase | None = None
    """Where a hold leads back to; `rolling_back` for a rollback that was stopped."""
    approval_due: Instant | None = None
    """Until when an approval is waited for, while one is."""
    approved: tuple[int, ...] = ()
    """Steps that a person agreed to, counted from 1."""
    waived: tuple[str, ...] = ()
    """Criteria that count no longer."""
    frozen: str = ""
    """Who froze advances until when and why; empty without a freeze."""
    rollbacks_frozen: bool = False
    """The freeze forbids guardian's own rollbacks as well."""
    stuck: bool = False
    """People were paged because a rollback or a promotion is not confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found when a rollout was last judged: for whoever does not judge it."""

    rollout: str
    at: Instant
    waiting_for: str
    verdicts: tuple[Verdict, ...]


def confirmed_weight(rollout: Rollout) -> Weight:
    """The canary's weight as last read back, by the journal."""
    plan = rollout.plan
    if rollout.phase is Phase.ROLLED_BACK:
        return plan.snapshot.traffic.share(plan.canary)
    if plan.drive is Drive.ROLLOUT and rollout.confirmed:
        return rollout.weights[-1][1]
    return live_traffic(rollout).share(plan.canary)


def live_traffic(rollout: Rollout) -> Traffic:
    """What a rollout that guardian has not moved leaves as it is, by the journal."""
    return rollout.traffic if rollout.plan.drive is Drive.WATCH else rollout.plan.found


def picture(
    rollout: Rollout, seen: Observation, now: Instant, *, traffic: Traffic | None
) -> Picture:
    """The picture of `rollout` at `now`."""
    plan, step = rollout.plan, rollout.current_step
    weight = traffic.share(plan.canary) if traffic is not None else confirmed_weight(rollout)
    return Picture(
        at=now,
        rollout=plan.rollout,
        service=plan.service,
        environment=plan.environment,
        target=plan.target,
        drive=plan.drive,
        phase=rollout.phase,
        stable=plan.stable,
        canary=plan.canary,
        step=rollout.step + 1,
        steps=len(plan.steps),
        weight=weight,
        wanted=step.weight if step and plan.drive is Drive.ROLLOUT else weight,
        held=rollout.hold.why if rollout.hold else None,
        observed_min=observed_s(rollout, seen) / MINUTE_S,
        bake_min=step.bake_s / MINUTE_S if step else 0.0,
        waited_min=waited_s(rollout, now) / MINUTE_S,
        verdicts=seen.verdicts,
        traffic=traffic,
        trouble=seen.trouble or rollout.way_back.problem,
        unproven=rollout.completed.unproven if rollout.completed else (),
        waiting_for=_waiting_for(rollout, seen),
        seq=rollout.seq,
        started_at=rollout.started_at,
        entered_at=rollout.entered_at,
        phase_since=rollout.phase_since,
        restores=plan.restores,
        hold_detail=rollout.hold.detail if rollout.hold else "",
        held_since=rollout.hold.since if rollout.hold else None,
        resume_to=rollout.hold.resume_to if rollout.hold else None,
        approval_due=approval_due(rollout),
        approved=tuple(step + 1 for step in rollout.approved),
        waived=rollout.waived,
        frozen=freeze_detail(seen.freeze) if seen.freeze else "",
        rollbacks_frozen=seen.freeze is not None and seen.freeze.rollbacks_too,
        stuck=_stuck(rollout),
    )


def _stuck(rollout: Rollout) -> bool:
    if rollout.phase is Phase.ROLLING_BACK:
        return rollout.stuck_level > 0
    return rollout.phase is Phase.COMPLETED and rollout.live and rollout.promotion_stuck


def _waiting_for(rollout: Rollout, seen: Observation) -> str:
    plan, step = rollout.plan, rollout.current_step
    match rollout.phase:
        case Phase.PENDING:
            return _pending_for(rollout, seen)
        case Phase.SHIFTING if plan.drive is Drive.WATCH:
            return "the first look at the traffic"
        case Phase.SHIFTING:
            weight = step.weight if step else ""
            return f"the router to show {weight} ({seen.trouble or 'shift asked for'})"
        case Phase.HELD:
            return f"held: {_held_for(plan, rollout.hold)}" if rollout.hold else "held"
        case Phase.ROLLING_BACK if rollout.kept_back:
            return (
                f"the end of the watch: {plan.snapshot.traffic} is back, and is put back again"
                " should somebody else shift it"
            )
        case Phase.ROLLING_BACK:
            return f"the router to show {plan.snapshot.traffic} ({seen.trouble or 'asked for'})"
        case Phase.COMPLETED if rollout.live:
            return f"the router to show {plan.canary} 100% ({seen.trouble or 'asked for'})"
        case Phase.BAKING:
            return _baking_for(rollout, seen)
        case _:
            return ""


def _held_for(plan: Plan, hold: Hold) -> str:
    if hold.sighted_at is None:
        return hold.detail
    until = calm_until(plan, hold, hold.sighted_at)
    return (
        f"the metrics can be read again since {moment(hold.sighted_at)}; it goes on at"
        f" {moment(until)} if that lasts"
    )


def _pending_for(rollout: Rollout, seen: Observation) -> str:
    unasked = rollout.plan.drive is Drive.ROLLOUT and unknown(rollout, seen)
    if seen.reading is not None and unasked:
        return f"word of open incidents ({', '.join(unasked)})"
    return "the first look at the traffic"


def _baking_for(rollout: Rollout, seen: Observation) -> str:
    step = rollout.current_step
    bake_min = step.bake_s / MINUTE_S if step else 0.0
    observed_min = observed_s(rollout, seen) / MINUTE_S
    short = [v.criterion for v in short_of_pass(rollout, seen.verdicts)]
    if observed_min < bake_min:
        due = hour_minute(baked_at(rollout))
        return f"{observed_min:.0f} of {bake_min:.0f} minutes observed, all by about {due}"
    if short:
        return f"evidence for {', '.join(short)}"
    nexts = rollout.step + 1
    if seen.freeze is not None and rollout.plan.drive is Drive.ROLLOUT:
        return f"the end of a freeze: {freeze_detail(seen.freeze)}"
    if approval_of(rollout.plan, nexts) is not None and nexts not in rollout.approved:
        return f"an approval of step {nexts + 1}"
    return "the next step"
