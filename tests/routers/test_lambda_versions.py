"""When a version can take traffic: its state, and what still comes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from guardian.aws import Sessions
from guardian.core.traffic import WayBack
from guardian.ports import NotYet, WrongAccount
from guardian.routers.lambda_alias import LambdaAlias, Options, build
from tests.contracts.adapters import ACCOUNT, account_for, context_for, use_endpoint
from tests.contracts.canned import account_answer, canned
from tests.contracts.lambda_twin import ALIAS, FUNCTION, LambdaTwin, refusal


class World(NamedTuple):
    """A function with versions 5, 6 and 10, and the router of its alias."""

    twin: LambdaTwin
    router: LambdaAlias


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Over a real socket."""
    twin = LambdaTwin()
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        twin.serve(server)
        options = Options(function=FUNCTION, alias=ALIAS)
        yield World(twin, build(options, context_for(account_for(Sessions()))))


@pytest.mark.parametrize("fields", [{"State": "Pending"}, {"LastUpdateStatus": "InProgress"}])
def test_a_version_in_the_making_is_not_ready_yet(world: World, fields: dict[str, Any]) -> None:
    """Just published it comes by itself; what never will is told first."""
    world.twin.versions["10"].update(fields)
    for stable in ("6", "10"):
        with pytest.raises(NotYet, match="version 10 of agents-api is still Pending"):
            world.router.check(stable=stable, canary="10")
    world.twin.versions["6"].update({"State": "Failed"})
    assert "is Failed" in world.router.check(stable="6", canary="10")[0]


def test_an_inactive_version_wakes_at_its_next_call(world: World) -> None:
    """Lambda puts to sleep what nobody called for weeks: it can be restored, and serve."""
    world.twin.versions["6"].update({"State": "Inactive"})
    assert world.router.check(stable="6", canary="10") == []


def test_states_that_say_all_is_well_are_no_problem(world: World) -> None:
    """Active and Successful are as good as an answer without a state."""
    well = {"State": "Active", "LastUpdateStatus": "Successful", "DeadLetterConfig": {}}
    world.twin.versions["10"].update(well)
    assert world.router.check(stable="6", canary="10") == []


def test_a_stable_that_cannot_be_restored_names_the_newest_older_version_that_can(
    world: World,
) -> None:
    """Never the canary, never one that was published later, and only one that can serve."""
    way_back = partial(world.router.way_back, stable="6", canary="10")
    assert way_back() == WayBack()
    world.twin.versions["6"].update({"State": "Failed", "StateReason": "no image"})
    world.twin.versions["3"] = {"State": "Inactive"}
    found = way_back()
    assert (found.problem.count("is Failed (no image)"), found.older) == (1, "5")
    del world.twin.versions["6"]
    world.twin.versions["5"]["State"] = "Failed"
    found = way_back()
    assert "version 6 of agents-api does not exist" in found.problem
    assert found.older == "3"
    assert world.router.way_back(stable="6", canary="3").older == ""


def test_what_is_still_being_made_is_no_loss(world: World) -> None:
    """Nor is what another account's credentials do not find: that is not known."""
    world.twin.versions["6"]["State"] = "Pending"
    assert world.router.way_back(stable="6", canary="10") == WayBack()
    del world.twin.versions["6"]
    world.twin.account = "999999999999"
    with pytest.raises(WrongAccount):
        world.router.way_back(stable="6", canary="10")


def test_a_list_of_versions_that_cannot_be_read_keeps_nothing_back(world: World) -> None:
    """That stable is gone is told all the same."""
    del world.twin.versions["6"]
    world.twin.listing = refusal(403, "AccessDeniedException")
    found = world.router.way_back(stable="6", canary="10")
    assert found.problem
    assert not found.older
