"""Every router that moves traffic keeps the contract, over a socket to the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guardian.aws import Sessions
from guardian.core.model import Reason
from guardian.core.traffic import Snapshot, Stamp, Traffic, Weight
from guardian.ports import Router, RouterError
from guardian.routers import lambda_alias
from guardian.sim.server import Simulator
from tests.contracts.adapters import (
    SECRET_KEY,
    TOKEN,
    StillClock,
    account_for,
    context_for,
    use_endpoint,
)
from tests.contracts.router_contract import RouterContract, RouterWorld

FUNCTION, ALIAS = "agents-api", "live"
START = 1_700_000_100.0


class SimulatedLambda:
    """The contract's world over the simulated Lambda."""

    stable = "6"
    canary = "10"
    secrets: tuple[str, ...] = (TOKEN, SECRET_KEY, "AKIAIOSFODNN7EXAMPLE")

    def __init__(self, simulator: Simulator, clock: StillClock) -> None:
        self.simulator = simulator
        self.clock = clock
        simulator.aliases.create_function(FUNCTION, versions=("5", "6", "10"))
        simulator.aliases.create_alias(FUNCTION, ALIAS, version="6", description="for callers")

    def router(self) -> Router:
        """The router with fresh clients."""
        options = lambda_alias.Options(function=FUNCTION, alias=ALIAS)
        return lambda_alias.build(options, context_for(account_for(Sessions()), clock=self.clock))

    def stranger(self) -> Router:
        """STS names another account once the clients are made."""
        router = self.router()
        router.read()
        self.simulator.faults.add(
            kind="wrong_account", service="sts", operation="GetCallerIdentity"
        )
        return router

    def writes(self) -> int:
        """UpdateAlias calls so far."""
        return self.simulator.calls("lambda", "UpdateAlias")

    def somebody_changes(self) -> None:
        """The console: another weight."""
        self.simulator.aliases.write_as_person(FUNCTION, ALIAS, weights={self.canary: 0.25})

    def lose_answer(self) -> None:
        """The next UpdateAlias is applied and hangs up."""
        self._trouble("lost_answer")

    def fail_write(self, status: int, code: str) -> None:
        """The next UpdateAlias is refused."""
        kinds = {
            400: "bad_request",
            403: "access_denied",
            409: "conflict",
            429: "throttle",
            500: "server_error",
        }
        self._trouble(kinds[status])

    def break_reads(self) -> None:
        """GetAlias fails from now on."""
        self.simulator.faults.add(kind="server_error", service="lambda", operation="GetAlias")

    def remove_target(self) -> None:
        """The alias is deleted."""
        self.simulator.aliases.delete_alias(FUNCTION, ALIAS)

    def _trouble(self, kind: str) -> None:
        self.simulator.faults.add(kind=kind, service="lambda", operation="UpdateAlias", times=1)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedLambda]:
    """A function with versions 5, 6 and 10, whose alias serves 6."""
    clock = StillClock(START)
    with Simulator(clock) as simulator:
        use_endpoint(monkeypatch, simulator.url)
        yield SimulatedLambda(simulator, clock)


class TestLambdaAlias(RouterContract):
    """lambda_alias keeps every promise."""

    @pytest.fixture
    def world(self, simulated: SimulatedLambda) -> RouterWorld:
        """The simulated Lambda."""
        return simulated


STAMP = Stamp(rollout="r-1", epoch=1, stable="6")
TEN = Traffic(primary="6", secondary="10", weight=Weight.percent(10))


def test_a_write_that_lands_late_loses_to_the_rollback(simulated: SimulatedLambda) -> None:
    """Its outcome is unknown at first; the rollback moves the revision, and it never lands."""
    router = simulated.router()
    before = router.read()
    back = Snapshot(
        service="s", target=router.target, traffic=before.traffic, taken_at=0, taken_by="x"
    )
    simulated.simulator.faults.add(
        kind="apply_late", service="lambda", operation="UpdateAlias", times=1, after_s=30.0
    )
    with pytest.raises(RouterError, match="not known") as caught:
        router.shift(TEN, stamp=STAMP, after=before)
    assert caught.value.reason is Reason.UNKNOWN
    router.restore(back, stamp=None, after=router.read())
    simulated.clock.time += 60.0
    assert router.read().traffic == before.traffic


def test_an_answer_that_promises_too_much_is_not_believed(simulated: SimulatedLambda) -> None:
    """What comes back from a write is what a read found, not what the write's answer said."""
    router = simulated.router()
    before = router.read()
    simulated.simulator.faults.add(
        kind="ignored", service="lambda", operation="UpdateAlias", times=1
    )
    assert router.shift(TEN, stamp=STAMP, after=before).traffic == before.traffic


@pytest.mark.parametrize("kind", ["garbage", "unreachable", "throttle", "access_denied"])
def test_a_read_that_fails_has_a_reason(simulated: SimulatedLambda, kind: str) -> None:
    """Garbage is never taken for traffic."""
    router = simulated.router()
    simulated.simulator.faults.add(kind=kind, service="lambda", operation="GetAlias")
    with pytest.raises(RouterError) as caught:
        router.read()
    expected = {"throttle": Reason.THROTTLED, "access_denied": Reason.AUTH}
    assert caught.value.reason is expected.get(kind, caught.value.reason)
    assert caught.value.reason is not Reason.NOT_FOUND


def test_many_versions_are_listed_page_by_page(simulated: SimulatedLambda) -> None:
    """The highest of 120 is the latest."""
    for version in range(11, 121):
        simulated.simulator.aliases.publish(FUNCTION, str(version))
    assert simulated.router().resolve("latest") == "120"
    assert simulated.simulator.calls("lambda", "ListVersionsByFunction") > 1
