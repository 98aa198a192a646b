"""How soon a bad release is noticed, in virtual minutes from its confirmed first shift."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping

from bench import examples
from bench.table import Row
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Datapoint, Instant, Measurement, Query
from guardian.core.verdict import Outcome

POLL_S = 30
PUBLISHED_AFTER_S = 60
"""A datapoint shows up this long after its minute's end."""
SEEDS = 15
SHARE = 0.10
RATES_PER_S = (50.0, 5.0, 0.5)
FAILING = (0.10, 0.30, 1.00)
HEALTHY = 0.005


def rows() -> list[Row]:
    """The first step of the usual plan: 10 % of the traffic, a limit of 5 %, 30 minutes at most."""
    how = f"{SHARE:.0%} step, limit 5 %, median of {SEEDS} seeds, at most 30 min"
    found = []
    for rate in RATES_PER_S:
        for failing in FAILING:
            times = [detected_min(rate, failing, seed) for seed in range(SEEDS)]
            seen = [t for t in times if t is not None]
            missed = f", not in {SEEDS - len(seen)} of {SEEDS}" if len(seen) < SEEDS else ""
            median = f"{statistics.median(seen):.1f} min" if seen else "not seen"
            what = f"{failing:.0%} of the canary's requests fail, {rate:g} req/s in total"
            found.append(Row(what, median + missed, how))
    alarms = [detected_min(rate, HEALTHY, seed) for rate in RATES_PER_S for seed in range(SEEDS)]
    false = sum(alarm is not None for alarm in alarms)
    what = f"{HEALTHY:.1%} fail (healthy): taken back by mistake"
    return [*found, Row(what, f"{false} of {len(alarms)}", "the same runs, all rates")]


def detected_min(rate_per_s: float, failing: float, seed: int) -> float | None:
    """Minutes from the shift to the poll that proves the breach; None within 30 minutes."""
    criterion, window = examples.crash_rate(), examples.window()
    rng = random.Random(f"{rate_per_s} {failing} {seed}")  # noqa: S311 - it must repeat
    minutes = [_minute(rng, rate_per_s, failing) for _ in range(30)]
    assert isinstance(criterion.measure, Ratio)  # noqa: S101 - the example is a ratio
    judge_state = None
    for passed_s in range(POLL_S, 30 * 60 + 1, POLL_S):
        now = examples.ORIGIN + passed_s
        found = _visible(criterion.measure, minutes, now, criterion.settle_s)
        verdict, judge_state = judge(criterion, found, window, now=now, judge_state=judge_state)
        if verdict.outcome is Outcome.FAIL:
            return passed_s / 60
    return None


def _minute(rng: random.Random, rate_per_s: float, failing: float) -> tuple[int, int]:
    """(bad, total) of the canary in one minute; each request is drawn by itself, as Lambda does."""
    total = sum(rng.random() < SHARE for _ in range(round(rate_per_s * 60)))
    return sum(rng.random() < failing for _ in range(total)), total


def _visible(
    measure: Ratio, minutes: list[tuple[int, int]], now: Instant, settle_s: float
) -> Mapping[Query, Measurement]:
    """What CloudWatch would show at `now`; minutes without traffic have no datapoint."""
    shown = [
        (examples.ORIGIN + 60.0 * number, bad, total)
        for number, (bad, total) in enumerate(minutes)
        if examples.ORIGIN + 60.0 * (number + 1) + PUBLISHED_AFTER_S <= now and total
    ]
    settled = (now - settle_s) // 60 * 60
    return {
        measure.part: Measurement(
            points=tuple(Datapoint(at, float(bad)) for at, bad, _ in shown), settled_before=settled
        ),
        measure.total: Measurement(
            points=tuple(Datapoint(at, float(total)) for at, _, total in shown),
            settled_before=settled,
        ),
    }
