"""What another terminal leaves acts now, and once."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.rollout.entries import (
    Freeze,
    Order,
    OrderKind,
)
from guardian.engine.order_watcher import OrderWatcher
from guardian.ports import Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.house import House, Timeless


def test_the_bell_rings_once_for_each_new_order_and_freeze() -> None:
    """An abort is urgent; what waits already is old news; an empty house is not looked at."""
    house = House()
    rung: list[bool] = []
    rollouts: list[str] = []
    order_watcher = OrderWatcher(house.journal, rollouts=lambda: rollouts, ring=rung.append)
    house.order(kind=OrderKind.HOLD, to="r1")
    order_watcher.step()
    assert rung == []
    rollouts.append("r1")
    order_watcher.step()
    order_watcher.step()
    assert rung == [False]
    house.order(kind=OrderKind.ABORT, to="r1")
    order_watcher.step()
    assert rung == [False, True]
    now = house.clock.now()
    house.journal.freeze(Freeze(scope="*", until=now + 60, actor="alice", reason="a fair", at=now))
    order_watcher.step()
    order_watcher.step()
    assert rung == [False, True, False]


def test_the_bell_waits_while_the_journal_is_away() -> None:
    """The tick says what is wrong with it."""

    class Away(Timeless):
        def orders(self, rollouts: Sequence[str]) -> list[Order]:
            del rollouts
            raise Unavailable("no disk")

    rung: list[bool] = []
    order_watcher = OrderWatcher(Away(ManualClock()), rollouts=lambda: ["r1"], ring=rung.append)
    assert order_watcher.step() > 0
    assert rung == []
