"""Whether CloudWatch knows a metric, and what resembles it: ListMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from guardian.aws_errors import talking
from guardian.core.model import Query
from guardian.core.scrub import scrub
from guardian.ports import SourceError

PERMISSION: Final = "cloudwatch:ListMetrics"
MAX_PAGES: Final = 10
"""Pages of 500 metrics each that one question may take: an account may have any number."""
FILTERS: Final = 10
"""Dimensions that ListMetrics takes as a filter (API reference)."""
NAMED: Final = 3
"""So many names that resemble a wrong one are told."""
TOLD: Final = 200
"""Characters of other people's names in one sentence."""


class Listed(NamedTuple):
    """One metric that had a datapoint in the last two weeks."""

    metric: str
    dimensions: tuple[tuple[str, str], ...]


class Listing:
    """What CloudWatch lists. `client` gives a client for a region, None for the plane's own."""

    def __init__(self, client: Callable[[str | None], Any], region: str) -> None:
        self._client = client
        self._region = region

    def family(self, query: Query) -> list[Listed]:
        """The series of a query's metric, whatever the version. Raises SourceError."""
        free = set(query.versioned)
        filters = [
            {"Name": name} if name in free else {"Name": name, "Value": value}
            for name, value in query.dimensions[:FILTERS]
        ]
        asked = {"MetricName": query.metric, "Dimensions": filters}
        names = [name for name, _ in query.dimensions]
        return [one for one in self._pages(query, asked) if [n for n, _ in one.dimensions] == names]

    def strange(self, query: Query) -> str:
        """What there is instead of a metric that is not known. Raises SourceError."""
        there = list(self._pages(query, {}))
        names = ", ".join(name for name, _ in query.dimensions) or "none"
        said = (
            f"CloudWatch knows no metric {query.metric} in namespace {query.namespace} with"
            f" dimensions {names}: is the name right?"
        )
        sets = {tuple(n for n, _ in one.dimensions) for one in there if one.metric == query.metric}
        if sets:
            others = " or ".join(sorted(", ".join(names) or "none" for names in sets))
            return f"{said} It lists that metric with dimensions {scrub(others, TOLD)}"
        near = get_close_matches(query.metric, {one.metric for one in there}, n=NAMED)
        if near:
            return f"{said} It lists {scrub(', '.join(near), TOLD)}"
        return said if there else f"{said} It lists nothing in that namespace"

    def _pages(self, query: Query, asked: dict[str, Any]) -> Iterator[Listed]:
        """What it lists in a query's namespace, as far as is bearable."""
        request = {"Namespace": query.namespace, **asked}
        if query.account_id is not None:
            request |= {"OwningAccount": query.account_id, "IncludeLinkedAccounts": True}
        client = self._client(query.region)
        for _ in range(MAX_PAGES):
            with talking(PERMISSION, f"in {query.region or self._region}", SourceError):
                answer = client.list_metrics(**request)
                found = [_listed(entry) for entry in answer.get("Metrics", ())]
            yield from found
            token = answer.get("NextToken")
            if not token:
                return
            request["NextToken"] = token


def _listed(entry: Any) -> Listed:
    pairs = ((str(d["Name"]), str(d["Value"])) for d in entry.get("Dimensions", ()))
    return Listed(str(entry["MetricName"]), tuple(sorted(pairs)))
