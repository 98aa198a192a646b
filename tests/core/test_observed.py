"""Which part of what was counted is shown for a proof."""

from __future__ import annotations

import pytest

from guardian.core.judging.observed import worst_stretch
from guardian.core.judging.tally import Count


@pytest.mark.parametrize(
    ("bad", "fewer", "worst"),
    [
        ([0, 0, 9, 8, 0], False, range(2, 4)),
        ([9, 0, 0, 9, 9], False, range(3, 5)),
        ([9, 9, 4, 9, 9], False, range(5)),
        ([5, 6, 5], False, range(1, 2)),
        ([5, 5, 5], False, range(0)),
        ([9, 1, 2, 9], True, range(1, 3)),
    ],
    ids=["in the middle", "the last", "across a dip", "a little", "none", "too few"],
)
def test_the_worst_stretch_begins_and_ends_with_its_own_minutes(
    bad: list[int], *, fewer: bool, worst: range
) -> None:
    """What is within the limit, or exactly at it, is no part of it but between worse ones."""
    counts = [Count(60.0 * minute, float(each), 100.0) for minute, each in enumerate(bad)]
    assert worst_stretch(counts, 0.05, fewer=fewer) == worst
