"""How long a Lambda's datapoints may be late: as long as its requests may hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guardian.aws import Sessions
from guardian.routers import lambda_alias
from guardian.sim.server import Simulator
from guardian.sources import cloudwatch
from guardian.wiring.history import longest_s
from tests.contracts.adapters import StillClock, account_for, context_for, use_endpoint

NOW = 1_700_000_100.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Requests of two seconds; a canary that may hang for ten minutes."""
    with Simulator(StillClock(NOW)) as simulator:
        use_endpoint(monkeypatch, simulator.url)
        simulator.aliases.create_function("f", versions=("41",), timeout_s=30)
        simulator.aliases.publish("f", "42", timeout_s=600)
        simulator.aliases.create_alias("f", "live", version="41")
        dims = {"FunctionName": "f"}
        simulator.feed("AWS/Lambda", "Duration", {2000.0: 9}, dims=dims, at=NOW - 3600)
        yield simulator


def longest(simulator: Simulator) -> float | None:
    """What is learned of both versions."""
    context = context_for(account_for(Sessions()), clock=simulator.world.clock)
    router = lambda_alias.build(lambda_alias.Options(function="f", alias="live"), context)
    source = cloudwatch.build(cloudwatch.Options(), context)
    return longest_s(router, source, ("41", "42"), now=NOW)


def test_the_longer_time_out_of_both_versions_counts(world: Simulator) -> None:
    """However quick its requests were so far."""
    assert longest(world) == 600.0


def test_without_a_time_out_the_longest_invocation_counts(world: Simulator) -> None:
    """And without that, nothing is known."""
    world.faults.add(kind="access_denied", service="lambda", operation="GetFunctionConfiguration")
    assert longest(world) == 2.0
    world.faults.add(kind="access_denied", service="cloudwatch")
    assert longest(world) is None
