"""Every source of datapoints keeps the contract, over a socket to the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from guardian.aws import Sessions
from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.model import Query
from guardian.ports import Ask
from guardian.sim.metric_store import dimensions
from guardian.sim.server import Simulator
from guardian.sim.statistic import Bag
from guardian.sources import cloudwatch
from tests.contracts.adapters import Bill, StillClock, account_for, context_for, use_endpoint
from tests.contracts.source_contract import SourceContract, SourceWorld

NOW = 1_700_000_115.0
MINUTE = 1_700_000_100.0


def series(metric: str, stat: str = "Sum") -> Query:
    """A series of the test's version."""
    return metric_query(
        namespace="EnergyInsights/Api", metric=metric, stat=stat, dimensions=(("Version", "10"),)
    )


class SimulatedCloudWatch:
    """The contract's world over the simulated CloudWatch."""

    now = NOW
    busy = series("Requests")
    quiet = series("FailedRequests")
    of_another_version = replace(
        changed(series("Requests"), dimensions=(("Version", "never"),)), versioned=("Version",)
    )
    misspelt = series("Requestss")
    hint = "lists Requests"
    settle_s = 120.0
    minutes = 10

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        for metric in ("Requests", "Latency"):
            for back in range(self.minutes + 1):
                self.publish(metric, MINUTE - 60 * back, {0.5: 8.0, 20.0: 2.0})

    def publish(self, metric: str, at: float, samples: dict[float, float]) -> None:
        """Samples that are visible at once."""
        self.simulator.metrics.put(
            ("EnergyInsights/Api", metric, dimensions({"Version": "10"})),
            at=at,
            visible_at=at,
            bag=Bag.of(samples),
        )

    def source(self, bill: Bill | None = None) -> cloudwatch.CloudWatch:
        """The source with fresh clients."""
        clock = self.simulator.world.clock
        context = context_for(account_for(Sessions()), clock=clock, metrics=bill)
        return cloudwatch.build(cloudwatch.Options(), context)

    def forbid(self, query: Query) -> None:
        """StatusCode Forbidden for this series."""
        self.simulator.faults.add(kind="forbidden", metric=MetricStat.of(query).metric)

    def break_down(self) -> None:
        """HTTP 500 for every call."""
        self.simulator.faults.add(kind="server_error", service="cloudwatch")

    def lock_out(self) -> None:
        """AccessDenied for every call."""
        self.simulator.faults.add(kind="access_denied", service="cloudwatch")


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedCloudWatch]:
    """Ten minutes of requests, and the one in progress."""
    with Simulator(StillClock(NOW)) as simulator:
        use_endpoint(monkeypatch, simulator.url)
        yield SimulatedCloudWatch(simulator)


class TestCloudWatch(SourceContract):
    """cloudwatch keeps every promise."""

    @pytest.fixture
    def world(self, simulated: SimulatedCloudWatch) -> SourceWorld:
        """The simulated CloudWatch."""
        return simulated


def ask(query: Query, minutes: int = 10) -> Ask:
    """The last minutes and the one in progress."""
    return Ask(query=query, start=MINUTE - 60 * minutes, end=MINUTE + 60, settle_s=120.0)


def test_the_counts_behind_a_percentile_come_in_one_metric(
    simulated: SimulatedCloudWatch,
) -> None:
    """SampleCount and TC(:L) of one metric are exact, in one call, at the price of one."""
    count, within = series("Latency", "SampleCount"), series("Latency", "TC(:10)")
    bill = Bill()
    found = simulated.source(bill).read([ask(count), ask(within)], now=NOW)
    assert {point.value for point in found[count].points} == {10.0}
    assert {point.value for point in found[within].points} == {8.0}
    assert simulated.simulator.calls("cloudwatch", "GetMetricData") == 1
    assert (bill.total, simulated.simulator.cloudwatch.metrics_billed) == (1, 1)


def test_a_poll_of_one_rollout_is_one_call(simulated: SimulatedCloudWatch) -> None:
    """Eight queries of four criteria, whatever their windows."""
    names = ("A", "B", "C", "D", "E", "F")
    queries = [*map(series, names), series("Latency", "SampleCount"), series("Latency", "TC(:10)")]
    simulated.source().read([ask(q, i + 1) for i, q in enumerate(queries)], now=NOW)
    assert simulated.simulator.calls("cloudwatch", "GetMetricData") == 1


def test_a_long_history_comes_over_several_pages(simulated: SimulatedCloudWatch) -> None:
    """Ten statistics of almost three hours by the second do not fit on a page of 100,800."""
    seconds = 10_740
    key = ("EnergyInsights/Api", "Fine", dimensions({"Version": "10"}))
    for second in range(seconds):
        at = MINUTE - seconds + second
        simulated.simulator.metrics.put(
            key, at=at, visible_at=at, bag=Bag.of({1.0: 1.0}), fine=True
        )
    stats = [
        "Sum",
        "SampleCount",
        "Average",
        "Minimum",
        "Maximum",
        *(f"p{n}" for n in range(50, 55)),
    ]
    asks = [
        Ask(
            query=replace(series("Fine", stat), period_s=1),
            start=MINUTE - seconds,
            end=MINUTE,
            settle_s=10.0,
        )
        for stat in stats
    ]
    found = simulated.source().read(asks, now=NOW)
    assert simulated.simulator.calls("cloudwatch", "GetMetricData") == 2
    assert all(len(measured.points) == seconds for measured in found.values())


def test_wrong_dimensions_are_told_from_a_wrong_name(simulated: SimulatedCloudWatch) -> None:
    """The metric is there, with other dimensions; and a namespace may hold nothing."""
    wrong = changed(simulated.busy, dimensions=(("Vesion", "10"),))
    other = changed(simulated.busy, namespace="EnergyInsights/Apis")
    said = simulated.source().unknown([wrong, other], now=NOW)
    assert said[wrong].endswith("It lists that metric with dimensions Version")
    assert said[other].endswith("It lists nothing in that namespace")


def test_another_target_does_not_make_a_series_known(simulated: SimulatedCloudWatch) -> None:
    """Only the version may differ."""
    other = changed(simulated.busy, dimensions=(("Version", "11"),))
    assert list(simulated.source().unknown([other], now=NOW)) == [other]


def test_a_statistic_that_a_metric_never_had_is_unknown(simulated: SimulatedCloudWatch) -> None:
    """What is published as a sum of many has no trimmed count: its silence counts nothing."""
    key = ("EnergyInsights/Api", "Sums", dimensions({"Version": "10"}))
    bag = Bag.summary(n=10, total=70.0, low=1.0, high=20.0)
    simulated.simulator.metrics.put(key, at=MINUTE, visible_at=MINUTE, bag=bag)
    asked = [series("Sums"), series("Sums", "TC(:10)"), series("Latency", "TC(:10)")]
    assert list(simulated.source().unknown(asked, now=NOW)) == [asked[1]]


def test_where_listing_is_not_allowed_datapoints_tell(simulated: SimulatedCloudWatch) -> None:
    """Not blind, and it is said."""
    simulated.simulator.faults.add(
        kind="access_denied", service="cloudwatch", operation="ListMetrics"
    )
    said = simulated.source().unknown([simulated.busy, simulated.quiet], now=NOW)
    assert list(said) == [simulated.quiet]
    assert "allow cloudwatch:ListMetrics" in said[simulated.quiet]


def test_a_bad_query_is_found_among_good_ones(simulated: SimulatedCloudWatch) -> None:
    """CloudWatch refuses the whole call; only the culprit has a problem in the end."""
    bad = changed(simulated.busy, stat="p101")
    good = [series(f"M{i}") for i in range(30)]
    found = simulated.source().read([ask(q) for q in [bad, *good, simulated.busy]], now=NOW)
    assert found[bad].problem is not None
    assert all(found[q].problem is None for q in good)
    assert len(found[simulated.busy].points) == 11


def test_late_data_shows_up_in_a_later_read(simulated: SimulatedCloudWatch) -> None:
    """The same window brings a larger sum once the late samples are visible."""
    source = simulated.source()
    first = source.read([ask(simulated.busy)], now=NOW)[simulated.busy].points[-1]
    simulated.publish("Requests", MINUTE, {0.5: 5.0})
    second = source.read([ask(simulated.busy)], now=NOW)[simulated.busy].points[-1]
    assert second.value > first.value
