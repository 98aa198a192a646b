"""How asks share calls of GetMetricData: its limits, its price, and its words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from guardian.cloudwatch import MetricStat
from guardian.core.model import Query
from guardian.ports import Ask

MAX_QUERIES: Final = 500
"""MetricDataQueries in one GetMetricData call (API reference)."""
MAX_POINTS: Final = 100_800
"""Datapoints on one page of an answer (API reference); a call is packed to fit one page."""
STATS_AT_ONE_PRICE: Final = 5
"""Up to five statistics of one metric in one call are billed as one metric (pricing page)."""


def _series(query: Query) -> MetricStat:
    """What AWS bills as one metric: statistics of one that is in one region."""
    return replace(MetricStat.of(query), stat="", region=None)


def chunks(asks: Iterable[Ask]) -> Iterator[list[Ask]]:
    """Asks of one region and period, at most 500 queries and one page of points together.

    Periods are never mixed: a window widened for one could reach beyond what CloudWatch keeps of
    the other, and then nothing would come back. The newest windows are packed first, so that a
    long look back does not widen every call; a metric's statistics stay together for the price.
    """
    for period, units in _by_call(asks):
        chunk: list[Ask] = []
        start, end = math.inf, -math.inf
        for unit in units:
            start = min(start, *(ask.start for ask in unit))
            end = max(end, *(ask.end for ask in unit))
            size = len(chunk) + len(unit)
            if chunk and (size > MAX_QUERIES or size * (end - start) / period > MAX_POINTS):
                yield chunk
                chunk = []
                start, end = min(ask.start for ask in unit), max(ask.end for ask in unit)
            chunk.extend(unit)
        yield chunk


def _by_call(asks: Iterable[Ask]) -> Iterator[tuple[int, list[list[Ask]]]]:
    """What may share a call: a period, and its metrics' asks, the newest windows first."""
    groups: dict[tuple[str, int], dict[object, list[Ask]]] = {}
    for ask in asks:
        query = ask.query
        region = MetricStat.of(query).region or ""
        metrics = groups.setdefault((region, query.period_s), {})
        metrics.setdefault(_series(query), []).append(ask)
    for (_, period), units in sorted(groups.items(), key=lambda group: group[0]):
        yield period, sorted(units.values(), key=lambda unit: -min(ask.start for ask in unit))


def billed(queries: Iterable[Query]) -> int:
    """How many metrics AWS bills for one call with these queries."""
    counts: dict[object, int] = {}
    for query in queries:
        key = _series(query)
        counts[key] = counts.get(key, 0) + 1
    return sum(math.ceil(count / STATS_AT_ONE_PRICE) for count in counts.values())


def data_query(key: str, query: Query) -> dict[str, Any]:
    """One MetricDataQuery: the exact series, and never a Unit."""
    wanted = MetricStat.of(query)
    asked: dict[str, Any] = {
        "Id": key,
        "MetricStat": {
            "Metric": {
                "Namespace": wanted.namespace,
                "MetricName": wanted.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in wanted.dimensions],
            },
            "Period": query.period_s,
            "Stat": wanted.stat,
        },
        "ReturnData": True,
    }
    if wanted.account_id is not None:
        asked["AccountId"] = wanted.account_id
    return asked
