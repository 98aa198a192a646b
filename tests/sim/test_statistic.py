"""Statistics of bags of samples agree with each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.sim.statistic import Bag, statistic

BAGS = st.dictionaries(
    st.integers(0, 1000).map(float), st.integers(1, 50).map(float), min_size=1, max_size=30
)


def value(stat: str, bag: Bag) -> float:
    """The statistic, which must exist."""
    compute = statistic(stat)
    assert compute is not None
    found = compute(bag)
    assert found is not None
    return found


@given(values=BAGS, percent=st.integers(1, 99))
def test_a_percentile_is_the_least_value_with_that_rank(
    values: dict[float, float], percent: int
) -> None:
    """At least p percent of the samples lie at or below pNN, and fewer below any smaller value."""
    bag = Bag.of(values)
    found = value(f"p{percent}", bag)
    assert value(f"PR(:{found})", bag) >= percent - 1e-9
    below = [v for v in values if v < found]
    if below:
        assert value(f"PR(:{max(below)})", bag) < percent


@given(values=BAGS, limit=st.integers(0, 1000))
def test_counts_on_both_sides_of_a_limit_add_up(values: dict[float, float], limit: int) -> None:
    """TC(:x) and TC(x:) part the samples."""
    bag = Bag.of(values)
    assert value(f"TC(:{limit})", bag) + value(f"TC({limit}:)", bag) == bag.n


@given(one=BAGS, other=BAGS)
def test_adding_bags_is_adding_samples(one: dict[float, float], other: dict[float, float]) -> None:
    """Sums, counts and extremes of a joined bag follow from its parts."""
    joined = Bag.of(one)
    joined.add(Bag.of(other))
    assert value("SampleCount", joined) == sum(one.values()) + sum(other.values())
    assert value("Maximum", joined) == max(*one, *other)
    assert value("Minimum", joined) == min(*one, *other)
    assert sum(joined.values.values()) == joined.n


@pytest.mark.parametrize("text", ["", "p101", "p95%", "TC(:)", "TC(5)", "sum", "tm90", "TC(5%:)"])
def test_other_texts_name_no_statistic(text: str) -> None:
    """What CloudWatch does not know, or this simulator does not compute, is not guessed at."""
    assert statistic(text) is None
