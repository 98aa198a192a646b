"""What a command or a person's order records is recorded, counted and told as a tick's is."""

from __future__ import annotations

import pytest

from guardian.core.entries import RollbackConfirmed, RollbackStarted, RolloutStarted
from guardian.core.plan import Drive
from guardian.core.rollout import Phase, fold
from guardian.core.traffic import Traffic
from guardian.engine.task import Busy
from tests.engine.house import SERVICE, House


def a_rollback(house: House, rollout: str = "back") -> str:
    """A person's rollback, begun by a process that dies at once."""
    engine = house.new_engine()
    task = house.desk.task(
        SERVICE, rollout, drive=Drive.ROLLBACK, steps=(), criteria=(), found=Traffic(primary="42")
    )
    engine.plane(task.plane, house.desk.sources(task))
    engine.begin(task.plan, engine.claim(task.plan.target), task.router, task.plane)
    engine.close()
    return rollout


def test_a_persons_rollback_is_recorded_with_its_intent() -> None:
    """One transaction holds both entries: no crash can leave the first one alone."""
    house = House()
    records = house.journal.read(a_rollback(house))
    assert [type(r.entry) for r in records] == [RolloutStarted, RollbackStarted]
    assert len({r.txid for r in records}) == 1


def test_a_rollback_whose_process_died_is_finished_by_a_daemon() -> None:
    """Whoever adopts it restores; it is never taken for a watch that ends as healthy."""
    house = House()
    house.desk.aliases[SERVICE].traffic = Traffic(primary="42")
    name = a_rollback(house)
    house.step()
    for _ in range(5):
        house.engine.planes["plane"].step()
    entries = [r.entry for r in house.journal.read(name)]
    assert isinstance(entries[-1], RollbackConfirmed)
    assert fold(entries).phase is Phase.ROLLED_BACK
    assert house.desk.aliases[SERVICE].traffic == Traffic(primary="41")


def test_a_rollback_that_was_left_behind_is_not_ended_for_another_rollout() -> None:
    """A dead watch may be closed; what a person ordered has to be finished."""
    house = House()
    a_rollback(house)
    engine = house.new_engine()
    task = house.desk.task(SERVICE, "next")
    engine.plane(task.plane, house.desk.sources(task))
    with pytest.raises(Busy):
        engine.begin(task.plan, engine.claim(task.plan.target), task.router, task.plane)
    left = fold(r.entry for r in house.journal.read("back"))
    assert left.returning
