"""A test over a list that grows and is corrected: when one looked changes nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.judging.sequential import MARKED, ODDS_RATIOS, LimitTest, Run, Track
from tests.core.test_sequential import go_through, horizons, pairs, steady


@steady
@given(before=st.lists(pairs, max_size=20), after=st.lists(pairs, max_size=20), horizon=horizons)
def test_a_run_over_changed_minutes_equals_a_fresh_one(
    before: list[tuple[int, int]], after: list[tuple[int, int]], horizon: int
) -> None:
    """A correction anywhere, a longer and a shorter list give what a fresh start gives."""
    blank = Run(test=LimitTest(limit=0.05, horizon=horizon, alpha=0.05))
    for minutes in (tuple(after), (*before, *after), tuple(before[:3])):
        assert blank.over(tuple(before)).over(minutes) == blank.over(minutes)


@steady
@given(
    minutes=st.lists(st.one_of(pairs, st.just((0, 0))), min_size=1, max_size=3 * MARKED),
    looks=st.lists(st.integers(0, 3 * MARKED), max_size=6),
    wrong=st.integers(0, 3 * MARKED - 1),
    horizon=st.sampled_from([1, 40, 150]),
)
def test_when_one_looked_and_what_was_corrected_since_changes_no_bit(
    minutes: list[tuple[int, int]], looks: list[int], wrong: int, horizon: int
) -> None:
    """One at a time, in lumps or at once, silent minutes too, and with an old one corrected."""
    blank = run = Run(test=LimitTest(limit=0.05, horizon=horizon, alpha=0.05))
    at = wrong % len(minutes)
    first = (*minutes[:at], (7, 9), *minutes[at + 1 :])
    for look in sorted(looks):
        run = run.over(first[:look])
    assert run.over(tuple(minutes)) == blank.over(tuple(minutes))


def test_a_correction_leaves_the_minutes_before_it_alone() -> None:
    """Only the minutes from the last mark before the changed one on are gone through again."""
    minutes = ((1, 90),) * (3 * MARKED)
    run = Run(test=LimitTest(limit=0.05, horizon=900, alpha=0.05)).over(minutes)
    at = 2 * MARKED + 1
    corrected = run.over((*minutes[:at], (9, 90), *minutes[at + 1 :]))
    kept = [a is b for a, b in zip(run.marks, corrected.marks, strict=True)]
    assert kept == [True, True, False]
    assert run.over(run.minutes) is run


def test_silence_is_weighed_with_what_is_heard_next() -> None:
    """A minute after silence carries the bets of the silent ones: in all as many as had it spoken.

    So that a release that turns bad after a quiet night is proven bad as one that was busy is.
    """
    test = LimitTest(limit=0.05, horizon=100, alpha=0.05, sustain=1)
    track = go_through(test, [(0, 0)] * 30)
    assert track == Track(test.start().log_stakes, minutes=30)
    log_e = test.advance(track, (1, 1)).log_e
    placed = (0.5 + 31 * 0.005) / len(ODDS_RATIOS)
    odds = [g / (1 + (g - 1) * 0.05) for g in ODDS_RATIOS]
    assert log_e == pytest.approx(math.log(placed * sum(odds) + 0.5 * 69 / 100), rel=1e-12)


def test_a_rollout_that_outlives_its_horizon_is_still_watched() -> None:
    """Beyond the horizon a fresh test begins; a bad turn long after it is proven within minutes."""
    test = LimitTest(limit=0.05, horizon=30, alpha=0.05)
    minutes = ((3.0, 300.0),) * 100 + ((60.0, 300.0),) * 5
    run = Run(test=test).over(minutes)
    assert not test.proven(Run(test=test).over(minutes[:100]).track)
    assert test.proven(run.track)
    assert not test.proven(go_through(test, minutes)), "one test alone would see nothing any more"


def test_what_was_proven_stays_proven() -> None:
    """The bound covers every look, so a good time afterwards takes nothing back."""
    test = LimitTest(limit=0.05, horizon=10, alpha=0.05)
    run = Run(test=test).over(((90.0, 300.0),) * 4 + ((0.0, 300.0),) * 40)
    assert run.track.log_e < 0 < test.threshold <= run.track.peak
    assert test.proven(run.track)
