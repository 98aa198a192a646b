"""What CloudWatch publishes, namespace by namespace: units, and when a datapoint is settled.

Units: the vendors' metric pages. Settle times: how late production has been seen to be, as tuned
in Netflix's atlas-cloudwatch (`end-period-offset` per namespace, 1-minute periods), with 3 minutes
as the floor for AWS's own metrics; metrics that an application publishes itself arrive within
seconds of its flush, for which 2 minutes leave room.
"""

from __future__ import annotations

from typing import Final

_MINUTE_S: Final = 60.0

SETTLE_S: Final[dict[str, float]] = {
    "AWS/Lambda": 3 * _MINUTE_S,  # Plus the function's time-out: its router knows it.
    "AWS/ApiGateway": 3 * _MINUTE_S,
    "AWS/ApplicationELB": 3 * _MINUTE_S,
    "AWS/SQS": 4 * _MINUTE_S,
    "AWS/CloudFront": 5 * _MINUTE_S,
    "AWS/ECS": 3 * _MINUTE_S,
    "AWS/RDS": 5 * _MINUTE_S,
    "AWS/DynamoDB": 8 * _MINUTE_S,
    "AWS/States": 4 * _MINUTE_S,
    "AWS/SNS": 10 * _MINUTE_S,
    "AWS/Kinesis": 12 * _MINUTE_S,
    "AWS/Events": 25 * _MINUTE_S,
    "AWS/Bedrock": 3 * _MINUTE_S,
    "AWS/Bedrock/Agents": 3 * _MINUTE_S,
    "AWS/Bedrock-AgentCore": 3 * _MINUTE_S,
}
SETTLE_VENDED_S: Final = 5 * _MINUTE_S
"""Any other `AWS/...` namespace."""
SETTLE_CUSTOM_S: Final = 2 * _MINUTE_S
"""PutMetricData and the embedded metric format."""
SETTLE_FINE_S: Final = 30.0
"""The same with StorageResolution 1: seconds after they were put, and a program puts them every 10
or so."""

SECONDS: Final = "Seconds"
MILLISECONDS: Final = "Milliseconds"
COUNT: Final = "Count"
PERCENT: Final = "Percent"

UNITS: Final[dict[tuple[str, str], str]] = {
    ("AWS/Lambda", "Duration"): MILLISECONDS,
    ("AWS/Lambda", "PostRuntimeExtensionsDuration"): MILLISECONDS,
    ("AWS/Lambda", "IteratorAge"): MILLISECONDS,
    ("AWS/Lambda", "Errors"): COUNT,
    ("AWS/Lambda", "Invocations"): COUNT,
    ("AWS/Lambda", "Throttles"): COUNT,
    ("AWS/ApiGateway", "Latency"): MILLISECONDS,
    ("AWS/ApiGateway", "IntegrationLatency"): MILLISECONDS,
    ("AWS/ApiGateway", "Count"): COUNT,
    ("AWS/ApiGateway", "5XXError"): COUNT,
    ("AWS/ApiGateway", "4XXError"): COUNT,
    ("AWS/ApplicationELB", "TargetResponseTime"): SECONDS,
    ("AWS/ApplicationELB", "RequestCount"): COUNT,
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"): COUNT,
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"): COUNT,
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): SECONDS,
    ("AWS/DynamoDB", "SuccessfulRequestLatency"): MILLISECONDS,
    ("AWS/Bedrock", "InvocationLatency"): MILLISECONDS,
    ("AWS/Bedrock/Agents", "TotalTime"): MILLISECONDS,
    ("AWS/Bedrock-AgentCore", "Latency"): MILLISECONDS,
}

ONLY_NONZERO: Final[frozenset[tuple[str, str]]] = frozenset(
    ("AWS/ApplicationELB", name)
    for name in (
        *("HTTPCode_ELB_3XX_Count", "HTTPCode_ELB_4XX_Count", "HTTPCode_ELB_5XX_Count"),
        *("HTTPCode_ELB_500_Count", "HTTPCode_ELB_502_Count", "HTTPCode_ELB_503_Count"),
        *("HTTPCode_ELB_504_Count", "HTTPCode_Target_2XX_Count", "HTTPCode_Target_3XX_Count"),
        *("HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count"),
        *("RejectedConnectionCount", "TargetConnectionErrorCount"),
    )
)
"""Metrics that are published only when they are not zero (the vendors' metric pages, "reporting
criteria: there is a nonzero value"): a service that never failed has none."""


def vended(namespace: str) -> bool:
    """Whether AWS publishes it itself, and not somebody's program, log filter or stream."""
    return namespace.startswith("AWS/")


def settle_s(namespace: str) -> float:
    """Seconds after a period's end from which its datapoint is taken as final."""
    if not vended(namespace):
        return SETTLE_CUSTOM_S
    return SETTLE_S.get(namespace, SETTLE_VENDED_S)


def unit(namespace: str, metric: str) -> str | None:
    """The unit in which CloudWatch holds a metric's values, where it is known."""
    return UNITS.get((namespace, metric))
