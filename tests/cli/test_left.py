"""What a process that died was telling is told by the next command on its journal."""

from __future__ import annotations

from guardian.cli.guard import deliver_left
from guardian.clock import SystemClock
from guardian.core.entries import RolloutStarted
from guardian.ports import Sent
from tests.contracts.journal_values import outgoing
from tests.engine.house import SERVICE, House


def test_what_two_lanes_were_being_told_is_waited_for() -> None:
    """One is free a moment later than the other; what cannot be delivered is tried once."""
    house, clock = House(), SystemClock()
    lease = house.journal.open_lease("dead")
    plan = house.desk.task(SERVICE, "left").plan
    claim = house.journal.claim(lease, plan.target)
    assert claim is not None
    house.journal.append(
        claim,
        "left",
        expected=0,
        entries=[RolloutStarted(at=clock.now(), plan=plan)],
        live=False,
        outgoing=[o for lane in ("gone", "page", "slack") for o in outgoing("left", 1, lane=lane)],
        txid="left",
    )
    now = clock.now()
    for pending, until in zip(house.journal.due(now), (now, now + 0.1, now + 0.9), strict=True):
        assert house.journal.take(pending, now=now, until=until)
    delivered: list[str] = []

    def deliver() -> None:
        due = house.journal.due(clock.now())
        delivered.append(" ".join(p.lane for p in due))
        for pending in due:
            if pending.lane != "gone":
                house.journal.settle(pending, Sent())

    deliver_left(house.journal, clock, deliver)
    assert delivered == ["gone", "gone page", "gone slack"]
