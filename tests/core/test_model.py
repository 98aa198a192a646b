"""The domain's values: weights, traffic, limits, criteria, plans."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.cloudwatch import changed, metric_query
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import (
    Compare,
    Criterion,
    Direction,
    Limit,
    OnFail,
    Scope,
    ceil_to,
    floor_to,
)
from guardian.core.traffic import FULL, NONE, Traffic, Weight, Weights
from tests.core.rollouts import CANARY, PLAN, TEN, criterion, ratio

SPLIT = Traffic(primary="41", secondary="42", weight=TEN)
COUNT = metric_query(namespace="AWS/Lambda", metric="Duration", stat="SampleCount")
WITHIN = changed(COUNT, stat="TC(:10000)")
P95 = Latency(percentile=95, count=COUNT, within=WITHIN)


def latency() -> Criterion:
    """p95 above 10 seconds."""
    limit = Limit(direction=Direction.ABOVE, value=10.0, text="10s")
    return replace(criterion("p95"), measure=P95, fail_if=limit)


# --- weights and traffic -----------------------------------------------------------------------


@given(st.integers(0, 1_000_000))
def test_a_weight_survives_a_vendor_s_share(millionths: int) -> None:
    """Shares of 0 to 1 and back are exact, so that a read-back can equal a wish."""
    weight = Weight(millionths)
    assert Weight.ratio_of(weight.ratio) == weight


@pytest.mark.parametrize("percent", [-0.1, 100.1])
def test_a_weight_outside_its_range_is_refused(percent: float) -> None:
    """The error names the range and the weight."""
    with pytest.raises(ValueError, match=rf"between 0% and 100%, not {percent}%"):
        Weight.percent(percent)


def test_weights_are_written_in_percent() -> None:
    """Without needless digits."""
    assert [str(Weight.percent(p)) for p in (0, 0.5, 10, 33.3333, 100)] == [
        "0%",
        "0.5%",
        "10%",
        "33.3333%",
        "100%",
    ]


def test_weights_are_ordered() -> None:
    """More traffic is more."""
    assert NONE < TEN < FULL


def test_a_weight_that_a_router_cannot_give_names_one_that_it_can() -> None:
    """Too fine a share, or more than it can give before all of it."""
    thousandths = Weights(parts=1000)
    for percent in (0, 0.1, 12.5, 33.3333, 100):
        assert thousandths.problem(Weight.percent(percent)) == ""
    assert thousandths.problem(Weight.percent(12.3456)) == (
        "12.3456% is no share of at most 1000 parts: the nearest is 12.3457%"
    )
    few = Weights(most=Weight.percent(15))
    assert [few.problem(Weight.percent(p)) for p in (12.3456, 15, 100)] == [""] * 3
    assert few.problem(Weight.percent(50)) == (
        "a canary can have at most 15% before it has all traffic, not 50%"
    )


def test_a_weight_cannot_be_changed() -> None:
    """Values are values."""
    with pytest.raises(FrozenInstanceError):
        TEN.millionths = 5  # type: ignore[misc]  # the very thing that must fail


def test_traffic_knows_everyone_s_share() -> None:
    """The secondary has its weight, the primary the rest, and a stranger nothing."""
    shares = [SPLIT.share(version) for version in ("41", "42", "43")]
    assert shares == [Weight.percent(90), TEN, NONE]
    assert CANARY.share("42") == FULL


def test_traffic_names_its_versions() -> None:
    """Also one that receives nothing."""
    assert SPLIT.versions == {"41", "42"}
    assert CANARY.versions == {"42"}
    assert replace(SPLIT, weight=NONE).versions == {"41", "42"}


def test_traffic_is_written_for_people() -> None:
    """Each version with its share."""
    assert (str(SPLIT), str(CANARY)) == ("41 90%, 42 10%", "42 100%")


# --- time --------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000_000_000), st.sampled_from([10, 60, 300]))
def test_instants_are_rounded_to_periods(millis: int, period_s: int) -> None:
    """Down and up, by less than a period, and not at all on its edge."""
    at = millis / 1000
    below, above = floor_to(at, period_s), ceil_to(at, period_s)
    assert below <= at <= above
    assert above - below in (0, period_s)
    assert below % period_s == above % period_s == 0


# --- limits and criteria -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "breached"),
    [
        (Direction.ABOVE, [False, False, True]),
        (Direction.AT_OR_ABOVE, [False, True, True]),
        (Direction.BELOW, [True, False, False]),
        (Direction.AT_OR_BELOW, [True, True, False]),
    ],
)
def test_a_limit_has_a_side_that_hurts(direction: Direction, breached: list[bool]) -> None:
    """Strictly or not, above or below."""
    assert [direction.breached(value, 5.0) for value in (4.0, 5.0, 6.0)] == breached


def test_a_limit_is_written_as_the_user_wrote_it() -> None:
    """With its direction in words."""
    assert str(Limit(direction=Direction.AT_OR_BELOW, value=0.8, text="80%")) == "at or below 80%"


def test_the_allowed_share_of_bad_events_follows_from_the_measure() -> None:
    """Of bad events the limit itself, of good ones the rest, of a percentile what is beyond it."""
    good = replace(ratio(), good=True)
    below = Limit(direction=Direction.BELOW, value=0.8, text="80%")
    assert criterion().limit_rate == 0.05
    assert replace(criterion(), measure=good, fail_if=below).limit_rate == pytest.approx(0.2)
    assert latency().limit_rate == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("scope", "on_fail", "gates"),
    [
        (Scope.CANARY, OnFail.ROLLBACK, True),
        (Scope.CANARY, OnFail.HOLD, True),
        (Scope.CANARY, OnFail.NOTIFY, False),
        (Scope.SERVICE, OnFail.ROLLBACK, False),
    ],
)
def test_what_a_step_waits_for(scope: Scope, on_fail: OnFail, gates: bool) -> None:
    """Criteria of the canary that hold or take back gate; the rest block nothing."""
    assert criterion(scope=scope, on_fail=on_fail).gating is gates


def test_a_criterion_reads_each_side_of_its_measure() -> None:
    """Part and total, counts of a percentile, and the same for stable where it is compared."""
    assert list(latency().queries()) == [COUNT, WITHIN]
    stable = ratio(Version="41")
    compared = replace(criterion(), measure=ratio(Version="42"), compare=Compare(stable=stable))
    assert isinstance(compared.measure, Ratio)
    assert list(compared.queries()) == [
        compared.measure.part,
        compared.measure.total,
        stable.part,
        stable.total,
    ]


def test_an_unbound_comparison_reads_nothing_more() -> None:
    """The stable side is known only once a rollout is."""
    assert len(list(replace(criterion(), compare=Compare()).queries())) == 2


# --- plans -------------------------------------------------------------------------------------


def test_false_rollbacks_are_shared_out_among_the_tests() -> None:
    """Evenly; a comparison is a test of its own, and no criterion at all does not divide by 0."""
    compared = replace(criterion("b"), compare=Compare())
    assert replace(PLAN, criteria=(criterion(), compared)).alpha == pytest.approx(0.05 / 3)
    assert replace(PLAN, criteria=()).alpha == 0.05


def test_the_horizon_is_the_longest_a_rollout_may_last() -> None:
    """In whole minutes, begun ones too, and never none."""
    short = replace(PLAN.steps[0], max_bake_s=61)
    assert PLAN.horizon == 60
    assert replace(PLAN, steps=(short,)).horizon == 2
    assert replace(PLAN, steps=()).horizon == 1


def test_a_plan_asks_for_each_series_once() -> None:
    """In the order of its criteria, however many of them read it."""
    plan = replace(PLAN, criteria=(criterion(), latency(), criterion("again")))
    measure = criterion().measure
    assert isinstance(measure, Ratio)
    assert plan.queries() == (measure.part, measure.total, COUNT, WITHIN)
