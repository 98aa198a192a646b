"""A canned CloudWatch over a socket, and the source that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from guardian.aws import Sessions
from guardian.cloudwatch import metric_query
from guardian.core.model import Query
from guardian.ports import Ask
from guardian.sources.cloudwatch import CloudWatch, Options, build
from tests.contracts.adapters import ACCOUNT, Bill, account_for, context_for, use_endpoint
from tests.contracts.canned import Answer, Asked, Canned, account_answer, canned

NOW = 1_700_000_115.0
"""15 s into the minute that begins at 1700000100."""
MINUTE = 1_700_000_100.0

Result = dict[str, Any]
Respond = Callable[[dict[str, Any]], dict[str, Any] | Answer]


def query(metric: str = "Errors", stat: str = "Sum", **rest: Any) -> Query:
    """A series of one version."""
    return metric_query(
        namespace="AWS/Lambda",
        metric=metric,
        stat=stat,
        dimensions=(("ExecutedVersion", "7"), ("FunctionName", "f")),
        **rest,
    )


def ask(asked: Query, minutes: int = 5) -> Ask:
    """The last minutes and the one in progress."""
    return Ask(query=asked, start=MINUTE - 60 * minutes, end=MINUTE + 60, settle_s=180.0)


def complete(key: str, points: dict[float, float] | None = None) -> Result:
    """One series in full."""
    points = points or {}
    return {
        "Id": key,
        "Label": "x",
        "Timestamps": list(points),
        "Values": list(points.values()),
        "StatusCode": "Complete",
    }


def ids(call: dict[str, Any]) -> list[str]:
    """The Ids of a call."""
    return [asked["Id"] for asked in call["MetricDataQueries"]]


def everything_complete(call: dict[str, Any]) -> dict[str, Any]:
    """Every series has one point."""
    return {"MetricDataResults": [complete(key, {MINUTE: 1.0}) for key in ids(call)]}


@dataclass
class World:
    """A CloudWatch that answers by `respond`."""

    server: Canned
    source: CloudWatch
    bill: Bill
    calls: list[dict[str, Any]] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)

    def respond(self, how: Respond) -> None:
        """Answer GetMetricData like this from now on."""

        def answer(asked: Asked) -> Answer:
            if asked.operation == "GetCallerIdentity":
                return account_answer(ACCOUNT)
            self.calls.append(asked.json)
            self.regions.append(asked.headers["authorization"].split("/")[2])
            found = how(asked.json)
            return found if isinstance(found, Answer) else Answer(body=json.dumps(found))

        self.server.answer = answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server and a source of one account."""
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        bill = Bill()
        context = context_for(account_for(Sessions()), metrics=bill)
        found = World(server, build(Options(), context), bill)
        found.respond(everything_complete)
        yield found
