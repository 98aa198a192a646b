"""What a verdict shows beside its outcome: the value in its unit, how near the limit, a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import Direction, Gauge, Limit
from guardian.core.verdict import Outcome
from tests.core.builders import ERRORS, P95, SUCCESS, read
from tests.core.builders import verdict as judged
from tests.core.test_threshold import CPU, GAUGE, cpu, of


def test_the_evidence_tells_how_much_of_the_limit_is_used() -> None:
    """Of a gauge, by the newest datapoint of the step."""
    found = cpu(90, 40, None).evidence
    assert (found.value, found.limit_used, found.over_limit) == ("40%", 0.5, False)
    assert cpu(40, 90).evidence.over_limit


def test_a_warning_is_told_and_stops_nothing() -> None:
    """Between the two limits the criterion passes."""
    nearer = Limit(direction=Direction.ABOVE, value=70.0, text="70%")
    criterion = replace(GAUGE, warn_if=nearer)
    found = cpu(*(75,) * 5, criterion=criterion)
    assert found.outcome is Outcome.PASS
    assert found.evidence.warned
    assert not cpu(*(65,) * 5, criterion=criterion).evidence.warned
    assert not cpu(*(75,) * 5).evidence.warned
    assert not cpu(*(None,) * 5, criterion=criterion).evidence.warned


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
    assert judged(criterion, of(query, [value])).evidence.value == text


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
    found = judged(replace(ERRORS, warn_if=nearer), read([(30, 1000)] * 4))
    assert found.outcome is Outcome.PASS
    assert found.evidence.warned
