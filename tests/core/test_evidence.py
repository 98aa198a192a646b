"""What a verdict shows beside its outcome: the value in its unit, how near the limit, a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core import reasons
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Compare, Criterion, Direction, Limit
from guardian.core.verdict import Basis, Outcome, Stable, Verdict
from guardian.messages import phrases
from tests.core.builders import (
    BAD,
    COMPARED,
    ERRORS,
    P95,
    STABLE_BAD,
    STABLE_TOTAL,
    SUCCESS,
    T0,
    TOTAL,
    Row,
    compared,
    read,
    share,
)
from tests.core.builders import verdict as judged
from tests.core.rollouts import PAGED
from tests.core.test_threshold import CPU, GAUGE, cpu, of

ALL_GOOD = Ratio(part=BAD, total=TOTAL, good=True)
GOOD_COMPARED = Compare(stable=Ratio(part=STABLE_BAD, total=STABLE_TOTAL, good=True))


def test_the_evidence_tells_how_much_of_the_limit_is_used() -> None:
    """Of a gauge, by the newest datapoint of the step."""
    found = cpu(90, 40, None).evidence
    assert (found.value, found.limit_used, found.over_limit) == (share(0.4), 0.5, False)
    assert cpu(40, 90).evidence.over_limit


def against(rows: list[Row], other: list[Row], criterion: Criterion = COMPARED) -> Verdict:
    """The judgement of a canary beside a stable version."""
    return judged(criterion, compared(rows, other))


def test_a_breach_by_comparison_names_both_sides_and_not_the_limit_that_held() -> None:
    """Also where stable never failed; title, row and sentence say the same."""
    found = against([(7, 300)] * 8, [(None, 2700)] * 8)
    assert found.outcome is Outcome.FAIL
    assert (reasons.value(found.evidence), reasons.limit(found.evidence)) == (
        "2.3%",
        "above stable's 0.0%",
    )
    assert phrases.breach_of([found]) == "error-rate 2.3% against 0.0% on stable"
    assert found.why.startswith("2.3% against 0.0% on stable: proven worse (56 bad of 2400 samples")
    assert (found.evidence.basis, found.evidence.stable) == (
        Basis.COMPARE,
        Stable(value=share(0.0), bad=0, samples=21600),
    )


def test_a_breach_of_the_limit_names_the_limit_whatever_stable_has() -> None:
    """Both tests are broken, and the limit is asked first."""
    found = against([(75, 300)] * 8, [(27, 2700)] * 8)
    assert phrases.breach_of([found]) == "error-rate 25.0% over 5%"
    assert (found.evidence.basis, found.evidence.stable) == (Basis.LIMIT, None)


def test_a_ratio_that_is_allowed_is_said() -> None:
    """Where the canary may be somewhat worse than stable."""
    criterion = replace(COMPARED, compare=replace(COMPARED.compare, max_ratio=1.5))  # type: ignore[type-var]
    found = against([(12, 300)] * 8, [(27, 2700)] * 8, criterion)
    assert reasons.limit(found.evidence) == "above 1.5 x stable's 1.0%"
    less = replace(criterion, fail_if=SUCCESS.fail_if, measure=ALL_GOOD, compare=GOOD_COMPARED)
    other = read([(2690, 2700)] * 8, part=STABLE_BAD, total=STABLE_TOTAL)
    fewer = judged(less, {**read([(280, 300)] * 8), **other})
    assert reasons.limit(fewer.evidence) == "below stable's 99.63%"


def test_digits_tell_a_value_from_its_limit_wherever_it_is_shown() -> None:
    """501 of 10,000 are over 5 %, and 5.0% is not."""
    found = judged(ERRORS, read([(501, 10_000)] * 3))
    assert found.why == ("5.01% over 5%, not yet proven (1503 bad of 30000 samples in 3 minutes)")
    assert reasons.value(found.evidence) == "5.01%"


def test_what_a_criterion_fails_on_is_said_before_there_is_evidence() -> None:
    """With its unit, and the comparison where there is one."""
    sized = replace(GAUGE, measure=Gauge(series=replace(CPU, unit="Kilobytes")))
    said = [reasons.fails_on(c) for c in (ERRORS, SUCCESS, P95, COMPARED, sized, PAGED)]
    assert said == [
        "above 5%",
        "below 80%",
        "above 10s",
        "above 5%, or worse than stable",
        "above 80KB",
        "any open incident",
    ]


def test_a_percentile_says_what_it_is_over() -> None:
    """The share that is slower, and the duration that the rule names."""
    count, within = P95.queries()
    found = judged(P95, read([(800, 1000)] * 4, part=within, total=count))
    assert phrases.breach_of([found]) == "error-rate 20.0% slower than 10s, over 5%"
    assert reasons.limit(found.evidence) == "above 10s"


def test_a_breach_by_datapoints_is_told_with_those_and_where_they_lie() -> None:
    """Not with a newer one that is within the limit again."""
    found = cpu(95, 95, 95, *(40,) * 6)
    assert phrases.breach_of([found]) == "cpu 3 of 3 datapoints over 80%"
    seen = found.evidence
    assert (seen.value, seen.window_start, seen.window_end) == (share(0.95), T0, T0 + 180)
    assert seen.settled_until == T0 + 540


def test_a_warning_is_told_and_stops_nothing() -> None:
    """Between the two limits the criterion passes."""
    nearer = Limit(direction=Direction.ABOVE, value=70.0, text="70%")
    criterion = replace(GAUGE, warn_if=nearer)
    found = cpu(*(75,) * 5, criterion=criterion)
    assert found.outcome is Outcome.PASS
    assert reasons.warns(found) == "75.0% over 70%"
    assert cpu(*(65,) * 5, criterion=criterion).evidence.warned is None
    assert cpu(*(75,) * 5).evidence.warned is None
    assert cpu(*(None,) * 5, criterion=criterion).evidence.warned is None


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("Bytes", 3.5 * 2**30, "3.5GiB"),
        ("Bytes", 200.0 * 2**20, "200MiB"),
        ("Bytes", 512.0, "512B"),
        ("Milliseconds", 800.0, "800ms"),
        ("Milliseconds", 90_000.0, "90s"),
        ("Seconds", 12.5, "12.5s"),
        ("Count", 123456.0, "123456"),
        (None, 0.25, "0.25"),
    ],
)
def test_values_are_told_in_the_metrics_unit(unit: str | None, value: float, text: str) -> None:
    """With as many digits as can be read."""
    query = replace(CPU, unit=unit)
    criterion = replace(GAUGE, measure=Gauge(series=query))
    assert reasons.value(judged(criterion, of(query, [value])).evidence) == text


@pytest.mark.parametrize(
    ("bad", "share"), [(0, 0.0), (25, 0.5), (50, 1.0), (100, 2.0), (1000, 20.0)]
)
def test_a_share_of_the_limit_is_one_at_the_limit(bad: int, share: float) -> None:
    """And more beyond it."""
    assert judged(ERRORS, read([(bad, 1000)])).evidence.limit_used == pytest.approx(share)


@pytest.mark.parametrize(("good", "share"), [(1000, 0.8), (800, 1.0), (400, 2.0), (0, 1000.0)])
def test_where_less_is_worse_the_share_is_the_other_way_round(good: int, share: float) -> None:
    """With a bound, where nothing succeeds."""
    query = SUCCESS.queries().__next__()
    found = judged(SUCCESS, read([(good, 1000)], part=query))
    assert found.evidence.limit_used == pytest.approx(share)


def test_of_a_latency_the_slow_requests_are_held_against_the_allowed_ones() -> None:
    """And a nearer limit cannot be seen in the counts of the other one."""
    nearer = Limit(direction=Direction.ABOVE, value=0.0, text="0s")
    count, within = P95.queries()
    rows = read([(900, 1000)], part=within, total=count)
    found = judged(replace(P95, warn_if=nearer), rows).evidence
    assert found.limit_used == pytest.approx(2.0)
    assert not found.warned


def test_a_ratio_warns_by_the_steps_own_share() -> None:
    """Before the limit, while it still passes."""
    nearer = Limit(direction=Direction.ABOVE, value=0.02, text="2%")
    found = judged(replace(ERRORS, warn_if=nearer), read([(2001, 100_000)] * 4))
    assert found.outcome is Outcome.PASS
    assert reasons.warns(found) == "2.001% over 2%"
    broken = judged(replace(ERRORS, warn_if=nearer), read([(300, 1000)] * 4))
    assert reasons.warns(broken) == "30.0% over 5%"
