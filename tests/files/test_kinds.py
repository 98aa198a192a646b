"""Gauges, counts, incidents, percentiles by threshold, and the keys that go with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.cloudwatch import MetricStat
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.model import Criterion, Judge, Missing, OnFail, Scope
from guardian.files import rules
from guardian.ports import ConfigError
from tests.files.nodes import node_of

HEAD = "version: 1\nname: example\nvars: {tracker: {description: its id}}\n"
GAUGE = """
  - name: queue-age
    gauge: {namespace: AWS/SQS, metric: ApproximateAgeOfOldestMessage, dimensions: {QueueName: q}}
    fail_if: {above: 5m}
"""
COUNT = """
  - name: throttles
    scope: service
    count: {namespace: AWS/Lambda, metric: Throttles, dimensions: {FunctionName: f}}
    fail_if: {above: 10}
"""
SLOW = """
  - name: slow
    latency:
      percentile: 95
      metric: {namespace: AWS/Lambda, metric: Duration}
      dimensions: {ExecutedVersion: "${canary}"}
    judge: threshold
    fail_if: {above: 10s}
"""
INCIDENT = """
  - name: p0-incident
    incidents: {source: pagerduty, priorities: [P0, P1], services: ["${tracker}", PXYZ]}
    fail_if: {any: true}
"""
RATIO = """
  - name: error-rate
    ratio:
      bad:   {namespace: Shop/Api, metric: Failed}
      total: {namespace: Shop/Api, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
"""


def load(folder: Path, criteria: str, head: str = HEAD) -> tuple[Criterion, ...]:
    """The criteria of one rule file."""
    path = folder / "rules.yaml"
    path.write_text(f"{head}criteria:{criteria}", encoding="utf-8")
    return rules.load([path]).criteria


def refused(folder: Path, criteria: str, head: str = HEAD) -> str:
    """What is said of a wrong criterion."""
    with pytest.raises(ConfigError) as raised:
        load(folder, criteria, head)
    return str(raised.value)


def warned(folder: Path, criteria: str) -> list[str]:
    """What lint says."""
    path = folder / "rules.yaml"
    path.write_text(f"{HEAD}criteria:{criteria}", encoding="utf-8")
    return [found.message for found in rules.lint([path]).findings]


# --- gauges ------------------------------------------------------------------------------------


def test_a_gauge_is_judged_by_threshold_in_its_metrics_own_unit(tmp_path: Path) -> None:
    """The age of a queue is held in seconds, and its maximum tells of trouble."""
    (criterion,) = load(tmp_path, GAUGE)
    assert isinstance(criterion.measure, Gauge)
    series = criterion.measure.series
    assert (MetricStat.of(series).stat, series.unit) == ("Maximum", "Seconds")
    assert (criterion.fail_if.value, criterion.fail_if.text) == (300.0, "5m")
    assert (criterion.judge, criterion.datapoints) == (Judge.THRESHOLD, (3, 5))
    assert (criterion.treat_missing, criterion.min_samples) == (Missing.MISSING, 1)
    assert (criterion.scope, criterion.gating) == (Scope.SERVICE, False)


@pytest.mark.parametrize(
    ("metric", "limit", "value"),
    [
        ("namespace: AWS/ECS, metric: CPUUtilization", "90%", 90.0),
        ("namespace: AWS/ECS, metric: CPUUtilization", "250%", 250.0),
        ("namespace: AWS/RDS, metric: FreeableMemory", "512MiB", 512 * 2**20),
        ("namespace: AWS/RDS, metric: FreeableMemory", "2GB", 2e9),
        ("namespace: AWS/Lambda, metric: IteratorAge", "90s", 90_000.0),
        ("namespace: Shop, metric: Depth", "40", 40.0),
        ("namespace: Shop, metric: Depth, unit: Count", "-1.5", -1.5),
        ("namespace: Shop, metric: Depth, stat: SampleCount, unit: Seconds", "7", 7.0),
        ("namespace: Shop, metric: Depth, unit: Megabytes", "7", 7.0),
    ],
)
def test_a_gauges_limit_is_converted_to_what_the_metric_holds(
    tmp_path: Path, metric: str, limit: str, value: float
) -> None:
    """Percent, bytes, durations and plain numbers."""
    text = GAUGE.replace("namespace: AWS/SQS, metric: ApproximateAgeOfOldestMessage", metric)
    (criterion,) = load(tmp_path, text.replace("5m", limit))
    assert criterion.fail_if.value == value


@pytest.mark.parametrize(
    ("metric", "limit", "said"),
    [
        ("AWS/ECS, metric: CPUUtilization", "90", "this needs its percent sign: write 90%"),
        ("AWS/ECS, metric: CPUUtilization", "5m", "'5m' is not a percentage"),
        ("AWS/RDS, metric: FreeableMemory", "5", "a size needs a unit: write 5B, 5MB or 5MiB"),
        ("AWS/RDS, metric: FreeableMemory", "5%", "'5%' is not a size"),
        ("AWS/Lambda, metric: IteratorAge", "90", "a duration needs a unit"),
        ("AWS/RDS, metric: DatabaseConnections", "9%", "is held in Count: write a plain number"),
        ("Shop, metric: Depth", "9%", "the unit of Shop Depth is not known, so '9%' cannot"),
        ("Shop, metric: Depth", "true", "true is not a plain number"),
        ("Shop, metric: Depth, unit: Percents", "9", "(did you mean 'Percent'?)"),
        ("AWS/SQS, metric: ApproximateAgeOfOldestMessage, unit: Count", "5m", "held in Seconds"),
        ("Shop, metric: Depth, stat: Mean", "9", "'Mean' is not a statistic of CloudWatch"),
    ],
)
def test_a_gauges_limit_in_the_wrong_unit_is_an_error(
    tmp_path: Path, metric: str, limit: str, said: str
) -> None:
    """A bare number where a unit is known, and a unit where none is."""
    text = GAUGE.replace("AWS/SQS, metric: ApproximateAgeOfOldestMessage", metric)
    assert said in refused(tmp_path, text.replace("5m", limit))


def test_missing_datapoints_are_only_treated_for_gauges(tmp_path: Path) -> None:
    """CloudWatch's four words, from the criterion or from the file's defaults."""
    (one,) = load(tmp_path, GAUGE + "    treat_missing_data: notBreaching\n")
    assert one.treat_missing is Missing.NOT_BREACHING
    head = HEAD + "defaults: {treat_missing_data: breaching, datapoints: 1 of 2}\n"
    gauge, ratio = load(tmp_path, GAUGE + RATIO, head)
    assert (gauge.treat_missing, gauge.datapoints) == (Missing.BREACHING, (1, 2))
    assert ratio.treat_missing is Missing.MISSING
    said = refused(tmp_path, RATIO + "    treat_missing_data: ignore\n")
    assert "treat_missing_data is for a gauge judged by threshold" in said
    said = refused(tmp_path, SLOW + "    treat_missing_data: ignore\n")
    assert "treat_missing_data is for a gauge judged by threshold" in said


# --- counts ------------------------------------------------------------------------------------


def test_a_count_is_a_rate_a_minute(tmp_path: Path) -> None:
    """With or without saying so."""
    for written in ("10", "10/min"):
        (criterion,) = load(tmp_path, COUNT.replace("above: 10", f"above: {written}"))
        assert isinstance(criterion.measure, Rate)
        assert MetricStat.of(criterion.measure.events).stat == "Sum"
        assert str(criterion.fail_if) == "above 10/min"
        assert (criterion.judge, criterion.fail_if.value) == (Judge.THRESHOLD, 10.0)
    (least,) = load(tmp_path, COUNT.replace("above: 10", "below: 0.5/min"))
    assert least.fail_if.value == 0.5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("above: 10", "above: 10/h", "'10/h' is not a rate"),
        ("above: 10", "above: -1", "-1 is not a rate"),
        ("Throttles,", "Throttles, stat: p95,", "a count counts events: its stat is Sum or"),
        ("metric: Throttles", "metric: Duration", "AWS/Lambda Duration holds Milliseconds"),
        ("scope: service", "judge: sequential", "a count is judged by threshold"),
        ("above: 10", "any: true", "any is for alarms or incidents"),
    ],
)
def test_what_is_no_count_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Only what counts, a minute, by threshold."""
    assert said in refused(tmp_path, COUNT.replace(old, new))


# --- incidents ---------------------------------------------------------------------------------


def test_an_incident_criterion_asks_its_source_and_gates(tmp_path: Path) -> None:
    """Its query names each priority and service, and a step waits for its pass."""
    (criterion,) = load(tmp_path, INCIDENT)
    services = ("${tracker}", "PXYZ")
    query = incident_query("pagerduty", ("P0", "P1"), services)
    assert criterion.measure == Incidents(open=query, priorities=("P0", "P1"), services=services)
    assert (str(criterion.fail_if), criterion.judge) == ("above 0", Judge.PRESENCE)
    assert (criterion.gating, criterion.on_fail) == (True, OnFail.ROLLBACK)
    assert (criterion.min_samples, criterion.settle_s, criterion.tests) == (0, 0.0, 0)


def test_an_incident_criterions_variables_are_filled_in_everywhere(tmp_path: Path) -> None:
    """In the query and beside it alike."""
    load(tmp_path, INCIDENT)
    (criterion,) = rules.load([tmp_path / "rules.yaml"], variables={"tracker": "PABC"}).criteria
    assert isinstance(criterion.measure, Incidents)
    assert criterion.measure.services == ("PABC", "PXYZ")
    assert ("service", "PABC") in MetricStat.of(criterion.measure.open).dimensions


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("any: true", "any: false", "incidents are counted from the first on: write {any: true}"),
        ("any: true", "above: 0", "incidents are counted from the first on: write {any: true}"),
        ("${tracker}", "${traker}", "(did you mean 'tracker'?)"),
        ("[P0, P1]", "[]", "at least 1 is needed here"),
        ("any: true}", "any: true}\n    settle: 1m", "incidents have no datapoints: leave settle"),
        ("any: true}", "any: true}\n    judge: threshold", "one open incident is a breach"),
        ("any: true}", "any: true}\n    warn_if: {above: 1}", "leave warn_if out"),
    ],
)
def test_what_incidents_do_not_have_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """No limits, no datapoints, no silence."""
    assert said in refused(tmp_path, INCIDENT.replace(old, new))


# --- thresholds --------------------------------------------------------------------------------


def test_a_latency_by_threshold_reads_the_percentile_and_its_samples(tmp_path: Path) -> None:
    """A datapoint needs ten samples above the percentile."""
    (criterion,) = load(tmp_path, SLOW)
    assert isinstance(criterion.measure, Percentile)
    assert MetricStat.of(criterion.measure.series).stat == "p95"
    assert MetricStat.of(criterion.measure.count).stat == "SampleCount"
    assert (criterion.min_samples, criterion.fail_if.value) == (200, 10_000.0)
    (rare,) = load(tmp_path, SLOW.replace("95", "99.9").replace("above", "at_or_above"))
    assert (rare.min_samples, str(rare.fail_if)) == (10_000, "at or above 10s")


def test_a_ratio_by_threshold_keeps_its_sample_floor(tmp_path: Path) -> None:
    """It holds for each datapoint."""
    (criterion,) = load(tmp_path, RATIO + "    judge: threshold\n")
    assert (criterion.judge, criterion.min_samples, criterion.tests) == (Judge.THRESHOLD, 60, 0)
    (by_default,) = load(tmp_path, RATIO, HEAD + "defaults: {judge: threshold}\n")
    assert by_default.judge is Judge.THRESHOLD


def test_m_of_n_is_said_in_our_word_or_in_cloudwatchs(tmp_path: Path) -> None:
    """Without datapoints_to_alarm all of the evaluation periods count."""
    for written, found in {
        "datapoints: 2 of 3": (2, 3),
        "evaluation_periods: 4\n    datapoints_to_alarm: 1": (1, 4),
        "evaluation_periods: 4": (4, 4),
    }.items():
        (criterion,) = load(tmp_path, f"{SLOW}    {written}\n")
        assert criterion.datapoints == found


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("datapoints: 5 of 3", "5 of 3 can never be reached: M is at most N"),
        ("datapoints: 0 of 3", "M is at least 1"),
        ("datapoints: 3 of 61", "N at most 60"),
        ("datapoints: 3/5", "'3/5' is not M of N datapoints: write it like 3 of 5"),
        ("evaluation_periods: 2\n    datapoints_to_alarm: 3", "3 of 2 can never be reached"),
        ("datapoints_to_alarm: 3", "datapoints_to_alarm is M of evaluation_periods: add it"),
        ("datapoints: 1 of 2\n    evaluation_periods: 2", "datapoints says this already"),
        ("sustain: 3", "sustain is for judge: sequential"),
        ("cluster_size: 3", "cluster_size is for judge: sequential"),
        ("compare: {to: stable}", "compare is for judge: sequential"),
    ],
)
def test_what_a_threshold_cannot_mean_is_refused(tmp_path: Path, written: str, said: str) -> None:
    """M above N, both spellings at once, and keys of the other judge."""
    assert said in refused(tmp_path, f"{SLOW}    {written}\n")


def test_thresholds_keys_are_refused_where_a_test_judges(tmp_path: Path) -> None:
    """They would be passed over in silence."""
    assert "datapoints is for judge: threshold" in refused(
        tmp_path, RATIO + "    datapoints: 1 of 2"
    )


# --- warnings before a breach --------------------------------------------------------------------


def test_a_warning_is_a_nearer_limit_of_the_same_kind(tmp_path: Path) -> None:
    """In the same units, on the healthier side."""
    (ratio,) = load(tmp_path, RATIO + "    warn_if: {at_or_above: 2%}\n")
    assert (str(ratio.warn_if), str(ratio.fail_if)) == ("at or above 2%", "above 5%")
    (slow,) = load(tmp_path, SLOW + "    warn_if: {above: 8s}\n")
    assert slow.warn_if is not None
    assert slow.warn_if.value == 8000.0
    low = COUNT.replace("above: 10", "below: 10")
    (count,) = load(tmp_path, low + "    warn_if: {below: 20}\n")
    assert str(count.warn_if) == "below 20/min"


@pytest.mark.parametrize(
    ("warning", "said"),
    [
        ("{above: 5%}", "5% warns no earlier than fail_if (above 5%): give a lower limit"),
        ("{above: 9%}", "9% warns no earlier than fail_if (above 5%): give a lower limit"),
        ("{below: 2%}", "bad with below would fail healthy releases: write above"),
        ("{above: 2}", "a share needs its percent sign: write 2%"),
        ("{above: 1%, below: 2%}", "warn_if takes exactly one limit"),
        ("{any: true}", "unknown key 'any'"),
    ],
)
def test_a_warning_that_warns_of_nothing_is_refused(
    tmp_path: Path, warning: str, said: str
) -> None:
    """Later than the breach, the other way, or in another unit."""
    assert said in refused(tmp_path, f"{RATIO}    warn_if: {warning}\n")


def test_a_warning_looks_the_same_way_as_the_breach(tmp_path: Path) -> None:
    """A gauge may hurt on either side, and its two limits are on the same."""
    said = refused(tmp_path, GAUGE + "    warn_if: {below: 1m}\n")
    assert "warn_if looks the other way than fail_if (above 5m)" in said


def test_a_latency_judged_by_counts_cannot_warn(tmp_path: Path) -> None:
    """It counts the requests over one limit."""
    text = SLOW.replace("    judge: threshold\n", "")
    assert "knows only the requests over its fail_if" in refused(
        tmp_path, text + "    warn_if: {above: 8s}\n"
    )


def test_overrides_work_with_every_kind(tmp_path: Path) -> None:
    """Limits are replaced whole, null removes."""
    path = tmp_path / "rules.yaml"
    path.write_text(f"{HEAD}criteria:{GAUGE}    warn_if: {{above: 1m}}\n", encoding="utf-8")
    change = {"fail_if": {"at_or_above": "9m"}, "warn_if": None, "datapoints": "1 of 1"}
    over = node_of({"queue-age": change}, "override")
    (criterion,) = rules.load([path], overrides=over).criteria
    assert (str(criterion.fail_if), criterion.warn_if) == ("at or above 9m", None)
    assert criterion.datapoints == (1, 1)


# --- lint --------------------------------------------------------------------------------------


def test_lint_says_what_a_pooled_count_hides(tmp_path: Path) -> None:
    """A gauge is the service's by nature, a count is not."""
    (message,) = warned(tmp_path, COUNT.replace("    scope: service\n", ""))
    assert "at 10% weight a canary causes 10% of what it will cause later" in message
    assert warned(tmp_path, COUNT + GAUGE + INCIDENT) == []


def test_lint_doubts_a_percentile_without_a_floor(tmp_path: Path) -> None:
    """As a gauge it has none, as a latency it can be set too low."""
    (gauge,) = warned(tmp_path, GAUGE.replace("QueueName: q}", "QueueName: q}, stat: p95"))
    assert "p95 of a gauge has no floor" in gauge
    (low,) = warned(tmp_path, SLOW + "    min_samples: 20\n")
    assert "p95 of 20 samples is decided by one or two slow requests: 200 are enough" in low
    assert warned(tmp_path, SLOW) == []


def test_lint_doubts_limits_that_look_like_another_unit(tmp_path: Path) -> None:
    """A share written as percent, seconds for milliseconds."""
    cpu = GAUGE.replace(
        "AWS/SQS, metric: ApproximateAgeOfOldestMessage", "AWS/ECS, metric: CPUUtilization"
    )
    (percent,) = warned(tmp_path, cpu.replace("5m", "0.9%"))
    assert percent.endswith("is 90% meant?")
    (late,) = warned(tmp_path, SLOW.replace("10s", "10000s"))
    assert late.endswith("is 10000ms meant?")
