"""What a runner makes of readings and of incidents, before the first shift and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.model import (
    Criterion,
    Direction,
    Incident,
    Judge,
    Limit,
    Measurement,
    Query,
    Reason,
)
from guardian.core.plan import Drive
from guardian.core.rollout.desired import DesiredTraffic, Verb
from guardian.core.rollout.entries import (
    Cause,
    Entry,
    RollbackConfirmed,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.rollout.machine import apply, start, step_traffic
from guardian.core.traffic import Stamp
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.engine.runner import RolloutRunner
from guardian.ports import Ask, RouterError
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import Quiet, UndyingJournal, alias_for, plane, runner
from tests.simulation.memory_journal import MemoryJournal

OPEN = incident_query("cloudwatch", ("P0",), ("PABC123",))
"""Asked of the plane's one source, which does not mind."""
P0 = Criterion(
    name="p0-incident",
    measure=Incidents(open=OPEN, priorities=("P0",), services=("PABC123",)),
    fail_if=Limit(direction=Direction.ABOVE, value=0.0, text="0"),
    judge=Judge.PRESENCE,
    min_samples=0,
    settle_s=0.0,
)
GONE = RouterError(Reason.NOT_FOUND, "no such alias")
LATE = RouterError(Reason.TIMEOUT, "no answer")


def incident(at: float) -> Incident:
    """Somebody was paged."""
    return Incident(id="Q1", title="down", priority="P0", service="PABC123", opened_at=at)


class Tracker(Quiet):
    """Tells of the incidents that a test opens."""

    open: tuple[Incident, ...] = ()

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.queries: list[Query] = []

    def read(self, asks: Sequence[Ask], *, now: float) -> Mapping[Query, Measurement]:
        """What is open now."""
        self.queries += [ask.query for ask in asks]
        return {a.query: Measurement(incidents=self.open, settled_before=now) for a in asks}


def guarded(
    clock: ManualClock, journal: MemoryJournal | None = None, *, fixes: tuple[str, ...] = ()
) -> RolloutRunner:
    """A rollout that has just been started, with the incident criterion beside its other one."""
    mine = runner("r1", journal or UndyingJournal(clock), clock, alias_for("agents-api", clock))
    begun = mine.rollout.plan
    changed = replace(begun, criteria=(*begun.criteria, P0), fixes=fixes)
    mine.rollout = start(RolloutStarted(at=clock.now(), plan=changed))
    return mine


def shifted(mine: RolloutRunner, clock: ManualClock) -> None:
    """The first step's weight is read back."""
    at, weight = clock.now(), mine.rollout.plan.steps[0].weight
    entries: tuple[Entry, ...] = (
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=weight),
    )
    for entry in entries:
        mine.advanced(apply(mine.rollout, entry))


def told(clock: ManualClock, *incidents: Incident) -> dict[Query, Measurement]:
    """What the tracker tells now."""
    return {OPEN: Measurement(incidents=incidents, settled_before=clock.now())}


# --- a target that is gone -----------------------------------------------------------------------


def test_a_target_that_is_not_found_is_looked_for_again() -> None:
    """Since when is remembered while every look says the same; other failures prove nothing."""
    clock = ManualClock()
    mine = guarded(clock)
    reading = alias_for("agents-api", clock).read()
    assert not mine.saw(GONE, 5.0)
    assert not mine.saw(GONE, 65.0)
    assert (mine.gone_since, mine.unseen_since, mine.read_trouble) == (5.0, 5.0, "no such alias")
    for between in (LATE, "garbage"):
        assert not mine.saw(between, 95.0)
        assert (mine.gone_since, mine.unseen_since) == (None, 5.0), between
        assert not mine.saw(GONE, 125.0)
        assert mine.gone_since == 125.0
    assert mine.saw(reading, 155.0)
    assert (mine.gone_since, mine.unseen_since) == (None, None)


# --- before a step -------------------------------------------------------------------------------


def test_no_step_is_entered_before_a_look_at_the_traffic() -> None:
    """A person may have changed the weights in a hold that has just ended."""
    clock = ManualClock()
    mine = guarded(clock)
    alias = alias_for("agents-api", clock)
    shifted(mine, clock)
    clock.pass_s(3600.0)
    mine.verdicts = tuple(
        Verdict(criterion=c.name, outcome=Outcome.PASS, evidence=Evidence(), why="")
        for c in mine.rollout.plan.criteria
    )
    mine.observed_until = clock.now()
    assert not mine.wants_reading(0.0, polling=False)
    assert mine.decide((), clock.now(), fresh=False).entry is None
    assert mine.wants_reading(0.0, polling=False)
    assert mine.unsettled
    mine.saw(replace(alias.read(), traffic=step_traffic(mine.rollout.plan, 0)), clock.now())
    assert isinstance(mine.decide((), clock.now(), fresh=True).entry, StepEntered)
    assert not mine.wants_reading(0.0, polling=False)


# --- the end -------------------------------------------------------------------------------------


def test_a_rollback_is_over_when_the_stamp_is_off() -> None:
    """Traffic is back, and what says whose it was is still on the target."""
    clock = ManualClock()
    mine = guarded(clock)
    shifted(mine, clock)
    at = clock.now()
    mine.advanced(apply(mine.rollout, RollbackStarted(at=at, cause=Cause.BREACH, detail="so")))
    mine.advanced(apply(mine.rollout, RollbackConfirmed(at=at, by_guardian=True, detail="so")))
    bare = alias_for("agents-api", clock).read()
    stamp = Stamp(rollout=mine.id, epoch=mine.claim.epoch, stable="41")
    mine.saw(replace(bare, stamp=stamp, revision="1"), at)
    assert not mine.over
    mine.saw(replace(bare, stamp=None, revision="2"), at)
    assert mine.over


# --- incidents -----------------------------------------------------------------------------------


def test_before_the_first_shift_incidents_alone_are_judged() -> None:
    """There are no datapoints of a canary without traffic."""
    clock = ManualClock()
    mine = guarded(clock)
    mine.judge(told(clock), clock.now())
    assert [(v.criterion, v.outcome) for v in mine.verdicts] == [("p0-incident", Outcome.PASS)]
    mine.judge(told(clock, incident(clock.now() - 60)), clock.now())
    assert [v.outcome for v in mine.verdicts] == [Outcome.INCONCLUSIVE]
    mine.judge({}, clock.now())
    assert [v.outcome for v in mine.verdicts] == [Outcome.ERROR]
    assert mine.observed_until is None


def test_what_the_plan_mends_is_waived_before_and_after() -> None:
    """`--fixes` is in the plan, and so in the journal."""
    clock = ManualClock()
    mine = guarded(clock, fixes=("Q1",))
    mine.judge(told(clock, incident(clock.now() - 60)), clock.now())
    assert [v.outcome for v in mine.verdicts] == [Outcome.PASS]
    shifted(mine, clock)
    clock.pass_s(60)
    mine.judge(told(clock, incident(clock.now())), clock.now())
    assert mine.verdicts[-1].outcome is Outcome.PASS


def test_after_the_first_shift_a_new_incident_is_a_breach_for_good() -> None:
    """Also when it is resolved before the next look."""
    clock = ManualClock()
    mine = guarded(clock)
    shifted(mine, clock)
    clock.pass_s(60)
    for incidents in ((incident(clock.now()),), ()):
        mine.judge(told(clock, *incidents), clock.now())
        assert mine.verdicts[-1].outcome is Outcome.FAIL


def test_a_window_knows_the_step_and_the_plan() -> None:
    """How long it bakes, what it mends, who shifted."""
    clock = ManualClock()
    mine = guarded(clock, fixes=("Q1",))
    assert mine.window() is None
    shifted(mine, clock)
    window = mine.window()
    assert window is not None
    assert (window.bake_s, window.fixes, window.watching) == (300.0, ("Q1",), False)
    plan = replace(mine.rollout.plan, drive=Drive.WATCH)
    mine.rollout = replace(mine.rollout, plan=plan)
    window = mine.window()
    assert window is not None
    assert window.watching


def test_a_plane_asks_for_incidents_from_the_start() -> None:
    """And for metrics only after the first shift."""
    clock = ManualClock()
    journal = UndyingJournal(clock)
    source = Tracker(clock)
    source.open = (incident(clock.now() - 60),)
    loop = plane(clock, journal=journal, source=source)
    mine = guarded(clock, journal)
    loop.take(mine)
    loop.step()
    assert OPEN in source.queries
    assert [v.outcome for v in mine.verdicts] == [Outcome.INCONCLUSIVE]
    assert not mine.rollout.confirmed


def test_what_breaks_nothing_asks_for_no_more_than_usual() -> None:
    """Stable's side is read where a limit is broken, and not at each poll."""
    clock = ManualClock()
    assert not runner("r1", MemoryJournal(clock), clock, alias_for("r1", clock)).doubts()


# --- tries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_a_write_that_fails_is_tried_again_ever_later_and_within_half_a_minute(
    jitter: float,
) -> None:
    """Between half a pause and a whole one, so that many guardians do not try as one."""
    mine = guarded(ManualClock())
    desired = DesiredTraffic(verb=Verb.RESTORE, traffic=mine.rollout.plan.found, stamped=True)
    pauses = []
    for _ in range(8):
        assert not mine.wrote_it(desired, LATE, monotonic=100.0, jitter=jitter)
        pauses.append(mine.retry_at - 100.0)
    whole = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert pauses == [pause * (0.5 + jitter / 2) for pause in whole]
