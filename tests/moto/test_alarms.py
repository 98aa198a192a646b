"""Existing alarms in moto's CloudWatch, which this project did not write; it has no composite ones.

Nor has it a time of the last change of state: what it says instead is when the state was set.
"""

from __future__ import annotations

import pytest

from guardian.aws import Sessions
from guardian.core.judging.kinds.alarms import alarm_query
from guardian.ports import Ask
from guardian.sources.cloudwatch_alarms import Options, build
from tests.contracts.adapters import StillClock, account_for, context_for, use_endpoint
from tests.moto.emulator import ACCOUNT, emulator

NOW = 1_800_000_000.0
NAMES = ("payments-*", "checkout")


def test_an_alarm_that_moto_sets_off_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the beginning of its name; and one that is not there is missed."""
    queries = [
        alarm_query("cloudwatch_alarms", w, NAMES, ("ALARM",)) for w in ("firing", "doubtful")
    ]
    with emulator() as server:
        use_endpoint(monkeypatch, server.url)
        context = context_for(account_for(Sessions(), account_id=ACCOUNT), clock=StillClock(NOW))
        client = context.client("cloudwatch")
        client.put_metric_alarm(
            AlarmName="payments-5xx",
            MetricName="Errors",
            Namespace="Payments",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        client.set_alarm_state(AlarmName="payments-5xx", StateValue="ALARM", StateReason="a drill")
        asks = [Ask(query=query, start=0.0, end=NOW, settle_s=0.0) for query in queries]
        firing, doubtful = build(Options(), context).read(asks, now=NOW).values()
    assert [(one.id, one.title) for one in firing.incidents] == [("payments-5xx", "a drill")]
    assert doubtful.problem is not None
    assert "has no alarm checkout: it has" not in doubtful.problem.detail
    assert doubtful.problem.detail.endswith("has no alarm checkout")
