"""Canary against stable, late corrections with a memory, and the promise at low traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core import reasons
from guardian.core.judging.judge import judge
from guardian.core.model import Compare, Criterion, Measurement
from guardian.core.verdict import Outcome
from tests.core.builders import (
    COMPARED,
    ERRORS,
    PROBLEM,
    STABLE_BAD,
    T0,
    Row,
    compared,
    failing,
    read,
    verdict,
    window,
)

# --- canary against stable ------------------------------------------------------------------------


def test_a_canary_within_its_limit_and_worse_than_stable_fails() -> None:
    """4 % is under 5 %, and four times what stable has."""
    found = verdict(COMPARED, compared([(12, 300)] * 8, [(27, 2700)] * 8))
    assert failing(found)
    assert found.why == (
        "4.0% against 1.0% on stable: proven worse"
        " (96 bad of 2400 samples in 8 minutes against 216 of 21600, 22:14 to 22:22 UTC"
        "; log e 22.8 >= 3.0)"
    )
    assert reasons.value(found.evidence) == "4.0%"


def test_a_comparison_counts_only_minutes_in_which_both_had_requests() -> None:
    """What stable did while nobody asked the canary is neither for nor against it."""
    canary: list[Row] = [*[(12, 300)] * 7, (0, 1), (None, None), (0, 0)]
    found = verdict(COMPARED, compared(canary, [*[(27, 2700)] * 8, *[(2700, 2700)] * 2]))
    assert failing(found)
    assert found.evidence.stable is not None
    assert (found.evidence.stable.bad, found.evidence.stable.samples) == (216, 21600)


def test_a_canary_like_stable_passes_by_the_limit_test() -> None:
    """The comparison only ever fails; the pass is the limit test's."""
    found = verdict(COMPARED, compared([(3, 300)] * 8, [(27, 2700)] * 8))
    assert (found.outcome, failing(found)) == (Outcome.PASS, False)


def test_the_limit_test_fails_although_stable_is_no_better_than_it_should_be() -> None:
    """Stable is over the limit too, and the canary much worse."""
    found = verdict(COMPARED, compared([(150, 300)] * 8, [(270, 2700)] * 8))
    assert failing(found)
    assert found.why.startswith("50.0% over 5%: proven")


def test_a_difference_too_small_to_matter_does_not_fail() -> None:
    """With millions of requests anything is significant; half a point is asked for."""
    canary: list[Row] = [(1300, 100_000)] * 8
    stable: list[Row] = [(9000, 900_000)] * 8
    found = verdict(COMPARED, compared(canary, stable))
    assert (found.outcome, failing(found)) == (Outcome.PASS, False)
    picky = replace(COMPARED, compare=replace(COMPARED.compare, min_increase=0.002))  # type: ignore[type-var]
    assert failing(verdict(picky, compared(canary, stable)))


def test_evidence_is_the_stronger_tests() -> None:
    """Worse than stable, not yet proven: the ratio of evidence shows it coming."""
    found = verdict(COMPARED, compared([(3, 100)] * 2, [(9, 900)] * 2))
    assert not failing(found)
    assert found.evidence.log_e > 0


def test_unreadable_stable_withholds_a_pass_and_not_a_breach() -> None:
    """Stable's series are the criterion's too; the limit test goes on without them."""
    healthy = compared([(3, 300)] * 8, [(27, 2700)] * 8)
    healthy[STABLE_BAD] = Measurement(problem=PROBLEM, blind_since=T0 + 60)
    error = verdict(COMPARED, healthy)
    assert (error.outcome, error.evidence.blind_since) == (Outcome.ERROR, T0 + 60)
    terrible = compared([(75, 300)] * 8, [(27, 2700)] * 8)
    terrible[STABLE_BAD] = Measurement(problem=PROBLEM, blind_since=T0 + 60)
    assert failing(verdict(COMPARED, terrible))


def test_nonsense_from_stable_is_an_error() -> None:
    """A negative count on the other side makes the comparison unusable, and says so."""
    found = verdict(COMPARED, compared([(3, 300)] * 8, [(-1, 2700)] * 8))
    assert found.outcome is Outcome.ERROR
    assert found.why.startswith("Shop/Api Failed reported -1 at")


def test_at_full_weight_the_comparison_rests() -> None:
    """Without traffic on stable there is nothing to compare, and the limit still holds."""
    found = verdict(COMPARED, compared([(9, 300)] * 8, [(None, None)] * 8), window((0, 100)))
    assert (found.outcome, failing(found)) == (Outcome.PASS, False)


def test_a_comparison_without_a_stable_side_is_left_out() -> None:
    """Before it is bound there is nothing to compare with: only the limit is judged."""
    criterion = replace(ERRORS, compare=Compare())
    assert verdict(criterion, read([(1, 100)] * 4)).outcome is Outcome.PASS


# --- memory ---------------------------------------------------------------------------------------


def test_a_late_correction_is_judged_again() -> None:
    """Errors that arrive in a minute long settled are evidence as if they had been there."""
    rows: Sequence[Row] = [(0, 100)] * 2 + [(0, 40)] * 4
    first, judge_state = judge(ERRORS, read(rows), window(), now=T0 + 360 + 180)
    assert first.outcome is Outcome.PASS
    late = read([(30, 100), (30, 100), *rows[2:]])
    again, _ = judge(ERRORS, late, window(), now=T0 + 360 + 180, judge_state=judge_state)
    assert again.outcome is Outcome.FAIL
    assert again == judge(ERRORS, late, window(), now=T0 + 360 + 180)[0]


@pytest.mark.parametrize(
    ("criterion", "alpha"), [(ERRORS, 0.01), (replace(ERRORS, sustain=3), 0.05)]
)
def test_the_memory_of_another_test_is_not_used(criterion: Criterion, alpha: float) -> None:
    """Another alpha or another criterion begins anew."""
    found, now = read([(7, 60)] * 4), T0 + 240 + 180
    _, judge_state = judge(ERRORS, found, window(), now=now)
    other = window(alpha=alpha)
    with_memory = judge(criterion, found, other, now=now, judge_state=judge_state)
    assert with_memory == judge(criterion, found, other, now=now)


rows_of_a_minute = st.tuples(
    st.one_of(st.none(), st.integers(0, 12)), st.one_of(st.none(), st.integers(0, 60))
)


@settings(deadline=None, derandomize=True, max_examples=120)
@given(
    canary=st.lists(rows_of_a_minute, min_size=1, max_size=16),
    stable=st.lists(rows_of_a_minute, min_size=1, max_size=16),
    corrections=st.dictionaries(st.integers(0, 15), rows_of_a_minute, max_size=3),
    looks=st.lists(st.integers(0, 16), min_size=1, max_size=6),
    criterion=st.sampled_from([ERRORS, COMPARED, replace(ERRORS, warm_up_s=100.0)]),
    horizon=st.sampled_from([4, 60]),
)
def test_a_judgement_with_memory_equals_one_without(
    *,
    canary: Sequence[Row],
    stable: Sequence[Row],
    corrections: dict[int, Row],
    looks: list[int],
    criterion: Criterion,
    horizon: int,
) -> None:
    """In any order of looks, with late corrections and new shifts, memory changes no verdict."""
    judge_state = None
    for turn, settled in enumerate(looks):
        if turn == len(looks) // 2:
            canary = [corrections.get(i, row) for i, row in enumerate(canary)]
        found = compared(canary, stable, settled=settled)
        in_window = replace(
            window(*[(0.0, 10.0), (6.3, 50.0)][: 1 + (settled > 6)]), horizon=horizon
        )
        now = T0 + 60 * settled + criterion.settle_s
        with_memory, judge_state = judge(
            criterion, found, in_window, now=now, judge_state=judge_state
        )
        assert with_memory == judge(criterion, found, in_window, now=now)[0]


# --- the promise at low traffic -------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 5, 30])
def test_a_canary_that_fails_every_request_at_low_traffic_is_caught_in_four_minutes(
    start: int,
) -> None:
    """3 requests a minute, all failing, alpha 5 % over four criteria: 4 minutes are enough."""
    rows: list[Row] = [(None, 3)] * start + [(3, 3)] * 4
    found = verdict(ERRORS, read(rows), replace(window(alpha=0.05 / 4), horizon=150))
    assert failing(found)
    partly = verdict(
        ERRORS, read(rows, settled=start), replace(window(alpha=0.05 / 4), horizon=150)
    )
    assert failing(partly), "and before they settle"
