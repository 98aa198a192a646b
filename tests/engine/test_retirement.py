"""A completed rollout that nobody can take back any more is retired, once and by one hand."""

from __future__ import annotations

from guardian.core.rollout.entries import Cancelled, OrderKind, Retired
from guardian.core.rollout.machine import Phase, fold
from guardian.engine.retirement import LOOK_S
from guardian.ports import Record
from tests.contracts.journal_values import ManualClock
from tests.engine.house import SERVICE, House, Timeless

KEPT_S = 24 * 3600.0


def phase(house: House, rollout: str = "left") -> Phase:
    """Where the journal has it."""
    return fold(record.entry for record in house.journal.read(rollout)).phase


def test_a_completed_rollout_is_retired_after_keep_previous() -> None:
    """Not before; the entry says why, and an abort is refused from then on."""
    house = House()
    left = house.left(*house.completed(), live=False)
    house.clock.pass_s(KEPT_S - 2 * LOOK_S)
    house.step()
    assert phase(house) is Phase.COMPLETED
    house.clock.pass_s(3 * LOOK_S)
    house.step()
    assert phase(house) is Phase.RETIRED
    last = house.journal.read(left)[-1].entry
    assert isinstance(last, Retired)
    assert last.detail == "it completed 24h ago (keep_previous)"
    order = house.order(kind=OrderKind.ABORT, to=left)
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert "is over (retired)" in answer.refused
    seq = len(house.journal.read(left))
    house.clock.pass_s(2 * LOOK_S)
    house.step()
    assert len(house.journal.read(left)) == seq


def test_a_later_rollout_retires_the_one_before() -> None:
    """Once it lets go of the target; what is newest can still be taken back."""
    house = House()
    house.left(*house.completed(), live=False)
    house.clock.pass_s(60.0)
    runner = house.begun()
    house.clock.pass_s(2 * LOOK_S)
    house.step()
    assert phase(house) is Phase.COMPLETED
    house.host.drop(runner)
    house.host.end(house.host.claim(runner.rollout.plan.target), runner.rollout, cancelled(house))
    house.journal.release(house.host.claim(runner.rollout.plan.target))
    house.clock.pass_s(2 * LOOK_S)
    house.step()
    assert phase(house) is Phase.RETIRED
    assert phase(house, runner.id) is Phase.CANCELLED


def cancelled(house: House) -> Cancelled:
    """The end of a rollout that moved nothing."""
    return Cancelled(at=house.clock.now(), detail="nobody wants it")


def test_what_another_process_holds_is_left_to_it() -> None:
    """The target's holder may be about to take it back."""
    house = House()
    house.left(*house.completed(), live=False)
    lease = house.journal.open_lease("somebody")
    assert house.journal.claim(lease, house.catalog.aliases[SERVICE].target) is not None
    house.clock.pass_s(KEPT_S + 1)
    house.step()
    assert phase(house) is Phase.COMPLETED


class Reads(Timeless):
    """A journal that knows which rollouts were read."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout."""
        self.asked.append(rollout)
        return super().read(rollout)


def test_what_is_over_for_good_is_read_once() -> None:
    """A long past must not be read at every look."""
    journal = Reads(ManualClock())
    house = House(journal=journal)
    left = house.left(cancelled(house), live=False)
    house.step()
    assert left in journal.asked
    journal.asked.clear()
    for _ in range(3):
        house.clock.pass_s(2 * LOOK_S)
        house.step()
    assert journal.asked == []
