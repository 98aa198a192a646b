"""The process dies between any two port calls, or the journal goes away: traffic stays safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from guardian.core.notices import Event
from guardian.core.plan import Blind, Policy
from guardian.core.rollout.entries import (
    Cause,
    Entry,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
    StepEntered,
)
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from guardian.ports import (
    Journal,
    JournalError,
    OutcomeUnknown,
)
from tests.simulation.scheduler import World, run
from tests.simulation.test_faults import examine
from tests.simulation.test_healthy_and_bad import events, world
from tests.simulation.troubled_journal import TroubledJournal
from tests.simulation.world import Behaviour, Crash, Faults

STABLE = Traffic(primary="41")
BAD = Behaviour(rate=0.5)
GOOD = Behaviour(rate=0.01)
AWAY_S = 12.0
"""Short enough for a lease, which lives 30 s and beat at most 10 s before."""


@dataclass(kw_only=True)
class Reaper(Faults):
    """Kills the process at exactly one port call."""

    at: int = -1
    calls: int = field(default=0)

    def crossing(self) -> None:
        """Count the call; it may be the last."""
        self.calls += 1
        if self.calls == self.at:
            raise Crash


def troubled(canary: Behaviour, **options: object) -> tuple[World, TroubledJournal]:
    """A world whose journal can be troubled."""
    w = world(canary=canary, **options)  # type: ignore[arg-type]
    journal = TroubledJournal(w.clock)
    w.journal = journal
    return w, journal


def breach_at(**options: object) -> float:
    """The virtual second at which the bad release is found out, without any trouble."""
    w, journal = troubled(BAD, **options)
    run(w)
    found = next(r.entry for r in journal.read("r1") if isinstance(r.entry, RollbackStarted))
    return found.at - w.plan.snapshot.taken_at


def entries_of(journal: Journal) -> list[Entry]:
    """Everything that was recorded."""
    return [r.entry for r in journal.read("r1")]


# --- kill -9 -----------------------------------------------------------------------------------


def doomed(canary: Behaviour, at: int) -> tuple[World, Reaper]:
    """A world whose process is killed at its `at`-th port call."""
    w, journal = troubled(canary, bake_s=120.0)
    reaper = Reaper(random=Random(1), at=at)
    w.faults = w.alias.faults = w.metrics.faults = w.people.faults = reaper
    journal.died = reaper.crossing
    return w, reaper


@pytest.mark.parametrize(
    ("canary", "end", "traffic"),
    [
        (BAD, Phase.ROLLED_BACK, STABLE),
        (GOOD, Phase.COMPLETED, Traffic(primary="42")),
    ],
)
def test_a_kill_between_any_two_port_calls_changes_nothing_in_the_end(
    canary: Behaviour, end: Phase, traffic: Traffic
) -> None:
    """Every single port call of a rollout is once the process's last."""
    w, reaper = doomed(canary, -1)
    run(w)
    calls = reaper.calls
    assert calls > 20
    for at in range(1, calls + 1):
        w, _ = doomed(canary, at)
        if run(w) == 1:
            # The last calls come after the end: nothing is left to be repaired.
            assert at > calls - 12
        state = examine(w)
        assert state.phase is end, f"killed at call {at}"
        assert w.alias.traffic == traffic


# --- the journal is away -----------------------------------------------------------------------


def test_nothing_advances_while_the_journal_is_away() -> None:
    """A healthy release waits at its weight, and goes on when the journal is back."""
    w, journal = troubled(GOOD)
    probe, probed = troubled(GOOD)
    run(probe)
    second = next(e for e in entries_of(probed) if isinstance(e, StepEntered) and e.step == 1)
    over = second.at - probe.plan.snapshot.taken_at
    journal.away = (over - 1, over + AWAY_S)
    assert run(w) == 1
    entered = next(e for e in entries_of(journal) if isinstance(e, StepEntered) and e.step == 1)
    assert entered.at - w.plan.snapshot.taken_at >= over + AWAY_S
    assert w.state().phase is Phase.COMPLETED
    examine(w)


def test_a_breach_seen_while_the_journal_is_away_is_rolled_back_at_once() -> None:
    """Traffic goes back first, people are told directly, the entry is recorded when it can be."""
    at = breach_at()
    w, journal = troubled(BAD)
    journal.away = (at - 1, at + AWAY_S)
    assert run(w) == 1
    back = next(when for when, t, _ in w.alias.guardian_wrote if t == STABLE)
    assert back - w.plan.snapshot.taken_at <= at + 1
    told = [when for when, n in w.people.heard if n.event is Event.ROLLING_BACK]
    assert back <= told[0]
    assert told[0] - w.plan.snapshot.taken_at < at + AWAY_S
    state = examine(w)
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.cause is Cause.BREACH
    started, confirmed = entries_of(journal)[-2:]
    assert isinstance(started, RollbackStarted)
    assert isinstance(confirmed, RollbackConfirmed)
    for entry in (started, confirmed):
        assert entry.at - w.plan.snapshot.taken_at < at + AWAY_S, "recorded as of when it happened"
    assert w.alias.stamp is None


def test_people_are_paged_while_the_journal_is_away_and_not_again_when_it_is_back() -> None:
    """Who was told directly is not told by the outbox as well."""
    at = breach_at()
    w, journal = troubled(BAD)
    journal.away = (at - 1, at + AWAY_S)
    run(w)
    for event in (Event.ROLLING_BACK, Event.ROLLED_BACK):
        (when,) = (when for when, n in w.people.heard if n.event is event)
        assert when - w.plan.snapshot.taken_at < at + AWAY_S
    (paged,) = (n for _, n in w.people.heard if n.pages)
    assert paged.event is Event.ROLLED_BACK


def test_a_rollback_that_sticks_while_the_journal_is_away_is_paged_and_recorded_whole() -> None:
    """Neither can be written: both pages are made at their time, and end with the rollback."""
    at = breach_at()
    w, journal = troubled(BAD)
    journal.away = (at - 1, at + 700)
    w.events.append((at - 1, lambda: setattr(w.faults, "drop_write", 1.0)))
    w.events.append((at + 600, lambda: setattr(w.faults, "drop_write", 0.0)))
    run(w)
    ends = [type(e).__name__ for e in entries_of(journal)][-4:]
    assert ends == ["RollbackStarted", "RollbackStuck", "RollbackStuck", "RollbackConfirmed"]
    heard = w.people.heard
    stuck = [when - w.plan.snapshot.taken_at - at for when, n in heard if n.event is Event.STUCK]
    assert len(stuck) == 2
    assert 60 <= stuck[0] < 120
    assert 300 <= stuck[1] < 360
    (end,) = (n for _, n in heard if n.event is Event.ROLLED_BACK)
    assert len(end.resolves) == 2
    examine(w)


def test_a_direct_word_is_repeated_until_it_is_heard() -> None:
    """While the journal is away a failing notifier is tried again, and a heard one is not."""
    at = breach_at()
    w, journal = troubled(BAD, fail_notify=0.7)
    journal.away = (at - 1, at + AWAY_S)
    run(w)
    direct = [
        when
        for when, n in w.people.heard
        if n.event is Event.ROLLING_BACK and when - w.plan.snapshot.taken_at < at + AWAY_S
    ]
    assert len(direct) == 1


def test_a_rollback_for_blindness_is_not_taken_back_when_the_journal_returns_in_sight() -> None:
    """What made guardian go back may be gone by then; that it went back still is recorded."""
    policy = Policy(on_blind=Blind.ROLLBACK, max_blind_s=300.0)
    probe, probed = troubled(GOOD, policy=policy)
    probe.metrics.blind = (250.0, 40_000.0)
    run(probe)
    found = next(e for e in entries_of(probed) if isinstance(e, RollbackStarted))
    at = found.at - probe.plan.snapshot.taken_at
    w, journal = troubled(GOOD, policy=policy)
    w.metrics.blind = (250.0, at + 5)
    journal.away = (at - 1, at + AWAY_S)
    run(w)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.cause is Cause.BLIND
    assert Event.HELD not in events(w)


def test_somebody_elses_deploy_is_not_overwritten_while_the_journal_is_away() -> None:
    """The vendor's guard and the rule of unknown versions hold without a journal, too."""
    at = breach_at()
    w, journal = troubled(BAD)
    journal.away = (at - 1, at + AWAY_S)
    w.events.append((at - 0.5, lambda: w.alias.by_person(Traffic(primary="43"))))
    run(w)
    assert w.state().phase is Phase.SUPERSEDED
    assert w.alias.traffic == Traffic(primary="43")


def test_an_absence_longer_than_the_lease_is_survived_by_who_held_it() -> None:
    """Nobody took anything meanwhile: traffic is back at once, and the same life records it."""
    at = breach_at()
    w, journal = troubled(BAD)
    journal.away = (at - 1, at + 100)
    assert run(w) == 1
    assert w.alias.traffic == STABLE
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == STABLE
    examine(w)


# --- the outcome of an append is unknown -------------------------------------------------------


def test_an_entry_that_was_written_in_silence_is_not_written_twice() -> None:
    """Every answer of the journal is lost: reading back shows what was recorded."""
    w, journal = troubled(BAD)
    # The very first entry is written by the life itself, which does not look again.
    journal.lose = lambda entries: OutcomeUnknown("no answer") if journal.appended > 1 else None
    assert run(w) == 1
    plain, plainly = troubled(BAD)
    run(plain)
    assert [type(e) for e in entries_of(journal)] == [type(e) for e in entries_of(plainly)]
    assert examine(w).phase is Phase.ROLLED_BACK
    started = [n for _, n in w.people.heard if n.event is Event.ROLLING_BACK]
    assert len(started) == 1


def test_a_rollback_goes_ahead_when_nobody_can_say_whether_it_was_recorded() -> None:
    """The answer is lost and the journal is unreadable: that is as good as away."""
    at = breach_at()
    w, journal = troubled(BAD)

    def lost(entries: Sequence[Entry]) -> JournalError | None:
        if entries and isinstance(entries[0], RollbackStarted):
            journal.away = (w.clock.at, w.clock.at + AWAY_S)
            return OutcomeUnknown("no answer")
        return None

    journal.lose = lost
    run(w)
    back = next(when for when, t, _ in w.alias.guardian_wrote if t == STABLE)
    assert back - w.plan.snapshot.taken_at <= at + 1
    assert sum(isinstance(e, RollbackStarted) for e in entries_of(journal)) == 1
    assert examine(w).phase is Phase.ROLLED_BACK


# --- another life took over --------------------------------------------------------------------


def test_a_fenced_process_stops_writing_at_once() -> None:
    """Another process raised the epoch: this one writes neither entries nor traffic again."""
    w, journal = troubled(BAD)

    def taken() -> None:
        lease = journal.open_lease("another process")
        journal.claim(lease, w.plan.target, take_over=True)

    w.events.append((100.0, taken))
    run(w, limit_s=3600)
    after = w.plan.snapshot.taken_at + 100.0
    assert [t for when, t, _ in w.alias.guardian_wrote if when > after] == []
    assert all(e.at <= after for e in entries_of(journal))
    assert w.state().phase is Phase.BAKING


def test_a_fenced_append_is_no_reason_to_fail_safe() -> None:
    """Whoever took over decides: a process fenced at its breach tells nobody and moves nothing."""
    at = breach_at()
    w, journal = troubled(BAD)

    def taken() -> None:
        lease = journal.open_lease("another process")
        assert journal.claim(lease, w.plan.target, take_over=True) is not None

    w.events.append((at - 0.5, taken))
    run(w, limit_s=3600)
    assert STABLE not in [t for _, t, _ in w.alias.guardian_wrote]
    assert Event.ROLLING_BACK not in events(w)
    assert w.state().phase is Phase.BAKING


# --- orders while the journal is away ----------------------------------------------------------


def test_an_abort_left_just_before_the_journal_went_away_is_obeyed_when_it_is_back() -> None:
    """Orders live in the journal; they are late, never lost."""
    w, journal = troubled(GOOD)
    w.events.append((200.0, lambda: w.order(OrderKind.ABORT)))
    journal.away = (200.5, 220.0)
    run(w)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.cause is Cause.ABORTED
