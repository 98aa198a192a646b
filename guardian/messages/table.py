"""From an entry to what people must hear: one table, so that no path can act in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias, assert_never

from guardian.core.model import Instant
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.core.plan import Drive
from guardian.core.rollout import entries
from guardian.core.rollout.entries import Entry, HoldReason
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
_End: TypeAlias = (
    entries.RollbackConfirmed
    | entries.GateFailed
    | entries.Completed
    | entries.Cancelled
    | entries.Superseded
)


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
    event, cause, words = row
    begins = (
        entries.RollbackStarted if after.plan.drive is Drive.ROLLBACK else entries.RolloutStarted
    )
    return replace(
        _notice(event, words, after, cause),
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
        title=f"{plan.service}: {words.title}",
        did=words.did,
        todo=words.todo,
        pages=(Page(key=page_key(plan, cause), severity=severity),) if cause else (),
    )


def _row(before: Rollout, entry: Entry, after: Rollout) -> tuple[Event, str, Words] | None:
    """THE TABLE: an entry's event, the cause that it pages for, and its words; None for silence."""
    match entry:
        case entries.RolloutStarted() if after.plan.drive is Drive.ROLLBACK:
            return None  # The start of the rollback follows in the same transaction.
        case entries.RolloutStarted():
            return Event.STARTED, "", moves.started(after)
        case entries.StepEntered() if before.hold is None and entry.actor is None:
            return None  # The confirmed weight is told.
        case entries.StepEntered():
            return Event.RESUMED, "", moves.promoted(entry, after)
        case entries.Resumed():
            return Event.RESUMED, "", holds.resumed(entry, after)
        case entries.Approved():
            return Event.RESUMED, "", holds.approved(entry, after)
        case entries.TrafficSeen() if after.kept_back:
            return Event.ROLLED_BACK, _ROLLED_BACK, moves.shifted_back(entry, after)
        case entries.TrafficSeen() if after.guards_rollback:
            return Event.ROLLING_BACK, "", moves.shifted_back(entry, after)
        case entries.TrafficSeen():
            return Event.BAKING, "", moves.shifted(after)
        case entries.WeightConfirmed():
            return Event.BAKING, "", moves.baking(after)
        case entries.Held(why=HoldReason.BLIND) if (
            before.hold is not None and before.hold.why is entry.why
        ):
            return None  # It was told, and its page is open.
        case entries.Held() if after.rollback_withheld:
            return Event.STUCK, _FROZEN, holds.held(entry, after)
        case entries.Held(why=HoldReason.BLIND):
            return Event.BLIND, _BLIND, holds.held(entry, after)
        case entries.Held():
            return Event.HELD, "", holds.held(entry, after)
        case entries.Warned() if after.hold is not None and of_blindness(after.plan, entry):
            return Event.BLIND, _BLIND, holds.warned(entry, after)
        case entries.Warned():
            return Event.WARNING, "", holds.warned(entry, after)
        case entries.WayBackSeen() if after.way_back.problem:
            return Event.STUCK, _NO_WAY_BACK, holds.way_back(after)
        case entries.WayBackSeen():
            return Event.WARNING, "", holds.way_back(after)
        case entries.Waived():
            return Event.WARNING, "", holds.waived(entry, after)
        case entries.RollbackStarted():
            return Event.ROLLING_BACK, "", moves.rolling_back(entry, before, after)
        case entries.RollbackStuck():
            return Event.STUCK, _STUCK[entry.level - 1], moves.stuck(entry, before, after)
        case entries.RollbackConfirmed():
            # A person who typed it, or did it elsewhere, is not woken for it.
            expected = moves.by_hand(after) or not entry.by_guardian
            return (
                Event.ROLLED_BACK,
                "" if expected else _ROLLED_BACK,
                moves.rolled_back(entry, after),
            )
        case entries.GateFailed():
            return Event.GATE_FAILED, "", moves.gate_failed(entry, after)
        case entries.Completed():
            event = Event.UNPROVEN if entry.unproven else Event.COMPLETED
            return event, "", moves.completed(entry, after)
        case entries.PromotionStuck():
            return Event.STUCK, _PROMOTION, moves.promotion_stuck(entry, after)
        case entries.PrimaryConfirmed() if before.promotion_stuck:
            return Event.COMPLETED, "", moves.promotion_confirmed(after)
        case entries.Cancelled():
            return Event.CANCELLED, "", moves.cancelled(entry, after)
        case entries.Superseded():
            page = _SUPERSEDED if _unsafe(before, entry) else ""
            return Event.SUPERSEDED, page, moves.superseded(entry, before, after)
        case entries.PrimaryConfirmed() | entries.Sighted() | entries.Retired():
            return None
        case _:
            assert_never(entry)


def _unsafe(before: Rollout, entry: entries.Superseded) -> bool:
    """Whether a person has to look at what is live now.

    A person who names another version has the next rollback told, and paged if stuck.
    """
    lost = entry.gone and confirmed_weight(before) > NONE
    return entry.actor is None and (before.returning or lost)


def _rests_on(entry: Entry, after: Rollout) -> tuple[Verdict, ...]:
    """The verdicts that people are shown: the entry's own, or those of the rollback it ends."""
    back = isinstance(entry, entries.RollbackConfirmed) or (
        isinstance(entry, entries.TrafficSeen) and after.kept_back
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
    if isinstance(entry, entries.RollbackStarted | _End) or after.kept_back:
        over += [page_key(plan, cause) for cause in _STUCK[: before.stuck_level]]
    if before.way_back.problem and (isinstance(entry, _End) or not after.way_back.problem):
        over.append(page_key(plan, _NO_WAY_BACK))
    if before.promotion_stuck and isinstance(
        entry, entries.PrimaryConfirmed | entries.RollbackStarted | entries.Superseded
    ):
        over.append(page_key(plan, _PROMOTION))
    if isinstance(entry, entries.Completed):
        over += plan.open_pages
    return tuple(dict.fromkeys(over))
