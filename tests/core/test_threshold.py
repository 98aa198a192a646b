"""M of the last N sufficient datapoints decide, and what is missing is never health by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core import reasons
from guardian.core.judging.judge import Window, judge
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.model import (
    Criterion,
    Datapoint,
    Direction,
    Judge,
    Limit,
    Measurement,
    Missing,
    Query,
)
from guardian.core.verdict import Outcome, Verdict
from tests.core.builders import (
    PROBLEM,
    T0,
    series,
    window,
)
from tests.core.builders import verdict as judged

CPU = metric_query(namespace="AWS/ECS", metric="CPUUtilization", stat="Average", unit="Percent")
SLOW = metric_query(namespace="Shop/Api", metric="Took", stat="p95", unit="Milliseconds")
SAMPLES = changed(SLOW, stat="SampleCount")
EVENTS = metric_query(namespace="Shop/Api", metric="Throttled", stat="Sum")

GAUGE = Criterion(
    name="cpu",
    measure=Gauge(series=CPU),
    fail_if=Limit(direction=Direction.ABOVE, value=80.0, text="80%"),
    judge=Judge.THRESHOLD,
    min_samples=1,
)
OWN_P95 = Criterion(
    name="took-p95",
    measure=Percentile(percentile=95, series=SLOW, count=SAMPLES),
    fail_if=Limit(direction=Direction.ABOVE, value=800.0, text="800ms"),
    judge=Judge.THRESHOLD,
    min_samples=200,
)
RATE = Criterion(
    name="throttles",
    measure=Rate(events=EVENTS),
    fail_if=Limit(direction=Direction.ABOVE, value=10.0, text="10/min"),
    judge=Judge.THRESHOLD,
    min_samples=1,
)
NOTE = (
    "; CloudWatch's own p95, judged by 3 of 5 datapoints: its samples cannot be counted"
)  # fmt: skip


def of(
    query: Query, values: Sequence[float | None], *, settled: float | None = None
) -> dict[Query, Measurement]:
    """One series, minute by minute; all of it settled unless told otherwise."""
    until = T0 + query.period_s * (len(values) if settled is None else settled)
    points = series(values, period_s=query.period_s)
    return {query: Measurement(points=points, settled_before=until)}


def cpu(
    *values: float | None,
    criterion: Criterion = GAUGE,
    in_window: Window | None = None,
    late_s: float = 0.0,
) -> Verdict:
    """The judgement of a gauge."""
    return judged(criterion, of(CPU, values), in_window, late_s=late_s)


# --- M of N --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "outcome", "why"),
    [
        ((62,) * 5, Outcome.PASS, "0 of 5 datapoints over 80% (newest 62.0%)"),
        ((90, 90, 50, 50, 50), Outcome.PASS, "2 of 5 datapoints over 80% (newest 50.0%)"),
        (
            (90,) * 3,
            Outcome.FAIL,
            "3 of 3 datapoints over 80%, a breach at 3 of 5 (highest 90.0%, 22:14 to 22:17 UTC)",
        ),
        (
            (90, 50, 91, 50, 92),
            Outcome.FAIL,
            "3 of 5 datapoints over 80%, a breach at 3 of 5 (highest 92.0%, 22:14 to 22:19 UTC)",
        ),
        ((90, 90, 50, 50, 50, 90), Outcome.INCONCLUSIVE, None),
        (
            (50, 90, 85),
            Outcome.INCONCLUSIVE,
            (
                "2 of 3 datapoints over 80%, a breach at 3 of 5"
                " (newest 85.0%; 3 of the 5 datapoints needed)"
            ),
        ),
        ((80.0,) * 5, Outcome.PASS, "0 of 5 datapoints over 80% (newest 80.0%)"),
        ((50, 50), Outcome.INCONCLUSIVE, "2 of the 5 datapoints needed"),
        ((None,) * 4, Outcome.INCONCLUSIVE, "0 of the 5 datapoints needed"),
    ],
)
def test_m_of_the_last_n_datapoints_decide(
    values: tuple[float | None, ...], outcome: Outcome, why: str | None
) -> None:
    """Enough over the limit is a breach, the newest one over it withholds a pass."""
    found = cpu(*values)
    assert found.outcome is outcome
    assert why is None or found.why == why


def test_a_breach_once_proven_stays_proven() -> None:
    """It does not matter when one looked."""
    found = cpu(*(90,) * 3, *(20,) * 30)
    assert found.outcome is Outcome.FAIL
    assert found.why.startswith("3 of 3 datapoints over 80%")


def test_what_is_missing_is_passed_over() -> None:
    """It neither extends nor breaks a run."""
    assert cpu(90, None, 90, None, None, 90).outcome is Outcome.FAIL
    assert cpu(50, None, 50, None, 50, None, 50, None, 50).outcome is Outcome.PASS


def test_a_window_reaches_back_over_three_times_its_length() -> None:
    """Fifteen minutes for five datapoints; what is older belongs to another trouble."""
    near, far = (None,) * 12, (None,) * 13
    criterion = replace(GAUGE, no_data_after_s=3600.0)
    assert cpu(90, 90, *near, 90, criterion=criterion).outcome is Outcome.FAIL
    assert cpu(90, 90, *far, 90, criterion=criterion).outcome is Outcome.INCONCLUSIVE


def test_each_datapoint_of_a_gauge_is_one_sample() -> None:
    """Whatever it says, and however many make it up."""
    assert cpu(62, None, 62, 62).evidence.samples == 3


def test_low_may_be_bad() -> None:
    """Healthy hosts below a number."""
    limit = Limit(direction=Direction.AT_OR_BELOW, value=2.0, text="2")
    criterion = replace(GAUGE, fail_if=limit)
    found = cpu(3, 2, 2, 1, criterion=criterion)
    assert found.outcome is Outcome.FAIL
    assert (
        found.why
        == "3 of 4 datapoints under 2%, a breach at 3 of 5 (lowest 1.0%, 22:14 to 22:18 UTC)"
    )
    assert found.evidence.limit_used == 2.0
    assert cpu(*(3,) * 5, criterion=criterion).outcome is Outcome.PASS


def test_only_datapoints_after_the_first_shift_and_the_warm_up_count() -> None:
    """A cold start's CPU is not the release's."""
    warm = replace(GAUGE, warm_up_s=180.0)
    assert cpu(99, 99, 99, *(50,) * 5, criterion=warm).outcome is Outcome.PASS
    assert cpu(99, 99, 99, *(50,) * 5).outcome is Outcome.FAIL


def test_a_pass_rests_on_datapoints_of_the_present_step() -> None:
    """What was healthy at 10% says nothing of 50%."""
    both = window((0.0, 10.0), (6.0, 50.0))
    assert cpu(*(50,) * 8, in_window=both).why == "2 of the 5 datapoints needed"
    assert cpu(*(50,) * 11, in_window=both).outcome is Outcome.PASS


def test_a_breach_may_begin_in_an_earlier_step() -> None:
    """The window is of time, not of steps."""
    both = window((0.0, 10.0), (5.0, 50.0))
    assert cpu(50, 50, 50, 90, 90, 90, in_window=both).outcome is Outcome.FAIL


def test_a_short_bake_needs_only_what_it_holds() -> None:
    """Three minutes hold three datapoints of a minute, and one of two minutes."""
    short = replace(window(), bake_s=180.0)
    assert cpu(50, 50, in_window=short).why == "2 of the 3 datapoints needed"
    assert cpu(50, 50, 50, in_window=short).outcome is Outcome.PASS
    slow = replace(CPU, period_s=120)
    criterion = replace(GAUGE, measure=Gauge(series=slow))
    assert judged(criterion, of(slow, [50.0]), short).outcome is Outcome.PASS


def test_unsettled_datapoints_are_not_judged() -> None:
    """A gauge's average may still fall."""
    found = judged(GAUGE, of(CPU, [50, 50, 90, 90, 90], settled=2))
    assert found.outcome is Outcome.INCONCLUSIVE


# --- what is missing, in CloudWatch's words ------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "outcome"),
    [
        (Missing.MISSING, Outcome.PASS),
        (Missing.IGNORE, Outcome.FAIL),
        (Missing.BREACHING, Outcome.FAIL),
        (Missing.NOT_BREACHING, Outcome.PASS),
    ],
)
def test_gaps_are_filled_as_the_rule_says(missing: Missing, outcome: Outcome) -> None:
    """Two datapoints over the limit, a gap after them, and two gaps at the end."""
    criterion = replace(GAUGE, treat_missing=missing)
    assert cpu(50, 50, 90, 90, None, 50, None, None, criterion=criterion).outcome is outcome


def test_a_window_that_is_filled_is_no_longer_than_the_rule_says() -> None:
    """The sixth datapoint pushes the first one out."""
    fill = replace(GAUGE, treat_missing=Missing.NOT_BREACHING)
    assert cpu(90, 90, 50, None, 90, criterion=fill).outcome is Outcome.FAIL
    assert cpu(90, 90, 50, None, 50, 90, criterion=fill).outcome is Outcome.INCONCLUSIVE


def test_ignore_has_nothing_to_repeat_at_the_beginning() -> None:
    """The first datapoint's state is not known before it."""
    ignore = replace(GAUGE, treat_missing=Missing.IGNORE)
    assert cpu(None, None, 90, criterion=ignore).why.startswith("1 of 3 datapoints over 80%")
    assert cpu(90, None, None, criterion=ignore).outcome is Outcome.FAIL


def test_what_is_still_being_read_is_no_missing_datapoint() -> None:
    """After a restart the newest minutes come first: those before them are no breach."""
    criterion = replace(GAUGE, treat_missing=Missing.BREACHING)
    found = of(CPU, [*(None,) * 6, 50, 50, 50, 50])
    later = {CPU: replace(found[CPU], since=T0 + 360)}
    assert judged(criterion, found).outcome is Outcome.FAIL
    assert judged(criterion, later).why == "what was before 22:20 UTC is still being read"


def test_not_breaching_lets_a_quiet_minute_end_a_run() -> None:
    """The newest minute is then healthy, and the pass rests on datapoints all the same."""
    fill = replace(GAUGE, treat_missing=Missing.NOT_BREACHING)
    assert cpu(50, 50, 50, 90, 90, None, criterion=fill).outcome is Outcome.PASS
    assert cpu(50, 90, None, criterion=fill).why == "2 of the 5 datapoints needed"


@pytest.mark.parametrize("missing", list(Missing))
def test_an_empty_window_is_no_data_whatever_the_rule_says(missing: Missing) -> None:
    """Silence proves nothing, and is no health."""
    criterion = replace(GAUGE, treat_missing=missing)
    found = cpu(*(None,) * 6, criterion=criterion)
    assert found.outcome is Outcome.NO_DATA
    assert found.why == "no datapoints for 6 minutes"
    assert found.evidence.value is None


def test_a_gauge_that_fell_silent_is_blindness() -> None:
    """It spoke every minute before; one that never spoke is merely silent."""
    fell = cpu(*(50,) * 5, *(None,) * 6)
    assert fell.outcome is Outcome.NO_DATA
    assert fell.evidence.blind_since == T0 + 300
    assert cpu(*(None,) * 6).evidence.blind_since is None
    sparse = cpu(50, None, None, 50, *(None,) * 6)
    assert sparse.outcome is Outcome.NO_DATA
    assert sparse.evidence.blind_since is None


def test_what_is_no_share_has_no_allowed_share() -> None:
    """A gauge's limit stands in its own unit; a percentile's share is that of slow requests."""
    assert GAUGE.limit_rate == RATE.limit_rate == 1.0
    assert OWN_P95.limit_rate == pytest.approx(0.05)


# --- percentiles ---------------------------------------------------------------------------------


def took(
    values: Sequence[float | None], samples: Sequence[float | None], criterion: Criterion = OWN_P95
) -> Verdict:
    """The judgement of CloudWatch's own percentile."""
    return judged(criterion, {**of(SLOW, values), **of(SAMPLES, samples)})


def test_a_percentile_says_whose_it_is() -> None:
    """Counts would be exact; this is CloudWatch's own number."""
    found = took([500] * 5, [300] * 5)
    assert found.outcome is Outcome.PASS
    assert found.why == f"0 of 5 datapoints over 800ms (newest 500ms){NOTE}"
    assert found.evidence.samples == 1500
    assert reasons.value(found.evidence) == "500ms"
    noted = took([500] * 5, [300] * 5, replace(OWN_P95, note="as planned"))
    assert noted.why.endswith("; as planned")


def test_a_datapoint_on_too_few_samples_is_passed_over() -> None:
    """p95 of ten requests is luck."""
    found = took([900] * 5, [300, 10, 300, None, 199])
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.why.startswith(
        "2 of 2 datapoints over 800ms, a breach at 3 of 5"
        " (newest 900ms; 2 of the 5 datapoints needed with at least 200 samples)"
    )
    assert took([900] * 5, [300, 10, 300, None, 200]).outcome is Outcome.FAIL
    assert reasons.value(took([2500] * 5, [300] * 5).evidence) == "2.5s"
    pair = took([900] * 2, [2] * 2, replace(OWN_P95, min_samples=2))
    assert "needed with at least 2 samples" in pair.why


# --- the other questions -------------------------------------------------------------------------


def test_a_breach_outranks_a_failed_read() -> None:
    """What was seen was seen."""
    seen = of(CPU, [90, 90, 90])[CPU]
    failed = replace(seen, problem=PROBLEM, blind_since=T0)
    assert judged(GAUGE, {CPU: failed}).outcome is Outcome.FAIL
    calm = replace(failed, points=seen.points[:1])
    assert judged(GAUGE, {CPU: calm}).outcome is Outcome.ERROR
    assert judged(GAUGE, {}).outcome is Outcome.ERROR


def test_an_old_reading_is_no_data() -> None:
    """However healthy it was."""
    assert cpu(*(50,) * 5, late_s=600.0).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    ("criterion", "query"), [(GAUGE, CPU), (OWN_P95, SLOW), (OWN_P95, SAMPLES), (RATE, EVENTS)]
)
def test_nonsense_is_an_error(criterion: Criterion, query: Query) -> None:
    """A value that is no number, and a count that is none."""
    value = float("nan") if query in (CPU, SLOW) else -1.0
    found = {q: of(q, [300.0])[q] for q in criterion.queries()}
    found[query] = replace(found[query], points=(Datapoint(T0, value),))
    error = judged(criterion, found)
    assert error.outcome is Outcome.ERROR
    assert MetricStat.of(query).metric in error.why


def test_a_gauge_may_be_negative() -> None:
    """A lag, a temperature; a share of the limit then says nothing."""
    found = cpu(*(-5,) * 5)
    assert found.outcome is Outcome.PASS
    assert found.evidence.limit_used is None


def test_gauges_and_percentiles_have_no_other_judge() -> None:
    """There is nothing that a sequential test could count."""
    by_mistake = replace(GAUGE, judge=Judge.SEQUENTIAL)
    assert cpu(90, 90, 90, criterion=by_mistake).outcome is Outcome.FAIL


def test_the_same_arguments_give_the_same_verdict() -> None:
    """Memory is only there to save work."""
    found, judge_state = judge(GAUGE, of(CPU, [50] * 5), window(), now=T0 + 500)
    again, _ = judge(GAUGE, of(CPU, [50] * 5), window(), now=T0 + 500, judge_state=judge_state)
    assert found == again
