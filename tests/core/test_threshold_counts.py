"""What could be counted can be judged by threshold as well, where a rule file asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.judging.kinds.rate import Rate
from guardian.core.model import Compare, Judge
from guardian.core.verdict import Outcome
from tests.core.builders import (
    COMPARED,
    ERRORS,
    P95,
    STABLE_BAD,
    STABLE_TOTAL,
    SUCCESS,
    Row,
    read,
)
from tests.core.builders import verdict as judged
from tests.core.test_threshold import EVENTS, RATE, of

SHARE = replace(ERRORS, judge=Judge.THRESHOLD)


def test_a_count_is_scaled_to_the_minute() -> None:
    """Twenty-four events in two minutes are twelve a minute."""
    wide = replace(EVENTS, period_s=120)
    criterion = replace(RATE, measure=Rate(events=wide), datapoints=(2, 3))
    found = judged(criterion, of(wide, [24, 24]))
    assert found.outcome is Outcome.FAIL
    assert (
        found.why
        == "2 of 2 datapoints over 10/min, a breach at 2 of 3 (highest 12/min, 22:14 to 22:18 UTC)"
    )
    assert found.evidence.samples == 2


def test_a_count_that_is_missing_is_never_zero() -> None:
    """Nobody knows how many there might have been: no pass."""
    assert judged(RATE, of(EVENTS, [None] * 4)).outcome is Outcome.INCONCLUSIVE
    assert judged(RATE, of(EVENTS, [None] * 6)).outcome is Outcome.NO_DATA
    assert judged(RATE, of(EVENTS, [0] * 5)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("rows", "outcome", "why"),
    [
        (
            [(10, 100)] * 3,
            Outcome.FAIL,
            "3 of 3 datapoints over 5%, a breach at 3 of 5 (highest 10.0%, 22:14 to 22:17 UTC)",
        ),
        ([(1, 100)] * 5, Outcome.PASS, "0 of 5 datapoints over 5% (newest 1.0%)"),
        (
            [(10, 50)] * 5,
            Outcome.INCONCLUSIVE,
            "0 of the 5 datapoints needed with at least 60 samples",
        ),
        ([(None, None)] * 4, Outcome.INCONCLUSIVE, None),
    ],
)
def test_a_ratio_can_be_judged_by_threshold(
    rows: list[Row], outcome: Outcome, why: str | None
) -> None:
    """The floor applies to each datapoint."""
    found = judged(SHARE, read(rows))
    assert found.outcome is outcome
    assert why is None or found.why == why
    assert found.evidence.log_e_limit == 0.0


def test_success_and_latency_can_be_too() -> None:
    """Below a share of good ones, and over a share of slow ones."""
    success = replace(SUCCESS, judge=Judge.THRESHOLD)
    good = success.measure.queries[0]
    found = judged(success, read([(50, 100)] * 3, part=good))
    assert (
        found.why
        == "3 of 3 datapoints under 80%, a breach at 3 of 5 (lowest 50.0%, 22:14 to 22:17 UTC)"
    )
    latency = replace(P95, judge=Judge.THRESHOLD)
    count, within = latency.queries()
    slow = judged(latency, read([(800, 1000)] * 3, part=within, total=count))
    assert slow.why == (
        "3 of 3 datapoints over 5%, a breach at 3 of 5"
        " (highest 20.0% slower than 10s, 22:14 to 22:17 UTC)"
    )
    assert slow.evidence.limit_used == pytest.approx(4.0)


def test_comparing_with_stable_goes_on_beside_a_threshold() -> None:
    """Within the limit, and plainly worse than stable."""
    criterion = replace(COMPARED, judge=Judge.THRESHOLD)
    canary = read([(40, 1000)] * 6)
    stable = read([(1, 1000)] * 6, part=STABLE_BAD, total=STABLE_TOTAL)
    found = judged(criterion, {**canary, **stable})
    assert found.outcome is Outcome.FAIL
    assert "proven worse" in found.why
    assert found.evidence.log_e >= found.evidence.log_e_limit > 0
    alike = read([(40, 1000)] * 6, part=STABLE_BAD, total=STABLE_TOTAL)
    assert judged(criterion, {**canary, **alike}).outcome is Outcome.PASS
    bare = replace(criterion, compare=Compare())
    assert judged(bare, canary).evidence.log_e_limit == 0.0
