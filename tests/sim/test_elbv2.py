"""The simulated load balancer refuses what AWS refuses, and counts by target group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.sim.elbv2 import NAMESPACE, Door, LoadBalancers
from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator


@pytest.fixture
def door(sim: Simulator) -> Door:
    """A listener with two target groups, blue and green."""
    balancers = sim.part(LoadBalancers)
    groups = [balancers.create_group(name) for name in ("blue", "green")]
    return balancers.create_listener("shop", *groups)


def listed(door: Door, *weights: int) -> dict[str, Any]:
    """ModifyListener's arguments for these weights."""
    arns = sorted(door.weights(float("inf")))
    groups = [{"TargetGroupArn": a, "Weight": w} for a, w in zip(arns, weights, strict=False)]
    action = {"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": groups}}
    return {"ListenerArn": door.arn, "DefaultActions": [action]}


def test_what_is_written_is_shown(aws: Callable[..., Any], door: Door) -> None:
    """An only target group stands beside the list, too, as AWS shows it."""
    client = aws("elbv2")
    client.modify_listener(**listed(door, 90, 10))
    (found,) = client.describe_listeners(ListenerArns=[door.arn])["Listeners"]
    (action,) = found["DefaultActions"]
    assert [g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]] == [90, 10]
    assert "TargetGroupArn" not in action
    client.modify_listener(**listed(door, 1))
    (found,) = client.describe_listeners(ListenerArns=[door.arn])["Listeners"]
    assert found["DefaultActions"][0]["TargetGroupArn"].endswith("targetgroup/blue/" + f"{1:016x}")


@pytest.mark.parametrize("weights", [(1000, 10), (-1, 10), ()])
def test_an_action_that_aws_would_refuse_is_refused(
    aws: Callable[..., Any], door: Door, weights: tuple[int, ...]
) -> None:
    """And changes nothing."""
    with pytest.raises(ClientError) as caught:
        aws("elbv2").modify_listener(**listed(door, *weights))
    assert caught.value.response["Error"]["Code"] in ("ValidationError", "SerializationException")
    assert list(door.weights(float("inf")).values()) == [1, 0]


def test_callers_are_counted_by_target_group(
    sim: Simulator, clock: HandClock, aws: Callable[..., Any], door: Door
) -> None:
    """By the weights that held; a group without weight has no datapoint."""
    sim.part(LoadBalancers).send(door, rate=10.0, history_s=0.0)
    clock.advance(300.0)
    assert set(counted(aws, clock)) == {"blue"}
    aws("elbv2").modify_listener(**listed(door, 90, 10))
    clock.advance(600.0)
    found = counted(aws, clock)
    assert 9000 < found["blue"] < 10_800
    assert 500 < found["green"] < 800


def counted(aws: Callable[..., Any], clock: HandClock) -> dict[str, float]:
    """The requests of each target group, as CloudWatch shows them once all is published."""
    clock.advance(120.0)
    client = aws("cloudwatch")
    found = client.list_metrics(Namespace=NAMESPACE, MetricName="RequestCount")["Metrics"]
    queries = [
        {"Id": f"q{i}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}
        for i, metric in enumerate(found)
    ]
    now = clock.now()
    answer = client.get_metric_data(
        MetricDataQueries=queries, StartTime=now - 3600, EndTime=now + 3600
    )
    names = [{d["Name"]: d["Value"] for d in m["Dimensions"]}["TargetGroup"] for m in found]
    sums = [sum(result["Values"]) for result in answer["MetricDataResults"]]
    return {name.split("/")[1]: total for name, total in zip(names, sums, strict=True)}
