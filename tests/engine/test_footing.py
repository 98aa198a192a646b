"""Stable is asked after beside the loop's work: seldom, in turn, and at once when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.model import Reason
from guardian.core.rollout.entries import Order, OrderKind, WayBackSeen
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Reading, Snapshot, Stamp, WayBack
from guardian.engine.looks import AGAIN_S, ASK_EVERY_S, ASKS
from guardian.engine.tick import POLL_S, Plane
from guardian.engine.tick_result import TickResult
from guardian.ports import RouterError
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import UndyingJournal, alias_for, plane, runner
from tests.simulation.world import Alias

LOST = WayBack(problem="version 41 does not exist", older="40")


def abort(rollout: str, at: float) -> Order:
    """A person wants it back."""
    return Order(
        id="o1", rollout=rollout, kind=OrderKind.ABORT, actor="alice", reason="hurts", at=at
    )


class Deleted(Alias):
    """Stable is gone, and what would restore it is refused."""

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """Refused."""
        del snapshot, stamp, after
        raise RouterError(Reason.NOT_FOUND, "no such version")


class Scene:
    """A plane with some rollouts that bake, and what it recorded."""

    def __init__(self, *names: str) -> None:
        self.clock = ManualClock()
        self.reports: list[TickResult] = []
        journal = self.journal = UndyingJournal(self.clock)
        self.plane: Plane = plane(self.clock, journal=journal, observer=self.reports.append)
        self.aliases: list[Alias] = []
        for name in names:
            like = alias_for(name, self.clock)
            alias = Deleted(
                clock=like.clock, faults=like.faults, traffic=like.traffic, target=like.target
            )
            self.aliases.append(alias)
            self.plane.take(runner(name, journal, self.clock, alias))
        for _ in range(5):
            self.plane.step()
        assert {c.rollout.phase for c in self.plane.runners} == {Phase.BAKING}

    def polls(self, count: int = 1) -> None:
        """So many polls."""
        for _ in range(count):
            self.clock.pass_s(POLL_S)
            self.plane.step()

    @property
    def asked(self) -> Sequence[int]:
        """How often each was asked for."""
        return [alias.asked_way_back for alias in self.aliases]

    @property
    def seen(self) -> list[WayBackSeen]:
        """What was recorded of the way back."""
        entries = (item.entry for report in self.reports for item in report.recorded)
        return [entry for entry in entries if isinstance(entry, WayBackSeen)]


def test_a_stable_that_is_deleted_is_told_once_and_so_is_its_return() -> None:
    """Within two polls; a router that does not answer is no news."""
    scene = Scene("api")
    scene.aliases[0].way = LOST
    scene.polls(4)
    assert [entry.found for entry in scene.seen] == [LOST]
    scene.aliases[0].way = None
    scene.polls(4)
    assert len(scene.seen) == 1
    scene.aliases[0].way = WayBack()
    scene.polls(2)
    assert [entry.found for entry in scene.seen] == [LOST, WayBack()]
    assert scene.plane.runners[0].rollout.phase is Phase.BAKING


def test_many_are_asked_for_in_turn() -> None:
    """Each at least every ten minutes, and never all at once."""
    scene = Scene(*(f"s{number}" for number in range(50)))
    before, most = sum(scene.asked), 0
    for _ in range(int(ASK_EVERY_S / POLL_S)):
        already = sum(scene.asked)
        scene.polls()
        most = max(most, sum(scene.asked) - already)
    assert most == ASKS
    assert sum(scene.asked) - before == ASKS * int(ASK_EVERY_S / POLL_S)
    assert min(scene.asked) >= 2


def test_a_rollback_that_is_refused_asks_at_once_and_others_wait() -> None:
    """The way out is known before the rollback counts as stuck."""
    scene = Scene("api", "other")
    began, (mine, other) = scene.clock.now(), scene.aliases
    mine.way = LOST
    scene.journal.order(abort("api", began))
    asked = scene.asked
    for _ in range(40):
        scene.clock.pass_s(1.0)
        scene.plane.step()
    assert scene.plane.runners[0].rollout.phase is Phase.ROLLING_BACK
    assert [entry.found for entry in scene.seen] == [LOST]
    assert scene.seen[0].at - began <= AGAIN_S + 2.0
    assert mine.asked_way_back - asked[0] <= 40 / AGAIN_S
    assert other.asked_way_back == asked[1]
