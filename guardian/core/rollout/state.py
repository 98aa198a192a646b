"""The state of one rollout: its phase, its hold, and what later decisions need to remember."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from guardian.core.model import Instant
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import Cause, Completed, Entry, HoldReason, RollbackStarted
from guardian.core.traffic import FULL, NONE, Step, Traffic, WayBack, Weight
from guardian.core.verdict import Verdict


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


ORDERED = frozenset({Cause.ABORTED, Cause.INTERRUPTED})
"""Causes of rollbacks that a person stands behind."""
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
    def has_own_timeout(self) -> bool:
        """Whether it has an end of its own, and `max_hold` does not count it."""
        return self.why in (HoldReason.APPROVAL, HoldReason.FREEZE)

    @property
    def rollback_withheld(self) -> bool:
        """Whether a freeze stands in the way of a rollback that guardian would have made."""
        if self.actor is None:
            return False
        back = self.why is HoldReason.FREEZE and self.resume_to is Phase.ROLLING_BACK
        return back or self.why is HoldReason.BREACH


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The state of one rollout: the fold of its entries."""

    plan: Plan
    """As journalled; from the first step on with what was pre-existing taken into account."""
    phase: Phase
    seq: int
    """How many entries were folded."""
    started_at: Instant
    last_at: Instant
    phase_since: Instant = 0.0
    """Since when it is in its phase: entered, or gone back to after a hold."""
    step: int = -1
    """Index into `plan.steps`; -1 before the first."""
    moving_since: Instant = 0.0
    """When the first step was entered: no write was sent before it, one may have been since."""
    confirmed: tuple[tuple[int, Instant], ...] = ()
    """Each (step, time) whose weight was read back, in order."""
    seen: tuple[tuple[Instant, Traffic], ...] = ()
    """Each (time, traffic) to which somebody else shifted under a watch, in order."""
    hold: Hold | None = None
    person_held_s: float = 0.0
    """Seconds of the present bake that people held: by order, for approval, or by a freeze.

    `max_bake` does not count them.
    """
    held_s: float = 0.0
    """Seconds of the present step in holds that are over and that `max_hold` counts."""
    resumed_at: Instant | None = None
    """When a person last resumed it: what patience has an end begins anew there."""
    ails_known: bool = False
    """Whether a person resumed a hold for what stable breaks: it begins, by comparison."""
    approved: tuple[int, ...] = ()
    """The steps that a person agreed to, counted from 0."""
    waived: tuple[str, ...] = ()
    """The criteria that count no longer, by a person's order."""
    warned: tuple[str, ...] = ()
    """The criteria that people were warned about."""
    stable: tuple[Verdict, ...] = ()
    """How stable itself stood by the criteria, just before the first shift."""
    way_back: WayBack = field(default_factory=WayBack)
    """Whether stable can take the traffic back, as people were told."""
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
    def traffic(self) -> Traffic:
        """What the router shall report: the step's; what was last seen, where there is none."""
        if self.seen:
            return self.seen[-1][1]
        return step_traffic(self.plan, self.step) if self.step >= 0 else self.plan.found

    @property
    def weights(self) -> tuple[tuple[Instant, Weight], ...]:
        """Time and canary weight of every shift that was read back, in order."""
        plan = self.plan
        known = {at: step_traffic(plan, step) for step, at in self.confirmed}
        for at, traffic in self.seen if self.confirmed else ():
            known[max(at, self.confirmed[0][1])] = traffic
        return tuple((at, traffic.share(plan.canary)) for at, traffic in sorted(known.items()))

    @property
    def beside(self) -> bool:
        """Whether somebody else shifts under a watch, and may shift again."""
        plan = self.plan
        split = NONE < plan.found.share(plan.canary) < FULL
        return plan.drive is Drive.WATCH and bool(plan.criteria) and (split or bool(self.seen))

    @property
    def guards_rollback(self) -> bool:
        """Whether a rollback counts only when it has stayed until the watch's time is over."""
        return self.beside and self.rollback is not None and self.rollback.cause not in ORDERED

    @property
    def kept_back(self) -> bool:
        """Whether traffic is back already, and is put back again should somebody shift it."""
        under_way = self.guards_rollback and self.phase is Phase.ROLLING_BACK
        return under_way and self.traffic == self.plan.snapshot.traffic

    @property
    def watched_until(self) -> Instant:
        """When a watch's time is over, at the latest."""
        began = self.confirmed[0][1] if self.confirmed else self.started_at
        return began + self.plan.steps[0].max_bake_s

    @property
    def unconfirmed_since(self) -> Instant:
        """Since when the traffic of the present phase is not as it shall be."""
        if self.kept_back:
            return self.watched_until
        moved = self.seen[-1][0] if self.seen and self.guards_rollback else self.phase_since
        return max(moved, self.phase_since)

    @property
    def current_step(self) -> Step | None:
        """The present step, or None before the first."""
        return self.plan.steps[self.step] if self.step >= 0 else None

    @property
    def last_step(self) -> bool:
        """Whether there is no step after the present one."""
        return self.step == len(self.plan.steps) - 1

    @property
    def rollback_withheld(self) -> bool:
        """Whether a freeze stands in the way of a rollback that guardian would have made."""
        return self.hold is not None and self.hold.rollback_withheld

    @property
    def moved(self) -> bool:
        """Whether guardian may have moved traffic."""
        return self.plan.drive is Drive.ROLLOUT and self.step >= 0

    @property
    def never_seen(self) -> bool:
        """Whether guardian was to move traffic, and no shift of its was ever read back."""
        return self.plan.drive is Drive.ROLLOUT and not self.confirmed

    @property
    def leads_to(self) -> Phase:
        """The phase that it is in, or goes back to when its hold is over."""
        return self.phase if self.hold is None else self.hold.resume_to

    @property
    def returning(self) -> bool:
        """Whether a rollback is under way, also one that a person or a freeze stopped for now."""
        return self.leads_to is Phase.ROLLING_BACK

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
