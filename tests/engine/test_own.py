"""What a daemon tells of itself: when, until whom it reaches, and its end."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.notices import Notice
from guardian.core.status import Look
from guardian.engine.own import JOURNAL_S, OwnNotices
from guardian.engine.tick import POLL_S
from guardian.messages.about_guardian import files_wrong
from guardian.ports import Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.house import House, Timeless


def keys(told: list[Notice]) -> list[str]:
    """What was opened, and what was closed, in order."""
    return [f"+{p.key}" for n in told for p in n.pages] + [
        f"-{k}" for n in told for k in n.resolves
    ]


def test_a_journal_that_is_out_of_use_for_long_is_paged_and_its_end_is_told() -> None:
    """A lock is over sooner; each is handed over at every turn, and its takers know what is new."""
    clock, told = ManualClock(), list[Notice]()
    own = OwnNotices(told.append, clock)
    own.journal("production", "locked")
    clock.pass_s(JOURNAL_S - 1)
    own.journal("production", "locked")
    own.step()
    own.journal("production", "")
    own.step()
    assert told == []
    own.journal("production", "the disk is full")
    clock.pass_s(JOURNAL_S)
    own.journal("production", "the disk is full")
    own.step()
    own.step()
    assert keys(told) == ["+guardian/production/journal"] * 2
    told.clear()
    own.journal("production", "")
    own.step()
    assert keys(told) == ["-guardian/production/journal"]


def test_a_journal_that_takes_heartbeats_and_no_looks_is_unwritable() -> None:
    """A disk that is full has room for small writes now and then."""

    class Full(Timeless):
        full = False

        def show(self, looks: Sequence[Look]) -> None:
            if self.full:
                raise Unavailable("the disk is full")
            super().show(looks)

    journal = Full(ManualClock())
    house = House(journal=journal)
    house.begun()
    plane = house.host.planes["plane"]
    for full, why in ((False, ""), (True, "the disk is full"), (False, "")):
        journal.full = full
        house.clock.pass_s(POLL_S)
        plane.step()
        assert house.host.unwritable == why


def test_what_was_told_before_is_ended_and_other_causes_stay() -> None:
    """One notice a cause: the newest."""
    clock, told = ManualClock(), list[Notice]()
    before = files_wrong("production", "a", clock.now())
    own = OwnNotices(told.append, clock, [before])
    own.put(files_wrong("production", "b", clock.now()))
    own.step()
    assert [n.did[-2:] for n in told] == ["b."]
