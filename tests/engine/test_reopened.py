"""Orders to rollouts that are over: one that completed may still be taken back."""

from __future__ import annotations

from guardian.core.rollout.entries import (
    Answer,
    Cause,
    Entry,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
)
from guardian.core.rollout.machine import Phase
from tests.engine.house import House


def test_a_completed_rollout_is_reopened_for_an_abort() -> None:
    """Within keep_previous; the tick then obeys."""
    house = House()
    left = house.left(*house.completed(), live=False)
    house.step()
    assert house.host.runners == []
    house.order(kind=OrderKind.ABORT, to=left)
    house.step()
    (runner,) = house.host.runners
    house.step()
    assert house.host.runners == [runner]
    house.host.planes["plane"].step()
    assert runner.rollout.phase is Phase.ROLLING_BACK


def test_what_is_reopened_answers_the_other_orders_to_it_itself() -> None:
    """Two that came in one turn: the second finds a rollout that is over no more."""
    house = House()
    left = house.left(*house.completed(), live=False)
    abort = house.order(kind=OrderKind.ABORT, to=left)
    hold = house.order(kind=OrderKind.HOLD, to=left)
    house.step()
    assert house.journal.answered(hold) is None
    for _ in range(2):
        house.host.planes["plane"].step()
    assert house.journal.answered(abort) == Answer(order=abort)
    answer = house.journal.answered(hold)
    assert answer is not None
    assert "a rollback is under way" in answer.refused


def test_an_order_to_what_is_over_is_refused() -> None:
    """Too late, or rolled back already, or of another kind."""
    house = House()
    left = house.left(*house.completed(), live=False)
    hold = house.order(kind=OrderKind.HOLD, to=left)
    house.step()
    house.clock.pass_s(25 * 3600.0)
    abort = house.order(kind=OrderKind.ABORT, to=left)
    house.step()
    for order in (hold, abort):
        answer = house.journal.answered(order)
        assert answer is not None
        assert "is over (completed)" in answer.refused
    back = House()
    at = back.clock.now()
    ended: list[Entry] = [
        RollbackStarted(at=at, cause=Cause.BREACH, detail="5xx"),
        RollbackConfirmed(at=at, by_guardian=True, detail="read back"),
    ]
    order = back.order(kind=OrderKind.ABORT, to=back.left(*back.shifted(), *ended, live=False))
    back.step()
    assert back.journal.answered(order) is not None
    assert back.host.runners == []
