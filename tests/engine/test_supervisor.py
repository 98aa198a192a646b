"""Threads that run for ever: the first death stops all; a lost timer or a stall is noticed."""

from __future__ import annotations

import threading

from guardian.engine.supervisor import BEAT_S, STALL_S, Beat, Supervisor, Watchdog
from guardian.engine.tick import Plane
from guardian.ports import Lease, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import plane
from tests.simulation.memory_journal import LIFE_S, MemoryJournal

PATIENCE_S = 10.0


def test_the_first_death_stops_every_thread_and_is_remembered() -> None:
    """A process of which half is dead must not go on."""
    supervisor, steps = Supervisor(print), threading.Event()

    def dies() -> float:
        steps.wait(PATIENCE_S)
        raise SystemExit("first")

    def lives() -> float:
        steps.set()
        return 3600.0

    supervisor.add("lives", lives)
    supervisor.add("dies", dies)
    supervisor.start()
    for thread in supervisor._threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    supervisor.died(KeyError("second"))
    assert isinstance(supervisor.death, SystemExit)
    assert supervisor.changed.is_set()


def test_a_turn_that_breaks_is_said_once_and_taken_again() -> None:
    """One bad turn of one stepper ends neither that one nor the others."""
    said: list[str] = []
    supervisor, turns = Supervisor(said.append), threading.Semaphore(0)
    broken = [True]

    def step() -> float:
        turns.release()
        if broken[0]:
            raise ZeroDivisionError("a\x1b[31m bug")
        return 3600.0

    def turn() -> None:
        assert turns.acquire(timeout=PATIENCE_S)
        supervisor.changed.wait(PATIENCE_S)
        supervisor.changed.clear()

    supervisor.add("outbox", step)
    supervisor.start()
    turn()
    supervisor.wake("outbox")
    turn()
    assert supervisor.trouble == "the thread outbox broke (ZeroDivisionError: a [31m bug)"
    assert said == [f"{supervisor.trouble}; it is tried again"]
    assert supervisor.death is None
    broken[0] = False
    supervisor.wake("outbox")
    turn()
    assert supervisor.trouble == ""
    supervisor.stop(PATIENCE_S)


def test_a_wake_gives_a_stepper_its_turn_now() -> None:
    """However long it wanted to wait."""
    supervisor, turns = Supervisor(print), threading.Semaphore(0)

    def step() -> float:
        turns.release()
        return 3600.0

    supervisor.add("outbox", step)
    supervisor.start()
    assert turns.acquire(timeout=PATIENCE_S)
    supervisor.wake("outbox")
    assert turns.acquire(timeout=PATIENCE_S)
    supervisor.stop(PATIENCE_S)
    assert not supervisor._threads[0].is_alive()


def test_a_beat_keeps_the_lease_alive() -> None:
    """Ten seconds apart, for ever."""
    clock = ManualClock()
    journal = MemoryJournal(clock)
    lease = journal.open_lease("tests")
    lost: list[bool] = []
    beat = Beat(journal, lease, on_lost=lambda: lost.append(True))
    for _ in range(12):
        assert beat.step() == BEAT_S
        clock.pass_s(BEAT_S)
    assert lost == []


def test_a_beat_of_a_lease_that_was_given_up_says_so() -> None:
    """Somebody else may be acting already; a mere silence is no such thing."""
    clock = ManualClock()
    journal = MemoryJournal(clock)
    lost: list[bool] = []
    lease = journal.open_lease("tests")
    beat = Beat(journal, lease, on_lost=lambda: lost.append(True))
    clock.pass_s(LIFE_S + 1)
    beat.step()
    assert lost == []
    journal.close_lease(lease)
    beat.step()
    assert lost == [True]


def test_a_beat_that_does_not_reach_the_journal_is_tried_again_soon() -> None:
    """A lease outlives several of them."""

    class Away(MemoryJournal):
        away = True

        def beat(self, lease: Lease) -> None:
            if self.away:
                raise Unavailable("no disk")

    journal = Away(ManualClock())
    lost: list[bool] = []
    beat = Beat(journal, journal.open_lease("tests"), on_lost=lambda: lost.append(True))
    assert 0.0 < beat.step() * 3 < LIFE_S
    assert (lost, beat.trouble) == ([], "no disk")
    journal.away = False
    assert beat.step() == BEAT_S
    assert beat.trouble == ""


def watched(clock: ManualClock) -> tuple[Plane, Watchdog, list[str]]:
    """A plane, its watchdog, and what the watchdog did."""
    a_plane, did = plane(clock), list[str]()
    dog = Watchdog(lambda: [a_plane], clock, wake=lambda: did.append("wake"), alarm=did.append)
    return a_plane, dog, did


def test_the_watchdog_wakes_a_plane_whose_timer_was_lost() -> None:
    """A wall clock that was set back strands a timer; monotonic time does not."""
    clock = ManualClock()
    a_plane, dog, did = watched(clock)
    a_plane.step()
    dog.step()
    assert did == []
    clock.pass_s(32.0)
    dog.step()
    assert did == ["wake"]


def test_the_watchdog_barks_once_when_no_tick_ends() -> None:
    """And again only after a tick has ended in between."""
    clock = ManualClock()
    a_plane, dog, did = watched(clock)
    a_plane.step()
    clock.pass_s(31.0 + STALL_S)
    dog.step()
    dog.step()
    alarms = [d for d in did if d != "wake"]
    assert len(alarms) == 1
    assert "guardian is not watching" in alarms[0]
    a_plane.step()
    dog.step()
    clock.pass_s(31.0 + STALL_S)
    dog.step()
    assert len([d for d in did if d != "wake"]) == 2


def test_the_watchdog_also_barks_when_the_first_tick_never_ends() -> None:
    """A plane that hangs from the start is not watching either."""
    clock = ManualClock()
    _, dog, did = watched(clock)
    clock.pass_s(STALL_S + 1)
    dog.step()
    assert len([d for d in did if d != "wake"]) == 1
