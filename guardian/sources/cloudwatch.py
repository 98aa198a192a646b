"""CloudWatch metrics, many series a call, with nothing silent: every query gets points or a reason.

All arithmetic stays here and in the core: no expressions are sent, because server-side maths hides
which operand was late and switches paging off. `Unit` is never sent: it filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from guardian.aws_errors import quoted, talking
from guardian.cloudwatch import MetricStat, changed
from guardian.core.model import (
    Datapoint,
    Instant,
    Measurement,
    Problem,
    Query,
    Reason,
    ceil_to,
    floor_to,
)
from guardian.core.scrub import scrub
from guardian.namespaces import vended
from guardian.ports import Ask, Context, EdgeError, SourceError
from guardian.sources._asks import merged, settled
from guardian.sources._listing import Listing
from guardian.sources._packing import billed, chunks, data_query

PERMISSIONS: tuple[str, ...] = ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics")

MOST_VALUE: Final = 2.0**360
"""CloudWatch takes no value beyond this, on either side (PutMetricData, API reference)."""
MAX_PAGES: Final = 5
LISTED_S: Final = 14 * 86_400.0
"""For how long after its last datapoint ListMetrics names a metric (API reference)."""
CORRECTED_S: Final = 900.0
"""For so long datapoints of somebody's program, log filter or stream may be corrected."""
TRIED: Final = 20
"""So many listed series are read to learn whether a metric has a statistic at all."""

_ALWAYS: Final = frozenset({"Sum", "SampleCount", "Average", "Minimum", "Maximum"})
"""Statistics that every datapoint has; the others need each single value."""
_DAY_S: Final = 86_400.0


class Options(BaseModel):
    """None: what to read stands in the rule files."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def build(options: Options, context: Context) -> CloudWatch:
    """The source of all queries of one plane."""
    del options
    return CloudWatch(context)


@dataclass(frozen=True, slots=True)
class _Page:
    """One query's part of an answer, gathered over the pages."""

    points: dict[float, float]
    status: str
    messages: str


class CloudWatch:
    """Reads all queries of a tick in as few GetMetricData calls as possible."""

    has_history = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._listing = Listing(self._client, context.region)

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """One measurement for every query; the period in progress is included where it was asked.

        `settled_before` tells the settled periods from those that may still change. A query that
        is asked twice is read once over both windows. Raises SourceError when no call succeeded.
        """
        wanted = merged(asks)
        found: dict[Query, Measurement] = {}
        for query, ask in list(wanted.items()):
            problem = _unreadable(ask, now)
            if problem is not None or ask.end <= ask.start:
                found[query] = Measurement(settled_before=settled(ask, now), problem=problem)
                del wanted[query]
        failure: SourceError | None = None
        succeeded = not wanted
        for chunk in chunks(wanted.values()):
            try:
                found.update(self._read_chunk(chunk, now))
                succeeded = True
            except SourceError as error:
                failure = failure or error
                found.update(_failed(chunk, error, now))
        if failure is not None and not succeeded:
            raise failure
        return {ask.query: found[ask.query] for ask in asks}

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """Those of the queries whose metric never had a datapoint for any version, and what of it.

        Where ListMetrics is not allowed, the queries' own datapoints of the last two weeks tell.
        Raises SourceError when it cannot be learned.
        """
        said = {query: self._unknown(query, now) for query in dict.fromkeys(queries)}
        return {query: why for query, why in said.items() if why}

    def _unknown(self, query: Query, now: Instant) -> str:
        """Why a metric is not known; empty when it is."""
        try:
            listed = self._listing.family(query)
            if not listed:
                return self._listing.strange(query)
        except SourceError as error:
            if error.reason is not Reason.AUTH:
                raise
            spoke = self._spoke([query], now)
            silent = f"{query.name} had no datapoint in two weeks"
            return "" if spoke else f"{silent}: is the name right? ({error.detail})"
        stat = MetricStat.of(query).stat
        if stat in _ALWAYS or self._spoke(
            [changed(query, dimensions=one.dimensions) for one in listed[:TRIED]], now
        ):
            return ""
        return f"CloudWatch has {query.name}, and never its {stat}"

    def _spoke(self, queries: Sequence[Query], now: Instant) -> bool:
        """Whether any of these had a datapoint while ListMetrics would have listed it."""
        start, end = floor_to(now - LISTED_S, 3600), ceil_to(now, 3600)
        asks = [
            Ask(query=replace(query, period_s=3600), start=start, end=end, settle_s=0.0)
            for query in queries
        ]
        return any(found.points for found in self.read(asks, now=now).values())

    def corrected_s(self, query: Query) -> float:
        """Nobody knows how late what AWS does not publish itself is corrected."""
        return 0.0 if vended(MetricStat.of(query).namespace) else CORRECTED_S

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """The statistic p95 or its like."""
        return changed(query, stat=f"p{percentile:g}")

    def _read_chunk(self, chunk: Sequence[Ask], now: Instant) -> dict[Query, Measurement]:
        """One call, or two half ones when CloudWatch refuses a whole call for one bad query.

        Halving finds the bad query in about 2 log2(500) = 18 calls; refused calls cost nothing.
        """
        try:
            pages, note = self._call(chunk)
        except SourceError as error:
            if error.reason is not Reason.INVALID or len(chunk) == 1:
                raise
        else:
            self._context.metrics.cloudwatch(billed(ask.query for ask in chunk))
            return {
                ask.query: _measure(ask, pages.get(f"q{i}"), note, now)
                for i, ask in enumerate(chunk)
            }
        found: dict[Query, Measurement] = {}
        middle = len(chunk) // 2
        for half in (chunk[:middle], chunk[middle:]):
            try:
                found.update(self._read_chunk(half, now))
            except SourceError as error:
                found.update(_failed(half, error, now))
        return found

    def _call(self, chunk: Sequence[Ask]) -> tuple[dict[str, _Page], str]:
        """GetMetricData with its further pages: what came back by Id, and call-level messages."""
        period, region = chunk[0].query.period_s, MetricStat.of(chunk[0].query).region
        request: dict[str, Any] = {
            "MetricDataQueries": [data_query(f"q{i}", a.query) for i, a in enumerate(chunk)],
            "StartTime": floor_to(min(ask.start for ask in chunk), period),
            "EndTime": ceil_to(max(ask.end for ask in chunk), period),
            "ScanBy": "TimestampAscending",
        }
        client = self._client(region)
        pages: dict[str, _Page] = {}
        notes: list[str] = []
        for _ in range(MAX_PAGES):
            with talking(PERMISSIONS[0], f"in {region or self._context.region}", SourceError):
                answer = client.get_metric_data(**request)
                for result in answer.get("MetricDataResults", ()):
                    _gather(pages, result)
                notes.append(_messages(answer.get("Messages")))
                token = answer.get("NextToken")
            if not token:
                break
            request["NextToken"] = token
        return pages, " ".join(filter(None, notes))

    def _client(self, region: str | None) -> Any:
        """CloudWatch here, or in the region that a query names."""
        elsewhere = region is not None and region != self._context.region
        try:
            return self._context.client(f"cloudwatch@{region}" if elsewhere else "cloudwatch")
        except EdgeError as error:
            raise SourceError(error.reason, error.detail) from None


# --- answers -----------------------------------------------------------------------------------


def _kept_s(period_s: int) -> float:
    """How long CloudWatch keeps datapoints of a period, in seconds (API reference)."""
    if period_s < 60:
        return 3 * 3600.0
    if period_s < 300:
        return 15 * _DAY_S
    return 63 * _DAY_S if period_s < 3600 else 455 * _DAY_S


def _unreadable(ask: Ask, now: Instant) -> Problem | None:
    """Why CloudWatch would answer with silence to a question that has an answer."""
    kept = _kept_s(ask.query.period_s)
    if ask.start >= now - kept - ask.query.period_s:
        return None
    span = f"{kept / _DAY_S:g} days" if kept >= _DAY_S else f"{kept / 3600:g} hours"
    return Problem(
        reason=Reason.INVALID,
        detail=f"CloudWatch keeps datapoints of {ask.query.period_s} s for {span}, and "
        f"{_name(ask)} was asked for longer ago: use a longer period or a shorter look back",
    )


def _name(ask: Ask) -> str:
    return f"{ask.query.name} ({MetricStat.of(ask.query).stat})"


def _failed(asks: Sequence[Ask], error: SourceError, now: Instant) -> dict[Query, Measurement]:
    problem = Problem(reason=error.reason, detail=error.detail)
    return {
        ask.query: Measurement(settled_before=settled(ask, now), problem=problem) for ask in asks
    }


def _messages(messages: Any) -> str:
    """CloudWatch's own remarks, as text."""
    said = [f"{m.get('Code', '')}: {m.get('Value', '')}" for m in messages or ()]
    return " ".join(filter(None, (quoted(text) for text in said)))


def _gather(pages: dict[str, _Page], result: Mapping[str, Any]) -> None:
    """Add one result of one page; the newest status counts."""
    key = result["Id"]
    before = pages.get(key) or _Page({}, "", "")
    before.points.update(zip(result["Timestamps"], result["Values"], strict=True))
    said = f"{before.messages}{_messages(result.get('Messages'))}"
    pages[key] = _Page(before.points, result.get("StatusCode", "no status"), said)


_INCOMPLETE: Final = {
    "PartialData": (Reason.UNAVAILABLE, "sent only a part of"),
    "InternalError": (Reason.UNAVAILABLE, "failed on its side to read"),
    "Forbidden": (Reason.AUTH, "does not allow these credentials to read"),
}


def _measure(ask: Ask, page: _Page | None, note: str, now: Instant) -> Measurement:
    """The datapoints inside the window, ascending, or why there are none."""
    problem = _problem(ask, page, note)
    points: tuple[Datapoint, ...] = ()
    if page is not None and problem is None:
        points = tuple(
            Datapoint(float(start), float(value))
            for start, value in sorted(page.points.items())
            if ask.start <= start < ask.end
        )
        wrong = next((p for p in points if not abs(p.value) <= MOST_VALUE), None)
        if wrong is not None:
            points = ()
            problem = Problem(
                reason=Reason.INVALID,
                detail=f"CloudWatch returned {wrong.value} for {_name(ask)}: whoever publishes "
                "this metric must publish numbers that CloudWatch takes",
            )
    return Measurement(points=points, settled_before=settled(ask, now), problem=problem)


def _problem(ask: Ask, page: _Page | None, note: str) -> Problem | None:
    """What CloudWatch's status for one query says."""
    if page is None:
        return Problem(
            reason=Reason.UNAVAILABLE,
            detail=f"CloudWatch left {_name(ask)} out of its answer{note}",
        )
    if page.status == "Complete":
        return None
    reason, what = _INCOMPLETE.get(
        page.status, (Reason.UNKNOWN, f"answered {scrub(page.status, 40)!r} for")
    )
    return Problem(reason=reason, detail=f"CloudWatch {what} {_name(ask)}{page.messages}{note}")
