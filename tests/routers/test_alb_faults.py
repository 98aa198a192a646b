"""Whatever goes wrong at a call about a load balancer: an error in a sentence, or the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from guardian.aws import Account, Sessions
from guardian.core.model import Reason
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack
from guardian.ports import RouterError
from guardian.routers.alb import Alb
from guardian.sim.elbv2 import LoadBalancers
from guardian.sim.server import Simulator
from tests.contracts.adapters import StillClock, account_for, use_endpoint
from tests.routers.alb_world import World

KINDS = (
    *("throttle", "access_denied", "server_error", "conflict", "not_found", "bad_request"),
    *("garbage", "unreachable", "lost_answer", "cut", "huge", "wrong_types", "nan", "surrogates"),
    *("redirect", "wrong_account", "ignored"),
)
READS = ("DescribeListeners", "DescribeTags", "DescribeTargetHealth", "DescribeTargetGroups")
WRITES = ("ModifyListener", "AddTags", "RemoveTags")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated AWS."""
    with Simulator(StillClock(1_700_000_100.0)) as simulator, pytest.MonkeyPatch.context() as patch:
        use_endpoint(patch, simulator.url)
        yield simulator


@pytest.fixture(scope="module")
def account(simulator: Simulator) -> Account:
    """Its clients are made once."""
    assert simulator.url
    return account_for(Sessions())


@pytest.fixture
def alb(simulator: Simulator, account: Account) -> Iterator[World]:
    """A listener of its own, well at first."""
    simulator.part(LoadBalancers).groups.clear()
    yield World(simulator, rule=False, account=account)
    simulator.faults.clear()


def back(alb: World, router: Alb, after: Reading, stamp: Stamp | None = None) -> Reading:
    """A rollback."""
    snapshot = Snapshot(
        service="s",
        target=router.target,
        traffic=Traffic(primary=alb.stable),
        taken_at=0,
        taken_by="x",
    )
    return router.restore(snapshot, stamp=stamp, after=after)


def told(alb: World, error: RouterError) -> None:
    """A sentence that anybody may read."""
    assert error.detail.isprintable()
    assert len(error.detail) > 20
    assert not [secret for secret in alb.secrets if secret in repr(error) + str(error)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", [*READS, *WRITES])
def test_a_shift_is_done_or_told(alb: World, operation: str, kind: str) -> None:
    """And whatever it says was done stands there."""
    router = alb.router()
    before = router.read()
    alb.simulator.faults.add(kind=kind, service="elbv2", operation=operation)
    try:
        found = router.shift(alb.ten, stamp=alb.stamp, after=before)
    except RouterError as error:
        told(alb, error)
    else:
        assert found.traffic in (alb.ten, before.traffic)
        shown = {version: weight for version, weight in alb.listed().items() if weight}
        assert set(shown) == found.traffic.versions
    assert alb.listed() in ({alb.stable: 1, alb.canary: 0}, {alb.stable: 90, alb.canary: 10})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", [*READS, *WRITES])
def test_a_rollback_is_done_or_told_and_then_succeeds(
    alb: World, operation: str, kind: str
) -> None:
    """Once what was wrong is over, the next try puts everything back."""
    router = alb.router()
    after = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    alb.simulator.faults.add(kind=kind, service="elbv2", operation=operation)
    try:
        found = back(alb, router, after)
    except RouterError as error:
        told(alb, error)
    else:
        shown = {version: weight for version, weight in alb.listed().items() if weight}
        assert set(shown) == found.traffic.versions
    alb.simulator.faults.clear()
    assert back(alb, router, router.read()).traffic == Traffic(primary=alb.stable)
    assert alb.listed() == {alb.stable: 100, alb.canary: 0}
    assert alb.door.tags == {}


@pytest.mark.parametrize("kind", KINDS)
def test_no_way_back_waits_for_a_stamp(alb: World, kind: str) -> None:
    """Whatever AWS says to the tag: the weights are back, and that is what is told."""
    router = alb.router()
    after = router.shift(alb.ten, stamp=alb.stamp, after=router.read())
    alb.simulator.faults.add(kind=kind, service="elbv2", operation="AddTags")
    found = back(alb, router, after, stamp=replace(alb.stamp, epoch=2))
    assert alb.listed() == {alb.stable: 100, alb.canary: 0}
    assert found.traffic == Traffic(primary=alb.stable)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "not_found"])
@pytest.mark.parametrize("operation", READS)
def test_a_question_is_answered_or_told(alb: World, operation: str, kind: str) -> None:
    """And a group is taken for gone, or for ill, only where AWS says so."""
    router = alb.router()
    router.read()
    alb.simulator.faults.add(kind=kind, service="elbv2", operation=operation)
    questions: tuple[tuple[Callable[[], object], object], ...] = (
        (lambda: router.resolve("agents-green"), alb.canary),
        (lambda: router.check(stable=alb.stable, canary=alb.canary), []),
        (lambda: router.way_back(stable=alb.stable, canary=alb.canary), WayBack()),
        (lambda: router.read().traffic, Traffic(primary=alb.stable)),
    )
    for ask, right in questions:
        assert answered(alb, ask) in (right, "told")


def answered(alb: World, ask: Callable[[], object]) -> object:
    """The answer, or that there was none."""
    try:
        return ask()
    except RouterError as error:
        told(alb, error)
        return "gone" if error.reason is Reason.NOT_FOUND else "told"
