"""A simulator on a hand-moved clock, and real clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from slack_sdk import WebClient

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator

NOON = 1_790_164_800.0
"""2026-09-23T12:00:00Z."""


@pytest.fixture
def clock() -> HandClock:
    """It shows noon."""
    return HandClock(NOON)


@pytest.fixture
def sim(clock: HandClock) -> Iterator[Simulator]:
    """A function `agents-api` with versions 41 and 42, alias `live` on 41; no traffic yet."""
    with Simulator(clock) as simulator:
        simulator.aliases.create_function("agents-api", versions=("41", "42"))
        simulator.aliases.create_alias("agents-api", "live", version="41")
        yield simulator


@pytest.fixture
def aws(sim: Simulator) -> Iterator[Callable[..., Any]]:
    """Real boto3 clients by service name, one attempt a call, without parameter validation."""
    clients = []

    def make(service: str, *, read_timeout: float = 5, **more: Any) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            parameter_validation=False,
            connect_timeout=5,
            read_timeout=read_timeout,
        )
        given = {"aws_access_key_id": "AKIASIMULATED", "aws_secret_access_key": "x"} | more
        client = boto3.client(
            service, endpoint_url=sim.url, region_name="us-east-1", config=config, **given
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def cloudwatch(aws: Callable[..., Any]) -> Any:
    """A boto3 CloudWatch client."""
    return aws("cloudwatch")


@pytest.fixture
def ask(cloudwatch: Any) -> Callable[..., dict[str, Any]]:
    """GetMetricData for one series; returns its result."""

    def get(
        namespace: str,
        metric: str,
        stat: str,
        *,
        start: float,
        end: float,
        dims: dict[str, str] | None = None,
        period: int = 60,
        unit: str | None = None,
        scan_by: str | None = "TimestampAscending",
    ) -> dict[str, Any]:
        described = [{"Name": name, "Value": value} for name, value in (dims or {}).items()]
        series = {"Namespace": namespace, "MetricName": metric, "Dimensions": described}
        stat_query: dict[str, Any] = {"Metric": series, "Period": period, "Stat": stat}
        if unit is not None:
            stat_query["Unit"] = unit
        more = {} if scan_by is None else {"ScanBy": scan_by}
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "q0", "MetricStat": stat_query}],
            StartTime=start,
            EndTime=end,
            **more,
        )
        (result,) = answer["MetricDataResults"]
        result["At"] = [at.timestamp() for at in result["Timestamps"]]
        return dict(result)

    return get


@pytest.fixture
def slack(sim: Simulator) -> WebClient:
    """A real Slack client with the right token."""
    return WebClient(sim.slack.token, base_url=sim.slack_url, timeout=5, retry_handlers=[])
