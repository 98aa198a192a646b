"""Rule files become criteria with every default filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.cloudwatch import MetricStat, metric_query
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Direction, OnFail, Scope
from guardian.files import rules
from guardian.files.rules import lint
from guardian.ports import ConfigError
from tests.files.nodes import node_of

HEAD = "version: 1\nname: example\n"
DIMENSIONS = '{Version: "${canary}"}'
RATIO = """
  - name: error-rate
    ratio:
      bad:   {namespace: Shop/Api, metric: Failed}
      total: {namespace: Shop/Api, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
"""
LATENCY = """
  - name: slow
    latency:
      percentile: 95
      metric: {namespace: AWS/Lambda, metric: Duration}
      dimensions: {ExecutedVersion: "${canary}"}
    fail_if: {above: 10s}
"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    """Where the files of a test lie."""
    return tmp_path


def load(folder: Path, criteria: str, head: str = HEAD) -> tuple[Criterion, ...]:
    """The criteria of one rule file."""
    path = folder / "rules.yaml"
    path.write_text(f"{head}criteria:{criteria}", encoding="utf-8")
    return rules.load([path]).criteria


def test_a_ratio_asks_for_two_sums_with_the_dimensions_beside_them(write: Path) -> None:
    """What stands once beside the metrics holds for both."""
    (criterion,) = load(write, RATIO)
    measure = criterion.measure
    assert isinstance(measure, Ratio)
    assert measure.part == metric_query(
        namespace="Shop/Api", metric="Failed", stat="Sum", dimensions=(("Version", "${canary}"),)
    )
    assert (
        MetricStat.of(measure.total).metric,
        MetricStat.of(measure.total).stat,
        measure.good,
    ) == ("Requests", "Sum", False)
    limit = criterion.fail_if
    assert (limit.direction, limit.value, limit.text) == (Direction.ABOVE, 0.05, "5%")


def test_defaults_are_filled_in(write: Path) -> None:
    """Nothing is left for later code to guess."""
    (criterion,) = load(write, RATIO)
    assert criterion.scope is Scope.CANARY
    assert criterion.on_fail is OnFail.ROLLBACK
    assert (criterion.min_samples, criterion.sustain, criterion.cluster_size) == (60, 2, 1.0)
    assert (criterion.warm_up_s, criterion.settle_s, criterion.no_data_after_s) == (0, 120, 300)
    assert criterion.compare is None


@pytest.mark.parametrize(
    ("limit", "samples"), [("5%", 60), ("1%", 300), ("0.1%", 3000), ("50%", 6), ("3%", 100)]
)
def test_the_sample_floor_expects_three_bad_ones_at_the_limit(
    write: Path, limit: str, samples: int
) -> None:
    """Rounding of binary numbers adds no sample."""
    (criterion,) = load(write, RATIO.replace("5%", limit))
    assert criterion.min_samples == samples


def test_a_ratio_of_good_events_allows_the_rest_to_be_bad(write: Path) -> None:
    """Below 80 % good is more than 20 % bad: fifteen samples."""
    text = RATIO.replace("bad: ", "good:").replace("above: 5%", "below: 80%")
    (criterion,) = load(write, text)
    assert criterion.min_samples == 15
    assert criterion.limit_rate == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("limit", "unit", "stat"),
    [
        ("10s", "Milliseconds", "TC(:10000)"),
        ("250ms", "Milliseconds", "TC(:250)"),
        ("0.5ms", "Milliseconds", "TC(:0.5)"),
        ("10s", "Seconds", "TC(:10)"),
        ("250ms", "Seconds", "TC(:0.25)"),
        ("1ms", "Seconds", "TC(:0.001)"),
        ("2m", "Microseconds", "TC(:120000000)"),
        ("0.1s", "Milliseconds", "TC(:100)"),
    ],
)
def test_a_latency_counts_the_samples_within_its_limit(
    write: Path, limit: str, unit: str, stat: str
) -> None:
    """The limit is converted exactly, and written as CloudWatch reads numbers."""
    text = LATENCY.replace("10s", limit).replace(
        "AWS/Lambda, metric: Duration", f"Shop, metric: Time, unit: {unit}"
    )
    (criterion,) = load(write, text)
    assert isinstance(criterion.measure, Latency)
    assert (
        MetricStat.of(criterion.measure.within).stat,
        MetricStat.of(criterion.measure.count).stat,
    ) == (stat, "SampleCount")
    assert criterion.min_samples == 60


def test_a_latency_knows_the_unit_and_the_settle_time_of_aws_metrics(write: Path) -> None:
    """For Lambda neither has to be written."""
    (criterion,) = load(write, LATENCY)
    assert isinstance(criterion.measure, Latency)
    assert MetricStat.of(criterion.measure.within).stat == "TC(:10000)"
    assert criterion.measure.count.unit == "Milliseconds"
    assert criterion.settle_s == 180


def test_a_percentile_may_be_said_twice_if_it_is_the_same(write: Path) -> None:
    """`stat: p95` beside `percentile: 95` is a habit, and harmless."""
    assert load(write, LATENCY.replace("metric: Duration", "metric: Duration, stat: p95"))


def test_the_files_defaults_hold_where_a_criterion_says_nothing(write: Path) -> None:
    """And a criterion's own word wins."""
    head = HEAD + (
        "defaults: {period: 5m, on_fail: hold, sustain: 3, cluster_size: 4, warm_up: 2m,"
        ' settle: 6m, no_data_after: 10m, region: eu-west-1, account_id: "222222222222"}\n'
    )
    one, two = load(write, RATIO + LATENCY + "    on_fail: notify\n    warm_up: 0s\n", head)
    query = next(one.queries())
    asked = MetricStat.of(query)
    assert (query.period_s, asked.region, asked.account_id) == (300, "eu-west-1", "222222222222")
    assert (one.on_fail, one.sustain, one.cluster_size) == (OnFail.HOLD, 3, 4)
    assert (one.warm_up_s, one.settle_s, one.no_data_after_s) == (120, 360, 600)
    assert (two.on_fail, two.warm_up_s) == (OnFail.NOTIFY, 0)


def test_a_criterion_that_names_no_canary_watches_the_service(write: Path) -> None:
    """Unless the file says whose it is."""
    pooled = RATIO.replace("${canary}", "all")
    (service,) = load(write, pooled)
    (canary,) = load(write, pooled + "    scope: canary\n")
    assert (service.scope, canary.scope) == (Scope.SERVICE, Scope.CANARY)


def test_compare_asks_the_same_of_stable(write: Path) -> None:
    """Only the version differs."""
    (criterion,) = load(write, RATIO + "    compare: {to: stable, min_increase: 1pp}\n")
    assert criterion.compare is not None
    stable = criterion.compare.stable
    assert isinstance(stable, Ratio)
    assert MetricStat.of(stable.part).dimensions == (("Version", "${stable}"),)
    assert (criterion.compare.max_ratio, criterion.compare.min_increase) == (1.0, 0.01)
    (slow,) = load(write, LATENCY + "    compare: {to: stable}\n")
    assert slow.compare is not None
    assert isinstance(slow.compare.stable, Latency)
    assert MetricStat.of(slow.compare.stable.within).dimensions == (
        ("ExecutedVersion", "${stable}"),
    )


def test_what_no_router_gives_is_an_error_where_it_stands(write: Path) -> None:
    """No rollout could bind it; who does not know the routers takes any name."""
    path = write / "rules.yaml"
    wrong = RATIO.replace(DIMENSIONS, '{Name: "${router.functon}:${router.alias}-${canary}"}')
    path.write_text(f"{HEAD}criteria:{wrong}", encoding="utf-8")
    assert lint([path]).findings == ()
    (found,) = lint([path], routed=("function", "alias")).findings
    assert (found.severity, found.line, found.column) == ("error", 8, 26)
    assert found.message == (
        "no router gives ${router.functon} (did you mean 'function'?):"
        " there are ${router.alias}, ${router.function}"
    )


def test_variables_are_filled_in_and_the_rollouts_own_names_stay(write: Path) -> None:
    """The service's values at load, the rollout's when it begins."""
    path = write / "rules.yaml"
    head = HEAD + "vars: {stage: {description: which}}\ncriteria:"
    path.write_text(
        head + RATIO.replace(DIMENSIONS, '{Stage: "${stage}", Version: "${canary}-${router.x}"}'),
        encoding="utf-8",
    )
    filled = rules.load([path], variables={"stage": "live"}).criteria[0]
    assert dict(MetricStat.of(next(filled.queries())).dimensions) == {
        "Stage": "live",
        "Version": "${canary}-${router.x}",
    }
    with pytest.raises(
        ConfigError, match=r"3:8: the service 'api' does not set .* 'stage' \(which"
    ):
        rules.load([path], variables={}, service="api")


def test_a_criterion_can_be_turned_off(write: Path) -> None:
    """It is still checked."""
    off = load(write, RATIO + "    enabled: false\n" + LATENCY)
    assert [c.name for c in off] == ["slow"]
    with pytest.raises(ConfigError, match="percent"):
        load(write, RATIO.replace("5%", "5") + "    enabled: false\n" + LATENCY)


def test_an_override_changes_what_it_names_and_is_blamed_for_its_errors(write: Path) -> None:
    """A limit is replaced whole, the rest merges, null removes."""
    path = write / "rules.yaml"
    path.write_text(f"{HEAD}criteria:{RATIO}    min_samples: 10\n", encoding="utf-8")
    change = {"fail_if": {"at_or_above": "2%"}, "on_fail": "hold", "min_samples": None}
    over = node_of({"error-rate": change}, "override")
    (criterion,) = rules.load([path], overrides=over).criteria
    assert str(criterion.fail_if) == "at or above 2%"
    assert (criterion.on_fail, criterion.min_samples) == (OnFail.HOLD, 150)
    with pytest.raises(ConfigError, match=r"no criterion 'slow'"):
        rules.load([path], overrides=node_of({"slow": {}}, "override"))


def test_presets_and_files_are_combined_in_order(write: Path) -> None:
    """A preset is named, a file has a path from the base."""
    (write / "own.yaml").write_text(f"{HEAD}criteria:{RATIO}", encoding="utf-8")
    found = rules.load(["preset:lambda", "own.yaml"], base=write)
    assert [c.name for c in found.criteria] == [
        "lambda-crash-rate",
        "lambda-duration-p95",
        "error-rate",
    ]
    assert found.files == ("preset:lambda", str(write / "own.yaml"))
    assert found.warnings == ()


def test_a_path_cannot_leave_the_root_by_a_link_either(write: Path) -> None:
    """What counts is where a path leads."""
    root = write / "root"
    root.mkdir()
    (write / "secret.yaml").write_text(f"{HEAD}criteria:{RATIO}", encoding="utf-8")
    (root / "link.yaml").symlink_to(write / "secret.yaml")
    with pytest.raises(ConfigError, match="lies outside"):
        rules.load(["link.yaml"], base=root, root=root)


def test_errors_of_all_files_come_in_one_run(write: Path) -> None:
    """Two broken files, two errors."""
    for name in ("a", "b"):
        text = f"{HEAD}criteria:{RATIO.replace('error-rate', name).replace('5%', '5')}"
        (write / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        rules.load(["a.yaml", "b.yaml"], base=write)
    assert str(raised.value).count("write 5%") == 2


# --- lint --------------------------------------------------------------------------------------


def warned(folder: Path, criteria: str) -> list[str]:
    """What lint says of a file's criteria."""
    path = folder / "rules.yaml"
    path.write_text(f"{HEAD}criteria:{criteria}", encoding="utf-8")
    found = rules.lint([path]).findings
    assert all(f.severity == "warning" for f in found)
    return [f.message for f in found]


def test_lint_says_what_a_pooled_metric_hides(write: Path) -> None:
    """At 10 % weight a pooled 5 % limit shows a canary only when 45 % of its requests fail."""
    (message,) = warned(write, RATIO.replace("${canary}", "all"))
    assert "at 10% weight a canary must fail about 45% of its requests before it shows" in message
    (blind,) = warned(write, RATIO.replace("${canary}", "all").replace("5%", "20%"))
    assert "a canary that should fail every request does not show" in blind


def test_lint_is_silent_about_a_pooled_metric_that_is_meant(write: Path) -> None:
    """Saying the scope says that one knows."""
    assert warned(write, RATIO.replace("${canary}", "all") + "    scope: service\n") == []


def test_lint_knows_that_lambda_errors_are_not_http_errors(write: Path) -> None:
    """A returned status 500 is a success to Lambda."""
    lambda_only = RATIO.replace("Shop/Api, metric: Failed", "AWS/Lambda, metric: Errors")
    (message,) = warned(write, lambda_only)
    assert "status 500 counts as healthy" in message
    assert warned(write, lambda_only + RATIO.replace("error-rate", "failures")) == []


def test_lint_doubts_a_limit_that_no_request_can_reach(write: Path) -> None:
    """Ten thousand seconds are ten thousand milliseconds that were meant."""
    (message,) = warned(write, LATENCY.replace("10s", "10000s"))
    assert message.endswith("is 10000ms meant?")
    assert "shorter than any request" in warned(write, LATENCY.replace("10s", "0.1ms"))[0]


def test_lint_doubts_a_settle_time_shorter_than_cloudwatchs(write: Path) -> None:
    """Numbers that still change are no evidence of health."""
    (message,) = warned(write, LATENCY + "    settle: 1m\n")
    assert message.startswith("CloudWatch still changes these datapoints for 3m")


def test_lint_walks_folders_and_leaves_out_rule_tests(write: Path) -> None:
    """Every rule file below a folder counts, tests of rules do not."""
    (write / "deep").mkdir()
    (write / "deep" / "a.yaml").write_text(f"{HEAD}criteria:{RATIO}", encoding="utf-8")
    (write / "a.test.yaml").write_text("nonsense", encoding="utf-8")
    report = lint([write, "preset:lambda"])
    assert (report.files, report.criteria, report.findings) == (2, 3, ())
    assert report.record()["schema"] == "guardian/v1/lint"


def test_lint_raises_nothing(write: Path) -> None:
    """What is not there is a finding too."""
    empty = write / "empty"
    empty.mkdir()
    found = rules.lint([write / "none.yaml", empty, "preset:lamda"]).findings
    assert [f.severity for f in found] == ["error"] * 3
    assert "did you mean 'lambda'?" in found[2].message


# --- absent: zero --------------------------------------------------------------------------------


def test_a_metric_may_say_that_its_absence_is_zero(write: Path) -> None:
    """Nothing is taken for zero that does not say so."""
    (bare,) = load(write, RATIO)
    (said,) = load(write, RATIO.replace("Failed}", "Failed, absent: zero}"))
    assert isinstance(bare.measure, Ratio)
    assert isinstance(said.measure, Ratio)
    assert (bare.measure.absent_zero, said.measure.absent_zero) == (False, True)


@pytest.mark.parametrize(
    ("criteria", "old"), [(RATIO, "metric: Requests"), (LATENCY, "metric: Duration")]
)
def test_absent_is_refused_where_there_is_no_total_to_hold_it_against(
    write: Path, criteria: str, old: str
) -> None:
    """Of a total, silence is no traffic."""
    with pytest.raises(ConfigError) as raised:
        load(write, criteria.replace(old, f"{old}, absent: zero"))
    assert "absent is for the bad or good metric of a ratio" in str(raised.value)


def test_lint_asks_for_it_where_aws_publishes_no_zeros(write: Path) -> None:
    """A load balancer that never answered 500 has no such metric."""
    seldom = "AWS/ApplicationELB, metric: HTTPCode_ELB_5XX_Count"
    alb = RATIO.replace("Shop/Api, metric: Failed", seldom)
    (message,) = warned(write, alb)
    assert "only when it is not zero" in message
    assert warned(write, alb.replace("5XX_Count", "5XX_Count, absent: zero")) == []


def test_a_metrics_source_is_the_usual_one_unless_it_is_named(write: Path) -> None:
    """A metric's own word wins over the file's, and an unknown one is named."""
    (one,) = load(write, RATIO, HEAD + "defaults: {source: cloudwatch}\n")
    assert {query.source for query in one.queries()} == {"cloudwatch"}
    wrong = RATIO.replace("metric: Failed", "metric: Failed, source: cloudwach")
    with pytest.raises(ConfigError, match=r"'cloudwach' is not .*: use "):
        load(write, wrong)
    with pytest.raises(ConfigError, match=r"'almanac' is not .*: use "):
        load(write, RATIO, HEAD + "defaults: {source: almanac}\n")


def test_seconds_are_for_metrics_that_are_put_by_the_second(write: Path) -> None:
    """AWS's own come by the minute; one's own are settled sooner."""
    (one,) = load(write, RATIO, HEAD + "defaults: {period: 10s}\n")
    assert ({q.period_s for q in one.queries()}, one.settle_s) == ({10}, 30.0)
    lambdas = LATENCY.replace("metric: Duration", "metric: Duration, period: 20s")
    with pytest.raises(ConfigError, match="AWS publishes AWS/Lambda Duration by the minute"):
        load(write, lambdas)
    with pytest.raises(ConfigError, match="only metrics of your own"):
        load(write, LATENCY, HEAD + "defaults: {period: 30s}\n")
    with pytest.raises(ConfigError, match="10s, 20s, 30s, or a whole number of minutes"):
        load(write, RATIO, HEAD + "defaults: {period: 15s}\n")
