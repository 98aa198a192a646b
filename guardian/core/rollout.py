"""THE STATE MACHINE of a rollout: what can happen, what follows, and nothing else.

Three rules hold here.

1. A rollout's state is the fold of its journal entries; `apply` is the only door.
2. Every move is a row of `TRANSITIONS`. A pair without a row raises `IllegalEntry` and changes
   nothing: an illegal entry is a bug or a damaged journal, and is never repaired in silence.
3. This module does not know why an entry is written. `decide` chooses; `apply` only checks that
   the choice is possible and remembers what later choices need.

`pending` has moved nothing. `shifting` has asked the router for a weight and waits until the
router's read-back equals the wish. `baking` collects evidence at a confirmed weight. `held` stops
advancing, writes nothing, and remembers where to resume; criteria are still judged in it.
`rolling_back` puts the recorded stable state back and has no exit but confirmation, a person, or
somebody else's change. The rest are ends; `completed` alone can still be taken back, by a person,
until it is retired. The diagram in docs/rollout.md is generated from the table below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from guardian.core.entries import (
    Cancelled,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    PrimaryConfirmed,
    Resumed,
    Retired,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    StepEntered,
    Superseded,
    WeightConfirmed,
)
from guardian.core.model import Instant, Step, Traffic
from guardian.core.plan import Drive, Plan


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


# --- the table ---------------------------------------------------------------------------------

_P = Phase
REMEMBERED = None
"""In the table: back to the phase in which the hold began."""

TRANSITIONS: dict[tuple[Phase, type[Entry]], Phase | None] = {
    (_P.PENDING, StepEntered): _P.SHIFTING,
    (_P.PENDING, Held): _P.HELD,
    (_P.PENDING, RollbackStarted): _P.ROLLING_BACK,
    (_P.PENDING, Cancelled): _P.CANCELLED,
    (_P.PENDING, Superseded): _P.SUPERSEDED,
    (_P.SHIFTING, WeightConfirmed): _P.BAKING,
    (_P.SHIFTING, Held): _P.HELD,
    (_P.SHIFTING, RollbackStarted): _P.ROLLING_BACK,
    (_P.SHIFTING, GateFailed): _P.CANCELLED,
    (_P.SHIFTING, Cancelled): _P.CANCELLED,
    (_P.SHIFTING, Superseded): _P.SUPERSEDED,
    (_P.BAKING, StepEntered): _P.SHIFTING,
    (_P.BAKING, Completed): _P.COMPLETED,
    (_P.BAKING, Held): _P.HELD,
    (_P.BAKING, RollbackStarted): _P.ROLLING_BACK,
    (_P.BAKING, GateFailed): _P.CANCELLED,
    (_P.BAKING, Cancelled): _P.CANCELLED,
    (_P.BAKING, Superseded): _P.SUPERSEDED,
    (_P.HELD, Resumed): REMEMBERED,
    (_P.HELD, Held): _P.HELD,
    (_P.HELD, StepEntered): _P.SHIFTING,
    (_P.HELD, Completed): _P.COMPLETED,
    (_P.HELD, RollbackStarted): _P.ROLLING_BACK,
    (_P.HELD, GateFailed): _P.CANCELLED,
    (_P.HELD, Cancelled): _P.CANCELLED,
    (_P.HELD, Superseded): _P.SUPERSEDED,
    (_P.ROLLING_BACK, RollbackStuck): _P.ROLLING_BACK,
    (_P.ROLLING_BACK, RollbackConfirmed): _P.ROLLED_BACK,
    (_P.ROLLING_BACK, Held): _P.HELD,
    (_P.ROLLING_BACK, Superseded): _P.SUPERSEDED,
    (_P.COMPLETED, PrimaryConfirmed): _P.COMPLETED,
    (_P.COMPLETED, RollbackStarted): _P.ROLLING_BACK,
    (_P.COMPLETED, Superseded): _P.SUPERSEDED,
    (_P.COMPLETED, Retired): _P.RETIRED,
}


class IllegalEntry(Exception):
    """An entry that the present state does not allow: a bug, or a damaged journal."""


# --- the state ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why, since when, and where to resume."""

    why: HoldReason
    since: Instant
    detail: str
    resume_to: Phase
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The state of one rollout: the fold of its entries."""

    plan: Plan
    phase: Phase
    seq: int
    """How many entries were folded."""
    started_at: Instant
    last_at: Instant
    step: int = -1
    """Index into `plan.steps`; -1 before the first."""
    entered_at: Instant | None = None
    confirmed: tuple[tuple[int, Instant], ...] = ()
    """Each (step, time) whose weight was read back, in order."""
    hold: Hold | None = None
    person_held_s: float = 0.0
    """Seconds of the present bake that a person held; `max_bake` does not count them."""
    rollback: RollbackStarted | None = None
    stuck_level: int = 0
    completed: Completed | None = None
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


# --- the door ----------------------------------------------------------------------------------


def start(entry: Entry) -> Rollout:
    """The state after the first entry, which must be `RolloutStarted`."""
    if not isinstance(entry, RolloutStarted):
        raise IllegalEntry(f"a rollout begins with RolloutStarted, not {type(entry).__name__}")
    return Rollout(
        plan=entry.plan, phase=Phase.PENDING, seq=1, started_at=entry.at, last_at=entry.at
    )


def apply(rollout: Rollout, entry: Entry) -> Rollout:
    """The state after `entry`; raises IllegalEntry, and then nothing has changed."""
    key = (rollout.phase, type(entry))
    if key not in TRANSITIONS:
        raise IllegalEntry(f"{type(entry).__name__} is not possible in {rollout.phase.value}")
    _guard(rollout, entry)
    phase = TRANSITIONS[key]
    if phase is REMEMBERED:
        assert rollout.hold is not None  # noqa: S101 - a held rollout always has its hold
        phase = rollout.hold.resume_to
    after = replace(
        rollout, phase=phase, seq=rollout.seq + 1, last_at=max(entry.at, rollout.last_at)
    )
    return _remember(rollout, entry, _leave_hold(rollout, after))


def fold(entries: Iterable[Entry]) -> Rollout:
    """The state after a whole journal; raises IllegalEntry on an empty or impossible one."""
    state: Rollout | None = None
    for entry in entries:
        state = start(entry) if state is None else apply(state, entry)
    if state is None:
        raise IllegalEntry("a rollout begins with RolloutStarted, and there are no entries")
    return state


def _guard(rollout: Rollout, entry: Entry) -> None:
    """What a row of the table cannot say."""
    match entry:
        case StepEntered(step=step) if step != rollout.step + 1 or step >= len(rollout.plan.steps):
            raise IllegalEntry(f"step {step} does not follow step {rollout.step}")
        case WeightConfirmed(weight=weight) if weight != rollout.plan.steps[rollout.step].weight:
            raise IllegalEntry(f"step {rollout.step} does not ask for {weight}")
        case Completed() if not rollout.last_step or rollout.step_confirmed_at is None:
            raise IllegalEntry("only the last step, at its confirmed weight, can complete")
        case Cancelled() | GateFailed() if rollout.moved:
            raise IllegalEntry("traffic was moved: it can only be rolled back")
        case RollbackStarted(actor=actor) if not (
            rollout.plan.restores or (rollout.moved and actor is not None)
        ):
            raise IllegalEntry("this rollout has nothing to restore")
        case _:
            return


def _leave_hold(before: Rollout, after: Rollout) -> Rollout:
    """Close a hold that ends here, and book a person's part of it."""
    if before.hold is None:
        return after
    held = after.last_at - before.hold.since if before.hold.why is HoldReason.PERSON else 0.0
    return replace(after, hold=None, person_held_s=before.person_held_s + held)


def _remember(before: Rollout, entry: Entry, after: Rollout) -> Rollout:
    """What later decisions need to know of this entry."""
    at = after.last_at
    match entry:
        case StepEntered():
            return replace(after, step=entry.step, entered_at=at, person_held_s=0.0)
        case WeightConfirmed():
            confirmed = (*before.confirmed, (before.step, at))
            return replace(after, confirmed=confirmed, person_held_s=0.0)
        case Held():
            return replace(after, hold=_held(before, entry, at))
        case RollbackStarted():
            return replace(after, rollback=replace(entry, at=at), stuck_level=0)
        case RollbackStuck():
            return replace(after, stuck_level=entry.level)
        case Completed():
            return replace(after, completed=entry)
        case PrimaryConfirmed():
            return replace(after, primary_confirmed=True)
        case RollbackConfirmed() | GateFailed() | Cancelled() | Superseded() | Retired():
            return replace(after, end=entry)
        case _:
            return after


def _held(before: Rollout, entry: Held, at: Instant) -> Hold:
    """The hold, and where it resumes: after a conflict the weight has to be confirmed anew."""
    resume_to = before.hold.resume_to if before.hold else before.phase
    if entry.why is HoldReason.CONFLICT and resume_to is Phase.BAKING:
        resume_to = Phase.SHIFTING
    return Hold(
        why=entry.why, since=at, detail=entry.detail, resume_to=resume_to, actor=entry.actor
    )
