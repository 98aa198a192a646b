"""The simulated CloudWatch reads and refuses as GetMetricData's reference says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator

NS = "EnergyInsights/Api"
Ask = Callable[..., dict[str, Any]]


def query(name: str = "q0", *, stat: str = "Sum", period: int = 60, **more: Any) -> dict[str, Any]:
    """One MetricDataQuery for the metric M."""
    series = {"Namespace": NS, "MetricName": "M"}
    return {"Id": name, "MetricStat": {"Metric": series, "Period": period, "Stat": stat}, **more}


def refused(client: Any, clock: HandClock, **arguments: Any) -> str:
    """The code with which GetMetricData refuses."""
    now = clock.now()
    given = {"MetricDataQueries": [query()], "StartTime": now - 600, "EndTime": now} | arguments
    with pytest.raises(ClientError) as caught:
        client.get_metric_data(**given)
    return str(caught.value.response["Error"]["Code"])


# --- what is listed ------------------------------------------------------------------------------


def test_metrics_are_listed_by_name_and_dimension(
    sim: Simulator, cloudwatch: Any, clock: HandClock
) -> None:
    """Only what is visible and had a datapoint in two weeks, in pages of 500."""
    now = clock.now()
    for number in range(501):
        sim.feed(NS, "M", {1.0: 1}, dims={"Version": str(number), "Stage": "live"}, at=now - 600)
    sim.feed(NS, "Later", {1.0: 1}, dims={}, at=now, visible_at=now + 60)
    sim.feed(NS, "Old", {1.0: 1}, dims={}, at=now - 15 * 86_400)
    first = cloudwatch.list_metrics(Namespace=NS)
    second = cloudwatch.list_metrics(Namespace=NS, NextToken=first["NextToken"])
    assert (len(first["Metrics"]), len(second["Metrics"])) == (500, 1)
    assert "NextToken" not in second
    by_name = [{"Name": "Stage"}, {"Name": "Version", "Value": "7"}]
    (one,) = cloudwatch.list_metrics(Namespace=NS, MetricName="M", Dimensions=by_name)["Metrics"]
    assert {d["Name"]: d["Value"] for d in one["Dimensions"]} == {"Version": "7", "Stage": "live"}
    assert cloudwatch.list_metrics(Namespace=NS, MetricName="N")["Metrics"] == []


# --- what is refused -----------------------------------------------------------------------------


def test_boto3_speaks_json_to_it(sim: Simulator, cloudwatch: Any, clock: HandClock) -> None:
    """The installed client reaches GetMetricData by AWS JSON 1.0, and the call is counted."""
    now = clock.now()
    cloudwatch.get_metric_data(
        MetricDataQueries=[query("a"), query("b")], StartTime=now - 60, EndTime=now
    )
    assert sim.calls("cloudwatch", "GetMetricData") == 1
    assert sim.cloudwatch.metrics_requested == 2


def test_five_statistics_of_one_metric_bill_as_one(
    sim: Simulator, cloudwatch: Any, clock: HandClock
) -> None:
    """Up to five statistics of a metric in one call cost one metric."""
    stats = ["Sum", "SampleCount", "Average", "Minimum", "Maximum", "p95"]
    queries = [query(f"q{i}", stat=stat) for i, stat in enumerate(stats)]
    now = clock.now()
    cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - 60, EndTime=now)
    assert (sim.cloudwatch.metrics_requested, sim.cloudwatch.metrics_billed) == (6, 2)


def test_500_queries_are_taken_and_501_are_not(cloudwatch: Any, clock: HandClock) -> None:
    """A call holds at most 500 queries."""
    queries = [query(f"q{i}") for i in range(501)]
    now = clock.now()
    taken = cloudwatch.get_metric_data(
        MetricDataQueries=queries[:500], StartTime=now - 60, EndTime=now
    )
    assert len(taken["MetricDataResults"]) == 500
    assert refused(cloudwatch, clock, MetricDataQueries=queries) == "ValidationError"


@pytest.mark.parametrize(
    "queries",
    [
        [query("a"), query("a")],
        [query("Upper")],
        [query("1st")],
        [query("a-b")],
        [query(Expression="q1/q2")],
        [{"Id": "q0"}],
        [{"Id": "q0", "Expression": "SELECT 1"}],
        [query(period=45)],
        [query(period=90)],
        [query(period=0)],
        [query(stat="P95")],
        [query(stat="Median")],
        [query(stat="PR(:)")],
    ],
)
def test_a_malformed_query_is_a_validation_error(
    cloudwatch: Any, clock: HandClock, queries: list[dict[str, Any]]
) -> None:
    """Doubled or badly formed Ids, expressions, periods and statistics are refused."""
    assert refused(cloudwatch, clock, MetricDataQueries=queries) == "ValidationError"


@pytest.mark.parametrize("period", [1, 5, 10, 20, 30, 60, 120, 3600])
def test_valid_periods_are_taken(cloudwatch: Any, clock: HandClock, period: int) -> None:
    """1, 5, 10, 20, 30 and multiples of 60 seconds are periods."""
    now = clock.now()
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query(period=period)], StartTime=now - 3600, EndTime=now
    )
    assert answer["MetricDataResults"][0]["StatusCode"] == "Complete"


def test_an_empty_span_and_a_bad_limit_are_refused(cloudwatch: Any, clock: HandClock) -> None:
    """StartTime lies before EndTime, and MaxDatapoints is at most 100,800."""
    assert refused(cloudwatch, clock, StartTime=clock.now()) == "ValidationError"
    assert refused(cloudwatch, clock, MaxDatapoints=100_801) == "ValidationError"


# --- what is read --------------------------------------------------------------------------------


def test_start_is_inclusive_and_rounded_down_and_end_is_exclusive(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """A start within a minute reads that whole minute; the minute that begins at the end is out."""
    noon = clock.now()
    for minute in range(-5, 0):
        sim.feed(NS, "M", {float(-minute): 1}, at=noon + 60 * minute + 7)
    result = ask(NS, "M", "Sum", start=noon - 180 + 42, end=noon - 60)
    assert result["At"] == [noon - 180, noon - 120]
    assert result["Values"] == [3.0, 2.0]


def test_an_unaligned_start_moves_the_periods(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """Periods are counted from the rounded StartTime: 5-minute bins may begin at 11:48."""
    noon = clock.now()
    for minute in range(-12, 0):
        sim.feed(NS, "M", {1.0: 1}, at=noon + 60 * minute)
    result = ask(NS, "M", "Sum", start=noon - 12 * 60, end=noon, period=300)
    assert result["At"] == [noon - 720, noon - 420, noon - 120]
    assert result["Values"] == [5.0, 5.0, 2.0]


def test_newest_first_is_the_default(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """ScanBy defaults to TimestampDescending."""
    noon = clock.now()
    for minute in (-3, -2, -1):
        sim.feed(NS, "M", {1.0: 1}, at=noon + 60 * minute)
    newest_first = ask(NS, "M", "Sum", start=noon - 600, end=noon, scan_by=None)["At"]
    oldest_first = ask(NS, "M", "Sum", start=noon - 600, end=noon)["At"]
    assert newest_first == [noon - 60, noon - 120, noon - 180]
    assert oldest_first == newest_first[::-1]


def test_a_series_is_its_exact_namespace_name_and_dimensions(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """Fewer, more or other dimensions, or another namespace, are another series."""
    noon = clock.now()
    sim.feed(NS, "M", {1.0: 1}, dims={"Version": "42", "Stage": "live"}, at=noon - 60)
    span = {"start": noon - 120, "end": noon}
    both = {"Stage": "live", "Version": "42"}
    assert ask(NS, "M", "Sum", dims=both, **span)["Values"] == [1.0]
    for dims in ({}, {"Version": "42"}, {**both, "More": "x"}, {**both, "Version": "41"}):
        assert ask(NS, "M", "Sum", dims=dims, **span)["Values"] == []
    assert ask("Other", "M", "Sum", dims=both, **span)["Values"] == []


def test_no_data_is_complete_and_empty(clock: HandClock, ask: Ask) -> None:
    """A series that does not exist is answered as one that has nothing to say."""
    result = ask(NS, "Nothing", "Sum", start=clock.now() - 600, end=clock.now())
    assert (result["StatusCode"], result["Values"], result["Timestamps"]) == ("Complete", [], [])


def test_unit_is_a_filter_and_not_a_conversion(sim: Simulator, clock: HandClock, ask: Ask) -> None:
    """A unit other than the one published answers nothing."""
    noon = clock.now()
    sim.feed(NS, "M", {250.0: 1}, at=noon - 60, unit="Milliseconds")
    span = {"start": noon - 120, "end": noon}
    assert ask(NS, "M", "Maximum", unit="Milliseconds", **span)["Values"] == [250.0]
    assert ask(NS, "M", "Maximum", unit="Seconds", **span)["Values"] == []


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        ("SampleCount", 100.0),
        ("Sum", 5050.0),
        ("Average", 50.5),
        ("Minimum", 1.0),
        ("Maximum", 100.0),
        ("p50", 50.0),
        ("p95", 95.0),
        ("p99.9", 100.0),
        ("TC(:95)", 95.0),
        ("TC(95:)", 5.0),
        ("TC(10:20)", 10.0),
        ("PR(:95)", 95.0),
        ("TS(98:)", 199.0),
        ("TM(98:)", 99.5),
    ],
)
def test_statistics_are_computed_from_raw_values(
    sim: Simulator, clock: HandClock, ask: Ask, stat: str, value: float
) -> None:
    """Over 1..100: counts and ranks include the upper bound and exclude the lower one."""
    noon = clock.now()
    sim.feed(NS, "M", {float(v): 1 for v in range(1, 101)}, at=noon - 60)
    assert ask(NS, "M", stat, start=noon - 60, end=noon)["Values"] == [value]


def test_old_data_is_kept_at_coarse_periods_only(
    sim: Simulator, clock: HandClock, ask: Ask
) -> None:
    """Beyond 15 days a 60 s period answers nothing, silently; a 300 s period still does."""
    old = clock.now() - 20 * 86_400
    sim.feed(NS, "M", {1.0: 1}, at=old)
    span = {"start": old, "end": old + 600}
    fine = ask(NS, "M", "Sum", period=60, **span)
    assert (fine["StatusCode"], fine["Values"]) == ("Complete", [])
    assert ask(NS, "M", "Sum", period=300, **span)["Values"] == [1.0]


# --- pages ---------------------------------------------------------------------------------------


def test_pages_say_partial_data_until_a_series_is_whole(
    sim: Simulator, clock: HandClock, cloudwatch: Any
) -> None:
    """MaxDatapoints cuts the answer; NextToken goes on, and joined pages are the whole answer."""
    noon = clock.now()
    for minute in range(-6, 0):
        sim.feed(NS, "M", {float(minute): 1}, at=noon + 60 * minute)
    asked = {
        "MetricDataQueries": [query("a"), query("b", stat="SampleCount")],
        "StartTime": noon - 360,
        "EndTime": noon,
        "MaxDatapoints": 4,
    }
    pages, token = [], None
    for _ in range(10):
        page = cloudwatch.get_metric_data(**asked, **({"NextToken": token} if token else {}))
        pages.append([(r["Id"], r["StatusCode"], r["Values"]) for r in page["MetricDataResults"]])
        token = page.get("NextToken")
        if token is None:
            break
    assert pages == [
        [("a", "PartialData", [-1.0, -2.0, -3.0, -4.0]), ("b", "PartialData", [])],
        [("a", "Complete", [-5.0, -6.0]), ("b", "PartialData", [1.0, 1.0])],
        [("b", "Complete", [1.0, 1.0, 1.0, 1.0])],
    ]


def test_pages_of_one_call_show_one_instant(
    sim: Simulator, clock: HandClock, cloudwatch: Any
) -> None:
    """What arrives between two pages does not shift the second."""
    noon = clock.now()
    for minute in (-3, -1):
        sim.feed(NS, "M", {float(minute): 1}, at=noon + 60 * minute)
    asked = {
        "MetricDataQueries": [query()],
        "StartTime": noon - 600,
        "EndTime": noon,
        "MaxDatapoints": 1,
    }
    first = cloudwatch.get_metric_data(**asked)
    clock.advance(1)
    sim.feed(NS, "M", {-2.0: 1}, at=noon - 120)
    second = cloudwatch.get_metric_data(**asked, NextToken=first["NextToken"])
    assert first["MetricDataResults"][0]["Values"] == [-1.0]
    assert second["MetricDataResults"][0]["Values"] == [-3.0]


def test_a_query_that_failed_on_the_first_page_stays_failed(
    sim: Simulator, clock: HandClock, cloudwatch: Any
) -> None:
    """A fault that strikes once does not shift the pages that follow."""
    noon = clock.now()
    for minute in (-2, -1):
        sim.feed(NS, "M", {float(minute): 1}, at=noon + 60 * minute)
    sim.faults.add(kind="internal_error", metric="M", times=1)
    asked = {
        "MetricDataQueries": [query("a"), query("b")],
        "StartTime": noon - 600,
        "EndTime": noon,
        "MaxDatapoints": 1,
    }
    first = cloudwatch.get_metric_data(**asked)
    second = cloudwatch.get_metric_data(**asked, NextToken=first["NextToken"])
    seen = [
        (r["Id"], r["StatusCode"], r["Values"])
        for page in (first, second)
        for r in page["MetricDataResults"]
    ]
    assert seen == [
        ("a", "InternalError", []),
        ("b", "PartialData", [-1.0]),
        ("b", "Complete", [-2.0]),
    ]


def test_a_foreign_token_is_refused(cloudwatch: Any, clock: HandClock) -> None:
    """NextToken belongs to its request."""
    assert refused(cloudwatch, clock, NextToken="abcd") == "InvalidNextToken"


# --- single results -----------------------------------------------------------------------------


def test_query_faults_touch_single_results(
    sim: Simulator, clock: HandClock, cloudwatch: Any
) -> None:
    """InternalError, Forbidden and silence strike by metric within a call that succeeds."""
    noon = clock.now()
    names = {"internal_error": "A", "forbidden": "B", "silent": "C"}
    for metric in "ABCD":
        sim.feed(NS, metric, {1.0: 1}, at=noon - 60)
    for kind, metric in names.items():
        sim.faults.add(kind=kind, metric=metric)
    queries = [
        {
            "Id": metric.lower(),
            "MetricStat": {
                "Metric": {"Namespace": NS, "MetricName": metric},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for metric in "ABCD"
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=noon - 60, EndTime=noon
    )
    seen = [(r["StatusCode"], r["Values"]) for r in answer["MetricDataResults"]]
    assert seen == [("InternalError", []), ("Forbidden", []), ("Complete", []), ("Complete", [1.0])]
    assert answer["MetricDataResults"][1]["Messages"][0]["Code"] == "Forbidden"


def test_another_accounts_metrics_are_forbidden(clock: HandClock, cloudwatch: Any) -> None:
    """AccountId of an account that is not linked answers Forbidden."""
    now = clock.now()
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query(AccountId="111111111111")], StartTime=now - 60, EndTime=now
    )
    assert answer["MetricDataResults"][0]["StatusCode"] == "Forbidden"
