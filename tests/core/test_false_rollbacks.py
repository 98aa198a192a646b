"""Seeded rollouts: healthy releases stay, bad ones are caught, from 50 to 0.05 requests a second.

The bulk goes through `advance`, minute by minute, as every judgement does; a smaller part goes
through `judge` at every minute, with datapoints that arrive late and grow while they are partial.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random

import pytest

from guardian.cloudwatch import metric_query
from guardian.core.judging.judge import JudgeState, Window, judge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.judging.sequential import LimitTest
from guardian.core.model import Criterion, Datapoint, Direction, Limit, Measurement
from guardian.core.traffic import Weight
from guardian.core.verdict import Outcome

LIMIT, FALSE_ROLLBACK = 0.05, 0.05
WEIGHTS = (10.0,) * 10 + (50.0,) * 10 + (100.0,) * 10
"""Percent, minute by minute: three steps of ten minutes."""
T0 = 1_700_000_040.0
SETTLE_S = 180.0


class Arrivals:
    """Poisson counts with a fixed mean, drawn from the exact distribution function."""

    def __init__(self, mean: float) -> None:
        self.low = max(0, math.floor(mean - 12 * math.sqrt(mean) - 12))
        high = math.ceil(mean + 12 * math.sqrt(mean) + 30)
        self.upto = list(
            accumulate(
                math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
                for k in range(self.low, high)
            )
        )

    def draw(self, random: Random) -> int:
        """How many came."""
        return self.low + bisect_left(self.upto, random.random())


def rollouts(
    *, per_second: float, error_rate: float, seed: int, weights: Sequence[float] = WEIGHTS
) -> Iterator[list[tuple[int, int]]]:
    """(errors, requests) of each minute, rollout after rollout, without end.

    Errors and successes of Poisson arrivals are two independent Poisson streams.
    """
    random = Random(seed)
    streams = {
        weight: [
            Arrivals(60 * per_second * weight / 100 * share)
            for share in (error_rate, 1 - error_rate)
        ]
        for weight in set(weights)
    }
    while True:
        drawn = [[stream.draw(random) for stream in streams[weight]] for weight in weights]
        yield [(bad, bad + good) for bad, good in drawn]


def caught_at(test: LimitTest, minutes: Sequence[tuple[int, int]]) -> int | None:
    """The first minute, counted from 1, at which a breach is proven."""
    track = test.start()
    for number, minute in enumerate(minutes, start=1):
        track = test.advance(track, minute)
        if test.proven(track):
            return number
    return None


TEST = LimitTest(limit=LIMIT, horizon=90, alpha=FALSE_ROLLBACK)
"""As a service with this one criterion has it; a budget that is shared is stricter still."""


@pytest.mark.parametrize("per_second", [50, 5, 0.5, 0.05])
@pytest.mark.parametrize("error_rate", [0.01, 0.03])
def test_a_healthy_release_is_not_rolled_back(per_second: float, error_rate: float) -> None:
    """Of 2,000 rollouts within the limit, fewer than 0.5 % are rolled back at any traffic."""
    source = rollouts(per_second=per_second, error_rate=error_rate, seed=20250101)
    caught = sum(caught_at(TEST, next(source)) is not None for _ in range(2000))
    assert caught < 10


def test_a_release_at_the_very_limit_keeps_the_promise() -> None:
    """At a true 5 %, the worst that is still allowed, at most 5 % are rolled back."""
    source = rollouts(per_second=5, error_rate=LIMIT, seed=3)
    caught = sum(caught_at(TEST, next(source)) is not None for _ in range(1000))
    assert caught <= FALSE_ROLLBACK * 1000


def test_ten_percent_errors_at_50_requests_a_second_are_caught_within_four_minutes() -> None:
    """300 canary requests a minute at 10 % weight, and at most four minutes of their errors."""
    source = rollouts(per_second=50, error_rate=0.1, seed=20250102)
    caught = [caught_at(TEST, next(source)) for _ in range(500)]
    late = [minute for minute in caught if minute is None or minute > 4]
    assert len(late) <= 0.02 * len(caught)


# --- the same through `judge`, with late and partial datapoints --------------------------------

BAD = metric_query(namespace="Shop/Api", metric="Failed", stat="Sum")
TOTAL = metric_query(namespace="Shop/Api", metric="Requests", stat="Sum")
ERRORS = Criterion(
    name="error-rate",
    measure=Ratio(part=BAD, total=TOTAL, good=False),
    fail_if=Limit(direction=Direction.ABOVE, value=LIMIT, text="5%"),
    min_samples=60,
    settle_s=SETTLE_S,
)
SHIFTS = tuple((T0 + 600 * i, Weight.percent(w)) for i, w in enumerate((10, 50, 100)))


def visible(counts: Sequence[int], minute: int, random: Random) -> tuple[Datapoint, ...]:
    """What can be read at the end of a minute: the newest three minutes only in part."""
    points = []
    for index, whole in enumerate(counts[:minute]):
        age = minute - index
        shown = whole if age > 3 else sum(random.random() < age / 4 for _ in range(whole))
        if shown:
            points.append(Datapoint(T0 + 60 * index, float(shown)))
    return tuple(points)


def judged(minutes: Sequence[tuple[int, int]], random: Random) -> int | None:
    """The minute, counted from 1, at whose end `judge` says fail."""
    judge_state: JudgeState | None = None
    for minute in range(1, len(minutes) + 1):
        now = T0 + 60 * minute
        shifts = tuple(shift for shift in SHIFTS if shift[0] < now)
        window = Window(
            moving_since=T0,
            first_shift_at=T0,
            step_confirmed_at=shifts[-1][0],
            confirmed=shifts,
            alpha=FALSE_ROLLBACK,
            horizon=90,
        )
        found = {
            query: Measurement(
                points=visible([m[column] for m in minutes], minute, random),
                settled_before=now - SETTLE_S,
            )
            for query, column in ((BAD, 0), (TOTAL, 1))
        }
        verdict, judge_state = judge(ERRORS, found, window, now=now, judge_state=judge_state)
        if verdict.outcome is Outcome.FAIL:
            return minute
    return None


@pytest.mark.parametrize(("per_second", "error_rate"), [(5, 0.03), (0.5, 0.03), (0.05, 0.03)])
def test_partial_minutes_do_not_roll_a_healthy_release_back(
    per_second: float, error_rate: float
) -> None:
    """Acting on bad news early costs no more false rollbacks, though good news comes late."""
    source = rollouts(per_second=per_second, error_rate=error_rate, seed=11)
    random = Random(12)
    caught = sum(judged(next(source), random) is not None for _ in range(200))
    assert caught <= 1


def test_a_bad_release_is_caught_by_judge_before_its_first_minutes_settle() -> None:
    """A tenth of all requests failing at 50 a second: four minutes from the first to be seen."""
    source = rollouts(per_second=50, error_rate=0.1, seed=13, weights=WEIGHTS[:8])
    random = Random(14)
    caught = [judged(next(source), random) for _ in range(20)]
    assert all(minute is not None and minute <= 3 + 4 for minute in caught), caught
