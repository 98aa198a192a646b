"""How one rollout stands: the value that commands, messages and metrics render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from guardian.core.model import MINUTE_S, Instant
from guardian.core.plan import Drive, Plan
from guardian.core.rollout import progress
from guardian.core.rollout.entries import Entry, Freeze, HoldReason, Order
from guardian.core.rollout.machine import Hold, Phase, Rollout
from guardian.core.rollout.preconditions import approval_of, kinds_of, unknown
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import Traffic, Weight
from guardian.core.verdict import Verdict
from guardian.core.wording import hour_minute, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """One rollout at one instant: as the journal has it, and as whoever judges it saw it last."""

    at: Instant
    rollout: Rollout
    waiting_for: str = ""
    """One sentence: why nothing moves, or what comes next."""
    verdicts: tuple[Verdict, ...] = ()
    """The newest ones."""
    judged_at: Instant | None = None
    """When they were."""
    observed_min: float = 0.0
    """Of the present bake; only whoever judges it knows."""
    traffic: Traffic | None = None
    """As last read; None when it could not be read, and where the journal alone was asked."""
    freeze: Freeze | None = None
    """The one that is in force for its service."""
    driver: str | None = None
    """Who drives it, for whoever does not."""
    orders: tuple[Order, ...] = ()
    """Those that wait."""
    entries: tuple[Entry, ...] = ()
    """All that was recorded, where the journal was asked."""

    @property
    def id(self) -> str:
        """The rollout's id."""
        return self.rollout.plan.rollout

    @property
    def plan(self) -> Plan:
        """What the rollout is to do."""
        return self.rollout.plan

    @property
    def weight(self) -> Weight:
        """The canary's weight as last read back."""
        if self.traffic is not None:
            return self.traffic.share(self.plan.canary)
        return confirmed_weight(self.rollout)

    @property
    def wanted(self) -> Weight:
        """The weight that the present step asks for."""
        step = self.rollout.current_step
        return step.weight if step and self.plan.drive is Drive.ROLLOUT else self.weight

    @property
    def step(self) -> int:
        """Counted from 1; 0 before the first."""
        return self.rollout.step + 1

    @property
    def bake_min(self) -> float:
        """How long the present step is to be observed."""
        step = self.rollout.current_step
        return step.bake_s / MINUTE_S if step else 0.0

    @property
    def awaits_approval_of(self) -> int | None:
        """The step, counted from 1, that waits for a person's approval."""
        hold = self.rollout.hold
        return self.step + 1 if hold is not None and hold.why is HoldReason.APPROVAL else None


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


def status_of(
    rollout: Rollout, seen: Observation, now: Instant, *, traffic: Traffic | None
) -> RolloutStatus:
    """How `rollout` stands at `now` for whoever judges it."""
    return RolloutStatus(
        at=now,
        rollout=rollout,
        waiting_for=_waiting_for(rollout, seen),
        verdicts=seen.verdicts,
        judged_at=now,
        observed_min=progress.observed_s(rollout, seen) / MINUTE_S,
        traffic=traffic,
        freeze=seen.freeze,
        orders=seen.orders,
    )


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
        case (
            Phase.COMPLETED | Phase.ROLLED_BACK | Phase.RETIRED | Phase.CANCELLED | Phase.SUPERSEDED
        ):
            return ""
    assert_never(rollout.phase)


def _held_for(plan: Plan, hold: Hold) -> str:
    if hold.sighted_at is None:
        return hold.detail
    until = progress.calm_until(plan, hold, hold.sighted_at)
    return (
        f"the metrics can be read again since {moment(hold.sighted_at)}; it goes on at"
        f" {moment(until)} if that lasts"
    )


def _pending_for(rollout: Rollout, seen: Observation) -> str:
    unasked = rollout.plan.drive is Drive.ROLLOUT and unknown(rollout, seen)
    if seen.reading is not None and unasked:
        what = " and ".join(f"{kind.any_of}s" for kind in kinds_of(rollout.plan, unasked))
        return f"word of {what} ({', '.join(unasked)})"
    return "the first look at the traffic"


def _baking_for(rollout: Rollout, seen: Observation) -> str:
    step = rollout.current_step
    bake_min = step.bake_s / MINUTE_S if step else 0.0
    observed_min = progress.observed_s(rollout, seen) / MINUTE_S
    short = [v.criterion for v in progress.short_of_pass(rollout, seen.verdicts)]
    if observed_min < bake_min:
        due = hour_minute(progress.baked_at(rollout))
        return f"{observed_min:.0f} of {bake_min:.0f} minutes observed, all by about {due}"
    if short:
        return f"evidence for {', '.join(short)}"
    nexts = rollout.step + 1
    if seen.freeze is not None and rollout.plan.drive is Drive.ROLLOUT:
        return f"the end of a freeze: {progress.freeze_detail(seen.freeze)}"
    if approval_of(rollout.plan, nexts) is not None and nexts not in rollout.approved:
        return f"an approval of step {nexts + 1}"
    return "the next step"
