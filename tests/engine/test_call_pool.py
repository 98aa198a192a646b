"""Calls side by side: results, errors, deadlines, and never two of one key."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.engine.call_pool import MOST_BESIDE, ThreadCallPool
from guardian.ports import CallPool, EdgeError, RouterError
from tests.simulation.serial import SerialCallPool

PATIENCE_S = 10.0


def thrower(error: Exception) -> Callable[[], object]:
    """A call that fails."""

    def call() -> object:
        raise error

    return call


@pytest.fixture
def pool() -> ThreadCallPool:
    """The real one."""
    return ThreadCallPool(SystemClock())


@pytest.mark.parametrize("make", [SerialCallPool, lambda: ThreadCallPool(SystemClock())])
def test_every_call_has_its_result_or_its_error(make: Callable[[], CallPool]) -> None:
    """Also falsy results, and exceptions that are no EdgeError."""
    calls: dict[str, Callable[[], object]] = {
        "one": lambda: 1,
        "none": lambda: None,
        "empty": dict,
        "edge": thrower(RouterError(Reason.AUTH, "not allowed")),
        "bug": thrower(ZeroDivisionError("oops")),
    }
    results = make().run(calls, deadline_s=PATIENCE_S)
    assert list(results) == list(calls)
    assert (results["one"], results["none"], results["empty"]) == (1, None, {})
    edge, bug = results["edge"], results["bug"]
    assert isinstance(edge, RouterError)
    assert edge.reason is Reason.AUTH
    assert isinstance(bug, EdgeError)
    assert bug.reason is Reason.UNKNOWN
    assert "ZeroDivisionError: oops" in bug.detail


def test_no_calls_are_no_results(pool: ThreadCallPool) -> None:
    """Nothing is waited for."""
    assert pool.run({}, deadline_s=PATIENCE_S) == {}


def test_a_late_call_is_a_time_out_and_the_others_have_their_results(
    pool: ThreadCallPool,
) -> None:
    """One hanging vendor costs the deadline, not the others' answers."""
    release = threading.Event()
    results = pool.run(
        {"hangs": lambda: release.wait(PATIENCE_S), "quick": lambda: "here"}, deadline_s=0.1
    )
    release.set()
    late = results["hangs"]
    assert results["quick"] == "here"
    assert isinstance(late, EdgeError)
    assert late.reason is Reason.TIMEOUT


def test_a_key_under_way_is_not_started_twice(pool: ThreadCallPool) -> None:
    """A read that hangs is never doubled; once it has ended, the key is free again."""
    release, ended, count = threading.Event(), threading.Event(), [0]

    def hangs() -> object:
        count[0] += 1
        release.wait(PATIENCE_S)
        ended.set()
        return "old"

    pool.run({"write": hangs}, deadline_s=0.05)
    again = pool.run({"write": hangs}, deadline_s=PATIENCE_S)["write"]
    assert isinstance(again, EdgeError)
    assert again.reason is Reason.TIMEOUT
    assert count == [1]
    release.set()
    assert ended.wait(PATIENCE_S)
    for _ in range(1000):
        fresh = pool.run({"write": lambda: "new"}, deadline_s=PATIENCE_S)["write"]
        if fresh == "new":
            break
        threading.Event().wait(0.005)
    assert fresh == "new"


def test_a_write_is_tried_beside_one_that_hangs_and_within_bounds(pool: ThreadCallPool) -> None:
    """What hangs keeps nobody from writing the same thing again; it costs a few threads at most."""
    release, begun = threading.Event(), threading.Semaphore(0)

    def hangs() -> object:
        begun.release()
        return release.wait(PATIENCE_S)

    for _ in range(MOST_BESIDE + 2):
        pool.run({"write": hangs}, deadline_s=0.05, beside=True)
    assert sum(begun.acquire(blocking=False) for _ in range(MOST_BESIDE + 2)) == MOST_BESIDE
    release.set()
    for _ in range(1000):
        if pool.run({"write": lambda: "new"}, deadline_s=PATIENCE_S)["write"] == "new":
            return
        threading.Event().wait(0.005)
    raise AssertionError("the key was never free again")


def test_a_second_call_has_its_result_while_the_first_one_hangs(pool: ThreadCallPool) -> None:
    """It waits for nothing that the first one waits for."""
    release = threading.Event()
    pool.run({"write": lambda: release.wait(PATIENCE_S)}, deadline_s=0.05, beside=True)
    assert pool.run({"write": lambda: "back"}, deadline_s=PATIENCE_S, beside=True) == {
        "write": "back"
    }
    release.set()


def test_an_interrupt_ends_every_interruptible_run_and_no_other(pool: ThreadCallPool) -> None:
    """Two planes wait at once: a signal ends both; a run that must not end goes on."""
    release = threading.Event()
    started = threading.Barrier(4)
    ended: dict[str, object] = {}

    def hangs() -> object:
        started.wait(PATIENCE_S)
        return release.wait(PATIENCE_S)

    def plane(name: str, interruptible: bool) -> None:
        results = pool.run({name: hangs}, deadline_s=PATIENCE_S, interruptible=interruptible)
        ended[name] = results[name]

    threads = [
        threading.Thread(target=plane, args=(name, name != "write")) for name in ("a", "b", "write")
    ]
    for thread in threads:
        thread.start()
    started.wait(PATIENCE_S)
    pool.interrupt()
    for thread in threads[:2]:
        thread.join(PATIENCE_S)
    assert sorted(ended) == ["a", "b"]
    assert all(isinstance(e, EdgeError) and e.reason is Reason.TIMEOUT for e in ended.values())
    release.set()
    threads[2].join(PATIENCE_S)
    assert ended["write"] is True


def test_an_interrupt_with_nothing_under_way_does_nothing(pool: ThreadCallPool) -> None:
    """It does not end the run that comes next."""
    pool.interrupt()
    SerialCallPool().interrupt()
    results = pool.run({"a": lambda: 1}, deadline_s=PATIENCE_S, interruptible=True)
    assert results == {"a": 1}


def test_a_deadline_of_nothing_starts_the_calls_and_waits_for_none(pool: ThreadCallPool) -> None:
    """How the direct word is sent while the journal is away."""
    ran = threading.Event()
    pool.run({"tell": ran.set}, deadline_s=0.0)
    assert ran.wait(PATIENCE_S)


def test_a_call_that_gets_no_thread_is_answered_at_once(
    pool: ThreadCallPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without threads is no time-out: it says what is missing, and the key is free."""

    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", full)
        results = pool.run({"one": lambda: 1}, deadline_s=PATIENCE_S)
    refused = results["one"]
    assert isinstance(refused, EdgeError)
    assert refused.reason is Reason.UNAVAILABLE
    assert "no thread for this call" in refused.detail
    assert pool.run({"one": lambda: 1}, deadline_s=PATIENCE_S) == {"one": 1}
