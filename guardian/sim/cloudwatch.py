"""CloudWatch over AWS JSON 1.0: GetMetricData, ListMetrics and PutMetricData with AWS's limits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, TypeAlias

from guardian.core.model import MINUTE_S, Instant, floor_to
from guardian.sim.asks import Ask, Call, Page, parse_call
from guardian.sim.faults import Fault, Faults
from guardian.sim.metric_store import Dimensions, Metrics, SeriesKey
from guardian.sim.publication import Publication
from guardian.sim.simulated_traffic import Traffics
from guardian.sim.statistic import Bag
from guardian.sim.wire import Refusals, Refused, Reply, Request, as_json
from guardian.sim.world import World

TARGET = "GraniteServiceVersion20100801."
_JSON = "application/x-amz-json-1.0"
_DAY_S = 86_400.0
_LISTED = 500
"""Metrics on one page of ListMetrics."""
_INVALID = "InvalidParameterValue"

_STATUSES = {"internal_error": "InternalError", "forbidden": "Forbidden", "silent": "Complete"}

Points: TypeAlias = list[tuple[Instant, float]]


_REFUSALS: Refusals = {
    "throttle": ("Throttling", "Rate exceeded", 400),
    "access_denied": (
        "AccessDenied",
        "User is not authorized to perform: cloudwatch:{operation}",
        403,
    ),
    "server_error": ("InternalServiceError", "An internal error occurred.", 500),
    "other": ("ValidationError", "The request is invalid.", 400),
}


class CloudWatchWire:
    """How CloudWatch's operations are asked for and refused."""

    name = "cloudwatch"
    refusals = _REFUSALS

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        return request.headers.get("x-amz-target", "").removeprefix(TARGET) or "Unknown"

    def error(self, refused: Refused) -> Reply:
        """An error in AWS JSON 1.0, with the query protocol's code in a header."""
        side = "Receiver" if refused.status >= 500 else "Sender"
        return as_json(
            {"__type": refused.code, "message": refused.message},
            status=refused.status,
            content_type=_JSON,
            headers={"x-amzn-query-error": f"{refused.code};{side}"},
        )


class CloudWatch(CloudWatchWire):
    """Serves the metric operations; anything else is an unknown operation."""

    def __init__(
        self,
        world: World,
        *,
        metrics: Metrics,
        traffics: Traffics,
        faults: Faults,
        publication: Publication,
    ) -> None:
        self._world = world
        self._metrics = metrics
        self._traffics = traffics
        self._faults = faults
        self._publication = publication
        self.metrics_requested = 0
        """Queries seen in GetMetricData calls, pages after the first not counted again."""
        self.metrics_billed = 0
        """As AWS bills: up to five statistics of one metric in one call are one metric."""

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        if operation == "GetMetricData":
            return as_json(self._get(request.mapping()), content_type=_JSON)
        if operation == "ListMetrics":
            return as_json(self._list(request.mapping()), content_type=_JSON)
        if operation == "PutMetricData":
            self._put(request.mapping())
            return as_json({}, content_type=_JSON)
        message = f"The simulator's CloudWatch does not know the operation {operation}."
        raise Refused("UnknownOperationException", message, 404)

    # --- reading ---------------------------------------------------------------------------------

    def _get(self, body: dict[str, Any]) -> dict[str, Any]:
        now = self._world.clock.now()
        self._traffics.advance(now)
        call = parse_call(body)
        page = call.page
        faults = self._strike(call) if page is None else {}
        if page is None:
            page = Page(as_of=now, offset=0, struck=frozenset(faults))
        results: list[dict[str, Any]] = []
        room, end, position = call.max_datapoints, page.offset, 0
        for index, ask in enumerate(call.asks):
            status, points = faults.get(index), Points()
            if index not in page.struck:
                status, points = self._points(ask, call, page.as_of)
            begin = max(0, page.offset - position)
            position += len(points)
            if call.page is not None and begin >= len(points):
                continue  # An earlier page showed all of it.
            shown = points[begin : begin + room]
            room -= len(shown)
            end += len(shown)
            if begin + len(shown) < len(points):
                status = "PartialData"
            if ask.return_data:
                results.append(_result(ask, status or "Complete", shown))
        answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        if end < position:
            answer["NextToken"] = call.token(replace(page, offset=end))
        return answer

    def _strike(self, call: Call) -> dict[int, str]:
        """Count the call, and choose the status of each query that a fault strikes."""
        self.metrics_requested += len(call.asks)
        self.metrics_billed += _billed(call.asks)
        struck: dict[int, str] = {}
        for index, ask in enumerate(call.asks):
            fault = self._faults.take_query(ask.key[0], ask.key[1])
            if fault is not None:
                struck[index] = _STATUSES[fault.kind]
        return struck

    def _points(self, ask: Ask, call: Call, as_of: Instant) -> tuple[str, Points]:
        """The status and datapoints of one query, in the order asked for."""
        if ask.account_id not in (None, self._world.account_id):
            return "Forbidden", []
        start = _rounded(call.start, as_of, ask.period_s)
        if _forgotten(start, as_of, ask.period_s):
            return "Complete", []
        bags = self._metrics.read(
            ask.key,
            start=start,
            end=call.end,
            period_s=ask.period_s,
            unit=ask.unit,
            as_of=as_of,
        )
        points = [(at, value) for at, bag in bags.items() if (value := ask.stat(bag)) is not None]
        return "Complete", points if call.ascending else points[::-1]

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        """The metrics with a datapoint in the last two weeks, 500 on a page."""
        now = self._world.clock.now()
        self._traffics.advance(now)
        wanted = [(d["Name"], d.get("Value")) for d in body.get("Dimensions") or []]
        found = [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": k, "Value": v} for k, v in sorted(pairs)],
            }
            for namespace, name, pairs in self._metrics.listed(since=now - 14 * _DAY_S, as_of=now)
            if body.get("Namespace") in (None, namespace)
            and body.get("MetricName") in (None, name)
            and all(any(k == n and v in (None, x) for n, x in pairs) for k, v in wanted)
        ]
        begin = int(body.get("NextToken") or 0)
        more = {"NextToken": str(begin + _LISTED)} if len(found) > begin + _LISTED else {}
        return {"Metrics": found[begin : begin + _LISTED], **more}

    # --- writing ---------------------------------------------------------------------------------

    def _put(self, body: dict[str, Any]) -> None:
        namespace = body.get("Namespace") or ""
        if not namespace or namespace.startswith("AWS/"):
            raise Refused(_INVALID, "The value AWS/ for parameter Namespace is invalid.")
        data = body.get("MetricData") or []
        if len(data) > 1000:
            raise Refused(_INVALID, "The collection MetricData must not have a size over 1000.")
        now = self._world.clock.now()
        accepted = [self._datum(namespace, datum, now) for datum in data]
        for key, at, bag, unit, fine in accepted:
            visible_at = max(at, now) + self._publication.lag_s(namespace, key[1], int(now))
            self._metrics.put(key, at=at, visible_at=visible_at, bag=bag, unit=unit, fine=fine)

    def _datum(
        self, namespace: str, datum: dict[str, Any], now: Instant
    ) -> tuple[SeriesKey, Instant, Bag, str, bool]:
        name = datum.get("MetricName")
        pairs = dimension_set(datum.get("Dimensions") or [])
        at = float(datum.get("Timestamp", now))
        if not name:
            raise Refused("MissingParameter", "The parameter MetricName is required.")
        if not now - 14 * _DAY_S <= at <= now + 2 * 3600:
            raise Refused(_INVALID, "Timestamp must be within two weeks back and two hours ahead.")
        fine = datum.get("StorageResolution", 60) == 1
        return (namespace, name, pairs), at, _bag(datum), datum.get("Unit", "None"), fine


def dimension_set(listed: list[dict[str, str]]) -> Dimensions:
    """AWS's list of names and values as an exact set. Raises Refused."""
    if len(listed) > 30:
        raise Refused(_INVALID, "A metric has at most 30 dimensions.")
    return frozenset((pair["Name"], pair["Value"]) for pair in listed)


def _bag(datum: dict[str, Any]) -> Bag:
    """The samples of a datum: Value, Values with Counts, or StatisticValues. Raises Refused."""
    given = [part for part in ("Value", "Values", "StatisticValues") if part in datum]
    if len(given) != 1:
        message = "Exactly one of Value, Values and StatisticValues must be given."
        raise Refused("InvalidParameterCombination", message)
    if given == ["StatisticValues"]:
        parts = datum["StatisticValues"]
        n, total, low, high = (
            float(parts[part]) for part in ("SampleCount", "Sum", "Minimum", "Maximum")
        )
        return Bag.summary(n=n, total=total, low=low, high=high)
    values = [datum["Value"]] if given == ["Value"] else datum["Values"]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(values) != len(counts) or not 1 <= len(values) <= 150:
        raise Refused(_INVALID, "Values and Counts must be of one length, 1 to 150.")
    histogram: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise Refused(_INVALID, "A value is not a finite number.")
        histogram[float(value)] = histogram.get(float(value), 0.0) + count
    return Bag.of(histogram)


def _rounded(start: Instant, as_of: Instant, period_s: int) -> Instant:
    """StartTime rounded down as GetMetricData's reference says, by age and period."""
    if period_s < MINUTE_S:
        return floor_to(start, period_s)
    age_s = as_of - start
    if age_s < 15 * _DAY_S:
        return floor_to(start, MINUTE_S)
    return floor_to(start, 300.0 if age_s < 63 * _DAY_S else 3600.0)


def _forgotten(start: Instant, as_of: Instant, period_s: int) -> bool:
    """Whether datapoints this old are kept only at a coarser period than the one asked for."""
    age_s = as_of - start
    limits = ((3 * 3600.0, 60), (15 * _DAY_S, 300), (63 * _DAY_S, 3600))
    return any(age_s > limit and period_s % needed for limit, needed in limits)


def _billed(asks: list[Ask]) -> int:
    """Metrics as AWS counts them: five statistics of one metric and period cost one."""
    stats: dict[tuple[SeriesKey, int], int] = {}
    for ask in asks:
        stats[ask.key, ask.period_s] = stats.get((ask.key, ask.period_s), 0) + 1
    return sum(math.ceil(count / 5) for count in stats.values())


def _result(ask: Ask, status: str, points: Points) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Id": ask.id,
        "Label": ask.label,
        "Timestamps": [at for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": status,
    }
    if status == "Forbidden":
        text = "Authentication too complex to retrieve cross region data"
        result["Messages"] = [{"Code": "Forbidden", "Value": text}]
    return result
