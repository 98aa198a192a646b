"""What PutMetricData takes, refuses and when it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.sim.hand import HandClock

NS = "EnergyInsights/Api"
Ask = Callable[..., dict[str, Any]]


def test_percentiles_need_raw_values_that_are_not_negative(
    clock: HandClock, cloudwatch: Any, ask: Ask
) -> None:
    """No percentile of a statistic set, unless its samples are equal, nor of negative values."""
    at = clock.now()
    sets = {
        "Mixed": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2},
        "Equal": {"SampleCount": 4, "Sum": 8, "Minimum": 2, "Maximum": 2},
    }
    data: list[dict[str, Any]] = [
        {"MetricName": name, "StatisticValues": values, "Timestamp": at}
        for name, values in sets.items()
    ]
    data.append({"MetricName": "Negative", "Values": [-1.0, 5.0], "Timestamp": at})
    cloudwatch.put_metric_data(Namespace=NS, MetricData=data)
    clock.advance(60)
    span = {"start": at, "end": at + 60}
    assert ask(NS, "Mixed", "p50", **span)["Values"] == []
    assert ask(NS, "Mixed", "Average", **span)["Values"] == [1.5]
    assert ask(NS, "Equal", "p50", **span)["Values"] == [2.0]
    assert ask(NS, "Negative", "p50", **span)["Values"] == []
    assert ask(NS, "Negative", "Sum", **span)["Values"] == [4.0]


def test_values_and_counts_are_a_histogram(clock: HandClock, cloudwatch: Any, ask: Ask) -> None:
    """PutMetricData's Values and Counts feed percentiles; Value alone is one sample."""
    at = clock.now()
    data: list[dict[str, Any]] = [
        {"MetricName": "M", "Values": [10.0, 20.0], "Counts": [98.0, 1.0], "Timestamp": at},
        {"MetricName": "M", "Value": 30.0, "Timestamp": at},
    ]
    cloudwatch.put_metric_data(Namespace=NS, MetricData=data)
    clock.advance(60)
    span = {"start": at, "end": at + 60}
    assert ask(NS, "M", "SampleCount", **span)["Values"] == [100.0]
    assert ask(NS, "M", "p99", **span)["Values"] == [20.0]
    assert ask(NS, "M", "Maximum", **span)["Values"] == [30.0]


def test_a_large_put_is_taken_although_boto3_packs_it(
    clock: HandClock, cloudwatch: Any, ask: Ask
) -> None:
    """Bodies over 10 KB arrive gzipped."""
    at = clock.now()
    data = [{"MetricName": "M", "Value": 1.0, "Timestamp": at} for _ in range(1000)]
    cloudwatch.put_metric_data(Namespace=NS, MetricData=data)
    clock.advance(60)
    assert ask(NS, "M", "Sum", start=at, end=at + 60)["Values"] == [1000.0]


@pytest.mark.parametrize(
    ("namespace", "datum"),
    [
        ("AWS/Lambda", {"Value": 1.0}),
        (NS, {"Value": 1.0, "Values": [1.0]}),
        (NS, {}),
        (NS, {"Values": [1.0, 2.0], "Counts": [1.0]}),
        (NS, {"Values": [float(i) for i in range(151)]}),
        (NS, {"Value": float("nan")}),
        (NS, {"Value": 1.0, "Timestamp": 1_000_000_000}),
    ],
)
def test_a_malformed_datum_is_refused_and_nothing_is_stored(
    clock: HandClock, cloudwatch: Any, ask: Ask, namespace: str, datum: dict[str, Any]
) -> None:
    """PutMetricData checks its namespace, values and times before it stores any of them."""
    good = {"MetricName": "M", "Value": 1.0, "Timestamp": clock.now()}
    with pytest.raises(ClientError):
        cloudwatch.put_metric_data(
            Namespace=namespace, MetricData=[good, {"MetricName": "M"} | datum]
        )
    begin = clock.now()
    clock.advance(60)
    assert ask(namespace, "M", "Sum", start=begin, end=begin + 60)["Values"] == []


def test_a_period_under_a_minute_sees_only_high_resolution_data(
    clock: HandClock, cloudwatch: Any, ask: Ask
) -> None:
    """StorageResolution 1 is kept by the second; the rest is known by the minute only."""
    at = clock.now()
    data: list[dict[str, Any]] = [
        {"MetricName": "Fine", "Value": 1.0, "Timestamp": at + s, "StorageResolution": 1}
        for s in range(20)
    ]
    data.append({"MetricName": "Coarse", "Value": 1.0, "Timestamp": at + 5})
    cloudwatch.put_metric_data(Namespace=NS, MetricData=data)
    clock.advance(60)
    span = {"start": at, "end": at + 60}
    assert ask(NS, "Fine", "Sum", period=10, **span)["Values"] == [10.0, 10.0]
    assert ask(NS, "Fine", "Sum", period=60, **span)["Values"] == [20.0]
    assert ask(NS, "Coarse", "Sum", period=10, **span)["Values"] == []


def test_custom_metrics_appear_seconds_after_they_are_put(
    clock: HandClock, cloudwatch: Any, ask: Ask
) -> None:
    """Nothing is seen for 5 seconds, all of it after 15."""
    at = clock.now()
    cloudwatch.put_metric_data(Namespace=NS, MetricData=[{"MetricName": "M", "Value": 1.0}])
    span = {"start": at, "end": at + 60}
    clock.advance(4.9)
    assert ask(NS, "M", "Sum", **span)["Values"] == []
    clock.advance(10.2)
    assert ask(NS, "M", "Sum", **span)["Values"] == [1.0]
