"""THE STATE MACHINE of a rollout: what can happen, what follows, and nothing else.

Three rules hold here.

1. A rollout's state is the fold of its journal entries; `apply` is the only door.
2. Every move is a row of `TRANSITIONS`. A pair without a row raises `IllegalEntry` and changes
   nothing: an illegal entry is a bug or a damaged journal, and is never repaired in silence.
3. This module does not know why an entry is written. `decide` chooses; `apply` only checks that
   the choice is possible and remembers what later choices need.

`pending` has moved nothing. `shifting` has asked the router for a weight and waits until the
router's read-back equals what is desired. `baking` collects evidence at a confirmed weight. `held`
stops advancing, writes nothing, and remembers where to resume; criteria are still judged in it.
`rolling_back` puts the recorded stable state back and has no exit but confirmation, a person (by an
order, or by a freeze that spares nothing), or somebody else's change. The rest are ends;
`completed` alone can still be taken back, by an order, until it is retired. The diagram in
docs/rollout.md is generated from the table below.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import assert_never

from guardian.core.model import Instant, OnFail
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
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
from guardian.core.rollout.pre_existing import bearing
from guardian.core.rollout.state import LIVE, Hold, Phase, Rollout, step_traffic
from guardian.core.verdict import Outcome

__all__ = [
    "LIVE",
    "REMEMBERED",
    "TRANSITIONS",
    "Hold",
    "IllegalEntry",
    "Phase",
    "Rollout",
    "apply",
    "criteria_of",
    "fold",
    "of_blindness",
    "start",
    "step_traffic",
]


# --- the table ---------------------------------------------------------------------------------

_P = Phase
_FORWARD = (_P.PENDING, _P.SHIFTING, _P.BAKING, _P.HELD)
REMEMBERED = None
"""In the table: back to the phase in which the hold began."""

_LEADS: dict[type[Entry], tuple[Phase | None, tuple[Phase, ...]]] = {
    StepEntered: (_P.SHIFTING, (_P.PENDING, _P.BAKING, _P.HELD)),
    WeightConfirmed: (_P.BAKING, (_P.SHIFTING,)),
    Held: (_P.HELD, (_P.PENDING, _P.SHIFTING, _P.BAKING, _P.HELD, _P.ROLLING_BACK)),
    Resumed: (REMEMBERED, (_P.HELD,)),
    RollbackStarted: (_P.ROLLING_BACK, (*_FORWARD, _P.COMPLETED)),
    RollbackConfirmed: (_P.ROLLED_BACK, (_P.ROLLING_BACK,)),
    GateFailed: (_P.CANCELLED, (_P.SHIFTING, _P.BAKING, _P.HELD)),
    Completed: (_P.COMPLETED, (_P.BAKING, _P.HELD)),
    Retired: (_P.RETIRED, (_P.COMPLETED,)),
    Cancelled: (_P.CANCELLED, _FORWARD),
    Superseded: (_P.SUPERSEDED, (*_FORWARD, _P.ROLLING_BACK, _P.COMPLETED)),
}
"""The phase that an entry leads to, and those in which it can happen."""
_STAYS: dict[type[Entry], tuple[Phase, ...]] = {
    TrafficSeen: (_P.SHIFTING, _P.BAKING, _P.HELD, _P.ROLLING_BACK),
    Sighted: (_P.HELD,),
    Approved: (_P.PENDING, _P.SHIFTING, _P.BAKING),
    Waived: _FORWARD,
    Warned: (_P.SHIFTING, _P.BAKING, _P.HELD),
    WayBackSeen: (_P.SHIFTING, _P.BAKING, _P.HELD, _P.ROLLING_BACK),
    RollbackStuck: (_P.ROLLING_BACK,),
    PromotionStuck: (_P.COMPLETED,),
    PrimaryConfirmed: (_P.COMPLETED,),
}
"""The phases in which an entry can happen that it does not end."""
TRANSITIONS: dict[tuple[Phase, type[Entry]], Phase | None] = {
    **{(phase, kind): to for kind, (to, phases) in _LEADS.items() for phase in phases},
    **{(phase, kind): phase for kind, phases in _STAYS.items() for phase in phases},
    (_P.HELD, Approved): REMEMBERED,
}


class IllegalEntry(Exception):
    """An entry that the present state does not allow: a bug, or a damaged journal."""


# --- the door ----------------------------------------------------------------------------------


def start(entry: Entry) -> Rollout:
    """The state after the first entry, which must be `RolloutStarted`."""
    if not isinstance(entry, RolloutStarted):
        raise IllegalEntry(f"a rollout begins with RolloutStarted, not {type(entry).__name__}")
    return Rollout(
        plan=entry.plan,
        phase=Phase.PENDING,
        seq=1,
        started_at=entry.at,
        last_at=entry.at,
        phase_since=entry.at,
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
    at = max(entry.at, rollout.last_at)
    since = rollout.phase_since if phase is rollout.phase else at
    after = replace(rollout, phase=phase, seq=rollout.seq + 1, last_at=at, phase_since=since)
    if not isinstance(entry, Sighted | TrafficSeen | Waived | Warned | WayBackSeen):
        after = _leave_hold(rollout, after)
    return _remember(rollout, entry, after)


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
        case StepEntered() if not _follows(rollout, entry):
            raise IllegalEntry(f"step {entry.step} does not follow step {rollout.step}")
        case WeightConfirmed(weight=weight) if weight != rollout.traffic.share(rollout.plan.canary):
            raise IllegalEntry(f"step {rollout.step} does not ask for {weight}")
        case TrafficSeen() if rollout.plan.drive is not Drive.WATCH:
            raise IllegalEntry("only a watch is judged at weights that somebody else gives")
        case Completed() if not rollout.last_step or rollout.step_confirmed_at is None:
            raise IllegalEntry("only the last step, at its confirmed weight, can complete")
        case Cancelled() | GateFailed() if rollout.moved:
            raise IllegalEntry("traffic was moved: it can only be rolled back")
        case RollbackStarted(actor=actor) if not (
            rollout.plan.restores or (rollout.moved and actor is not None)
        ):
            raise IllegalEntry("this rollout has nothing to restore")
        case Approved(step=step) if step in rollout.approved or not _asks(rollout, step):
            raise IllegalEntry(f"nothing waits for an approval of step {step}")
        case Sighted() if rollout.hold is None or rollout.hold.why is not HoldReason.BLIND:
            raise IllegalEntry("only a hold for blindness gets its sight back")
        case Waived(criterion=name) if name in rollout.waived or name not in criteria_of(rollout):
            raise IllegalEntry(f"{name} is no criterion that could be waived")


def _follows(rollout: Rollout, entry: StepEntered) -> bool:
    """The next step; a person's full promotion of what has begun leads straight to the last."""
    last = len(rollout.plan.steps) - 1
    jump = entry.actor is not None and 0 <= rollout.step < entry.step == last
    return jump or (entry.step == rollout.step + 1 and entry.step <= last)


def _asks(rollout: Rollout, step: int) -> bool:
    """Whether the plan asks for an approval of this step, and no other hold is in the way."""
    waiting = rollout.hold is None or rollout.hold.why is HoldReason.APPROVAL
    return (
        waiting
        and step == rollout.step + 1
        and any(a.before_step == step for a in rollout.plan.approvals)
    )


def criteria_of(rollout: Rollout) -> list[str]:
    """The names of the plan's criteria, in its order."""
    return [c.name for c in rollout.plan.criteria]


_BY_PEOPLE = frozenset({HoldReason.PERSON, HoldReason.APPROVAL, HoldReason.FREEZE})


def _leave_hold(before: Rollout, after: Rollout) -> Rollout:
    """Close a hold that ends here, and book people's part of it."""
    if before.hold is None:
        return after
    lasted_s = after.last_at - before.hold.since
    by_people_s = lasted_s if before.hold.why in _BY_PEOPLE else 0.0
    counted_s = 0.0 if before.hold.has_own_timeout else lasted_s
    return replace(
        after,
        hold=None,
        person_held_s=before.person_held_s + by_people_s,
        held_s=before.held_s + counted_s,
    )


def _remember(before: Rollout, entry: Entry, after: Rollout) -> Rollout:
    """What later decisions need to know of this entry."""
    at = after.last_at
    match entry:
        case StepEntered():
            return _entered(before, entry, after)
        case WeightConfirmed():
            confirmed = (*before.confirmed, (before.step, at))
            return replace(
                after, confirmed=confirmed, person_held_s=0.0, held_s=0.0, resumed_at=None
            )
        case TrafficSeen():
            seen = replace(after, seen=(*before.seen, (at, entry.traffic)))
            return replace(seen, stuck_level=0) if seen.kept_back else seen
        case Held():
            return replace(after, hold=_held(before, entry, at))
        case Resumed() if entry.actor is not None:
            ails = before.hold is not None and before.hold.why is HoldReason.PRE_EXISTING
            known = before.ails_known or ails
            return replace(after, resumed_at=at, person_held_s=0.0, held_s=0.0, ails_known=known)
        case Approved():
            return replace(after, approved=(*before.approved, entry.step))
        case Sighted():
            assert after.hold is not None  # noqa: S101 - guarded above
            return replace(after, hold=replace(after.hold, sighted_at=at))
        case Waived():
            return replace(after, waived=(*before.waived, entry.criterion))
        case Warned() if before.hold is not None and of_blindness(before.plan, entry):
            return replace(after, hold=replace(before.hold, blind_paged=True))
        case Warned():
            return replace(after, warned=tuple(dict.fromkeys((*before.warned, *entry.about))))
        case WayBackSeen():
            return replace(after, way_back=entry.found)
        case RollbackStarted():
            return replace(after, rollback=replace(entry, at=at), stuck_level=0, held_s=0.0)
        case RollbackStuck():
            return replace(after, stuck_level=entry.level)
        case Completed():
            return replace(after, completed=entry)
        case PromotionStuck():
            return replace(after, promotion_stuck=True)
        case PrimaryConfirmed():
            return replace(after, primary_confirmed=True)
        case RollbackConfirmed() | GateFailed() | Cancelled() | Superseded() | Retired():
            return replace(after, end=entry)
        case RolloutStarted() | Resumed():
            return after
    assert_never(entry)


def _entered(before: Rollout, entry: StepEntered, after: Rollout) -> Rollout:
    """A new step; a person who ordered it has thereby agreed to it, and to what it passes over."""
    agreed = range(before.step + 1, entry.step + 1) if entry.actor is not None else ()
    return replace(
        after,
        plan=bearing(before.plan, entry.stable),
        stable=entry.stable or before.stable,
        step=entry.step,
        moving_since=before.moving_since or after.last_at,
        person_held_s=0.0,
        held_s=0.0,
        resumed_at=None,
        approved=tuple(dict.fromkeys((*before.approved, *agreed))),
    )


def of_blindness(plan: Plan, entry: Warned) -> bool:
    """Whether a warning is of criteria that cannot be read, rather than of what they read."""
    loud = {c.name for c in plan.criteria if c.on_fail is not OnFail.NOTIFY}
    return bool(entry.verdicts) and all(
        v.criterion in loud and v.evidence.blind_since is not None for v in entry.verdicts
    )


def _held(before: Rollout, entry: Held, at: Instant) -> Hold:
    """The hold, and where it resumes: after a conflict the weight has to be confirmed anew."""
    resume_to = before.hold.resume_to if before.hold else before.phase
    if entry.why is HoldReason.CONFLICT and resume_to is Phase.BAKING:
        resume_to = Phase.SHIFTING
    quiet = {c.name for c in before.plan.criteria if c.on_fail is OnFail.NOTIFY}
    quiet.update(before.waived)
    failed = [v.criterion for v in entry.verdicts if v.outcome is Outcome.FAIL]
    paged = before.hold is not None and before.hold.blind_paged
    return Hold(
        why=entry.why,
        since=at,
        detail=entry.detail,
        resume_to=resume_to,
        actor=entry.actor,
        failed=tuple(n for n in failed if n not in quiet),
        blind_paged=paged or entry.why is HoldReason.BLIND,
        blind_since=_blind_since(before, entry, quiet, at),
    )


def _blind_since(before: Rollout, entry: Held, quiet: Collection[str], at: Instant) -> Instant:
    """When the trouble of a hold for blindness began; one that goes blind again is the same."""
    if entry.why is not HoldReason.BLIND:
        return 0.0
    if before.hold is not None and before.hold.why is HoldReason.BLIND:
        return before.hold.blind_since
    loud = [v.evidence.blind_since for v in entry.verdicts if v.criterion not in quiet]
    return min((since for since in loud if since is not None), default=at)
