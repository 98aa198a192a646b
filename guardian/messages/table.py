"""From an entry to what people must hear: one table, so that no path can act in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias, assert_never

from guardian.core.model import Instant
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.core.plan import Drive
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
from guardian.core.rollout.machine import Rollout, of_blindness
from guardian.core.status import confirmed_weight
from guardian.core.traffic import NONE
from guardian.core.verdict import Verdict
from guardian.messages import holds, moves
from guardian.messages.entry_lines import verdicts_of
from guardian.messages.page_keys import page_key
from guardian.messages.phrases import Words

# --- pages -------------------------------------------------------------------------------------

_ROLLED_BACK = "rolled_back"
_STUCK = ("stuck", "stuck-2")
_BLIND = "blind"
_SUPERSEDED = "superseded"
_FROZEN = "frozen"
_PROMOTION = "promotion"
_NO_WAY_BACK = "no_way_back"
_QUARANTINED = "quarantined"
_UNGUARDED = "unguarded"
_SEVERITIES = {
    _ROLLED_BACK: Severity.WARNING,
    _SUPERSEDED: Severity.WARNING,
    _BLIND: Severity.ERROR,
    _PROMOTION: Severity.ERROR,
    _NO_WAY_BACK: Severity.ERROR,
}
"""How grave the causes of pages are; the others are critical."""
_OPENED_BY = {
    _ROLLED_BACK: Event.ROLLED_BACK,
    _BLIND: Event.BLIND,
    _SUPERSEDED: Event.SUPERSEDED,
}
"""Causes of pages that are not opened by STUCK."""
_End: TypeAlias = RollbackConfirmed | GateFailed | Completed | Cancelled | Superseded


def routing_events(told: Notice) -> frozenset[Event]:
    """The events whose listeners need this notice: its own, and those of the pages it closes."""
    causes = (key.rpartition("/")[2] for key in told.resolves)
    return frozenset({told.event, *(_OPENED_BY.get(c, Event.STUCK) for c in causes)})


def is_for(told: Notice, events: frozenset[Event] | None, services: frozenset[str] | None) -> bool:
    """Whether a notice is for who wants these events of these services; None means all."""
    concerned = services is None or told.own or told.service in services
    return concerned and (events is None or bool(routing_events(told) & events))


# --- notices -----------------------------------------------------------------------------------


def notice(before: Rollout | None, entry: Entry, after: Rollout) -> Notice | None:
    """Who must hear what of `entry`, which led from `before` (None: the first); None if nobody."""
    earlier = after if before is None else before
    row = _row(earlier, entry, after)
    if row is None:
        return None
    event, cause = row
    begins = RollbackStarted if after.plan.drive is Drive.ROLLBACK else RolloutStarted
    return replace(
        _notice(event, _words(earlier, entry, after), after, cause),
        verdicts=_rests_on(entry, after),
        resolves=_resolved(earlier, entry, after),
        change=isinstance(entry, begins | _End),
        final=isinstance(entry, _End),
    )


def quarantined(rollout: Rollout, why: str, now: Instant) -> Notice:
    """What to tell when one rollout is put aside because an entry was impossible or a bug.

    `rollout` is its state before that entry.
    """
    return _beside(rollout, moves.quarantined(rollout, why), _QUARANTINED, now)


def unguarded(rollout: Rollout, why: str, now: Instant) -> Notice:
    """What to tell when a rollout that has moved traffic is left alone by everybody."""
    return _beside(rollout, moves.unguarded(rollout, why), _UNGUARDED, now)


def _beside(rollout: Rollout, words: Words, cause: str, now: Instant) -> Notice:
    """A critical page that no entry stands for."""
    told = _notice(Event.STUCK, words, rollout, cause)
    return replace(told, at=max(now, rollout.last_at), beside=cause)


def _notice(event: Event, words: Words, after: Rollout, cause: str) -> Notice:
    """A notice, and a page where it has a cause."""
    plan, severity = after.plan, _SEVERITIES.get(cause, Severity.CRITICAL)
    return Notice(
        event=event,
        at=after.last_at,
        rollout=plan.rollout,
        seq=after.seq,
        service=plan.service,
        environment=plan.environment,
        stable=plan.stable,
        canary=plan.canary,
        phase=after.phase.value,
        weight=confirmed_weight(after),
        step=after.step + 1,
        steps=len(plan.steps),
        title=words.title,
        did=words.did,
        todo=words.todo,
        pages=(Page(key=page_key(plan, cause), severity=severity),) if cause else (),
    )


def _row(before: Rollout, entry: Entry, after: Rollout) -> tuple[Event, str] | None:
    """THE TABLE: what an entry is told as, and the cause that it pages for; None for silence."""
    match entry:
        case RolloutStarted() if after.plan.drive is Drive.ROLLBACK:
            return None  # The start of the rollback follows in the same transaction.
        case RolloutStarted():
            return Event.STARTED, ""
        case StepEntered() if before.hold is None and entry.actor is None:
            return None  # The confirmed weight is told.
        case StepEntered() | Resumed() | Approved():
            return Event.RESUMED, ""
        case TrafficSeen() if after.kept_back:
            return Event.ROLLED_BACK, _ROLLED_BACK
        case TrafficSeen() if after.guards_rollback:
            return Event.ROLLING_BACK, ""
        case WeightConfirmed() | TrafficSeen():
            return Event.BAKING, ""
        case Held(why=HoldReason.BLIND) if before.hold is not None and before.hold.why is entry.why:
            return None  # It was told, and its page is open.
        case Held() if after.rollback_withheld:
            return Event.STUCK, _FROZEN
        case Held():
            return (Event.BLIND, _BLIND) if entry.why is HoldReason.BLIND else (Event.HELD, "")
        case Warned() if after.hold is not None and of_blindness(after.plan, entry):
            return Event.BLIND, _BLIND
        case WayBackSeen() if after.way_back.problem:
            return Event.STUCK, _NO_WAY_BACK
        case Waived() | Warned() | WayBackSeen():
            return Event.WARNING, ""
        case RollbackStarted():
            return Event.ROLLING_BACK, ""
        case RollbackStuck():
            return Event.STUCK, _STUCK[entry.level - 1]
        case RollbackConfirmed():
            return Event.ROLLED_BACK, "" if _expected(entry, after) else _ROLLED_BACK
        case GateFailed():
            return Event.GATE_FAILED, ""
        case Completed():
            return (Event.UNPROVEN if entry.unproven else Event.COMPLETED), ""
        case PromotionStuck():
            return Event.STUCK, _PROMOTION
        case PrimaryConfirmed():
            return (Event.COMPLETED, "") if before.promotion_stuck else None
        case Cancelled():
            return Event.CANCELLED, ""
        case Superseded():
            return Event.SUPERSEDED, _SUPERSEDED if _unsafe(before, entry) else ""
        case Sighted() | Retired():
            return None
        case _:
            assert_never(entry)


def _expected(entry: RollbackConfirmed, after: Rollout) -> bool:
    """Whether nobody has to be woken for a rollback: a person typed it, or did it elsewhere."""
    return moves.by_hand(after) or not entry.by_guardian


def _unsafe(before: Rollout, entry: Superseded) -> bool:
    """Whether a person has to look at what is live now.

    A person who names another version has the next rollback told, and paged if stuck.
    """
    lost = entry.gone and confirmed_weight(before) > NONE
    return entry.actor is None and (before.returning or lost)


def _words(before: Rollout, entry: Entry, after: Rollout) -> Words:
    """What people read of an entry that is told."""
    match entry:
        case RolloutStarted():
            return moves.started(after)
        case StepEntered():
            return moves.promoted(entry, after)
        case WeightConfirmed():
            return moves.baking(after)
        case TrafficSeen():
            return (
                moves.shifted_back(entry, after) if after.guards_rollback else moves.shifted(after)
            )
        case Held():
            return holds.held(entry, after)
        case Resumed():
            return holds.resumed(entry, after)
        case Approved():
            return holds.approved(entry, after)
        case Waived():
            return holds.waived(entry, after)
        case Warned():
            return holds.warned(entry, after)
        case WayBackSeen():
            return holds.way_back(after)
        case RollbackStarted():
            return moves.rolling_back(entry, before, after)
        case RollbackStuck():
            return moves.stuck(entry, before, after)
        case RollbackConfirmed():
            return moves.rolled_back(entry, after)
        case GateFailed():
            return moves.gate_failed(entry, after)
        case Completed():
            return moves.completed(entry, after)
        case PromotionStuck():
            return moves.promotion_stuck(entry, after)
        case PrimaryConfirmed():
            return moves.promotion_confirmed(after)
        case Cancelled():
            return moves.cancelled(entry, after)
        case Superseded():
            return moves.superseded(entry, before, after)
        case Sighted() | Retired():
            raise AssertionError(entry)
        case _:
            assert_never(entry)


def _rests_on(entry: Entry, after: Rollout) -> tuple[Verdict, ...]:
    """The verdicts that people are shown: the entry's own, or those of the rollback it ends."""
    back = isinstance(entry, RollbackConfirmed) or (
        isinstance(entry, TrafficSeen) and after.kept_back
    )
    if back and after.rollback is not None:
        return after.rollback.verdicts
    return verdicts_of(entry)


# --- pages that are over -----------------------------------------------------------------------


def _resolved(before: Rollout, entry: Entry, after: Rollout) -> tuple[str, ...]:
    """The keys of the pages that `entry` ends.

    The page for blindness lasts as long as the hold in which it was opened, whatever reasons
    follow each other in that: a page too many beats one too few.
    """
    plan, over = before.plan, []
    if before.hold is not None and before.hold.blind_paged and after.hold is None:
        over.append(page_key(plan, _BLIND))
    if before.rollback_withheld and not after.rollback_withheld:
        over.append(page_key(plan, _FROZEN))
    if isinstance(entry, RollbackStarted | _End) or after.kept_back:
        over += [page_key(plan, cause) for cause in _STUCK[: before.stuck_level]]
    if before.way_back.problem and (isinstance(entry, _End) or not after.way_back.problem):
        over.append(page_key(plan, _NO_WAY_BACK))
    if before.promotion_stuck and isinstance(
        entry, PrimaryConfirmed | RollbackStarted | Superseded
    ):
        over.append(page_key(plan, _PROMOTION))
    if isinstance(entry, Completed):
        over += plan.open_pages
    return tuple(dict.fromkeys(over))
