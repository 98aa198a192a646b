"""What the daemon's own thread does in a turn: it says what changed, once, and goes on."""

from __future__ import annotations

from collections.abc import Callable

from guardian.engine.daemon import Daemon
from guardian.engine.dependencies import Dependencies
from guardian.ports import Clock, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.house import SERVICE, House, Timeless
from tests.simulation.world import SeededRandom


class Away(Timeless):
    """A journal that can be away."""

    away = False

    def pending(self) -> int:
        """Raises while it is away."""
        if self.away:
            raise Unavailable("the disk is full")
        return super().pending()


def daemon(house: House, *, observe: bool = False, clock: Clock | None = None) -> Daemon:
    """A daemon over the house's files, whose thread is the test."""
    dependencies = Dependencies(
        journal=house.journal,
        clock=clock or house.clock,
        rng=SeededRandom("daemon"),
        owner="a daemon",
        observer=lambda _: None,
        say=house.said.append,
    )
    return Daemon(dependencies, house.catalog, observe=observe)


def said(house: House, what: Callable[[], object]) -> list[str]:
    """What is said in the course of something."""
    before = len(house.said)
    what()
    return house.said[before:]


def test_trouble_with_the_journal_is_said_once_and_again_when_it_is_back() -> None:
    """A line a second would hide what else is said."""
    journal = Away(ManualClock())
    house = House(journal=journal)
    mine = daemon(house)
    mine._turn()
    for _ in range(2):
        journal.away = True
        assert said(house, mine._turn) == ["the disk is full"]
        assert said(house, mine._turn) == []
        assert mine.overview().ready == "the disk is full"
        journal.away = False
        assert said(house, mine._turn) == []
        assert mine.overview().ready == ""


def test_what_is_served_is_said_again_when_the_files_were_read_again() -> None:
    """Whoever sent the signal sees what came of it."""
    house = House()
    mine = daemon(house)
    mine._turn()
    mine.reload()
    assert said(house, mine._turn) == [
        "the files were read again; live rollouts keep the plan they began with",
        f"serving: {SERVICE} (enforce)",
    ]
    assert said(house, mine._turn) == []


def test_a_lease_that_was_lost_is_renewed_before_anything_is_claimed() -> None:
    """The places of the daemon are its own again in the next turn, under another lease."""
    house = House()
    mine = daemon(house)
    mine._turn()
    host = mine._host
    lost = host.lease
    house.journal.close_lease(lost)
    host._lost()
    mine._turn()
    assert host.lease != lost
    assert not host.lost
    assert mine.overview().claims == {SERVICE: True}
