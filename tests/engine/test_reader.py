"""What a plane reads: and whether what has never spoken exists at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from guardian.core.entries import Entry, RolloutStarted, StepEntered, WeightConfirmed
from guardian.core.model import Datapoint, Measurement, Query, Ratio, Reason
from guardian.core.rollout import fold
from guardian.engine.charge import Charge
from guardian.engine.reader import Reader
from guardian.engine.series import DOUBTED_S
from guardian.ports import Ask, EdgeError
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import Quiet, UndyingJournal, alias_for, charge

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
            points=points if ask.query.metric == "total" else (),
            settled_before=(now - 180) // 60 * 60,
        )

    def unknown(self, queries: Sequence[Query], *, now: float) -> Mapping[Query, str]:
        """What is strange, of the versions asked for."""
        del now
        self.sought.append([value for q in queries for _, value in q.dimensions])
        if self.error is not None:
            raise self.error
        return {q: UNKNOWN for q in queries if q.dimensions[0][1] in self.strange}


def shifted(clock: ManualClock) -> Charge:
    """A rollout at its first weight, whose series name their version."""
    mine = charge("r1", UndyingJournal(clock), clock, alias_for("agents-api", clock))
    begun, at = mine.rollout.plan, clock.now()
    (criterion,) = begun.criteria
    assert isinstance(criterion.measure, Ratio)
    part, total = (replace(q, versioned=("Version",)) for q in criterion.queries())
    measure = replace(criterion.measure, part=part, total=total)
    changed = replace(begun, criteria=(replace(criterion, measure=measure),))
    entries: list[Entry] = [
        RolloutStarted(at=at, plan=changed),
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=begun.steps[0].weight),
    ]
    mine.rollout = fold(entries)
    return mine


def poll(reader: Reader, mine: Charge, clock: ManualClock) -> Measurement:
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
    return next(m for q, m in found.items() if q.metric == "bad")


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
