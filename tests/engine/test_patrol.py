"""What the looks at the targets find: what cannot be seen, and canaries that nobody here knows."""

from __future__ import annotations

from guardian.core.notices import Event, Notice, Severity
from guardian.core.traffic import Stamp, Traffic, Weight
from guardian.engine.patrol import AGAIN_S, EVERY_S, Patrol, orphaned
from guardian.ports import ConfigError
from tests.engine.house import SERVICE, House
from tests.simulation.serial import SerialCallPool

SPLIT = Traffic(primary="41", secondary="42", weight=Weight.percent(10))
STAMP = Stamp(rollout="lost", epoch=3, stable="41")


class Beat:
    """A patrol over a house, and what it told."""

    def __init__(self) -> None:
        self.house = House()
        self.alias = self.house.catalog.aliases[SERVICE]
        self.told: list[Notice] = []
        self.said: list[str] = []
        self.patrol = Patrol(
            self.house.journal,
            SerialCallPool(),
            self.house.clock,
            tell=self.told.append,
            say=self.said.append,
        )

    def look(self, pass_s: float = 0.0) -> None:
        """Let time pass, look, and judge what was seen."""
        self.house.clock.pass_s(pass_s)
        self.patrol.step(self.house.catalog, [SERVICE])
        self.patrol.step(self.house.catalog, [SERVICE])


def test_a_canary_under_a_stamp_that_the_journal_does_not_know_is_paged_once() -> None:
    """At the second look: what is over within a minute was somebody's work."""
    beat = Beat()
    beat.alias.traffic, beat.alias.stamp = SPLIT, STAMP
    beat.look()
    assert beat.told == []
    beat.look(AGAIN_S)
    beat.look(AGAIN_S)
    (told,) = beat.told
    (page,) = told.pages
    assert page.key == "guardian/production/agents-api/lost/orphan"
    assert page.severity is Severity.ERROR
    assert "nobody here guards version 42" in told.title
    assert f"`guardian rollout recover {SERVICE}` puts version 41 back" in told.todo
    assert (told.event, str(told.weight), told.own) == (Event.STUCK, "10%", False)
    assert beat.alias.guardian_wrote == []


def test_what_is_over_within_a_minute_is_no_orphan() -> None:
    """Nor is the target asked again before: a turn a second would cost AWS a look a second."""
    beat = Beat()
    beat.alias.traffic, beat.alias.stamp = SPLIT, STAMP
    beat.look()
    beat.look(59.0)
    beat.alias.traffic, beat.alias.stamp = Traffic(primary="41"), None
    beat.look(1.0)
    assert beat.told == []
    beat.look(EVERY_S)
    beat.alias.traffic, beat.alias.stamp = SPLIT, STAMP
    beat.look(EVERY_S)
    beat.look(60.0)
    assert len(beat.told) == 1


def test_the_page_is_over_when_the_target_is_as_it_should_be() -> None:
    """By whatever hand; it may be paged again."""
    beat = Beat()
    beat.alias.traffic, beat.alias.stamp = SPLIT, STAMP
    beat.look()
    beat.look(AGAIN_S)
    beat.alias.traffic, beat.alias.stamp = Traffic(primary="41"), None
    beat.look(AGAIN_S)
    assert beat.told[-1].resolves == ("guardian/production/agents-api/lost/orphan",)
    assert len(beat.told) == 2


def test_what_is_driven_or_sends_no_traffic_is_nobodys_orphan() -> None:
    """A live rollout of ours, a process that holds the target, a stamp that was left over."""
    beat = Beat()
    reading = beat.alias.read()
    assert orphaned(beat.house.journal, beat.alias.target, reading) is None
    beat.alias.stamp = STAMP
    assert orphaned(beat.house.journal, beat.alias.target, beat.alias.read()) is None
    beat.alias.traffic = Traffic(primary="42")
    reading = beat.alias.read()
    assert orphaned(beat.house.journal, beat.alias.target, reading) == STAMP
    lease = beat.house.journal.open_lease("a pipeline")
    beat.house.journal.claim(lease, beat.alias.target)
    assert orphaned(beat.house.journal, beat.alias.target, reading) is None
    beat.house.journal.close_lease(lease)
    beat.house.left(*beat.house.shifted())
    assert orphaned(beat.house.journal, beat.alias.target, reading) is None


def test_a_stamp_on_stable_is_handed_on() -> None:
    """Whoever left it may be known; a target without one, and an orphan, are nobody's to tidy."""
    beat = Beat()
    looked: list[list[str]] = []

    def look(pass_s: float) -> None:
        beat.house.clock.pass_s(pass_s)
        beat.patrol.step(beat.house.catalog, [SERVICE])
        looked.append(list(beat.patrol.step(beat.house.catalog, [SERVICE])))

    look(0.0)
    beat.alias.stamp = STAMP
    look(EVERY_S)
    beat.alias.traffic = SPLIT
    look(EVERY_S)
    assert looked == [[], [SERVICE], []]


def test_a_target_that_cannot_be_seen_is_said_and_looked_at_again() -> None:
    """Once each time; whether the router cannot be built, or AWS does not show the target."""
    beat = Beat()
    beat.alias.gone = True
    beat.look()
    beat.look(AGAIN_S)
    assert beat.patrol.unseen == {SERVICE: "no such alias"}
    assert beat.said == [f"{SERVICE}: its target cannot be seen: no such alias"]
    beat.house.catalog.error = ConfigError("no such router")
    beat.look(AGAIN_S)
    assert beat.patrol.unseen == {SERVICE: "no such router"}
    beat.house.catalog.error, beat.alias.gone = None, False
    beat.look(AGAIN_S)
    assert beat.patrol.unseen == {SERVICE: ""}
    assert beat.said[-1] == f"{SERVICE}: its target can be seen again"


def test_what_cannot_be_seen_is_looked_at_once_a_minute() -> None:
    """Neither in each turn, which would be a look a second, nor only after an hour."""
    beat = Beat()
    beat.alias.gone = True
    beat.look()
    beat.alias.gone = False
    beat.look(59.0)
    assert beat.patrol.unseen == {SERVICE: "no such alias"}
    beat.look(1.0)
    assert beat.patrol.unseen == {SERVICE: ""}


def test_looks_are_an_hour_apart_and_services_that_went_are_forgotten() -> None:
    """So many targets cost little; a clock that was set back delays no look."""
    beat = Beat()
    beat.look()
    beat.alias.gone = True
    beat.look(EVERY_S - 1)
    assert beat.patrol.unseen == {SERVICE: ""}
    beat.look(1)
    assert beat.patrol.unseen == {SERVICE: "no such alias"}
    beat.patrol.step(beat.house.catalog, [])
    assert beat.patrol.unseen == {}
