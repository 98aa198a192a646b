"""Events a minute against a limit, weighed together, with a bound on false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from guardian.cloudwatch import metric_query
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.sequential import ODDS_RATIOS, LimitTest, RateTest, Track
from guardian.core.model import Criterion, Direction, Limit, Measurement
from guardian.core.verdict import Outcome, Verdict
from tests.core.builders import T0, failing, series, window
from tests.core.builders import verdict as judged
from tests.core.test_false_rollbacks import Arrivals

EVENTS = metric_query(namespace="Shop/Api", metric="Throttled", stat="Sum")
MANY = Criterion(
    name="throttles",
    measure=Rate(events=EVENTS),
    fail_if=Limit(direction=Direction.ABOVE, value=10.0, text="10/min"),
    min_samples=3,
)
FEW = replace(MANY, fail_if=Limit(direction=Direction.BELOW, value=10.0, text="10/min"))


def of(
    values: Sequence[float | None],
    *,
    criterion: Criterion = MANY,
    settled: int | None = None,
    late_s: float = 0.0,
) -> Verdict:
    """The judgement of these counts, minute by minute."""
    until = T0 + 60 * (len(values) if settled is None else settled)
    found = Measurement(points=series(values), settled_before=until)
    return judged(criterion, {EVENTS: found}, late_s=late_s)


def track(test: RateTest, minutes: Sequence[tuple[float, float]]) -> Track:
    """Where the test stands after these."""
    stands = test.start()
    for minute in minutes:
        stands = test.advance(stands, minute)
    return stands


# --- the test ------------------------------------------------------------------------------------


def test_one_minute_is_the_mixture_of_poisson_likelihood_ratios() -> None:
    """X ln(g) - (g - 1) limit, averaged over the grid, for the first minute's share of the bets."""
    test = RateTest(limit=4.0, fewer=False, horizon=1, alpha=0.05, sustain=1)
    ratios = [math.exp(9 * math.log(g) - (g - 1) * 4.0) for g in ODDS_RATIOS]
    assert track(test, [(9, 1)]).log_e == pytest.approx(math.log(sum(ratios) / len(ratios)))


@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("sustain", [1, 2])
def test_at_the_limit_the_evidence_is_worth_one_on_average(*, fewer: bool, sustain: int) -> None:
    """Enumerated: exactly 1 without the cap, at most 1 with it; less on the healthy side."""
    test = RateTest(limit=1.2, fewer=fewer, horizon=4, alpha=0.05, sustain=sustain)

    def mean(rate: float) -> float:
        likely = [math.exp(-rate + k * math.log(rate) - math.lgamma(k + 1)) for k in range(60)]
        kept = [k for k in range(60) if likely[k] > 1e-13]
        return math.fsum(
            likely[a] * likely[b] * math.exp(track(test, [(a, 1), (b, 1)]).log_e)
            for a, b in product(kept, repeat=2)
        )

    at_the_limit = mean(1.2)
    assert at_the_limit <= 1 + 1e-9
    if sustain == 1 and fewer:
        assert at_the_limit == pytest.approx(1.0, abs=1e-9)
    assert mean(2.4 if fewer else 0.6) < at_the_limit


def test_it_is_what_the_share_test_becomes_for_rare_errors() -> None:
    """Ten errors a minute among a million requests."""
    shares = LimitTest(limit=1e-5, horizon=30, alpha=0.05)
    stands = shares.start()
    for errors in (12, 9, 17, 20, 14):
        stands = shares.advance(stands, (errors, 1e6))
    rate = RateTest(limit=10.0, fewer=False, horizon=30, alpha=0.05)
    minutes = [(errors, 1.0) for errors in (12, 9, 17, 20, 14)]
    assert track(rate, minutes).log_e == pytest.approx(stands.log_e, rel=1e-2)


def test_a_period_without_a_datapoint_changes_no_evidence() -> None:
    """It is not a minute without events."""
    test = RateTest(limit=5.0, fewer=False, horizon=30, alpha=0.05)
    before = track(test, [(9, 1), (8, 1)])
    after = test.advance(before, (0, 0))
    assert (after.log_e, after.minutes) == (before.log_e, 3)


@pytest.mark.parametrize("limit", [-1.0, math.inf])
def test_a_rate_is_a_number_of_events(limit: float) -> None:
    """Nothing else can be judged."""
    with pytest.raises(ValueError, match="0 or more events a minute"):
        RateTest(limit=limit, fewer=False, horizon=30, alpha=0.05)


@pytest.mark.parametrize(
    ("limit", "fewer", "rate"), [(10.0, False, 10.0), (0.5, False, 0.5), (10.0, True, 10.0)]
)
def test_false_alarms_stay_under_alpha(limit: float, fewer: bool, rate: float) -> None:
    """Two thousand rollouts of half an hour exactly at the limit, looked at every minute."""
    test = RateTest(limit=limit, fewer=fewer, horizon=30, alpha=0.05)
    arrivals, random = Arrivals(rate), Random(20260911)
    rollouts = 2000
    alarms = sum(
        test.proven(track(test, [(arrivals.draw(random), 1) for _ in range(30)]))
        for _ in range(rollouts)
    )
    bound = 0.05 + 4 * math.sqrt(0.05 * 0.95 / rollouts)
    assert alarms / rollouts <= bound


@pytest.mark.parametrize(("fewer", "rate"), [(False, 20.0), (True, 4.0)])
def test_a_rate_that_is_far_off_is_found(*, fewer: bool, rate: float) -> None:
    """Twice the limit, or less than half of it, within ten minutes."""
    test = RateTest(limit=10.0, fewer=fewer, horizon=30, alpha=0.05)
    arrivals, random = Arrivals(rate), Random(20260912)
    found = sum(
        test.proven(track(test, [(arrivals.draw(random), 1) for _ in range(10)]))
        for _ in range(200)
    )
    assert found >= 195


# --- the verdict ---------------------------------------------------------------------------------


def test_too_many_events_are_proven() -> None:
    """With the stretch that proves it."""
    found = of([8, 9, 30, 35, 32])
    assert found.outcome is Outcome.FAIL
    assert failing(found)
    assert found.why.startswith(
        "32.33/min over 10/min: proven (97 in 3 minutes, 22:16 to 22:19 UTC; log e "
    )
    assert found.evidence.limit_used == pytest.approx(97 / 30)


def test_too_few_events_are_proven_too() -> None:
    """Orders that no longer come in."""
    found = of([11, 12, 1, 0, 1, 1], criterion=FEW)
    assert found.outcome is Outcome.FAIL
    assert found.why.startswith(
        "0.75/min under 10/min: proven (3 in 4 minutes, 22:16 to 22:20 UTC; log e "
    )
    assert of([12] * 5, criterion=FEW).outcome is Outcome.PASS


def test_one_terrible_minute_proves_nothing() -> None:
    """The third one does, after a good beginning."""
    assert of([5, 5, 500, 5]).outcome is not Outcome.FAIL
    assert of([5, 5, 500, 500, 500]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("values", "outcome", "why"),
    [
        ([4, 6, 5], Outcome.PASS, "5/min, within 10/min (15 in 3 minutes)"),
        ([4, 6], Outcome.INCONCLUSIVE, "2 of the 3 datapoints needed"),
        (
            [11, 11, 11],
            Outcome.INCONCLUSIVE,
            "11/min over 10/min, not yet proven (33 in 3 minutes)",
        ),
        ([None] * 4, Outcome.INCONCLUSIVE, "0 of the 3 datapoints needed"),
        ([4, 6, 5, *[None] * 5], Outcome.NO_DATA, "no datapoints for 5 minutes"),
        ([0, 0, 0], Outcome.PASS, "0/min, within 10/min (0 in 3 minutes)"),
    ],
)
def test_each_verdict_has_its_sentence(
    values: list[float | None], outcome: Outcome, why: str
) -> None:
    """A missing datapoint is never zero, and never a pass."""
    found = of(values)
    assert (found.outcome, found.why) == (outcome, why)


def test_bad_news_of_an_unsettled_period_counts_already() -> None:
    """Events are only ever added, and the period's full length is held against them."""
    late = of([9, 9, 60, 70, 80], settled=2)
    assert late.outcome is Outcome.FAIL
    assert "(210 in 3 minutes, 22:16 to 22:19 UTC; none of them settled yet; " in late.why
    assert of([9, 9, 9, 9], settled=2).evidence.samples == 2
    silent = of([20, 20, 0, 0], criterion=FEW, settled=2)
    assert silent.outcome is not Outcome.FAIL


def test_an_impossible_count_is_an_error() -> None:
    """Nobody can have been throttled minus five times."""
    assert of([4, -5, 6]).outcome is Outcome.ERROR


def test_a_warning_of_a_count_is_of_the_whole_step() -> None:
    """Its mean over the step."""
    nearer = Limit(direction=Direction.AT_OR_ABOVE, value=5.0, text="5/min")
    warned = of([4, 6, 5], criterion=replace(MANY, warn_if=nearer))
    assert warned.evidence.warned
    assert warned.outcome is Outcome.PASS


def test_the_window_is_the_rollouts() -> None:
    """Evidence of all steps together."""
    points = series([9, 9, 9, 40, 40, 40])
    found = Measurement(points=points, settled_before=T0 + 360)
    both = window((0.0, 10.0), (3.0, 50.0))
    assert judged(MANY, {EVENTS: found}, both).outcome is Outcome.FAIL
