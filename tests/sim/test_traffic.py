"""The simulator's own traffic: split by the weights, published late, the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from guardian.sim import chance
from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator
from guardian.sim.simulated_traffic import Behaviour

API, AGENTS, LAMBDA = "EnergyInsights/Api", "EnergyInsights/Agents", "AWS/Lambda"
RESOURCE = {"FunctionName": "agents-api", "Resource": "agents-api:live"}
Ask = Callable[..., dict[str, Any]]


def of(version: str) -> dict[str, str]:
    """The three dimensions under which Lambda reports one version's invocations."""
    return {**RESOURCE, "ExecutedVersion": version}


def total(ask: Ask, *series: str, start: float, end: float, dims: dict[str, str]) -> float:
    """A metric's sum over a span."""
    namespace, metric = series
    values = ask(namespace, metric, "Sum", start=start, end=end, dims=dims)["Values"]
    return float(sum(values))


def test_traffic_has_a_past(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """When traffic begins, the hour before it is made up, on the version that was live."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=5.0)
    result = ask(LAMBDA, "Invocations", "Sum", start=noon - 3600, end=noon - 300, dims=of("41"))
    assert len(result["Values"]) == 55
    assert sum(result["Values"]) / 55 == pytest.approx(300, rel=0.05)


def test_lambda_reports_by_function_by_alias_and_by_version(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """The versions' invocations add up to the alias's and to the function's."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=5.0)
    sim.aliases.write_as_person("agents-api", "live", weights={"42": 0.5})
    clock.advance(1200)
    span = {"start": noon, "end": noon + 600}
    sums = [
        total(ask, LAMBDA, "Invocations", dims=dims, **span)
        for dims in ({"FunctionName": "agents-api"}, RESOURCE, of("41"), of("42"))
    ]
    assert sums[0] == sums[1] == sums[2] + sums[3]
    assert sums[3] == pytest.approx(1500, rel=0.15)


def test_a_shift_within_a_minute_splits_that_minute(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """Weights count from the instant of their write: 45 s of 60 % at 20 req/s are 540 requests."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=20.0)
    clock.advance(15)
    sim.aliases.write_as_person("agents-api", "live", weights={"42": 0.6})
    clock.advance(600)
    span = {"start": noon, "end": noon + 60}
    assert total(ask, LAMBDA, "Invocations", dims=of("42"), **span) == pytest.approx(540, rel=0.15)


def test_the_split_varies_by_chance(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """At a low rate the measured split differs from minute to minute, as Lambda's does."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=0.5)
    sim.aliases.write_as_person("agents-api", "live", weights={"42": 0.1})
    clock.advance(3600)
    counts = ask(LAMBDA, "Invocations", "Sum", start=noon, end=noon + 3000, dims=of("42"))["Values"]
    assert len(set(counts)) > 3
    assert sum(counts) == pytest.approx(150, rel=0.4)


def test_each_version_behaves_as_it_was_told(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """Failures, crashes, durations and tasks follow the version's behaviour."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=20.0)
    bad = Behaviour(
        failure_rate=0.2,
        crash_rate=0.1,
        median_ms=1000.0,
        sigma=0.5,
        task_share=0.5,
        task_success_rate=0.6,
    )
    sim.traffic.behave("agents-api", "42", bad)
    sim.aliases.write_as_person("agents-api", "live", weights={"42": 1.0})
    clock.advance(1800)
    span = {"start": noon, "end": noon + 1200}
    requests = total(ask, LAMBDA, "Invocations", dims=of("42"), **span)
    answered = total(ask, API, "Requests", dims={"Version": "42"}, **span)
    failed = total(ask, API, "FailedRequests", dims={"Version": "42"}, **span)
    finished = total(ask, AGENTS, "TasksFinished", dims={"Version": "42"}, **span)
    succeeded = total(ask, AGENTS, "TasksSucceeded", dims={"Version": "42"}, **span)
    crashed = total(ask, LAMBDA, "Errors", dims=of("42"), **span)
    assert answered == requests - crashed
    assert crashed / requests == pytest.approx(0.1, abs=0.01)
    assert failed / answered == pytest.approx(0.2, abs=0.015)
    assert finished / answered == pytest.approx(0.5, abs=0.02)
    assert succeeded / finished == pytest.approx(0.6, abs=0.02)
    durations = ask(LAMBDA, "Duration", "p50", dims=of("42"), period=1200, **span)["Values"]
    assert durations == [pytest.approx(1000, rel=0.03)]


def test_a_version_may_change_at_an_instant(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """A behaviour may begin later; what was made before stays."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=10.0)
    sim.traffic.behave("agents-api", "41", Behaviour(failure_rate=0.0))
    worse = Behaviour(failure_rate=0.5)
    sim.traffic.behave("agents-api", "41", worse, since=noon + 300)
    clock.advance(1200)
    early: dict[str, Any] = {"start": noon, "end": noon + 300, "dims": {"Version": "41"}}
    late: dict[str, Any] = {"start": noon + 300, "end": noon + 600, "dims": {"Version": "41"}}
    assert total(ask, API, "FailedRequests", **early) == 0
    assert total(ask, API, "FailedRequests", **late) == pytest.approx(1500, rel=0.1)


def test_zeros_are_published_by_lambda_and_absent_from_the_api(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """Errors is 0 for each good invocation; FailedRequests has no datapoint without a failure."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=1.0)
    sim.traffic.behave("agents-api", "41", Behaviour(failure_rate=0.0, crash_rate=0.0))
    clock.advance(1200)
    span = {"start": noon, "end": noon + 600}
    errors = ask(LAMBDA, "Errors", "Sum", dims=of("41"), **span)["Values"]
    samples = ask(LAMBDA, "Errors", "SampleCount", dims=of("41"), **span)["Values"]
    invocations = ask(LAMBDA, "Invocations", "Sum", dims=of("41"), **span)["Values"]
    assert errors == [0.0] * 10
    assert samples == invocations
    assert ask(API, "FailedRequests", "Sum", dims={"Version": "41"}, **span)["Values"] == []


def test_which_metrics_publish_zeros_is_a_choice(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """A metric named in `publish_zeros` reports its zeros."""
    noon = clock.now()
    sim.traffic.publish_zeros = frozenset({"FailedRequests"})
    sim.traffic.send("agents-api", "live", rate=1.0)
    sim.traffic.behave("agents-api", "41", Behaviour(failure_rate=0.0, crash_rate=0.0))
    clock.advance(1200)
    span = {"start": noon, "end": noon + 600}
    assert ask(API, "FailedRequests", "Sum", dims={"Version": "41"}, **span)["Values"] == [0.0] * 10
    assert ask(LAMBDA, "Errors", "Sum", dims=of("41"), **span)["Values"] == []


def test_no_traffic_is_no_datapoint(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """Without invocations Lambda reports nothing, not zero."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=5.0)
    sim.traffic.send("agents-api", "live", rate=0.0)
    clock.advance(1200)
    span = {"start": noon, "end": noon + 600}
    assert ask(LAMBDA, "Invocations", "Sum", dims=of("41"), **span)["Values"] == []
    assert ask(LAMBDA, "Errors", "Sum", dims=of("41"), **span)["Values"] == []


@pytest.mark.parametrize("shows", [True, False])
def test_an_unweighted_alias_may_be_silent_by_version(
    sim: Simulator, clock: HandClock, ask: Ask, *, shows: bool
) -> None:
    """Whether ExecutedVersion is reported without weights is an option; the alias always is."""
    noon = clock.now()
    sim.traffic.executed_version_on_unweighted = shows
    sim.traffic.send("agents-api", "live", rate=5.0)
    clock.advance(600)
    span = {"start": noon, "end": noon + 300}
    by_version = total(ask, LAMBDA, "Invocations", dims=of("41"), **span)
    by_alias = total(ask, LAMBDA, "Invocations", dims=RESOURCE, **span)
    assert by_version == (by_alias if shows else 0)
    assert by_alias > 1000


def test_the_newest_periods_grow_until_they_are_settled(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """A minute of AWS's own metrics begins to show after it ended and is whole 75 s after that."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=20.0)
    seen = []
    for _ in range(15):
        clock.advance(10)
        seen.append(total(ask, LAMBDA, "Invocations", dims=of("41"), start=noon, end=noon + 60))
    assert seen == sorted(seen)
    assert seen[5] == 0.0
    assert len(set(seen)) >= 5
    assert seen[13] == seen[14] == pytest.approx(1200, rel=0.1)


def test_late_samples_arrive_after_the_rest(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """With `late_share` a part of each minute comes `late_by_s` later, and none of it is lost."""
    noon = clock.now()
    sim.publication.late_share = 0.2
    sim.publication.late_by_s = 300.0
    sim.traffic.send("agents-api", "live", rate=20.0)
    span: dict[str, Any] = {"start": noon, "end": noon + 60, "dims": of("41")}
    clock.advance(60 + 76)
    early = total(ask, LAMBDA, "Invocations", **span)
    clock.advance(300)
    late = total(ask, LAMBDA, "Invocations", **span)
    assert early / late == pytest.approx(0.8, abs=0.05)


def test_a_lag_may_be_set_by_namespace(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """A namespace with no lag shows each slice as soon as it is over."""
    noon = clock.now()
    sim.publication.set(LAMBDA, least_s=0.0)
    sim.traffic.send("agents-api", "live", rate=20.0)
    clock.advance(60)
    span: dict[str, Any] = {"start": noon, "end": noon + 60, "dims": of("41")}
    assert total(ask, LAMBDA, "Invocations", **span) == pytest.approx(1200, rel=0.1)


def test_the_same_seed_tells_the_same_story_however_often_it_is_read(clock: HandClock) -> None:
    """Reading in between changes nothing; another seed does."""
    ends = []
    for seed, reads in ((7, 1), (7, 60), (8, 1)):
        hand = HandClock(clock.now())
        simulator = Simulator(hand, seed=seed)
        simulator.aliases.create_function("agents-api", versions=("41", "42"))
        simulator.aliases.create_alias("agents-api", "live", version="41")
        simulator.traffic.send("agents-api", "live", rate=3.0)
        for _ in range(reads):
            hand.advance(1800 / reads)
            simulator.traffic.advance(hand.now())
        ends.append(dict(simulator.traffic.served))
    assert ends[0] == ends[1] != ends[2]


def test_high_rates_stay_few_values(sim: Simulator, clock: HandClock) -> None:
    """However many requests, a minute's durations are at most about a hundred distinct values."""
    noon = clock.now()
    sim.traffic.send("agents-api", "live", rate=500.0, history_s=0.0)
    clock.advance(60)
    sim.traffic.advance(clock.now())
    key = (LAMBDA, "Duration", frozenset({("FunctionName", "agents-api")}))
    bags = sim.metrics.read(
        key, start=noon, end=noon + 60, period_s=60, unit=None, as_of=clock.now() + 600
    )
    assert bags[noon].n == pytest.approx(30_000, rel=0.03)
    assert len(bags[noon].values) <= 97


# --- the draws behind it -------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.3, 4.0, 29.0, 400.0])
def test_poisson_draws_have_their_mean_and_variance(mean: float) -> None:
    """Small means are exact, large ones normal: both have variance equal to the mean."""
    rng = Random(1)
    draws = [chance.poisson(rng, mean) for _ in range(4000)]
    average = sum(draws) / len(draws)
    variance = sum((draw - average) ** 2 for draw in draws) / len(draws)
    assert average == pytest.approx(mean, rel=0.08)
    assert variance == pytest.approx(mean, rel=0.12)


@pytest.mark.parametrize(("n", "p"), [(5, 0.5), (100, 0.02), (100, 0.97), (2000, 0.3), (3, 1.0)])
def test_binomial_draws_have_their_mean_and_stay_in_range(n: int, p: float) -> None:
    """Between 0 and n, with mean n p and variance n p (1 - p)."""
    rng = Random(1)
    draws = [chance.binomial(rng, n, p) for _ in range(4000)]
    average = sum(draws) / len(draws)
    variance = sum((draw - average) ** 2 for draw in draws) / len(draws)
    assert min(draws) >= 0
    assert max(draws) <= n
    assert average == pytest.approx(n * p, rel=0.05)
    assert variance == pytest.approx(n * p * (1 - p), rel=0.12, abs=1e-9)


@pytest.mark.parametrize("n", [50, 5000])
def test_lognormal_draws_exceed_a_limit_as_often_as_they_should(n: int) -> None:
    """The share above the true 95th percentile is 5 %, on a grid or not."""
    rng = Random(1)
    limit = 400.0 * 2.718281828 ** (0.6 * 1.6448536)
    above = count = 0
    for _ in range(100_000 // n):
        values = chance.lognormal(rng, n, median=400.0, sigma=0.6, offset=rng.random())
        assert sum(values.values()) == n
        count += n
        above += sum(seen for value, seen in values.items() if value > limit)
    assert above / count == pytest.approx(0.05, abs=0.004)
