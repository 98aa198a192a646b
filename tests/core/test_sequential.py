"""The e-tests agree with their published values, are valid exactly, and keep their properties."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.judging.sequential import (
    ODDS_RATIOS,
    RATE_RATIOS,
    CompareTest,
    LimitTest,
    Minute,
    Track,
)

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "sequential_vectors.json"
# The same examples in every run: a failure that comes and goes teaches nobody.
steady = settings(deadline=None, derandomize=True, max_examples=150)

pairs = st.tuples(st.integers(0, 400), st.integers(0, 2000)).map(lambda m: (min(m), max(m)))
quads = st.tuples(pairs, pairs).map(lambda m: (*m[0], *m[1]))
limits = st.sampled_from([0.001, 0.01, 0.05, 0.2, 0.5])
sustains = st.sampled_from([1, 2, 3])
horizons = st.sampled_from([1, 5, 30, 240])
clusters = st.sampled_from([1.0, 3.0])


def go_through(test: LimitTest | CompareTest, minutes: Sequence[Minute]) -> Track:
    """The track after all minutes."""
    track = test.start()
    for minute in minutes:
        track = test.advance(track, minute)
    return track


# --- published values --------------------------------------------------------------------------


def vectors(kind: str) -> list[dict[str, Any]]:
    """The published cases of one function; a skip that says so where the file is not at hand."""
    if not VECTORS.exists():
        pytest.skip(f"no published values: {VECTORS} is absent")
    return [v for v in json.loads(VECTORS.read_text())["vectors"] if v["kind"] == kind]


@pytest.mark.parametrize(
    ("kind", "test"),
    [("log_e_changepoint", LimitTest), ("log_e_two_sample_changepoint", CompareTest)],
)
def test_every_published_value_is_reproduced(
    kind: str, test: type[LimitTest | CompareTest]
) -> None:
    """Each test gives the value that 50-digit arithmetic gave from its definition."""
    cases = vectors(kind)
    assert len(cases) >= 5
    for case in cases:
        given, wanted = dict(case["parameters"]), case["expected"]
        minutes = given.pop("minutes")
        judge = test(**given)
        track = go_through(judge, minutes)
        # The 50-digit values of "no evidence" are 1e-51 and not quite zero.
        same = math.isclose(track.log_e, wanted["value"], rel_tol=wanted["rel_tol"], abs_tol=1e-12)
        assert same, (case["name"], track.log_e, wanted)
        assert judge.proven(track) is wanted["breach"], case["name"]


AT_ONCE = {"horizon": 1, "sustain": 1, "first": 1.0}
"""All bets on the first minute: what is known of fixed totals holds for it."""


def above(errors: float, total: float, limit: float, alpha: float) -> bool:
    """Whether so many errors of so many prove a rate above the limit, looked at once."""
    test = LimitTest(limit=limit, alpha=alpha, **AT_ONCE)  # type: ignore[arg-type]
    return test.proven(go_through(test, [(errors, total)]))


def test_every_published_value_of_fixed_totals_is_reproduced() -> None:
    """One minute, and one bet on a whole list, are the plain mixtures of the definition."""
    for case in vectors("log_e_rate_above"):
        errors, total, limit = (case["parameters"][k] for k in ("errors", "total", "limit"))
        test = LimitTest(limit=limit, alpha=0.05, **AT_ONCE)  # type: ignore[arg-type]
        wanted = pytest.approx(case["expected"]["value"], rel=1e-9, abs=1e-12)
        assert go_through(test, [(errors, total)]).log_e == wanted, case["name"]
    for case in vectors("log_e_two_sample"):
        minutes, margin = case["parameters"]["minutes"], case["parameters"]["margin_ratio"]
        compare = CompareTest(margin_ratio=margin, alpha=0.05, **AT_ONCE)  # type: ignore[arg-type]
        wanted = pytest.approx(case["expected"]["value"], rel=1e-9, abs=1e-12)
        assert go_through(compare, minutes).log_e == wanted, case["name"]
    for case in vectors("breach_threshold"):
        given, fewest = case["parameters"], case["expected"]["min_errors"]
        total, fixed = given["total"], (given["limit"], given["alpha"])
        assert above(total if fewest is None else fewest, total, *fixed) is (fewest is not None)
        assert fewest is None or not above(fewest - 1, total, *fixed), case["name"]


@pytest.mark.parametrize(("fewest", "total"), [(2, 2), (3, 5), (9, 50), (190, 3000)])
def test_the_fewest_errors_that_prove_a_breach_at_low_counts(fewest: int, total: int) -> None:
    """At a limit of 5 % and alpha 5 %, looked at once."""
    assert above(fewest, total, 0.05, 0.05)
    assert not above(fewest - 1, total, 0.05, 0.05)


# --- validity by enumeration: every outcome, no sampling ---------------------------------------


def chance(bad: int, total: int, rate: float) -> float:
    """The binomial probability of exactly `bad` errors."""
    return math.comb(total, bad) * rate**bad * (1 - rate) ** (total - bad)


def expected_e(test: LimitTest, totals: Sequence[int], rates: Sequence[float]) -> float:
    """The mean e-value over every outcome of minutes with these totals and true rates."""
    terms = []
    for outcome in itertools.product(*(range(n + 1) for n in totals)):
        cases = list(zip(outcome, totals, rates, strict=True))
        weight = math.prod(chance(bad, n, p) for bad, n, p in cases)
        terms.append(weight * math.exp(go_through(test, [(b, n) for b, n, _ in cases]).log_e))
    return math.fsum(terms)


TOTALS = (5, 8, 6, 7)


def test_the_mean_e_value_at_the_limit_is_exactly_one_without_a_cap() -> None:
    """At the limit the uncapped bets are fair: neither the prior nor a sign is off."""
    test = LimitTest(limit=0.05, horizon=30, alpha=0.05, sustain=1)
    assert expected_e(test, TOTALS, [0.05] * 4) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("sustain", [1, 2, 3])
@pytest.mark.parametrize("rates", [(0.05,) * 4, (0.01, 0.05, 0.03, 0.05), (0.0, 0.02, 0.01, 0.04)])
@pytest.mark.parametrize("cluster_size", [1.0, 3.0])
def test_no_release_within_the_limit_has_a_mean_e_value_over_one(
    sustain: int, rates: tuple[float, ...], cluster_size: float
) -> None:
    """Whatever the rate does below the limit, the bets lose or stay even on average."""
    test = LimitTest(limit=0.05, horizon=30, alpha=0.05, sustain=sustain, cluster_size=cluster_size)
    assert expected_e(test, TOTALS, rates) <= 1 + 1e-12


def test_the_mean_stays_at_most_one_when_the_horizon_is_shorter_than_the_rollout() -> None:
    """After the horizon no weight is left to place, and none is invented."""
    test = LimitTest(limit=0.05, horizon=2, alpha=0.05, sustain=1)
    assert expected_e(test, TOTALS, [0.05] * 4) == pytest.approx(1.0, abs=1e-12)


def expected_compare_e(test: CompareTest, sides: Sequence[tuple[int, int]], rate: float) -> float:
    """The mean e-value over every outcome when both sides err at the same rate."""
    spans = [range(n + 1) for side in sides for n in side]
    terms = []
    for outcome in itertools.product(*spans):
        canary, stable = outcome[0::2], outcome[1::2]
        minutes = [(c, n, s, m) for c, s, (n, m) in zip(canary, stable, sides, strict=True)]
        weight = math.prod(chance(c, n, rate) * chance(s, m, rate) for c, n, s, m in minutes)
        terms.append(weight * math.exp(go_through(test, minutes).log_e))
    return math.fsum(terms)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 0.7])
@pytest.mark.parametrize("sustain", [1, 2])
def test_two_sides_with_the_same_rate_have_a_mean_e_value_of_at_most_one(
    rate: float, sustain: int
) -> None:
    """Canary against stable is valid at every common rate, rare errors or an outage."""
    test = CompareTest(horizon=30, alpha=0.05, sustain=sustain)
    mean = expected_compare_e(test, [(3, 9), (4, 8)], rate)
    assert mean <= 1 + 1e-12
    if sustain == 1 and rate == 0.01:
        assert mean > 0.99, "rare errors are nearly Poisson, where the bets are fair"


# --- the incremental form against the definition -----------------------------------------------


def by_definition(
    ratios: Sequence[Sequence[float]], *, horizon: int, sustain: int, alpha: float
) -> float:
    """Log e of a whole list: the weighted sum over every alternative and every first bad minute."""
    cap = min(math.log(4 * horizon / alpha) / sustain, -math.log(alpha))
    capped = [[min(r, cap) if sustain > 1 else r for r in minute] for minute in ratios]
    later = 0.5 / horizon
    weights = [later + (0.5 if t == 0 else 0.0) for t in range(min(horizon, len(capped)))]
    kinds = len(capped[0])
    logs = [
        math.log(w / kinds) + math.fsum(minute[k] for minute in capped[t:])
        for t, w in enumerate(weights)
        for k in range(kinds)
    ]
    rest = 0.5 * max(0, horizon - len(capped)) / horizon
    logs += [math.log(rest)] if rest > 0 else []
    top = max(logs)
    return top + math.log(math.fsum(math.exp(x - top) for x in logs))


@steady
@given(
    minutes=st.lists(pairs, min_size=1, max_size=40),
    limit=limits,
    horizon=horizons,
    sustain=sustains,
    cluster=clusters,
)
def test_minute_by_minute_against_a_limit_equals_the_definition(
    minutes: list[tuple[int, int]], limit: float, horizon: int, sustain: int, cluster: float
) -> None:
    """`advance` over a list gives the mixture that the formula writes down for the whole list."""
    test = LimitTest(
        limit=limit, horizon=horizon, alpha=0.01, sustain=sustain, cluster_size=cluster
    )
    ratios = [
        [(e * math.log(g) - n * math.log1p((g - 1) * limit)) / cluster for g in ODDS_RATIOS]
        for e, n in minutes
    ]
    wanted = by_definition(ratios, horizon=horizon, sustain=sustain, alpha=0.01)
    assert go_through(test, minutes).log_e == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@steady
@given(
    minutes=st.lists(quads, min_size=1, max_size=25),
    margin=st.sampled_from([1.0, 1.5]),
    horizon=horizons,
    sustain=sustains,
)
def test_minute_by_minute_against_stable_equals_the_definition(
    minutes: list[tuple[int, int, int, int]], margin: float, horizon: int, sustain: int
) -> None:
    """The same for canary against stable, from the binomial shares themselves."""

    def ratio(minute: tuple[int, int, int, int], r: float) -> float:
        e, n, other, m = minute
        if not n or not m or not e + other:
            return 0.0
        null, alternative = margin * n / (margin * n + m), r * margin * n / (r * margin * n + m)
        return e * math.log(alternative / null) + other * math.log((1 - alternative) / (1 - null))

    ratios = [[ratio(minute, r) for r in RATE_RATIOS] for minute in minutes]
    wanted = by_definition(ratios, horizon=horizon, sustain=sustain, alpha=0.01)
    test = CompareTest(margin_ratio=margin, horizon=horizon, alpha=0.01, sustain=sustain)
    assert go_through(test, minutes).log_e == pytest.approx(wanted, rel=1e-9, abs=1e-9)


# --- properties --------------------------------------------------------------------------------


@steady
@given(
    minutes=st.lists(pairs, min_size=1, max_size=15),
    where=st.integers(0, 14),
    more=st.integers(0, 50),
    sustain=sustains,
)
def test_more_errors_never_lower_the_evidence(
    minutes: list[tuple[int, int]], where: int, more: int, sustain: int
) -> None:
    """Turning good requests into bad ones anywhere speaks against the release."""
    at = where % len(minutes)
    errors, total = minutes[at]
    worse = [*minutes[:at], (min(total, errors + more), total), *minutes[at + 1 :]]
    test = LimitTest(limit=0.05, horizon=30, alpha=0.05, sustain=sustain)
    assert go_through(test, worse).log_e >= go_through(test, minutes).log_e - 1e-9


@steady
@given(minutes=st.lists(pairs, max_size=20), empty=st.integers(1, 40))
def test_empty_minutes_leave_the_evidence_exactly_as_it_is(
    minutes: list[tuple[int, int]], empty: int
) -> None:
    """No traffic is neither good nor bad news, to the last bit, also beyond the horizon."""
    test = LimitTest(limit=0.05, horizon=30, alpha=0.05)
    track = go_through(test, minutes)
    later = track
    for _ in range(empty):
        later = test.advance(later, (0, 0))
    assert (later.log_e, later.peak) == (track.log_e, track.peak)
    assert later.minutes == len(minutes) + empty


@pytest.mark.parametrize("minute", [(3, 0, 5, 90), (0, 0, 5, 90), (3, 90, 0, 0), (0, 90, 0, 90)])
def test_without_errors_or_without_both_sides_the_comparison_says_nothing(minute: Minute) -> None:
    """At 100 % weight stable has no traffic: the comparison freezes."""
    test = CompareTest(horizon=30, alpha=0.05)
    assert go_through(test, [minute] * 5).log_e == 0.0


@steady
@given(
    totals=st.lists(st.sampled_from([0, 10]), min_size=1, max_size=200),
    horizon=horizons,
    first=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_weights_never_sum_to_more_than_one(
    totals: list[int], horizon: int, first: float
) -> None:
    """With bets that neither win nor lose, the purse and what is placed are 1 or less for ever.

    A minute without traffic is such a bet.
    """
    test = LimitTest(limit=0.0, horizon=horizon, alpha=0.05, first=first)
    track = go_through(test, [(0, total) for total in totals])
    assert track.log_e == pytest.approx(0.0, abs=1e-9)


@steady
@given(
    clean=st.lists(st.integers(0, 5000), max_size=40),
    bad=st.integers(0, 10**7),
    sustain=st.sampled_from([2, 3]),
    alpha=st.sampled_from([0.05, 0.01, 0.0001]),
)
def test_one_minute_after_a_clean_history_never_proves_a_breach(
    clean: list[int], bad: int, sustain: int, alpha: float
) -> None:
    """A single minute, however terrible, is never enough when two must agree."""
    minutes = [*((0, n) for n in clean), (bad, bad)]
    test = LimitTest(limit=0.05, horizon=60, sustain=sustain, alpha=alpha)
    assert not test.proven(go_through(test, minutes))


@pytest.mark.parametrize("sustain", [1, 2])
@pytest.mark.parametrize("rate", [0, 0.01, 0.05, 0.5, 1])
@pytest.mark.parametrize("limit", [0.0, 1e-6, 0.05, 1.0])
def test_huge_counts_overflow_nothing(sustain: int, rate: float, limit: float) -> None:
    """Ten million requests a minute for hours give finite numbers at every rate and limit."""
    n = 10**7
    test = LimitTest(limit=limit, horizon=60, alpha=0.0125, sustain=sustain)
    assert math.isfinite(go_through(test, [(rate * n, n)] * 300).log_e)
    compare = CompareTest(horizon=60, alpha=0.0125, sustain=sustain)
    assert math.isfinite(go_through(compare, [(rate * n, n, limit * n, n)] * 300).log_e)


def test_the_same_minutes_give_the_same_bits() -> None:
    """Two evaluations agree exactly: a restart decides as the process before it did."""
    minutes = [(3, 17, 1, 80), (0, 21, 2, 77), (5, 19, 0, 82)] * 9
    first, again = (
        go_through(CompareTest(horizon=60, sustain=2, alpha=0.01), minutes) for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": 0.0}, "alpha lies between"),
        ({"alpha": 1.0}, "alpha lies between"),
        ({"horizon": 0}, "at least 1"),
        ({"sustain": 0}, "at least 1"),
        ({"cluster_size": 0.5}, "at least 1"),
        ({"limit": 1.5}, "between 0 and 1"),
        ({"limit": math.nan}, "between 0 and 1"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(wrong: dict[str, float], message: str) -> None:
    """A test that could not keep its promise is not built."""
    with pytest.raises(ValueError, match=message):
        LimitTest(**{"limit": 0.05, "horizon": 30, "alpha": 0.05, **wrong})  # type: ignore[arg-type]
