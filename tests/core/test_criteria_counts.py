"""What counts as evidence: whole settled periods, and bad news before they settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.cloudwatch import MetricStat
from guardian.core import reasons
from guardian.core.judging.counts import sought
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Datapoint, Measurement, Query, Scope
from guardian.core.verdict import Outcome
from tests.core.builders import (
    BAD,
    COMPARED,
    COUNT,
    ERRORS,
    GOOD,
    P95,
    STABLE_BAD,
    STABLE_TOTAL,
    SUCCESS,
    T0,
    TOTAL,
    WITHIN,
    Row,
    failing,
    read,
    share,
    verdict,
    window,
)
from tests.core.rollouts import PAGED

# --- what counts ----------------------------------------------------------------------------------


def test_a_missing_numerator_is_zero_only_where_the_denominator_is_settled() -> None:
    """Errors that are absent while requests are there are no errors; without requests nothing."""
    found = verdict(ERRORS, read([(None, 100), (7, None), (None, None), (2, 100)]))
    assert (found.outcome, found.evidence.bad, found.evidence.samples) == (Outcome.PASS, 2, 200)


def test_a_missing_share_of_good_events_means_none_were_good() -> None:
    """Where requests are settled, absent successes and absent fast requests are zero."""
    success = verdict(SUCCESS, read([(None, 100)] * 3, part=GOOD))
    slow = verdict(P95, read([(None, 100)] * 3, part=WITHIN, total=COUNT))
    assert (success.outcome, reasons.value(success.evidence)) == (Outcome.FAIL, "0.0%")
    assert (slow.outcome, reasons.value(slow.evidence)) == (Outcome.FAIL, "100.0% slower than 10s")


@pytest.mark.parametrize(
    ("criterion", "part", "total"),
    [(ERRORS, BAD, TOTAL), (SUCCESS, GOOD, TOTAL), (P95, WITHIN, COUNT)],
)
def test_a_numerator_that_nobody_has_ever_seen_is_no_zero(
    criterion: Criterion, part: Query, total: Query
) -> None:
    """A misspelt name neither passes a bad release nor takes a healthy one back."""
    found = read([(None, 5000)] * 20, part=part, total=total, known=False)
    silent = verdict(criterion, found)
    assert (silent.outcome, silent.evidence.samples) == (Outcome.NO_DATA, 0)
    assert silent.evidence.blind_since is None, "nobody was asked yet"
    assert MetricStat.of(part).metric in silent.why


def test_what_the_source_says_of_an_unknown_series_is_told() -> None:
    """Its own sentence names what resembles it."""
    found = read([(None, 100)] * 3, known=False)
    said = "CloudWatch knows no metric Failed; it lists Failures"
    found[BAD] = replace(found[BAD], unknown=said, blind_since=T0 + 90)
    strange = verdict(ERRORS, found)
    assert (strange.why, strange.evidence.blind_since) == (said, T0 + 90)


def test_one_datapoint_makes_a_series_known() -> None:
    """From then on its silence is a zero, also before."""
    found = verdict(ERRORS, read([(None, 100), (1, 100), (None, 100)], known=False))
    assert (found.outcome, found.evidence.bad, found.evidence.samples) == (Outcome.PASS, 1, 300)


def test_a_rule_may_say_that_absent_is_zero() -> None:
    """For a metric that is published only when there is something to count."""
    measure = Ratio(part=BAD, total=TOTAL, good=False, absent_zero=True)
    seldom = replace(ERRORS, measure=measure)
    found = verdict(seldom, read([(None, 100)] * 3, known=False))
    assert (found.outcome, found.evidence.samples) == (Outcome.PASS, 300)


def test_an_unknown_numerator_of_no_requests_is_silence() -> None:
    """Nothing was there to be counted: that is what is said."""
    found = verdict(ERRORS, read([(None, None)] * 6, known=False))
    assert found.why == "no requests for 6 minutes"


def test_the_series_whose_silence_must_be_earned() -> None:
    """Of the canary and of stable, and a total's; not what the rule calls absent."""
    seldom = replace(ERRORS, measure=Ratio(part=BAD, total=TOTAL, good=False, absent_zero=True))
    assert list(sought(COMPARED)) == [BAD, TOTAL, STABLE_BAD, STABLE_TOTAL]
    assert list(sought(P95)) == [COUNT, WITHIN]
    assert list(sought(seldom)) == [TOTAL]
    assert list(sought(PAGED)) == []


def test_a_numerator_that_lags_is_not_taken_for_zero() -> None:
    """Only periods that are settled for both series count."""
    found = read([(None, 100)] * 4)
    found[BAD] = replace(found[BAD], settled_before=T0 + 150)
    assert verdict(ERRORS, found).evidence.samples == 200


@pytest.mark.parametrize(("criterion", "part"), [(ERRORS, BAD), (SUCCESS, GOOD)])
def test_a_numerator_over_its_denominator_is_cut_to_it(criterion: Criterion, part: Query) -> None:
    """Two series may be skewed by a minute; a share never leaves 0 to 100 %."""
    found = verdict(criterion, read([(90, 60), (0, 60)], part=part))
    assert (found.evidence.bad, found.evidence.samples) == (60, 120)


def test_datapoints_before_the_first_whole_minute_do_not_count() -> None:
    """The minute of the shift itself belongs half to the past."""
    found = verdict(ERRORS, read([(100, 100), (0, 100), (0, 100)]), window((0.4, 10)))
    assert (found.outcome, found.evidence.all_samples) == (Outcome.PASS, 200)


def test_the_warm_up_after_each_shift_is_left_out() -> None:
    """Cold starts after a shift are neither evidence nor samples; the rest of the rollout is."""
    rows: list[Row] = [(90, 100), (90, 100), (0, 100), (0, 100), (90, 100), (90, 100), (0, 100)]
    criterion = replace(ERRORS, warm_up_s=120.0)
    found = verdict(criterion, read(rows), window((0, 10), (4, 50)))
    assert (found.outcome, found.evidence.bad) == (Outcome.PASS, 0)
    assert (found.evidence.samples, found.evidence.all_samples) == (100, 300)
    assert verdict(ERRORS, read(rows), window((0, 10), (4, 50))).outcome is Outcome.FAIL


def test_a_weight_change_does_not_reset_the_evidence() -> None:
    """Trouble that began at 10 % is proven at 50 % with what both steps saw."""
    rows: list[Row] = [(6, 50)] * 2
    assert not failing(verdict(ERRORS, read(rows)))
    assert not failing(verdict(ERRORS, read([*rows, (6, 50)]), window((2, 50))))
    assert failing(verdict(ERRORS, read([*rows, (6, 50)]), window((0, 10), (2, 50))))


def test_periods_of_five_minutes_are_judged_as_they_come() -> None:
    """One advance a period, whole periods only, the horizon in periods too."""
    bad, total = replace(BAD, period_s=300), replace(TOTAL, period_s=300)
    criterion = replace(ERRORS, measure=Ratio(part=bad, total=total, good=False))
    begin = T0 + 60.0  # 22:15, the first multiple of five minutes after the shift
    found = {
        query: Measurement(
            points=tuple(Datapoint(begin + 300 * i, v) for i, v in enumerate(values)),
            settled_before=begin + 300 * len(values) + 120,
        )
        for query, values in ((bad, [60.0] * 3), (total, [300.0] * 3))
    }
    now = begin + 900 + 120 + criterion.settle_s
    judged = judge(criterion, found, window(), now=now)[0]
    assert failing(judged)
    assert judged.evidence.observed_until == begin + 900


def test_a_numerator_by_the_minute_is_summed_to_the_denominators_period() -> None:
    """Two series of different periods are counted in the longer one."""
    total = replace(TOTAL, period_s=300)
    criterion = replace(ERRORS, measure=Ratio(part=BAD, total=total, good=False))
    start = T0 + 60.0
    found = {
        BAD: Measurement(
            points=tuple(Datapoint(start + 60 * i, 1.0) for i in range(7)),
            settled_before=start + 420,
        ),
        total: Measurement(points=(Datapoint(start, 400.0),), settled_before=start + 300),
    }
    passed = judge(criterion, found, window(), now=start + 480)[0]
    assert (passed.outcome, passed.evidence.bad) == (Outcome.PASS, 5)


def test_observed_time_ends_with_the_slowest_query() -> None:
    """A minute is observed when every query of the criterion has settled in it."""
    found = read([(0, 100)] * 6)
    found[BAD] = replace(found[BAD], settled_before=T0 + 190)
    assert verdict(ERRORS, found).evidence.observed_until == T0 + 180
    assert verdict(COMPARED, found).evidence.observed_until is None, "stable was never read"
    assert verdict(ERRORS, {}).evidence.observed_until is None


def test_a_bake_is_not_observed_through_the_end_of_its_traffic() -> None:
    """Silence where ten requests were to be expected is no time that was observed."""
    heard = [(0, 100.0)] * 5
    found = verdict(ERRORS, read([*heard, (None, None)]))
    assert (found.outcome, found.evidence.observed_until) == (Outcome.PASS, T0 + 300)
    later = verdict(ERRORS, read([*heard, *[(None, None)] * 3, (0, 100)]))
    assert later.evidence.observed_until == T0 + 540


def test_quiet_minutes_of_little_traffic_are_observed() -> None:
    """One request in five minutes: silence is believed until ten should have come."""
    heard = [(0, 1.0), *[(None, None)] * 4] * 4
    quiet = replace(ERRORS, no_data_after_s=7200.0)
    assert verdict(quiet, read([*heard, *[(None, None)] * 30])).evidence.observed_until == (
        T0 + 60 * 50
    )
    silent = verdict(quiet, read([*heard, *[(None, None)] * 60]))
    assert silent.evidence.observed_until == T0 + 60 * 16


def test_silence_from_the_beginning_of_a_step_is_not_its_time() -> None:
    """What the step before had at its weight says what was to be expected."""
    found = read([*[(0, 100.0)] * 5, *[(None, None)] * 2])
    at_fifty = verdict(ERRORS, found, window((0, 10), (6, 50)))
    assert at_fifty.evidence.observed_until == T0 + 360


def test_traffic_that_never_came_is_time() -> None:
    """Without any there is nothing to be expected: too few samples hold the step."""
    found = verdict(ERRORS, read([(None, None)] * 4))
    assert found.evidence.observed_until == T0 + 240


def test_an_unknown_total_is_named_with_what_there_is() -> None:
    """It may be misspelt: then no request was ever counted."""
    found = read([(None, None)] * 30)
    said = "CloudWatch knows no metric Request: is the name right? It lists Requests"
    found[TOTAL] = replace(found[TOTAL], unknown=said)
    assert verdict(ERRORS, found).why == said


# --- bad news on partial minutes ------------------------------------------------------------------

QUIET: list[Row] = [(1, 100)] * 5


def test_errors_in_unsettled_minutes_are_evidence_already() -> None:
    """Three terrible minutes are acted on before they settle; the evidence names what proved it."""
    found = verdict(ERRORS, read(QUIET + [(60, 90)] * 3, settled=5))
    assert failing(found)
    assert (found.evidence.samples, found.evidence.bad) == (270, 180)
    assert found.why.startswith(
        "66.7% over 5%: proven (180 bad of 270 samples in 3 minutes, 22:19 to 22:22 UTC;"
        " none of them settled yet: at least 60.0% should they grow to 300; log e "
    )
    assert (found.evidence.window_start, found.evidence.window_end) == (T0 + 300, T0 + 480)
    assert found.evidence.settled_until == T0 + 300


def test_more_errors_than_requests_so_far_are_cut_to_the_requests() -> None:
    """The two series arrive separately: no share is over 100 %, and the bound keeps all errors."""
    found = verdict(ERRORS, read(QUIET + [(90, 60)] * 3, settled=5))
    assert found.why.startswith("100.0% over 5%: proven (180 bad of 180 samples in 3 minutes, ")
    assert "none of them settled yet: at least 90.0% should they grow" in found.why


def test_a_stretch_that_begins_in_settled_minutes_tells_both_parts() -> None:
    """238 of 800 are settled and 121 of 440 are not: what is told is their sum, as it is there."""
    rows: list[Row] = [(119, 400), (119, 400), (60, 220), (61, 220)]
    found = verdict(ERRORS, read(rows, settled=2)).evidence
    late = found.unsettled
    assert (found.bad, found.samples, found.minutes) == (359, 1240, 2.0)
    assert (found.window_start, found.window_end) == (T0, T0 + 240)
    assert (reasons.value(found), late and late.bound) == ("29.0%", share(359 / 1600))
    assert reasons.counted(found) == (
        "359 bad of 1240 samples in 4 minutes; 121 of 440 in 2 minutes not settled yet:"
        " at least 22.4% should they grow to 800"
    )


def test_one_unsettled_minute_proves_nothing() -> None:
    """The cap on a single minute holds for partial ones too."""
    assert verdict(ERRORS, read([*QUIET, (100, 100)], settled=5)).outcome is Outcome.PASS


def test_a_partial_minute_is_held_against_the_requests_it_may_still_get() -> None:
    """2 errors of 2 requests so far are 2 of 100, which is what a minute here brings."""
    reported = [(2, 2)] * 3
    assert verdict(ERRORS, read([*QUIET, *reported], settled=5)).outcome is Outcome.PASS
    assert failing(verdict(ERRORS, read([(0, 2)] * 5 + reported, settled=5)))


def test_what_a_partial_minute_may_still_get_grows_with_the_weight() -> None:
    """100 requests a minute at 10 % let one expect 500 at 50 %."""
    found = read(QUIET + [(25, 30)] * 3, settled=5)
    assert failing(verdict(ERRORS, found, window((0, 10))))
    assert not failing(verdict(ERRORS, found, window((0, 10), (5, 50))))
    service = replace(ERRORS, scope=Scope.SERVICE)
    assert failing(verdict(service, found, window((0, 10), (5, 50))))


def test_before_anything_settled_the_busiest_partial_minute_is_the_measure() -> None:
    """A rollout's first minutes can prove a breach before the first of them settles."""
    found = read([(40, 50), (40, 50), (3, 4)], settled=0)
    fail = verdict(ERRORS, found)
    assert failing(fail)
    assert (reasons.value(fail.evidence), fail.evidence.settled_until) == ("80.0%", None)
    assert not failing(verdict(ERRORS, read([(2, 2), (2, 2), (0, 90)], settled=0)))


def test_good_news_on_partial_minutes_is_never_taken() -> None:
    """Unsettled clean minutes are no samples and do not soften what is settled."""
    bad: list[Row] = [(19, 310)] * 2
    alone = verdict(ERRORS, read(bad))
    followed = verdict(ERRORS, read(bad + [(0, 310)] * 3 + [(1, 310)], settled=2))
    assert followed == alone


@pytest.mark.parametrize("row", [(5.0, None), (None, 100.0), (0.0, 100.0), (5.0, 0.0)])
def test_partial_minutes_without_errors_or_requests_are_skipped(row: Row) -> None:
    """The two series arrive separately: one of them alone says nothing."""
    assert verdict(ERRORS, read([*QUIET, row, row, row], settled=5)) == verdict(ERRORS, read(QUIET))


@pytest.mark.parametrize(
    ("criterion", "part", "total"), [(SUCCESS, GOOD, TOTAL), (P95, WITHIN, COUNT)]
)
def test_a_difference_of_two_sums_is_no_news_before_it_settles(
    criterion: Criterion, part: Query, total: Query
) -> None:
    """Requests that are counted before their successes look like failures, and are none."""
    rows: Sequence[Row] = [(100, 100)] * 5 + [(0, 100)] * 3
    found = verdict(criterion, read(rows, settled=5, part=part, total=total))
    assert found.outcome is Outcome.PASS
    assert found.evidence.log_e < 0


def test_a_note_is_said_with_every_verdict() -> None:
    """What a criterion has to say beside its numbers stands behind the reason."""
    noted = replace(ERRORS, note="read from the whole target")
    assert verdict(noted, read(QUIET)).why.endswith("; read from the whole target")


# --- what was not read yet, and what comes late ---------------------------------------------------


def test_nothing_passes_before_its_history_was_read() -> None:
    """The newest minutes are read first: they can prove a breach, and no health."""
    healthy = read([*[(None, None)] * 20, *[(0, 100)] * 5])
    half = {q: replace(m, since=T0 + 1200) for q, m in healthy.items()}
    found = verdict(ERRORS, half)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.why == "what was before 22:34 UTC is still being read"
    assert found.evidence.blind_since is None
    bad = read([*[(None, None)] * 20, *[(60, 100)] * 5])
    assert failing(verdict(ERRORS, {q: replace(m, since=T0 + 1200) for q, m in bad.items()}))


def test_a_series_that_was_seen_to_come_late_is_no_lost_sight() -> None:
    """Its minutes settle later; that is said, and what is younger is no evidence."""
    found = read([(0, 100)] * 10)
    found[BAD] = replace(found[BAD], lag_s=600.0)
    late = verdict(ERRORS, found, late_s=420.0)
    assert late.outcome is Outcome.PASS
    said = "; Shop/Api Failed comes up to 10 minutes late, and only older minutes count"
    assert late.why.endswith(said)
    found[TOTAL] = replace(found[TOTAL], lag_s=420.0)
    assert verdict(ERRORS, found, late_s=420.0).why.endswith(said)
    assert verdict(ERRORS, read([(0, 100)] * 10), late_s=420.0).outcome is Outcome.NO_DATA


def test_a_clock_that_was_set_back_makes_no_silence() -> None:
    """Nothing is missing of minutes that should not have settled yet."""
    found = read([(0, 30)] * 8 + [(None, None)] * 5)
    set_back = T0 + 60 * 11 + ERRORS.settle_s
    assert judge(ERRORS, found, window(), now=set_back)[0].outcome is Outcome.PASS
    assert verdict(ERRORS, found).outcome is Outcome.NO_DATA
