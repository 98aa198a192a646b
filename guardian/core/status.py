"""The immutable picture of a rollout that commands, messages and metrics render."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.entries import HoldReason
from guardian.core.model import MINUTE_S, Instant, Traffic, Verdict, Weight
from guardian.core.plan import Drive
from guardian.core.rollout import Phase, Rollout, step_traffic
from guardian.core.standing import Seen, observed_s, short_of_pass, waited_s


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


def confirmed_weight(rollout: Rollout) -> Weight:
    """The canary's weight as last read back, by the journal."""
    plan = rollout.plan
    if rollout.phase is Phase.ROLLED_BACK:
        return plan.snapshot.traffic.share(plan.canary)
    if rollout.confirmed:
        return step_traffic(plan, rollout.confirmed[-1][0]).share(plan.canary)
    return plan.found.share(plan.canary)


def picture(rollout: Rollout, seen: Seen, now: Instant, *, traffic: Traffic | None) -> Picture:
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
        wanted=step.weight if step else weight,
        held=rollout.hold.why if rollout.hold else None,
        observed_min=observed_s(rollout, seen.observed_until) / MINUTE_S,
        bake_min=step.bake_s / MINUTE_S if step else 0.0,
        waited_min=waited_s(rollout, now) / MINUTE_S,
        verdicts=seen.verdicts,
        traffic=traffic,
        trouble=seen.trouble,
        unproven=rollout.completed.unproven if rollout.completed else (),
        waiting_for=_waiting_for(rollout, seen),
    )


def _waiting_for(rollout: Rollout, seen: Seen) -> str:
    plan, step = rollout.plan, rollout.current_step
    match rollout.phase:
        case Phase.PENDING:
            return "the first look at the traffic"
        case Phase.SHIFTING if plan.drive is Drive.WATCH:
            return "the first look at the traffic"
        case Phase.SHIFTING:
            weight = step.weight if step else ""
            return f"the router to show {weight} ({seen.trouble or 'shift asked for'})"
        case Phase.HELD:
            return f"held: {rollout.hold.detail}" if rollout.hold else "held"
        case Phase.ROLLING_BACK:
            return f"the router to show {plan.snapshot.traffic} ({seen.trouble or 'asked for'})"
        case Phase.BAKING:
            return _baking_for(rollout, seen)
        case _:
            return ""


def _baking_for(rollout: Rollout, seen: Seen) -> str:
    step = rollout.current_step
    bake_min = step.bake_s / MINUTE_S if step else 0.0
    observed_min = observed_s(rollout, seen.observed_until) / MINUTE_S
    short = [v.criterion for v in short_of_pass(rollout.plan, seen.verdicts)]
    if observed_min < bake_min:
        return f"{observed_min:.0f} of {bake_min:.0f} minutes observed"
    if short:
        return f"evidence for {', '.join(short)}"
    return "the next step"
