"""What becomes of a stamp that a dead process has left on a target."""

from __future__ import annotations

import pytest

from guardian.core.plan import Mode
from guardian.core.rollout.entries import Cause, Entry, RollbackConfirmed, RollbackStarted
from guardian.core.traffic import Stamp, Traffic
from guardian.ports import ConfigError
from tests.engine.house import SERVICE, House


def rolled_back(house: House) -> list[Entry]:
    """Entries up to the end of a rollback."""
    at = house.clock.now()
    started = RollbackStarted(at=at, cause=Cause.BREACH, detail="it hurt")
    return [*house.shifted(), started, RollbackConfirmed(at=at, by_guardian=True, detail="back")]


def test_a_stamp_that_a_dead_process_has_left_is_taken_off() -> None:
    """It put traffic back, and died before its last write; only who serves takes it off."""
    house = House()
    left = house.left(*rolled_back(house), live=False)
    alias = house.catalog.aliases[SERVICE]
    alias.stamp = Stamp(rollout=left, epoch=1, stable="41")
    house.step()
    assert house.host.runners == []
    house.admission.tidy(house.catalog, SERVICE, alias.read(), Mode.OBSERVE)
    assert house.host.runners == []
    house.admission.tidy(house.catalog, SERVICE, alias.read(), Mode.ENFORCE)
    house.host.planes["plane"].step()
    house.step()
    assert alias.read().stamp is None
    assert alias.traffic == Traffic(primary="41")
    assert house.host.runners == []
    assert house.journal.holder(alias.target) is None


@pytest.mark.parametrize("why", ["a stranger's", "live", "held", "no router"])
def test_no_other_stamp_is_touched(why: str) -> None:
    """That of another journal, of what is live, or where somebody else holds the target."""
    house = House()
    left = house.left(
        *(house.shifted() if why == "live" else rolled_back(house)), live=why == "live"
    )
    alias = house.catalog.aliases[SERVICE]
    rollout = "lost" if why == "a stranger's" else left
    alias.stamp = Stamp(rollout=rollout, epoch=1, stable="41")
    if why == "held":
        house.journal.claim(house.journal.open_lease("a pipeline"), alias.target)
    if why == "no router":
        house.catalog.error = ConfigError("it moves another target")
    house.admission.tidy(house.catalog, SERVICE, alias.read(), Mode.ENFORCE)
    assert house.host.runners == []
    assert alias.stamp is not None


def test_a_person_who_shifts_after_a_rollback_is_not_waited_for() -> None:
    """The stamp is theirs then; the target is free."""
    house = House()
    left = house.left(*rolled_back(house), live=False)
    alias = house.catalog.aliases[SERVICE]
    alias.stamp = Stamp(rollout=left, epoch=1, stable="41")
    alias.by_person(Traffic(primary="43"))
    house.admission.tidy(house.catalog, SERVICE, alias.read(), Mode.ENFORCE)
    house.step()
    assert house.host.runners == []
    assert alias.guardian_wrote == []
