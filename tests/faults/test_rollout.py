"""A bad canary at 10 % while a vendor has trouble: it goes back, and somebody is paged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, cast

import pytest

from guardian.cloudwatch import changed
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion
from guardian.core.rollout.entries import RolloutStarted
from guardian.core.rollout.machine import Phase, start
from guardian.engine.dependencies import Dependencies
from guardian.engine.outbox import Outbox, Receiver
from guardian.engine.runner import RolloutRunner
from guardian.engine.tick import Plane
from guardian.notifiers import pagerduty, slack
from guardian.routers import lambda_alias
from guardian.sim.hand import HandClock
from guardian.sim.simulated_traffic import Behaviour
from guardian.sources import cloudwatch
from tests.engine.planes import UndyingJournal
from tests.faults.ground import FUNCTION, HASTY_S, Ground, ground
from tests.faults.kinds import WRONGS, Wrong
from tests.simulation.scheduler import plan
from tests.simulation.serial import SerialCallPool
from tests.simulation.world import SeededRandom, VirtualClock, error_rate

MOST_STEPS: Final = 1000
STRIKES: Final = 3
CALLS: Final = (
    ("lambda", "GetAlias"),
    ("lambda", "UpdateAlias"),
    ("cloudwatch", "GetMetricData"),
    ("pagerduty", "enqueue"),
    ("slack", "chat.postMessage"),
)


@pytest.fixture
def world() -> Iterator[Ground]:
    """A world in which version 42 fails three of ten requests."""
    with ground() as found:
        found.simulator.traffic.behave(FUNCTION, "42", Behaviour(failure_rate=0.3))
        yield found


class Keeper:
    """A rollout on a plane, with real adapters, whose clock moves as it wishes."""

    def __init__(self, world: Ground) -> None:
        self.clock = cast("HandClock", world.simulator.world.clock)
        self.journal = UndyingJournal(cast("VirtualClock", self.clock))
        context, rng, pool = world.context(hasty=True), SeededRandom("keeper"), SerialCallPool()
        told = slack.build(slack.Options(channel="#deployments", timeout_s=HASTY_S), context)
        paged = pagerduty.build(pagerduty.Options(timeout_s=HASTY_S), context)
        receivers = [
            Receiver(name="slack", notifier=told),
            Receiver(name="pagerduty", notifier=paged),
        ]
        dependencies = Dependencies(journal=self.journal, clock=self.clock, rng=rng, owner="tests")
        self.outbox = Outbox(dependencies, receivers=receivers, pool=pool)
        self.plane = Plane(
            dependencies,
            sources={"cloudwatch": cloudwatch.build(cloudwatch.Options(), context)},
            pool=pool,
            outbox=self.outbox,
        )
        options = lambda_alias.Options(function=FUNCTION, alias="live")
        router = lambda_alias.build(options, context)
        claim = self.journal.claim(self.journal.open_lease("tests"), router.target)
        assert claim is not None
        usual = plan(self.clock.now(), bake_s=600.0)
        entry = RolloutStarted(at=self.clock.now(), plan=replace(usual, criteria=(_failures(),)))
        self.journal.append(claim, "r1", expected=0, entries=[entry], live=True, txid="r1")
        self.runner = RolloutRunner(rollout=start(entry), claim=claim, router=router)
        self.plane.take(self.runner)

    def step(self) -> None:
        """One tick, what is to be told, and the time until the next."""
        delay_s = self.plane.step()
        self.outbox.step()
        self.clock.advance(max(0.5, min(delay_s, 30.0)))

    @property
    def over(self) -> bool:
        """Nothing left to do and nothing left to tell."""
        return self.runner.over and self.journal.pending() == 0


def _failures() -> Criterion:
    usual = error_rate("42")
    assert isinstance(usual.measure, Ratio)
    part = changed(usual.measure.part, namespace="EnergyInsights/Api", metric="FailedRequests")
    return replace(
        usual, measure=Ratio(part=part, total=changed(part, metric="Requests"), good=False)
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.name)
@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_bad_canary_goes_back_and_is_paged_whatever_a_vendor_answers(
    world: Ground, service: str, operation: str, wrong: Wrong
) -> None:
    """The trouble begins while the canary bakes and lasts for a few calls."""
    keeper = Keeper(world)
    for _ in range(MOST_STEPS):
        keeper.step()
        if world.alias.weights.get("42") == 0.1:
            break
    fault = world.simulator.faults.add(
        service=service,
        operation=operation,
        kind=wrong.kind,
        **{"times": STRIKES, **wrong.options},
    )
    for _ in range(MOST_STEPS):
        keeper.step()
        now = world.alias
        assert now.version == "41"
        assert now.weights.get("42", 0.0) in {0.0, 0.1}
        if keeper.over:
            break
    assert fault.hits > 0
    assert keeper.runner.rollout.phase is Phase.ROLLED_BACK
    assert (world.alias.version, dict(world.alias.weights)) == ("41", {})
    assert [i for i in world.simulator.pagerduty.incidents if "rolled_back" in i.key]
