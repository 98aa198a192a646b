"""The state of one rollout: its phase, its hold, and what later decisions need to remember."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from guardian.core.entries import Completed, Entry, HoldReason, RollbackStarted
from guardian.core.model import Instant
from guardian.core.plan import Drive, Plan
from guardian.core.traffic import Step, Traffic


class Phase(Enum):
    """Where a rollout is."""

    PENDING = "pending"
    SHIFTING = "shifting"
    BAKING = "baking"
    HELD = "held"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    RETIRED = "retired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


LIVE = frozenset({Phase.PENDING, Phase.SHIFTING, Phase.BAKING, Phase.HELD, Phase.ROLLING_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why, since when, and where to resume."""

    why: HoldReason
    since: Instant
    detail: str
    resume_to: Phase
    actor: str | None = None
    failed: tuple[str, ...] = ()
    """The criteria whose breach it was written for."""
    blind_paged: bool = False
    """People were paged for blindness; over when the hold is."""
    blind_since: Instant = 0.0
    """Of a hold for blindness: when that began, whatever was seen in between."""
    sighted_at: Instant | None = None
    """Of a hold for blindness: since when all can be seen again; None while it cannot."""

    @property
    def patient(self) -> bool:
        """Whether it has an end of its own, and `max_hold` does not count it."""
        return self.why in (HoldReason.APPROVAL, HoldReason.FREEZE)

    @property
    def spared(self) -> bool:
        """Whether a freeze stands in the way of a rollback that guardian would have made."""
        if self.actor is None:
            return False
        back = self.why is HoldReason.FREEZE and self.resume_to is Phase.ROLLING_BACK
        return back or self.why is HoldReason.BREACH


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The state of one rollout: the fold of its entries."""

    plan: Plan
    phase: Phase
    seq: int
    """How many entries were folded."""
    started_at: Instant
    last_at: Instant
    phase_since: Instant = 0.0
    """Since when it is in its phase: entered, or gone back to after a hold."""
    step: int = -1
    """Index into `plan.steps`; -1 before the first."""
    entered_at: Instant | None = None
    moving_since: Instant = 0.0
    """When the first step was entered: no write was sent before it, one may have been since."""
    confirmed: tuple[tuple[int, Instant], ...] = ()
    """Each (step, time) whose weight was read back, in order."""
    hold: Hold | None = None
    person_held_s: float = 0.0
    """Seconds of the present bake that people held: by order, for approval, or by a freeze.

    `max_bake` does not count them.
    """
    held_s: float = 0.0
    """Seconds of the present step in holds that are over and that `max_hold` counts."""
    resumed_at: Instant | None = None
    """When a person last resumed it: what patience has an end begins anew there."""
    approved: tuple[int, ...] = ()
    """The steps that a person agreed to, counted from 0."""
    waived: tuple[str, ...] = ()
    """The criteria that count no longer, by a person's order."""
    warned: tuple[str, ...] = ()
    """The criteria that people were warned about."""
    rollback: RollbackStarted | None = None
    stuck_level: int = 0
    completed: Completed | None = None
    promotion_stuck: bool = False
    """People were paged because the router did not show the promotion."""
    primary_confirmed: bool = False
    end: Entry | None = None
    """The entry that ended it, if one did."""

    @property
    def first_shift_at(self) -> Instant | None:
        """When the first weight was confirmed; evidence counts from there."""
        return self.confirmed[0][1] if self.confirmed else None

    @property
    def step_confirmed_at(self) -> Instant | None:
        """When the present step's weight was confirmed."""
        if self.confirmed and self.confirmed[-1][0] == self.step:
            return self.confirmed[-1][1]
        return None

    @property
    def current_step(self) -> Step | None:
        """The present step, or None before the first."""
        return self.plan.steps[self.step] if self.step >= 0 else None

    @property
    def last_step(self) -> bool:
        """Whether there is no step after the present one."""
        return self.step == len(self.plan.steps) - 1

    @property
    def moved(self) -> bool:
        """Whether guardian may have moved traffic."""
        return self.plan.drive is Drive.ROLLOUT and self.step >= 0

    @property
    def returning(self) -> bool:
        """Whether a rollback is under way, also one that a person or a freeze stopped for now."""
        phase = self.phase if self.hold is None else self.hold.resume_to
        return phase is Phase.ROLLING_BACK

    @property
    def live(self) -> bool:
        """Whether guardian still has something to do: a live phase, or an unread promotion."""
        if self.phase is Phase.COMPLETED:
            return self.plan.drive is Drive.ROLLOUT and not self.primary_confirmed
        return self.phase in LIVE


def step_traffic(plan: Plan, step: int) -> Traffic:
    """What the router shall report at a step: stable plus canary; for a watch, what was found."""
    if plan.drive is Drive.WATCH:
        return plan.found
    return Traffic(primary=plan.stable, secondary=plan.canary, weight=plan.steps[step].weight)
