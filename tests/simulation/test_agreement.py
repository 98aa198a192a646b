"""The whole engine comes to the same verdict as the statistics alone, and as fast as promised."""

from __future__ import annotations

import random

import pytest

from guardian.core.figures import Figure, Unit
from guardian.core.judging.sequential import LimitTest
from guardian.core.rollout.entries import Completed, StepEntered
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Outcome
from tests.simulation.scheduler import run
from tests.simulation.test_healthy_and_bad import world
from tests.simulation.world import ORIGIN, SETTLE_S, Behaviour

RATES = (50.0, 5.0, 0.5, 0.05)
TEN_MINUTES_S = 600.0


@pytest.mark.parametrize("seed", range(50))
def test_the_engine_agrees_with_the_statistics(seed: int) -> None:
    """Through poll, judge, decide and router, or the bare test: both take it back, or neither."""
    rng = random.Random(f"agreement {seed}")
    rate = rng.choice((0.01, 0.03, 0.1, 0.3))
    w = world(
        seed,
        canary=Behaviour(rate=rate),
        per_s=rng.choice(RATES),
        bake_s=TEN_MINUTES_S,
    )
    run_limit_s = 3 * 3 * TEN_MINUTES_S
    run(w, limit_s=run_limit_s)
    state = w.state()
    first = state.first_shift_at
    assert first is not None
    seen_until = w.clock.now() - SETTLE_S
    ended = state.rollback.at if state.rollback is not None else seen_until
    begin = int(-(-(first - ORIGIN) // 60))
    minutes = range(begin, int((ended - ORIGIN) // 60))
    test = LimitTest(limit=0.05, horizon=state.plan.horizon, alpha=state.plan.alpha)
    track = test.start()
    for minute in minutes:
        track = test.advance(track, w.metrics.counts("42", minute))
    breach = state.rollback is not None and state.rollback.cause.value == "breach"
    assert breach == (track.peak >= test.threshold)
    if rate <= 0.03:
        assert not breach


@pytest.mark.parametrize("seed", range(20))
def test_a_canary_that_fails_everything_at_a_trickle_is_back_within_4_minutes(seed: int) -> None:
    """0.5 requests a second in all, 3 a minute on the canary: a proven breach waits for nothing."""
    w = world(seed, canary=Behaviour(rate=1.0), per_s=0.5, bake_s=TEN_MINUTES_S)
    run(w, limit_s=3600)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    first = state.first_shift_at
    assert first is not None
    begin = int(-(-(first - ORIGIN) // 60))
    bad = next(m for m in range(begin, begin + 60) if w.metrics.counts("42", m)[0])
    visible_at = ORIGIN + (bad + 1) * 60 + w.metrics.lag_s
    back_at = next(at for at, t, _ in w.alias.guardian_wrote if t.share("42").millionths == 0)
    assert back_at - visible_at <= 240


@pytest.mark.parametrize("seed", range(20))
def test_what_a_rollback_tells_is_what_the_world_has_counted(seed: int) -> None:
    """No request is told that was not there: an unsettled minute is padded for the proof alone."""
    w = world(seed, canary=Behaviour(rate=0.3), per_s=3.0, bake_s=TEN_MINUTES_S)
    run(w, limit_s=3600)
    back = w.state().rollback
    assert back is not None
    (failed,) = (v for v in back.verdicts if v.outcome is Outcome.FAIL)
    seen = failed.evidence
    assert seen.window_start is not None
    assert seen.window_end is not None
    minutes = range(*(int((at - ORIGIN) // 60) for at in (seen.window_start, seen.window_end)))
    counted = [w.metrics.counts("42", minute) for minute in minutes]
    assert (seen.bad, seen.samples) == tuple(map(sum, zip(*counted, strict=True)))
    assert seen.value == Figure(seen.bad / seen.samples, Unit.RATIO)
    assert f"({seen.bad} bad of {seen.samples} samples in {len(minutes)} minutes, " in failed.why


@pytest.mark.parametrize("seed", range(10))
def test_ten_percent_errors_at_50_requests_are_back_within_4_minutes(seed: int) -> None:
    """Of being visible, through the whole engine."""
    w = world(seed, canary=Behaviour(rate=0.1), per_s=50.0, bake_s=TEN_MINUTES_S)
    run(w, limit_s=3600)
    first = w.state().first_shift_at
    assert first is not None
    begin = -(-(first - ORIGIN) // 60)
    visible_at = ORIGIN + (begin + 1) * 60 + w.metrics.lag_s
    back_at = next(at for at, t, _ in w.alias.guardian_wrote if t.share("42").millionths == 0)
    assert back_at - visible_at <= 240


def test_over_the_limit_but_unproven_never_passes() -> None:
    """A canary at 6 % of a 5 % limit, at low traffic: never promoted, whatever the seed."""
    for seed in range(20):
        w = world(seed, canary=Behaviour(rate=0.06), per_s=2.0)
        run(w, limit_s=3 * 3600)
        for entry in (r.entry for r in w.journal.read("r1")):
            for verdict in getattr(entry, "verdicts", ()):
                assert not (verdict.evidence.over_limit and verdict.outcome is Outcome.PASS)
            if isinstance(entry, StepEntered | Completed) and entry.verdicts:
                assert not any(v.evidence.over_limit for v in entry.verdicts)
