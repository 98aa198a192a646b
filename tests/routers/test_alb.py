"""The router of load balancers: the router contract, and what is particular to target groups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.aws import Sessions
from guardian.core.model import Reason
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack, Weight
from guardian.ports import ConfigError, NotYet, RouterError
from guardian.routers.alb import PERMISSIONS, VARIABLES, Alb, Options, build, resources
from guardian.sim.server import Simulator
from tests.contracts.adapters import (
    ACCOUNT,
    REGION,
    StillClock,
    account_for,
    context_for,
    use_endpoint,
)
from tests.contracts.router_contract import STAMP_ROLLOUT, RouterContract, RouterWorld
from tests.routers.alb_world import World


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulated AWS."""
    with Simulator(StillClock(1_700_000_100.0)) as simulator:
        use_endpoint(monkeypatch, simulator.url)
        yield simulator


@pytest.fixture
def alb(simulator: Simulator) -> World:
    """A listener that forwards to blue, and lists green beside it."""
    return World(simulator, rule=False)


class TestListener(RouterContract):
    """A listener's default actions keep every promise."""

    @pytest.fixture
    def world(self, alb: World) -> RouterWorld:
        """A listener."""
        return alb


class TestRule(RouterContract):
    """And so do a rule's."""

    @pytest.fixture
    def world(self, simulator: Simulator) -> RouterWorld:
        """A rule."""
        return World(simulator, rule=True)


def back_to(world: World, router: Alb) -> Snapshot:
    """What a rollback restores."""
    traffic = Traffic(primary=world.stable)
    return Snapshot(service="s", target=router.target, traffic=traffic, taken_at=0, taken_by="x")


# --- what stands beside the weights ---------------------------------------------------------------


def test_the_rest_of_the_actions_is_written_back_as_it_was(alb: World) -> None:
    """Who logs in and how, in its order; the client's secret is kept, which AWS never shows."""
    login = {
        "Type": "authenticate-oidc",
        "Order": 1,
        "AuthenticateOidcConfig": {
            "ClientId": "guardian",
            "Issuer": "https://login.example",
            "AuthorizationEndpoint": "https://login.example/authorize",
            "TokenEndpoint": "https://login.example/token",
            "UserInfoEndpoint": "https://login.example/user",
        },
    }

    def guard(actions: list[dict[str, Any]]) -> None:
        actions[0]["Order"] = 2
        actions.insert(0, login)

    alb.balancers.write_as_person(alb.door, guard)
    router = alb.router()
    found = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    assert alb.door.actions[0] == {**login, "Order": "1"}
    assert alb.listed() == {alb.stable: 90, alb.canary: 10}
    router.restore(back_to(alb, router), stamp=None, after=found)
    assert alb.door.actions[0] == {**login, "Order": "1"}
    assert [action["Order"] for action in alb.door.actions] == ["1", "2"]


def test_a_group_without_weight_stays_listed_so_that_its_health_is_known(alb: World) -> None:
    """After the promotion as after a rollback."""
    router = alb.router()
    found = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    found = router.restore(back_to(alb, router), stamp=None, after=found)
    assert alb.listed() == {alb.stable: 100, alb.canary: 0}
    found = router.shift(alb.ten, stamp=alb.stamp, after=found)
    router.promote(alb.canary, after=found, detail={})
    assert alb.listed() == {alb.canary: 100, alb.stable: 0}
    assert alb.door.tags == {}


def test_the_order_in_which_groups_are_listed_says_nothing(alb: World) -> None:
    """AWS may list them in any: stable stays stable, and nobody is thought to have written."""
    router = alb.router()
    read = router.shift(
        Traffic(primary=alb.stable, secondary=alb.canary, weight=Weight.percent(90)),
        stamp=alb.stamp,
        after=router.read(),
    )
    alb.change(lambda groups: groups.reverse())
    assert router.read() == read
    alb.door.tags.clear()
    assert router.read().traffic == Traffic(
        primary=alb.canary, secondary=alb.stable, weight=Weight.percent(10)
    )


def test_stickiness_is_told_and_ends_on_the_way_back(alb: World) -> None:
    """It outranks weights: who was given the canary would stay on it for as long."""
    alb.sticky(3600)
    router = alb.router()
    found = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    assert found.sticks_s == 3600.0
    back = router.restore(back_to(alb, router), stamp=None, after=found)
    assert back.sticks_s == 0.0
    assert alb.listed() == {alb.stable: 100}


def test_a_full_list_of_others_is_no_obstacle_on_the_way_back(alb: World) -> None:
    """Somebody listed five other groups: stable takes the place of one of them."""
    router = alb.router()
    snapshot, after = back_to(alb, router), router.read()
    others = [alb.balancers.create_group(f"other-{n}") for n in range(5)]
    listed = [{"TargetGroupArn": group.arn, "Weight": 1} for group in others]
    alb.change(lambda groups: groups.__setitem__(slice(None), listed))
    found = router.restore(snapshot, stamp=None, after=after)
    assert found.traffic == Traffic(primary=alb.stable)
    assert len(alb.listed()) == 5


def test_what_forwards_to_nobody_or_to_too_many_is_no_traffic(alb: World) -> None:
    """The sentence says what stands there instead."""
    third = alb.balancers.create_group("agents-red")
    alb.change(lambda groups: groups.append({"TargetGroupArn": third.arn, "Weight": 0}))
    assert alb.router().read().traffic == Traffic(primary=alb.stable)
    alb.change(lambda groups: [group.update(Weight=5) for group in groups])
    with pytest.raises(RouterError, match="3 target groups with a weight") as caught:
        alb.router().read()
    assert caught.value.reason is Reason.INVALID
    alb.change(lambda groups: [group.update(Weight=0) for group in groups])
    with pytest.raises(RouterError, match="0 target groups with a weight"):
        alb.router().read()
    maintenance = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    alb.balancers.write_as_person(alb.door, lambda actions: actions.__setitem__(0, maintenance))
    with pytest.raises(RouterError, match=r"does not forward to target groups \(fixed-response\)"):
        alb.router().read()


def test_a_group_of_another_account_is_no_traffic(alb: World) -> None:
    """Nothing is ever sent where nobody was told of."""
    alb.simulator.faults.add(kind="wrong_account", service="elbv2", operation="DescribeListeners")
    with pytest.raises(RouterError) as caught:
        alb.router().read()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize("kind", ["garbage", "wrong_types", "nan", "cut", "huge", "surrogates"])
def test_a_spoiled_answer_is_an_error(alb: World, kind: str) -> None:
    """And never taken for traffic, nor for a listener that is gone."""
    router = alb.router()
    alb.simulator.faults.add(kind=kind, service="elbv2")
    with pytest.raises(RouterError) as caught:
        router.read()
    assert caught.value.reason is not Reason.NOT_FOUND


# --- without a guard ------------------------------------------------------------------------------


def test_somebody_elses_write_is_not_written_over(alb: World) -> None:
    """AWS compares nothing, so each shift and promotion reads just before it writes."""
    router = alb.router()
    stale = router.read()
    alb.somebody_changes()
    for write in (
        partial(router.shift, alb.ten, stamp=alb.stamp, after=stale),
        partial(router.promote, alb.stable, after=stale, detail={}),
    ):
        with pytest.raises(RouterError, match="somebody changed listener") as caught:
            write()
        assert caught.value.reason is Reason.CONFLICT
    assert alb.writes() == 0
    router.restore(back_to(alb, router), stamp=None, after=stale)
    assert router.read().traffic == Traffic(primary=alb.stable)


def test_a_stale_process_gives_way_to_the_newer_one(alb: World) -> None:
    """By the epoch in the tag, also where the actions are as it left them."""
    router = alb.router()
    old = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    newer = Stamp(rollout=STAMP_ROLLOUT, epoch=2, stable=alb.stable)
    taken = router.shift(alb.ten, stamp=newer, after=old)
    writes = alb.writes()
    with pytest.raises(RouterError) as caught:
        router.shift(alb.ten, stamp=alb.stamp, after=taken)
    assert caught.value.reason is Reason.CONFLICT
    assert alb.writes() == writes


def test_an_answer_that_promises_too_much_is_not_believed(alb: World) -> None:
    """What comes back from a write is what a read found."""
    router = alb.router()
    before = router.read()
    alb.trouble("ignored")
    assert router.shift(alb.ten, stamp=alb.stamp, after=before).traffic == before.traffic


def test_nothing_is_moved_under_a_stamp_that_was_not_written(alb: World) -> None:
    """Else nobody could tell whose canary it is."""
    router = alb.router()
    before = router.read()
    alb.simulator.faults.add(kind="access_denied", service="elbv2", operation="AddTags")
    with pytest.raises(RouterError, match="allow elasticloadbalancing:AddTags"):
        router.shift(alb.ten, stamp=alb.stamp, after=before)
    assert alb.writes() == 0


# --- versions -------------------------------------------------------------------------------------


def test_a_group_is_found_by_its_name(alb: World) -> None:
    """And is from then on its name and id, as its metrics have it."""
    router = alb.router()
    assert router.resolve("agents-green") == alb.canary == "agents-green/0000000000000002"
    assert router.resolve(alb.canary) == alb.canary
    with pytest.raises(RouterError, match="is no target group") as caught:
        router.resolve("targetgroup/agents-green")
    assert caught.value.reason is Reason.INVALID
    alb.change(lambda groups: groups.pop())
    with pytest.raises(RouterError, match="0 target groups with the weight 0"):
        router.resolve("latest")


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("unhealthy", "unhealthy"), "has 0 healthy targets, and 1 are asked for (2 unhealthy)"),
        (("unused",), "is used by no listener, so nobody checks its health"),
        (("draining",), "has 0 healthy targets"),
    ],
)
def test_a_canary_that_nobody_could_answer_for_gets_no_traffic(
    alb: World, states: tuple[str, ...], said: str
) -> None:
    """Neither when a rollout starts, nor at the first weight: it may have died in between."""
    router = alb.router()
    before = router.read()
    alb.green.states = states
    (problem,) = router.check(stable=alb.stable, canary=alb.canary)
    assert said in problem
    with pytest.raises(RouterError, match="nothing was written"):
        router.shift(alb.ten, stamp=alb.stamp, after=before)
    assert alb.writes() == 0
    alb.green.states = ("healthy", *states)
    assert router.check(stable=alb.stable, canary=alb.canary) == []
    (few,) = alb.router(healthy_targets=2).check(stable=alb.stable, canary=alb.canary)
    assert "has 1 healthy targets, and 2 are asked for" in few


def test_targets_that_are_starting_are_waited_for(alb: World) -> None:
    """They can take traffic soon, without anybody's doing."""
    alb.green.states = ("initial", "initial")
    with pytest.raises(NotYet, match="2 initial"):
        alb.router().check(stable=alb.stable, canary=alb.canary)
    assert alb.router().way_back(stable=alb.canary, canary=alb.stable) == WayBack()


def test_there_is_no_way_back_to_a_group_without_healthy_targets(alb: World) -> None:
    """Then another one that is listed may do."""
    alb.blue.states = ("unhealthy",)
    found = alb.router().way_back(stable=alb.stable, canary=alb.canary)
    assert "has 0 healthy targets" in found.problem
    assert found.older == ""
    red = alb.balancers.create_group("agents-red")
    alb.change(lambda groups: groups.append({"TargetGroupArn": red.arn, "Weight": 0}))
    assert alb.router().way_back(stable=alb.stable, canary=alb.canary).older == red.version


def test_doctor_sees_what_serves(alb: World) -> None:
    """And whether it could go on."""
    (well,) = alb.router().examine()
    assert well.what.endswith(f"serves {alb.stable} 100%")
    assert well.fix == ""
    alb.blue.states = ()
    (ill,) = alb.router().examine()
    assert "(it has none)" in ill.fix


def test_a_write_needs_two_groups_by_their_ids(alb: World) -> None:
    """A name alone, or a shift that leaves out stable, is refused before anything is written."""
    router = alb.router()
    reading: Reading = router.read()
    named = Traffic(primary="agents-blue", secondary=alb.canary, weight=Weight.percent(10))
    stray = Stamp(rollout="r", epoch=1, stable="agents-red/0000000000000009")
    for traffic, stamp in ((named, alb.stamp), (alb.ten, stray)):
        with pytest.raises(RouterError, match="nothing was written") as caught:
            router.shift(traffic, stamp=stamp, after=reading)
        assert caught.value.reason is Reason.INVALID
    with pytest.raises(RouterError, match="no longer serves"):
        router.promote(alb.canary, after=reading, detail={})


# --- options --------------------------------------------------------------------------------------


def test_the_target_names_the_listener(alb: World) -> None:
    """And rule files can name the load balancer as CloudWatch does."""
    router = alb.router()
    tail = "app/agents/0000000000000001/0000000000000001"
    assert router.target == f"alb:{ACCOUNT}:{REGION}:listener/{tail}"
    assert router.variables() == {"load_balancer": "app/agents/0000000000000001"}
    assert tuple(router.variables()) == VARIABLES
    narrowed = resources(Options(listener=alb.door.arn), account_id=ACCOUNT, region=REGION)
    writes = {p for p in PERMISSIONS if "Describe" not in p}
    assert narrowed == dict.fromkeys(writes, (alb.door.arn,)).copy()


ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/a/{1:016x}/{2:016x}"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"listener": ARN, "rule": ARN.replace("listener", "listener-rule") + f"/{3:016x}"},
        {"listener": ARN.replace("/app/", "/net/")},
        {"listener": ARN, "healthy_targets": 0},
        {"rule": ARN},
        {"listener": f"{ARN}\n"},
        {"listener": ARN, "weight": 10},
    ],
)
def test_options_are_strict(options: dict[str, Any]) -> None:
    """One ARN of an application load balancer, and nothing unknown."""
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_a_listener_of_another_account_is_refused_when_it_is_named(alb: World) -> None:
    """Before anything is asked."""
    context = context_for(account_for(Sessions()))
    for other in (ARN.replace(ACCOUNT, "111111111111"), ARN.replace(REGION, "eu-west-1")):
        with pytest.raises(ConfigError, match="name the load balancer's own"):
            build(Options(listener=other), context)
    assert alb.writes() == 0
