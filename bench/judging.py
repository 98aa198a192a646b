"""What judging costs: one verdict, and one minute of the sequential test."""

from __future__ import annotations

from bench import examples
from bench.table import Row, per_call_us
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.judging.sequential import LimitTest
from guardian.core.model import Criterion, Datapoint, Measurement, Query

MINUTES = 60


def rows() -> list[Row]:
    """A healthy hour at 300 requests a minute, judged anew and with the memory of the last poll."""
    criterion, window = examples.crash_rate(), examples.window()
    now = examples.ORIGIN + MINUTES * 60 + 200
    measurements = series(criterion, minutes=MINUTES)
    _, judge_state = judge(criterion, measurements, window, now=now)
    test = LimitTest(limit=0.05, horizon=150, alpha=0.05)
    track = test.start()
    for _ in range(MINUTES):
        track = test.advance(track, (1.0, 300.0))
    fresh = per_call_us(lambda: judge(criterion, measurements, window, now=now), calls=50)
    again = per_call_us(
        lambda: judge(criterion, measurements, window, now=now, judge_state=judge_state), calls=200
    )
    advance = per_call_us(lambda: test.advance(track, (1.0, 300.0)), calls=2000)
    hour = f"ratio, {MINUTES} settled minutes"
    return [
        Row("`criteria.judge`, first", f"{fresh:.0f} us", f"{hour}, no memory; best of 7 rounds"),
        Row("`criteria.judge`, next poll", f"{again:.0f} us", f"{hour}, with memory"),
        Row("`LimitTest.advance`", f"{advance:.1f} us", "one minute, 8 alternatives"),
    ]


def series(criterion: Criterion, *, minutes: int) -> dict[Query, Measurement]:
    """One bad request of 300 in each settled minute."""
    assert isinstance(criterion.measure, Ratio)  # noqa: S101 - the example is a ratio
    starts = [examples.ORIGIN + 60.0 * minute for minute in range(minutes)]
    end = starts[-1] + 60.0
    return {
        query: Measurement(
            points=tuple(Datapoint(start, value) for start in starts), settled_before=end
        )
        for query, value in ((criterion.measure.part, 1.0), (criterion.measure.total, 300.0))
    }
