"""The timer of each plane: armed again from every tick's answer, never two ticks at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from guardian.engine.schedule import Schedule

PATIENCE_S = 20.0


@contextmanager
def running(schedule: Schedule) -> Iterator[None]:
    """Between start and stop."""
    schedule.start()
    try:
        yield
    finally:
        schedule.stop()


def unexpected(error: BaseException) -> None:
    """Nothing should die here."""
    raise AssertionError(error)


def test_a_tick_that_wants_to_run_at_once_always_does() -> None:
    """Thousands of ticks in a row: no timer is lost between the end of one and the next."""
    done, count, interval = threading.Event(), [0], sys.getswitchinterval()

    def step() -> float:
        count[0] += 1
        if count[0] == 2000:
            done.set()
        return 3600.0 if count[0] >= 2000 else 0.0

    schedule = Schedule(on_death=unexpected)
    schedule.add("plane", step)
    sys.setswitchinterval(1e-6)
    try:
        with running(schedule):
            assert done.wait(PATIENCE_S)
    finally:
        sys.setswitchinterval(interval)


def test_a_wake_during_a_tick_is_not_forgotten_and_not_beside_it() -> None:
    """The next tick begins when the one under way has ended, however long that wanted to wait."""
    inside, go_on, again = threading.Event(), threading.Event(), threading.Event()
    count, beside = [0], threading.Lock()

    def step() -> float:
        assert beside.acquire(blocking=False), "two ticks of one plane at once"
        count[0] += 1
        if count[0] == 1:
            inside.set()
            go_on.wait(PATIENCE_S)
        else:
            again.set()
        beside.release()
        return 3600.0

    schedule = Schedule(on_death=unexpected)
    schedule.add("plane", step)
    with running(schedule):
        assert inside.wait(PATIENCE_S)
        schedule.wake("plane")
        schedule.wake_all()
        assert not again.is_set()
        go_on.set()
        assert again.wait(PATIENCE_S)
    assert count[0] == 2


def test_a_hanging_plane_does_not_stop_another() -> None:
    """Each has its own timer and thread."""
    release, other = threading.Event(), threading.Event()
    schedule = Schedule(on_death=unexpected)

    def hangs() -> float:
        release.wait(PATIENCE_S)
        return 3600.0

    def ticks() -> float:
        other.set()
        return 3600.0

    schedule.add("hangs", hangs)
    schedule.add("ticks", ticks)
    with running(schedule):
        assert other.wait(PATIENCE_S)
        release.set()


def test_the_death_of_a_tick_is_reported() -> None:
    """A plane that died must end the process, not fall silent."""
    died, errors = threading.Event(), list[BaseException]()

    def on_death(error: BaseException) -> None:
        errors.append(error)
        died.set()

    def step() -> float:
        raise ZeroDivisionError("a bug")

    schedule = Schedule(on_death=on_death)
    schedule.add("plane", step)
    with running(schedule):
        assert died.wait(PATIENCE_S)
    assert isinstance(errors[0], ZeroDivisionError)


def test_nothing_runs_after_the_stop() -> None:
    """Also not when somebody wakes it, and stopping twice is stopping once."""
    count, first = [0], threading.Event()

    def step() -> float:
        count[0] += 1
        first.set()
        return 3600.0

    schedule = Schedule(on_death=unexpected)
    schedule.add("plane", step)
    with running(schedule):
        assert first.wait(PATIENCE_S)
    schedule.wake("plane")
    schedule.stop()
    assert count == [1]
    assert not schedule._scheduler.running
