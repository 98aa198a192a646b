"""What a plane does in the very tick in which the journal does not take its entry."""

from __future__ import annotations

from guardian.core.rollout.desired import DesiredTraffic, Verb
from guardian.core.rollout.entries import (
    Cause,
    Order,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
    WeightConfirmed,
)
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from guardian.engine.runner import RolloutRunner
from guardian.engine.tick import Plane
from guardian.ports import JournalError, OutcomeUnknown, Record, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import UndyingJournal, alias_for, plane, runner

STABLE = Traffic(primary="41")
FULL = Unavailable("the disk is full")
IN_DOUBT = OutcomeUnknown("the disk reported an error while it was being made durable")


class Failing(UndyingJournal):
    """Takes no entry, and shows none, while it is told so."""

    refuses: JournalError | None = None
    unreadable = False

    def append(self, *args: object, **options: object) -> int:
        """As it was told."""
        if self.refuses is not None:
            raise self.refuses
        return super().append(*args, **options)  # type: ignore[arg-type] # as it came

    def read(self, rollout: str) -> list[Record]:
        """As it was told."""
        if self.unreadable:
            raise FULL
        return super().read(rollout)


class Stand:
    """One rollout of a plane, at its first weight."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.journal = Failing(self.clock)
        self.alias = alias_for("api", self.clock)
        self.plane: Plane = plane(self.clock, journal=self.journal)
        self.mine: RolloutRunner = runner("api", self.journal, self.clock, self.alias)
        self.plane.take(self.mine)

    def until(self, phase: Phase) -> None:
        """Step until the rollout is there."""
        while self.mine.rollout.phase is not phase:
            self.plane.step()

    def abort(self) -> None:
        """Somebody wants the traffic back."""
        self.journal.order(
            Order(
                id="o1",
                rollout="api",
                kind=OrderKind.ABORT,
                actor="alice",
                reason="users are hurt",
                at=self.clock.now(),
            )
        )

    def aside(self) -> list[type[object]]:
        """What was done without a record."""
        return [type(entry) for entry in self.mine.aside]


def test_a_rollback_waits_for_no_second_tick_where_nobody_knows_whether_it_is_recorded() -> None:
    """Neither the append nor the look at what became of it is answered: traffic goes back now."""
    stand = Stand()
    stand.until(Phase.BAKING)
    stand.abort()
    stand.journal.refuses, stand.journal.unreadable = IN_DOUBT, True
    stand.plane.step()
    assert stand.alias.traffic == STABLE
    stand.plane.step()
    assert stand.aside() == [RollbackStarted, RollbackConfirmed]


def test_a_rollback_waits_for_no_journal_that_can_be_read_and_not_written() -> None:
    """Nobody says what becomes of an append, and nothing new is there: traffic goes back now."""
    stand = Stand()
    stand.until(Phase.BAKING)
    stand.abort()
    stand.journal.refuses = IN_DOUBT
    stand.plane.step()
    assert stand.alias.traffic == STABLE
    stand.plane.step()
    assert stand.aside() == [RollbackStarted, RollbackConfirmed]


def test_a_rollback_waits_for_no_pause_of_the_shift_before() -> None:
    """A write that failed is tried later; the way back is tried now."""
    stand = Stand()
    stand.until(Phase.BAKING)
    stand.abort()
    stand.mine.retry_at = stand.clock.monotonic() + 30.0
    stand.journal.refuses = FULL
    stand.plane.step()
    assert stand.alias.traffic == STABLE


def test_a_rollback_without_a_record_is_written_once_also_where_traffic_seems_to_be_back() -> None:
    """A shift that is still under way somewhere has to fail by its precondition."""
    stand = Stand()
    stand.until(Phase.BAKING)
    at = stand.clock.now()
    stand.mine.aside = (RollbackStarted(at=at, cause=Cause.BREACH, detail="5xx"),)
    stand.alias.by_person(STABLE)
    stand.mine.saw(stand.alias.read(), at)
    stand.mine.wrote = False
    restore = DesiredTraffic(verb=Verb.RESTORE, traffic=STABLE, stamped=True)
    assert stand.mine.due_write(stand.clock.monotonic()) == restore
    stand.mine.wrote = True
    assert stand.mine.due_write(stand.clock.monotonic()) is None


def test_what_was_put_back_without_a_record_is_not_put_back_again() -> None:
    """Whoever deploys afterwards knows what they do."""
    stand = Stand()
    stand.until(Phase.BAKING)
    stand.abort()
    stand.journal.refuses = FULL
    stand.plane.step()
    stand.plane.step()
    assert stand.aside() == [RollbackStarted, RollbackConfirmed]
    wrote = len(stand.alias.guardian_wrote)
    split = stand.mine.rollout.plan.steps[0].weight
    stand.alias.by_person(Traffic(primary="41", secondary="42", weight=split))
    for _ in range(3):
        stand.clock.pass_s(30.0)
        stand.plane.step()
    assert len(stand.alias.guardian_wrote) == wrote
    assert stand.aside() == [RollbackStarted, RollbackConfirmed]


def test_a_clock_that_is_set_back_in_between_leaves_the_entries_in_order() -> None:
    """They are appended as they are once the journal is back."""
    stand = Stand()
    stand.until(Phase.BAKING)
    stand.abort()
    stand.journal.refuses = FULL
    stand.plane.step()
    stand.clock.jump_s(-600.0)
    stand.plane.step()
    started, confirmed = stand.mine.aside
    assert confirmed.at == started.at
    stand.journal.refuses = None
    stand.until(Phase.ROLLED_BACK)


def test_a_weight_counts_from_when_it_was_first_read_back() -> None:
    """A journal that is away for a while makes no bake longer, and hides no minute of it."""
    stand = Stand()
    stand.until(Phase.SHIFTING)
    begun = stand.clock.now()
    stand.journal.refuses = FULL
    for _ in range(3):
        stand.plane.step()
        stand.clock.pass_s(30.0)
    unrecorded = stand.mine.unrecorded
    assert isinstance(unrecorded, WeightConfirmed)
    assert unrecorded.at == begun
