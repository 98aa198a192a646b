"""What a GetMetricData call asks for, once it has passed AWS's validation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from guardian.core.model import Instant
from guardian.sim.metric_store import SeriesKey
from guardian.sim.statistic import Statistic, statistic
from guardian.sim.wire import Refused

_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_SHORT_PERIODS = frozenset({1, 5, 10, 20, 30})
MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One valid MetricDataQuery."""

    id: str
    label: str
    key: SeriesKey
    period_s: int
    stat: Statistic
    unit: str | None
    return_data: bool
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a page begins, counted over the points of all queries in turn.

    `as_of` is the instant that all pages of a call show; `struck` are the queries, by index, that
    the first page answered with a fault.
    """

    as_of: Instant
    offset: int
    struck: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One valid GetMetricData call; `page` says where an earlier page of it stopped."""

    asks: list[Ask]
    start: Instant
    end: Instant
    ascending: bool
    max_datapoints: int
    page: Page | None
    digest: str

    def token(self, page: Page) -> str:
        """The NextToken of a later page."""
        text = json.dumps([self.digest, page.as_of, page.offset, sorted(page.struck)])
        return base64.urlsafe_b64encode(text.encode()).decode()


def invalid(message: str) -> Refused:
    """CloudWatch's answer to a GetMetricData call that breaks a rule."""
    return Refused("ValidationError", message, 400)


def parse_call(body: dict[str, Any]) -> Call:
    """Check a call against GetMetricData's limits. Raises Refused."""
    queries = body.get("MetricDataQueries") or []
    if not queries:
        raise Refused("MissingParameter", "The parameter MetricDataQueries is required.")
    if len(queries) > MAX_QUERIES:
        raise invalid(f"The collection MetricDataQueries must not have a size over {MAX_QUERIES}.")
    ids = [query.get("Id") for query in queries]
    if len(set(ids)) != len(ids):
        raise invalid("The values for parameter id in MetricDataQueries are not unique.")
    start, end = _instant(body, "StartTime"), _instant(body, "EndTime")
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    scan_by = body.get("ScanBy", "TimestampDescending")
    if scan_by not in ("TimestampAscending", "TimestampDescending"):
        raise invalid("The parameter ScanBy is neither TimestampAscending nor TimestampDescending.")
    limit = int(body.get("MaxDatapoints", MAX_DATAPOINTS))
    if not 1 <= limit <= MAX_DATAPOINTS:
        raise invalid(f"The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}.")
    digest = _digest(body)
    return Call(
        asks=[_ask(query) for query in queries],
        start=start,
        end=end,
        ascending=scan_by == "TimestampAscending",
        max_datapoints=limit,
        page=_page(body.get("NextToken"), digest),
        digest=digest,
    )


def _ask(query: dict[str, Any]) -> Ask:
    name = query.get("Id") or ""
    if not _ID.fullmatch(name):
        raise invalid(f"The value {name} for parameter Id is not matching the expected pattern.")
    if "Expression" in query and "MetricStat" not in query:
        raise invalid(f"{name}: the simulator computes no expressions; ask for metrics.")
    if "Expression" in query or "MetricStat" not in query:
        raise invalid(f"{name}: exactly one of MetricStat and Expression must be given.")
    asked = query["MetricStat"]
    period = asked.get("Period")
    valid = isinstance(period, int) and (
        period in _SHORT_PERIODS or (period > 0 and period % 60 == 0)
    )
    if not valid:
        raise invalid(f"{name}: Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")
    stat = statistic(str(asked.get("Stat", "")))
    if stat is None:
        raise invalid(f"{name}: the value {asked.get('Stat')} for parameter Stat is not supported.")
    metric = asked.get("Metric") or {}
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise invalid(f"{name}: Namespace and MetricName are required.")
    pairs = frozenset((d["Name"], d["Value"]) for d in metric.get("Dimensions") or [])
    if len(pairs) > 30:
        raise invalid(f"{name}: a metric has at most 30 dimensions.")
    return Ask(
        id=name,
        label=query.get("Label") or metric["MetricName"],
        key=(metric["Namespace"], metric["MetricName"], pairs),
        period_s=period,
        stat=stat,
        unit=asked.get("Unit"),
        return_data=query.get("ReturnData", True),
        account_id=query.get("AccountId"),
    )


def _instant(body: dict[str, Any], name: str) -> Instant:
    value = body.get(name)
    if not isinstance(value, int | float):
        raise invalid(f"The parameter {name} is required.")
    return float(value)


def _digest(body: dict[str, Any]) -> str:
    """What must not change between the pages of one call."""
    same = {name: value for name, value in body.items() if name != "NextToken"}
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]


def _page(token: str | None, digest: str) -> Page | None:
    if token is None:
        return None
    try:
        given, as_of, offset, struck = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise Refused("InvalidNextToken", "The NextToken is not one of CloudWatch's.") from error
    if given != digest:
        raise Refused("InvalidNextToken", "The NextToken belongs to another request.")
    return Page(as_of=as_of, offset=offset, struck=frozenset(struck))
