"""One criterion and its measurements become the verdict that the design promises, and no other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.core import reasons
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Datapoint, Direction, Query, Scope
from guardian.core.verdict import Outcome
from tests.core.builders import (
    BAD,
    ERRORS,
    P95,
    PROBLEM,
    SUCCESS,
    T0,
    TOTAL,
    Row,
    failing,
    read,
    verdict,
    window,
)

# --- the five verdicts, and their sentences -------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "rows", "outcome", "value", "why"),
    [
        (
            ERRORS,
            [(1, 50)] * 4,
            Outcome.PASS,
            "2.0%",
            "2.0%, within 5% (4 bad of 200 samples in 4 minutes)",
        ),
        (
            ERRORS,
            [(0, 50)] * 4,
            Outcome.PASS,
            "0.0%",
            "0.0%, within 5% (0 bad of 200 samples in 4 minutes)",
        ),
        (
            ERRORS,
            [(1, 1000)] * 4,
            Outcome.PASS,
            "0.10%",
            "0.10%, within 5% (4 bad of 4000 samples in 4 minutes)",
        ),
        (
            ERRORS,
            [(5, 100)] * 4,
            Outcome.PASS,
            "5.0%",
            "5.0%, within 5% (20 bad of 400 samples in 4 minutes)",
        ),
        (ERRORS, [(0, 19)] * 2, Outcome.INCONCLUSIVE, "0.0%", "38 of the 60 samples needed"),
        (ERRORS, [(None, None)] * 2, Outcome.INCONCLUSIVE, None, "0 of the 60 samples needed"),
        (
            ERRORS,
            [(19, 310)] * 2,
            Outcome.INCONCLUSIVE,
            "6.1%",
            "6.1% over 5%, not yet proven (38 bad of 620 samples in 2 minutes)",
        ),
        (
            ERRORS,
            [(1, 3)],
            Outcome.INCONCLUSIVE,
            "33.3%",
            (
                "33.3% over 5%, not yet proven"
                " (1 bad of 3 samples in 1 minute; 3 of the 60 samples needed)"
            ),
        ),
        (
            ERRORS,
            [(36, 300)] * 4,
            Outcome.FAIL,
            "12.0%",
            (
                "12.0% over 5%: proven"
                " (144 bad of 1200 samples in 4 minutes, 22:14 to 22:18 UTC; log e 10.8 >= 3.0)"
            ),
        ),
        (
            ERRORS,
            [(0, 30)] * 2 + [(None, None)] * 5,
            Outcome.NO_DATA,
            "0.0%",
            "no requests for 5 minutes",
        ),
        (
            SUCCESS,
            [(90, 100)] * 4,
            Outcome.PASS,
            "90.0%",
            "90.0%, not under 80% (40 bad of 400 samples in 4 minutes)",
        ),
        (
            SUCCESS,
            [(80, 100)] * 4,
            Outcome.PASS,
            "80.0%",
            "80.0%, not under 80% (80 bad of 400 samples in 4 minutes)",
        ),
        (
            SUCCESS,
            [(79, 100)] * 4,
            Outcome.INCONCLUSIVE,
            "79.0%",
            "79.0% under 80%, not yet proven (84 bad of 400 samples in 4 minutes)",
        ),
        (
            SUCCESS,
            [(50, 100)] * 4,
            Outcome.FAIL,
            "50.0%",
            (
                "50.0% under 80%: proven"
                " (200 bad of 400 samples in 4 minutes, 22:14 to 22:18 UTC; log e 11.0 >= 3.0)"
            ),
        ),
        (
            P95,
            [(988, 1000)] * 4,
            Outcome.PASS,
            "1.2% slower than 10s",
            "1.2% slower than 10s, within 5% (48 bad of 4000 samples in 4 minutes)",
        ),
        (
            P95,
            [(950, 1000)] * 4,
            Outcome.PASS,
            "5.0% slower than 10s",
            "5.0% slower than 10s, within 5% (200 bad of 4000 samples in 4 minutes)",
        ),
        (
            P95,
            [(940, 1000)] * 2,
            Outcome.INCONCLUSIVE,
            "6.0% slower than 10s",
            "6.0% slower than 10s, over 5%, not yet proven (120 bad of 2000 samples in 2 minutes)",
        ),
        (
            P95,
            [(800, 1000)] * 4,
            Outcome.FAIL,
            "20.0% slower than 10s",
            (
                "20.0% slower than 10s, over 5%: proven"
                " (800 bad of 4000 samples in 4 minutes, 22:14 to 22:18 UTC; log e 11.0 >= 3.0)"
            ),
        ),
    ],
)
def test_each_verdict_has_its_value_and_its_sentence(
    criterion: Criterion, rows: Sequence[Row], outcome: Outcome, value: str | None, why: str
) -> None:
    """Value, limit and samples are in one sentence for people."""
    measure = criterion.measure
    assert isinstance(measure, Ratio | Latency)
    part, total = (
        (measure.part, measure.total)
        if isinstance(measure, Ratio)
        else (measure.within, measure.count)
    )
    found = verdict(criterion, read(rows, part=part, total=total))
    assert (found.outcome, reasons.value(found.evidence), found.why) == (outcome, value or "", why)
    assert found.criterion == criterion.name
    assert failing(found) is (outcome is Outcome.FAIL)


def test_the_evidence_of_a_step_is_complete() -> None:
    """Counts of the step and of the rollout, the window, the limit and how close to a proof."""
    rows: Sequence[Row] = [(1, 30)] * 5 + [(2, 150)] * 3 + [(9, 150)]
    found = verdict(ERRORS, read(rows, settled=8), window((0, 10), (4.5, 50)))
    evidence = found.evidence
    assert (reasons.limit(evidence), reasons.value(evidence), evidence.min_samples) == (
        "above 5%",
        "1.3%",
        60,
    )
    assert (evidence.bad, evidence.samples, evidence.all_samples) == (6, 450, 600)
    assert (evidence.window_start, evidence.window_end) == (T0 + 300, T0 + 480)
    assert evidence.log_e < 0 < evidence.log_e_limit == pytest.approx(math.log(20))
    assert (evidence.blind_since, evidence.over_limit) == (None, False)


@pytest.mark.parametrize(
    ("criterion", "at_limit"),
    [
        (ERRORS, [(5, 100)] * 4),
        (SUCCESS, [(80, 100)] * 4),
        (P95, [(95, 100)] * 4),
    ],
)
def test_at_the_limit_itself_the_direction_decides(
    criterion: Criterion, at_limit: Sequence[Row]
) -> None:
    """`above` allows the limit, `at or above` does not; the same below."""
    part, total = tuple(criterion.queries())
    if isinstance(criterion.measure, Latency):
        part, total = total, part
    found = verdict(criterion, read(at_limit, part=part, total=total))
    assert (found.outcome, found.evidence.over_limit) == (Outcome.PASS, False)
    or_at = {Direction.ABOVE: Direction.AT_OR_ABOVE, Direction.BELOW: Direction.AT_OR_BELOW}
    strict = replace(criterion.fail_if, direction=or_at[criterion.fail_if.direction])
    stricter = verdict(replace(criterion, fail_if=strict), read(at_limit, part=part, total=total))
    assert (stricter.outcome, stricter.evidence.over_limit) == (Outcome.INCONCLUSIVE, True)


def test_over_the_limit_and_unproven_never_passes_however_long_it_bakes() -> None:
    """5.2 % over 5 % is withheld for an hour: evidence is not there, and neither is a pass."""
    for minutes in (2, 10, 60):
        found = verdict(ERRORS, read([(26, 500)] * minutes))
        assert (found.outcome, found.evidence.over_limit) == (Outcome.INCONCLUSIVE, True)


def test_without_a_single_sample_nothing_passes_even_with_no_minimum() -> None:
    """No evidence is never a pass."""
    found = verdict(replace(ERRORS, min_samples=0), read([(None, None)] * 2))
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_large_cluster_size_asks_for_more_evidence() -> None:
    """Where one fault makes five errors, four minutes at 8 % are no proof any more."""
    rows: list[Row] = [(80, 1000)] * 3
    assert verdict(ERRORS, read(rows)).outcome is Outcome.FAIL
    clustered = verdict(replace(ERRORS, cluster_size=5.0), read(rows))
    assert clustered.outcome is Outcome.INCONCLUSIVE


# --- the order of the questions -------------------------------------------------------------------

TERRIBLE: list[Row] = [(50, 100)] * 4


def test_a_proven_breach_wins_over_a_later_read_error() -> None:
    """The datapoints at hand prove it; that the source fails now changes nothing."""
    found = read(TERRIBLE)
    found = {q: replace(m, problem=PROBLEM, blind_since=T0 + 500) for q, m in found.items()}
    assert verdict(ERRORS, found).outcome is Outcome.FAIL


def test_a_proven_breach_wins_over_silence_and_over_stale_data() -> None:
    """Missing data can withhold a pass, never a proven breach."""
    silent = verdict(ERRORS, read([*TERRIBLE, *[(None, None)] * 30]))
    stale = verdict(ERRORS, read(TERRIBLE), late_s=3600)
    assert (silent.outcome, stale.outcome) == (Outcome.FAIL, Outcome.FAIL)


def test_a_breach_once_proven_stays_proven_when_the_canary_recovers() -> None:
    """It does not matter in which minute one looked; the sentence names the bad stretch."""
    found = verdict(ERRORS, read([(0, 300)] * 5 + TERRIBLE + [(0, 300)] * 40))
    assert failing(found)
    assert found.why.startswith("50.0% over 5%: proven (200 bad of 400 samples")


def test_a_read_error_is_an_error_with_the_sources_words_and_since_when() -> None:
    """Not readable is neither health nor harm, and the time of blindness is handed on."""
    found = read([(0, 100)] * 4)
    found[BAD] = replace(found[BAD], problem=PROBLEM, blind_since=T0 + 200)
    error = verdict(ERRORS, found)
    assert (error.outcome, error.why) == (Outcome.ERROR, PROBLEM.detail)
    assert error.evidence.blind_since == T0 + 200
    assert not failing(error)


def test_a_query_that_was_never_read_is_an_error_from_the_first_shift_on() -> None:
    """An absent measurement must not look like a service without errors."""
    found = read([(0, 100)] * 4)
    del found[BAD]
    error = verdict(ERRORS, found)
    assert (error.outcome, error.why) == (Outcome.ERROR, "Shop/Api Failed was never read")
    assert error.evidence.blind_since == T0


def test_data_that_lags_more_than_two_periods_behind_is_stale() -> None:
    """Two periods may be missing on top of the settle time; more is `no_data`, and blind."""
    fresh = verdict(ERRORS, read([(0, 100)] * 4), late_s=120)
    stale = verdict(ERRORS, read([(0, 100)] * 4), late_s=121)
    assert (fresh.outcome, stale.outcome) == (Outcome.PASS, Outcome.NO_DATA)
    assert stale.evidence.blind_since == T0 + 240
    assert stale.why == "Shop/Api Failed has had no fresh reading for 5 minutes"


def test_one_lagging_query_is_enough_to_be_stale() -> None:
    """The denominator alone proves nothing about errors."""
    found = read([(0, 100)] * 20)
    found[BAD] = replace(found[BAD], settled_before=T0 + 60)
    stale = verdict(ERRORS, found)
    assert (stale.outcome, stale.evidence.blind_since) == (Outcome.NO_DATA, T0 + 60)
    assert stale.evidence.window_end == T0 + 60


def test_stale_since_before_the_first_shift_counts_from_the_shift() -> None:
    """What was not read before the rollout is not this rollout's blindness."""
    found = read([], settled=-30)
    stale = judge(ERRORS, found, window(), now=T0 + 30)[0]
    assert (stale.outcome, stale.evidence.blind_since) == (Outcome.NO_DATA, T0)
    assert stale.why.endswith("no fresh reading for 30 seconds")


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("query", [BAD, TOTAL])
def test_a_datapoint_that_cannot_be_a_count_is_an_error_and_never_a_breach(
    query: Query, value: float
) -> None:
    """Nonsense from a source is said out loud; nothing is judged with it."""
    found = read(TERRIBLE)
    points = found[query].points
    found[query] = replace(found[query], points=(*points[:2], Datapoint(T0 + 120, value)))
    error = verdict(ERRORS, found)
    assert error.outcome is Outcome.ERROR
    assert error.why == (
        f"{query.name} reported {value:g} at 2023-11-14T22:16:00Z, which cannot be a count"
    )
    assert (error.evidence.blind_since, error.evidence.samples) == (T0 + 120, 0)
    assert not failing(error)


# --- silence --------------------------------------------------------------------------------------


def test_silence_where_there_was_traffic_is_blindness_since_its_beginning() -> None:
    """30 requests a minute and then nothing for 5 minutes: 150 are missing."""
    found = verdict(ERRORS, read([(0, 30)] * 5 + [(None, None)] * 5))
    assert (found.outcome, found.evidence.blind_since) == (Outcome.NO_DATA, T0 + 300)


def test_silence_at_low_traffic_is_no_blindness() -> None:
    """At one request in five minutes a gap of five minutes is ordinary."""
    rows: Sequence[Row] = [(0, 1), *[(None, None)] * 4] * 3 + [(None, None)] * 2
    found = verdict(replace(ERRORS, min_samples=1), read(rows))
    assert (found.outcome, found.evidence.blind_since) == (Outcome.NO_DATA, None)


def test_silence_from_the_very_beginning_is_no_blindness() -> None:
    """Nobody knows yet whether there is any traffic."""
    found = verdict(ERRORS, read([(None, None)] * 30))
    assert (found.outcome, found.evidence.blind_since) == (Outcome.NO_DATA, None)
    assert found.why == "no requests for 30 minutes"


def test_what_a_clock_left_out_that_was_set_ahead_is_no_silence() -> None:
    """Silence begins anew when the clock was set, and until then it shows no health either."""
    rows: list[Row] = [(0, 30)] * 5 + [(None, None)] * 64
    ahead = replace(window((-3, 10)), set_ahead_at=T0 + 65 * 60 - 10)
    early = verdict(ERRORS, read(rows), ahead)
    assert (early.outcome, early.evidence.blind_since) == (Outcome.INCONCLUSIVE, None)
    assert "this machine's clock was set ahead to " in early.why
    found = verdict(ERRORS, read([*rows, *[(None, None)] * 2]), ahead)
    assert (found.outcome, found.evidence.blind_since) == (Outcome.NO_DATA, T0 + 65 * 60)
    assert found.why == "no requests for 6 minutes"
    heard = verdict(ERRORS, read([*rows, (0, 30)]), ahead)
    assert heard.outcome is Outcome.PASS
    before = verdict(ERRORS, read([(0, 30)] * 5 + [(None, None)] * 5), ahead)
    assert before.outcome is Outcome.NO_DATA


def test_a_new_step_begins_its_own_silence() -> None:
    """The wait for samples starts at the step's first whole period, after its warm-up."""
    rows: list[Row] = [(0, 30)] * 5 + [(None, None)] * 9
    criterion = replace(ERRORS, warm_up_s=90.0)
    shifts = window((-3, 10), (8, 50))
    four = verdict(criterion, read(rows), shifts)
    assert four.outcome is Outcome.INCONCLUSIVE, "the step's periods begin at minute 10"
    five = verdict(criterion, read([*rows, (None, None)]), shifts)
    assert (five.outcome, five.evidence.window_start) == (Outcome.NO_DATA, T0 + 600)
    assert five.evidence.blind_since == T0 + 600


@pytest.mark.parametrize(
    ("scope", "first", "blind"),
    [(Scope.CANARY, 10, True), (Scope.SERVICE, 10, False), (Scope.CANARY, 0, False)],
)
def test_what_silence_hides_is_scaled_by_the_weight(
    scope: Scope, first: float, blind: bool
) -> None:
    """One request a minute at 10 % becomes five at 50 %; a whole service has no such weight."""
    rows: list[Row] = [(0, 1)] * 9 + [(None, None)] * 6
    criterion = replace(ERRORS, scope=scope)
    found = verdict(criterion, read(rows), window((0, first), (9, 50)))
    assert found.outcome is Outcome.NO_DATA
    assert (found.evidence.blind_since is not None) is blind
