"""How rollouts stand for a program that holds the journal: values, and no text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.app import freezes
from guardian.app.orders import addressed
from guardian.app.remembered import meant
from guardian.app.status import following, listed, names_a_rollout, past, status, statuses
from guardian.core.rollout.entries import (
    EVERYTHING,
    Cause,
    Entry,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
)
from guardian.core.rollout.machine import Phase
from guardian.core.status import Look
from guardian.engine.outcome import Exit
from guardian.ports import ConfigError, Damaged, UsageError
from tests.app.remembered import order, remembered
from tests.cli.journaled import SERVICE, Desk
from tests.core.rollouts import PASS
from tests.journals.sqlite_store import altered


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with an empty journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def taken_back(desk: Desk) -> tuple[Entry, ...]:
    """The end of a rollout."""
    now = desk.clock.now()
    return (
        RollbackStarted(at=now, cause=Cause.ABORTED, detail="enough"),
        RollbackConfirmed(at=now, by_guardian=True, detail="41 100%"),
    )


def test_a_live_rollout_has_who_drives_it_what_waits_and_what_was_seen(desk: Desk) -> None:
    """The newest look counts, where it is newer than what was journalled."""
    driving, records = desk.begin(), remembered(desk)
    left = replace(order(OrderKind.HOLD, rollout="r1"), id="o1", at=desk.clock.now())
    desk.journal.order(left)
    seen = Look(rollout="r1", at=desk.clock.now(), waiting_for="minutes", verdicts=(PASS,))
    driving.journal.show([seen])
    freezes.freeze(records, [SERVICE], for_s=3600.0, actor="ada", reason="a launch")
    found = status(records, "r1")
    assert (found.driver, found.orders) == ("ada@ci pid 7", (left,))
    assert (found.verdicts, found.judged_at, found.waiting_for) == ((PASS,), seen.at, "minutes")
    assert found.freeze is not None
    assert (found.step, found.weight, len(found.entries)) == (1, found.wanted, 3)


def test_what_is_over_has_neither(desk: Desk) -> None:
    """Nobody drives it, and no freeze concerns it."""
    driving, records = desk.begin(), remembered(desk)
    freezes.freeze(records, [EVERYTHING], for_s=3600.0, actor="ada", reason="a launch")
    driving.put(*taken_back(desk))
    found = status(records, "r1")
    assert found.rollout.phase is Phase.ROLLED_BACK
    assert (found.driver, found.freeze, found.orders) == (None, None, ())


def test_one_that_is_damaged_hides_no_other(desk: Desk) -> None:
    """It is an error once the others were shown."""
    desk.begin()
    records = remembered(desk)
    desk.begin("r2", service="billing", target="lambda_alias:333333333333:us-east-1:billing:live")
    altered(desk.path, "UPDATE entries SET body = '{}' WHERE rollout = 'r1'")
    found = statuses(records, ["r1", "r2"])
    assert [one.id for one in found.found] == ["r2"]
    with pytest.raises(Damaged, match="r1"):
        found.check()


def test_it_is_followed_until_all_are_over(desk: Desk) -> None:
    """The last look has the exit that they come to."""
    driving, exits = desk.begin(), []
    for found in following(remembered(desk), ["r1"]):
        exits.append(found.exit)
        if len(exits) == 1:
            driving.put(*taken_back(desk))
    assert exits == [None, Exit.ROLLED_BACK]


def test_names_mean_rollouts_and_services(desk: Desk) -> None:
    """A service is its live rollout, else its last; an unknown name is an error that says so."""
    records = replace(remembered(desk), configured_names=("idle",))
    desk.begin()
    assert (meant(records, SERVICE), meant(records, "r1"), meant(records, "idle")) == (
        "r1",
        "r1",
        None,
    )
    with pytest.raises(ConfigError, match=f"there are {SERVICE}, idle"):
        meant(records, "typo")
    with pytest.raises(ConfigError, match="typo"):
        listed(records, "typo", everything=False)
    assert names_a_rollout(records, "r1", only=False)
    assert not names_a_rollout(records, SERVICE, only=False)
    with pytest.raises(ConfigError, match=SERVICE):
        names_a_rollout(records, SERVICE, only=True)


def test_the_past_is_listed_newest_first(desk: Desk) -> None:
    """As many as were asked for; `listed` with everything has them too."""
    first = desk.begin()
    first.put(*taken_back(desk))
    first.leave()
    desk.begin("r2")
    records = remembered(desk)
    assert [one.id for one in past(records, None, limit=1).found] == ["r2"]
    everything = listed(records, None, everything=True)
    assert [one.id for one in everything.found] == ["r2", "r1"]
    assert [one.id for one in listed(records, None, everything=False).found] == ["r2"]


def test_a_freeze_names_what_it_knows_and_says_why(desk: Desk) -> None:
    """And what was not frozen is what is left of an unfreeze."""
    records = remembered(desk)
    with pytest.raises(ConfigError, match="no service is called typo"):
        freezes.freeze(records, ["typo"], for_s=60.0, actor="ada", reason="why")
    with pytest.raises(UsageError, match="say how long and why"):
        freezes.freeze(records, [SERVICE], for_s=60.0, actor="ada", reason=" ")
    freezes.freeze(records, [SERVICE], for_s=60.0, actor="ada", reason="why", rollbacks_too=True)
    (frozen,) = desk.journal.freezes()
    assert (frozen.scope, frozen.rollbacks_too) == (SERVICE, True)
    assert freezes.unfreeze(records, [SERVICE]) == []
    assert freezes.unfreeze(records, [SERVICE]) == [SERVICE]


def test_a_name_means_the_same_to_whoever_is_asked(desk: Desk) -> None:
    """What is live comes before what is newer and over; a service's name before an id."""
    desk.begin()
    newer = desk.begin("r2", target="another")
    newer.put(*taken_back(desk))
    records = remembered(desk)
    assert meant(records, SERVICE) == "r1"
    assert addressed(records, SERVICE, OrderKind.ABORT).plan.rollout == "r1"
    assert addressed(records, "r2", OrderKind.ABORT).plan.rollout == meant(records, "r2") == "r2"
    with pytest.raises(ConfigError, match=r"called typo; there are .*; live now: .*r1"):
        addressed(records, "typo", OrderKind.HOLD)
