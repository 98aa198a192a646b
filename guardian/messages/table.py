"""From an entry to what people must hear: one table, so that no path can act in silence."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from guardian.messages.page_keys import page_key
from guardian.messages.phrases import Words

# --- keys ------------------------------------------------------------------------------------

_ROLLED_BACK = "rolled_back"
_STUCK = ("stuck", "stuck-2")
_BLIND = "blind"
_SUPERSEDED = "superseded"
_FROZEN = "frozen"
_PROMOTION = "promotion"
_QUARANTINED = "quarantined"
_UNGUARDED = "unguarded"
_NO_WAY_BACK = "no_way_back"
_OPENED_BY = {
    _ROLLED_BACK: Event.ROLLED_BACK,
    _BLIND: Event.BLIND,
    _SUPERSEDED: Event.SUPERSEDED,
}
"""Causes of pages that are not opened by STUCK."""


def routing_events(told: Notice) -> frozenset[Event]:
    """The events whose listeners need this notice: its own, and those of the pages it closes."""
    causes = (key.rpartition("/")[2] for key in told.resolves)
    return frozenset({told.event, *(_OPENED_BY.get(c, Event.STUCK) for c in causes)})


# --- the table ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What the table says of one entry."""

    event: Event
    words: Words
    page: tuple[str, Severity] | None = None
    verdicts: tuple[Verdict, ...] = ()
    change: bool = False
    final: bool = False


def notice(before: Rollout | None, entry: Entry, after: Rollout) -> Notice | None:
    """Who must hear what of `entry`, which led from `before` (None: the first); None if nobody."""
    earlier = after if before is None else before
    row = _row(earlier, entry, after)
    return None if row is None else _notice(row, after, _resolved(earlier, entry, after))


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
    row = _Row(event=Event.STUCK, words=words, page=(cause, Severity.CRITICAL))
    return replace(_notice(row, rollout), at=max(now, rollout.last_at), beside=cause)


def _notice(row: _Row, after: Rollout, resolves: tuple[str, ...] = ()) -> Notice:
    plan, page = after.plan, row.page
    return Notice(
        event=row.event,
        at=after.last_at,
        rollout=plan.rollout,
        seq=after.seq,
        service=plan.service,
        environment=plan.environment,
        stable=plan.stable,
        canary=plan.canary,
        phase=after.phase.value,
        weight=str(confirmed_weight(after)),
        step=f"{after.step + 1} of {len(plan.steps)}" if after.step >= 0 else "",
        title=row.words.title,
        did=row.words.did,
        todo=row.words.todo,
        verdicts=row.verdicts,
        pages=() if page is None else (Page(key=page_key(plan, page[0]), severity=page[1]),),
        resolves=resolves,
        change=row.change,
        final=row.final,
    )


def _row(before: Rollout, entry: Entry, after: Rollout) -> _Row | None:
    """THE TABLE: page, notify or silent, for every entry there is."""
    match entry:
        case RolloutStarted() | StepEntered():
            return _forward(before, entry, after)
        case WeightConfirmed() | TrafficSeen():
            return _shown(entry, after)
        case Held():
            return _held(before, entry, after)
        case Resumed() | Approved() | Waived() | Warned():
            return _meanwhile(entry, after)
        case RollbackStarted() | RollbackStuck():
            return _going_back(before, entry, after)
        case RollbackConfirmed() | GateFailed() | Completed() | Cancelled() | Superseded() as end:
            return _ended(before, end, after)
        case PromotionStuck() | PrimaryConfirmed():
            return _promotion(before, entry, after)
        case WayBackSeen():
            return _way_back(after)
        case Sighted() | Retired():
            return None
        case _:
            assert_never(entry)


def _shown(entry: WeightConfirmed | TrafficSeen, after: Rollout) -> _Row:
    """Weights that were read back; the page for a rollback that is kept opens with the first."""
    if isinstance(entry, WeightConfirmed):
        return _Row(event=Event.BAKING, words=moves.baking(after))
    if after.kept_back:
        page = (_ROLLED_BACK, Severity.WARNING)
        verdicts = after.rollback.verdicts if after.rollback is not None else ()
        words = moves.shifted_back(entry, after)
        return _Row(event=Event.ROLLED_BACK, words=words, page=page, verdicts=verdicts)
    if after.guards_rollback:
        return _Row(event=Event.ROLLING_BACK, words=moves.shifted_back(entry, after))
    return _Row(event=Event.BAKING, words=moves.shifted(after))


def _going_back(before: Rollout, entry: RollbackStarted | RollbackStuck, after: Rollout) -> _Row:
    if isinstance(entry, RollbackStarted):
        words = moves.rolling_back(entry, before, after)
        begins = after.plan.drive is Drive.ROLLBACK
        return _Row(event=Event.ROLLING_BACK, words=words, verdicts=entry.verdicts, change=begins)
    cause = _STUCK[0] if entry.level == 1 else _STUCK[1]
    words = moves.stuck(entry, before, after)
    return _Row(event=Event.STUCK, words=words, page=(cause, Severity.CRITICAL))


def _way_back(after: Rollout) -> _Row:
    words = holds.way_back(after)
    if after.way_back.problem:
        return _Row(event=Event.STUCK, words=words, page=(_NO_WAY_BACK, Severity.ERROR))
    return _Row(event=Event.WARNING, words=words)


def _promotion(
    before: Rollout, entry: PromotionStuck | PrimaryConfirmed, after: Rollout
) -> _Row | None:
    """Silent in the ordinary course, where the completion was told."""
    if isinstance(entry, PromotionStuck):
        words = moves.promotion_stuck(entry, after)
        return _Row(event=Event.STUCK, words=words, page=(_PROMOTION, Severity.ERROR))
    if before.promotion_stuck:
        return _Row(event=Event.COMPLETED, words=moves.promotion_confirmed(after))
    return None


def _forward(before: Rollout, entry: RolloutStarted | StepEntered, after: Rollout) -> _Row | None:
    """Silent in the ordinary course, where the confirmed weight is told; not over a person.

    Silent also where a person's rollback begins: its start follows in the same transaction.
    """
    if isinstance(entry, RolloutStarted):
        if after.plan.drive is Drive.ROLLBACK:
            return None
        return _Row(event=Event.STARTED, words=moves.started(after), change=True)
    if before.hold is None and entry.actor is None:
        return None
    words = moves.promoted(entry, after)
    return _Row(event=Event.RESUMED, words=words, verdicts=entry.verdicts)


def _held(before: Rollout, entry: Held, after: Rollout) -> _Row | None:
    """Silent where a hold for blindness goes blind again: that was told, and its page is open."""
    if entry.why is HoldReason.BLIND and before.hold is not None and before.hold.why is entry.why:
        return None
    words, verdicts = holds.held(entry, after), entry.verdicts
    if _rollback_withheld(after):
        page = (_FROZEN, Severity.CRITICAL)
        return _Row(event=Event.STUCK, words=words, page=page, verdicts=verdicts)
    if entry.why is HoldReason.BLIND:
        page = (_BLIND, Severity.ERROR)
        return _Row(event=Event.BLIND, words=words, page=page, verdicts=verdicts)
    return _Row(event=Event.HELD, words=words, verdicts=verdicts)


def _meanwhile(entry: Resumed | Approved | Waived | Warned, after: Rollout) -> _Row:
    """What moves no traffic: people's words, and warnings."""
    match entry:
        case Resumed():
            return _Row(event=Event.RESUMED, words=holds.resumed(entry, after))
        case Approved():
            return _Row(event=Event.RESUMED, words=holds.approved(entry, after))
        case Waived():
            return _Row(event=Event.WARNING, words=holds.waived(entry, after))
        case _:
            words, verdicts = holds.warned(entry, after), entry.verdicts
            if after.hold is not None and of_blindness(after.plan, entry):
                page = (_BLIND, Severity.ERROR)
                return _Row(event=Event.BLIND, words=words, page=page, verdicts=verdicts)
            return _Row(event=Event.WARNING, words=words, verdicts=verdicts)


_End: TypeAlias = RollbackConfirmed | GateFailed | Completed | Cancelled | Superseded


def _ended(before: Rollout, entry: _End, after: Rollout) -> _Row:
    """The rows of the ends: each is worth a change event and closes the thread."""
    page: tuple[str, Severity] | None = None
    verdicts: tuple[Verdict, ...] = ()
    match entry:
        case RollbackConfirmed():
            event, words = Event.ROLLED_BACK, moves.rolled_back(entry, after)
            verdicts = before.rollback.verdicts if before.rollback is not None else ()
            paged = entry.by_guardian and not moves.by_hand(after)
            page = (_ROLLED_BACK, Severity.WARNING) if paged else None
        case GateFailed():
            event, words = Event.GATE_FAILED, moves.gate_failed(entry, after)
            verdicts = entry.verdicts
        case Completed():
            event = Event.UNPROVEN if entry.unproven else Event.COMPLETED
            words, verdicts = moves.completed(entry, after), entry.verdicts
        case Cancelled():
            event, words = Event.CANCELLED, moves.cancelled(entry, after)
        case Superseded():
            # A person who names another version has the next rollback told, and paged if stuck.
            unsafe = entry.actor is None and (
                before.returning or (entry.gone and confirmed_weight(before) > NONE)
            )
            event, words = Event.SUPERSEDED, moves.superseded(entry, before, after)
            page = (_SUPERSEDED, Severity.WARNING) if unsafe else None
        case _:
            assert_never(entry)
    return _Row(event=event, words=words, page=page, verdicts=verdicts, change=True, final=True)


# --- pages that are over -----------------------------------------------------------------------


def _resolved(before: Rollout, entry: Entry, after: Rollout) -> tuple[str, ...]:
    """The keys of the pages that `entry` ends.

    The page for blindness lasts as long as the hold in which it was opened, whatever reasons
    follow each other in that: a page too many beats one too few.
    """
    plan, over = before.plan, []
    if before.hold is not None and before.hold.blind_paged and after.hold is None:
        over.append(page_key(plan, _BLIND))
    if before.hold is not None and before.hold.rollback_withheld and not _rollback_withheld(after):
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


def _rollback_withheld(rollout: Rollout) -> bool:
    return rollout.hold is not None and rollout.hold.rollback_withheld
