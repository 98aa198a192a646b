"""What a process that died was telling is told by the next command on its journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from guardian.app.guarding import deliver_left
from guardian.clock import SystemClock
from guardian.core.rollout.entries import RolloutStarted
from guardian.ports import Journal, Outgoing, Sent
from tests.cli.journaled import Desk
from tests.contracts.journal_values import notice, plan
from tests.engine.house import SERVICE, House


def leave(journal: Journal, *receivers: str) -> None:
    """A rollout that is over, and what nobody was told of it."""
    now = SystemClock().now()
    lease = journal.open_lease("dead")
    the_plan = plan("left")
    claim = journal.claim(lease, the_plan.target)
    assert claim is not None
    left = replace(notice("left", 1, title="what nobody heard"), at=now)
    journal.append(
        claim,
        "left",
        expected=0,
        entries=[RolloutStarted(at=now, plan=the_plan)],
        live=False,
        outgoing=[Outgoing(receiver=receiver, notice=left) for receiver in receivers],
        txid="left",
    )
    journal.close_lease(lease)


def test_what_two_lanes_were_being_told_is_waited_for() -> None:
    """One is free a moment later than the other; what cannot be delivered is tried once."""
    journal, clock = House().journal, SystemClock()
    leave(journal, "gone", "page", "slack")
    now = clock.now()
    for pending, until in zip(journal.due(now), (now, now + 0.1, now + 1.5), strict=True):
        assert journal.claim_notice(pending, now=now, until=until)
    delivered: list[str] = []

    def deliver() -> None:
        due = journal.due(clock.now())
        delivered.append(" ".join(p.receiver for p in due))
        for pending in due:
            if pending.receiver != "gone":
                journal.ack(pending, Sent())

    deliver_left(journal, clock, deliver)
    assert delivered[-1] == "gone slack"
    assert [p.receiver for p in journal.due(now + 100)] == ["gone"]


def test_a_start_that_comes_to_nothing_tells_it(tmp_path: Path) -> None:
    """It has no session of its own to do it."""
    desk = Desk(tmp_path)
    desk.configure()
    config = tmp_path / "config" / "production.yaml"
    config.write_text(config.read_text() + "notify: [{to: console}]\n")
    leave(desk.journal, "console")
    ended = desk.run("rollout", "start", SERVICE, "--to", "42", "--wait")
    assert ended.code == 3
    assert "what nobody heard" in ended.out + ended.err
    assert desk.journal.pending() == 0
