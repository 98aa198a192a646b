"""What a plane reads: and whether what has never spoken exists at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from guardian.clock import SystemClock
from guardian.cloudwatch import MetricStat, changed
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Datapoint, Measurement, Query, Reason
from guardian.core.rollout.entries import Entry, RolloutStarted, StepEntered, WeightConfirmed
from guardian.core.rollout.machine import fold
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.reader import LANES, LEISURE, PART, Reader
from guardian.engine.runner import RolloutRunner
from guardian.engine.series import DOUBTED_S
from guardian.ports import Ask, EdgeError
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import Quiet, UndyingJournal, alias_for, runner

UNKNOWN = "CloudWatch knows no metric bad"


class Doubted(Quiet):
    """Requests and no failures; it knows what a test says, and remembers what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.sought: list[list[str]] = []
        self.strange: Sequence[str] = ("41", "42")
        self.error: EdgeError | None = None

    def read(self, asks: Sequence[Ask], *, now: float) -> Mapping[Query, Measurement]:
        """A hundred requests a minute."""
        return {a.query: self._measured(a, now) for a in asks}

    def _measured(self, ask: Ask, now: float) -> Measurement:
        starts = range(int(ask.start), int(min(now, ask.end)), 60)
        points = tuple(Datapoint(float(at), 100.0) for at in starts)
        return Measurement(
            points=points if MetricStat.of(ask.query).metric == "total" else (),
            settled_before=(now - 180) // 60 * 60,
        )

    def unknown(self, queries: Sequence[Query], *, now: float) -> Mapping[Query, str]:
        """What is strange, of the versions asked for."""
        del now
        self.sought.append([value for q in queries for _, value in MetricStat.of(q).dimensions])
        if self.error is not None:
            raise self.error
        return {q: UNKNOWN for q in queries if MetricStat.of(q).dimensions[0][1] in self.strange}


def shifted(clock: ManualClock, name: str = "r1") -> RolloutRunner:
    """A rollout at its first weight, whose series name their version."""
    mine = runner(name, UndyingJournal(clock), clock, alias_for(name, clock))
    begun, at = mine.rollout.plan, clock.now()
    (criterion,) = begun.criteria
    assert isinstance(criterion.measure, Ratio)
    bad, all_ = (
        replace(changed(q, region=None if name == "r1" else name), versioned=("Version",))
        for q in criterion.queries()
    )
    measure = replace(criterion.measure, part=bad, total=all_)
    again = replace(begun, criteria=(replace(criterion, measure=measure),))
    entries: list[Entry] = [
        RolloutStarted(at=at, plan=again),
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=begun.steps[0].weight),
    ]
    mine.rollout = fold(entries)
    return mine


def poll(reader: Reader, mine: RolloutRunner, clock: ManualClock) -> Measurement:
    """One poll; what is known of the failures then."""
    results: dict[str, object] = {}
    for key, call in reader.calls([mine], clock.now()).items():
        try:
            results[key] = call()
        except EdgeError as error:
            results[key] = error
    reader.take_in(results, clock.now())
    found = reader.measurements(mine, clock.now())
    clock.pass_s(30.0)
    return next(m for q, m in found.items() if MetricStat.of(q).metric == "bad")


def test_a_series_that_never_spoke_is_asked_after_once() -> None:
    """After its first reading, for both versions: one that is known is known for good."""
    clock = ManualClock()
    source, mine = Doubted(clock), shifted(clock)
    source.strange = ("42",)
    reader = Reader({"cloudwatch": source})
    answers = [poll(reader, mine, clock).known for _ in range(20)]
    assert answers == [False, *([True] * 19)]
    assert source.sought == [["42", "41"]]


def test_what_is_not_known_is_asked_after_again() -> None:
    """A metric may begin to exist; until then its source says what it has instead."""
    clock = ManualClock()
    source, mine = Doubted(clock), shifted(clock)
    reader = Reader({"cloudwatch": source})
    assert poll(reader, mine, clock).unknown == ""
    polls = int(DOUBTED_S / 30.0)
    answers = [poll(reader, mine, clock) for _ in range(polls)]
    assert {(a.known, a.unknown) for a in answers} == {(False, UNKNOWN)}
    assert len(source.sought) == 1
    source.strange = ()
    assert poll(reader, mine, clock).known
    assert len(source.sought) == 2


def test_a_question_without_an_answer_is_asked_again_at_once() -> None:
    """And it is said why nobody knows."""
    clock = ManualClock()
    source, mine = Doubted(clock), shifted(clock)
    reader = Reader({"cloudwatch": source})
    source.error = EdgeError(Reason.THROTTLED, "CloudWatch was throttled")
    poll(reader, mine, clock)
    found = poll(reader, mine, clock)
    assert (found.known, found.unknown) == (
        False,
        "whether there is a series Sim bad cannot be learned: CloudWatch was throttled",
    )
    source.error, source.strange = None, ()
    assert poll(reader, mine, clock).known


# --- side by side, and as it arrives ------------------------------------------------------------


class Slow(Doubted):
    """Answers a read only when it is let."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.let = threading.Event()
        self.windows: list[tuple[float, float]] = []
        self.together = 0
        self._reading = 0
        self._lock = threading.Lock()

    def read(self, asks: Sequence[Ask], *, now: float) -> Mapping[Query, Measurement]:
        """Late."""
        with self._lock:
            self.windows += [(a.start, a.end) for a in asks]
            self._reading += 1
            self.together = max(self.together, self._reading)
        self.let.wait(30.0)
        with self._lock:
            self._reading -= 1
        return super().read(asks, now=now)


def lives(
    reader: Reader, mine: Sequence[RolloutRunner], pool: ThreadCallPool, clock: ManualClock
) -> Measurement:
    """One poll with a short deadline; what is known of the first total then."""
    calls = reader.calls(mine, clock.now())
    reader.take_in(pool.run(calls, deadline_s=0.2), clock.now())
    return total(reader, mine[0], clock)


def total(reader: Reader, mine: RolloutRunner, clock: ManualClock) -> Measurement:
    """What is known of a rollout's requests."""
    found = reader.measurements(mine, clock.now())
    return next(m for q, m in found.items() if MetricStat.of(q).metric == "total")


def arrives(reader: Reader, clock: ManualClock) -> None:
    """Wait until all that was asked is there."""
    pause = threading.Event()
    for _ in range(3000):
        reader.arrived(clock.now())
        if not reader.waiting:
            return
        pause.wait(0.01)
    pytest.fail("not everything arrived")


def test_an_answer_that_comes_late_is_taken() -> None:
    """Meanwhile the series is blind, and is not asked for a second time."""
    clock = ManualClock()
    source, mine, pool = Slow(clock), shifted(clock), ThreadCallPool(SystemClock())
    clock.pass_s(600.0)
    reader = Reader({"cloudwatch": source})
    began = clock.now()
    for _ in range(3):
        late = lives(reader, [mine], pool, clock)
        assert late.problem is not None
        assert (late.problem.reason, late.blind_since) == (Reason.TIMEOUT, began)
        clock.pass_s(30.0)
    assert len(source.windows) == 2, "one window a series"
    assert len(reader.problems) == 2
    source.let.set()
    arrives(reader, clock)
    found = total(reader, mine, clock)
    assert (found.problem, found.blind_since) == (None, None)
    assert found.points
    assert reader.problems == []


def test_many_series_are_read_side_by_side() -> None:
    """In parts of what one call takes, a few of them at a time."""
    clock = ManualClock()
    source, pool = Slow(clock), ThreadCallPool(SystemClock())
    mine = [shifted(clock, f"r{number}") for number in range(6 * PART)]
    clock.pass_s(600.0)
    reader = Reader({"cloudwatch": source})
    assert lives(reader, mine, pool, clock).problem is not None
    assert source.together == LANES
    source.let.set()
    arrives(reader, clock)
    assert source.together <= LANES
    assert all(total(reader, one, clock).points for one in mine)


def test_older_minutes_are_read_between_the_polls() -> None:
    """The newest first; a restart after a day sees what is wrong now at its first poll."""
    clock = ManualClock()
    source, mine = Doubted(clock), shifted(clock)
    clock.pass_s(86_400.0)
    reader = Reader({"cloudwatch": source})
    poll(reader, mine, clock)
    found = total(reader, mine, clock)
    assert found.since > mine.judged_since
    assert len(found.points) < 70
    for call in reader.leisurely([mine], clock.now()).values():
        call()
    assert reader.arrived(clock.now())
    found = total(reader, mine, clock)
    assert (found.since, len(found.points)) == (0.0, 1440)
    assert reader.leisurely([mine], clock.now()) == {}
    assert not reader.waiting


def test_only_a_few_older_parts_are_read_at_a_time() -> None:
    """They must not stand in the way of the newest."""
    clock = ManualClock()
    mine = [shifted(clock, f"r{number}") for number in range(200)]
    clock.pass_s(86_400.0)
    reader = Reader({"cloudwatch": Doubted(clock)})
    for call in reader.calls(mine, clock.now()).values():
        call()
    reader.arrived(clock.now())
    calls = reader.leisurely(mine, clock.now())
    assert len(calls) == LEISURE
    assert reader.leisurely(mine, clock.now()) == {}


def test_a_call_that_could_not_be_made_is_a_problem_at_once() -> None:
    """No thread was left for it: it is asked for again at the next poll."""
    clock = ManualClock()
    mine = shifted(clock)
    reader = Reader({"cloudwatch": Doubted(clock)})
    error = EdgeError(Reason.UNAVAILABLE, "no thread for this call")
    reader.take_in(dict.fromkeys(reader.calls([mine], clock.now()), error), clock.now())
    assert [p.detail for p in reader.problems] == ["no thread for this call"] * 2
    assert poll(reader, mine, clock).problem is None
