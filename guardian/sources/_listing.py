"""Whether CloudWatch knows a metric, and what resembles it: ListMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from guardian.aws_errors import talking
from guardian.cloudwatch import MetricStat
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
        wanted, free = MetricStat.of(query), set(query.versioned)
        filters = [
            {"Name": name} if name in free else {"Name": name, "Value": value}
            for name, value in wanted.dimensions[:FILTERS]
        ]
        asked = {"MetricName": wanted.metric, "Dimensions": filters}
        names = [name for name, _ in wanted.dimensions]
        listed = self._pages(wanted, asked)
        return [one for one in listed if [n for n, _ in one.dimensions] == names]

    def strange(self, query: Query) -> str:
        """What there is instead of a metric that is not known. Raises SourceError."""
        wanted = MetricStat.of(query)
        there = list(self._pages(wanted, {}))
        names = ", ".join(name for name, _ in wanted.dimensions) or "none"
        said = (
            f"CloudWatch knows no metric {wanted.metric} in namespace {wanted.namespace} with"
            f" dimensions {names}: is the name right?"
        )
        sets = {tuple(n for n, _ in one.dimensions) for one in there if one.metric == wanted.metric}
        if sets:
            others = " or ".join(sorted(", ".join(names) or "none" for names in sets))
            return f"{said} It lists that metric with dimensions {scrub(others, TOLD)}"
        near = get_close_matches(wanted.metric, {one.metric for one in there}, n=NAMED)
        if near:
            return f"{said} It lists {scrub(', '.join(near), TOLD)}"
        return said if there else f"{said} It lists nothing in that namespace"

    def _pages(self, wanted: MetricStat, asked: dict[str, Any]) -> Iterator[Listed]:
        """What it lists in a namespace, as far as is bearable."""
        request = {"Namespace": wanted.namespace, **asked}
        if wanted.account_id is not None:
            request |= {"OwningAccount": wanted.account_id, "IncludeLinkedAccounts": True}
        client = self._client(wanted.region)
        for _ in range(MAX_PAGES):
            with talking(PERMISSION, f"in {wanted.region or self._region}", SourceError):
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
