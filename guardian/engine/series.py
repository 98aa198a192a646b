"""Datapoint histories: the newest periods first and often, those before them at leisure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter

from guardian.core.model import (
    Datapoint,
    Incident,
    Instant,
    Measurement,
    Problem,
    Query,
    Reason,
    ceil_to,
    floor_to,
)
from guardian.ports import Ask

REREAD_PERIODS = 5
"""Settled periods that are read again each time: late corrections cost nothing to look for."""
NEWEST_PERIODS = 60
"""Settled periods that the first read brings; those before are read behind it."""
WIDE_S = 600.0
"""How often everything is read again: what is corrected later still."""
LAG_MOST_S = 1800.0
"""No series is waited for longer than this, however late one correction came."""
DOUBTED_S = 300.0
"""How long a source's word is taken that it does not know a series, in seconds."""

_start = attrgetter("start")


class Series:
    """What is known of one query."""

    def __init__(self, corrected_s: float = 0.0) -> None:
        self.corrected_s = corrected_s
        """For how long after it settled a datapoint may still be corrected."""
        self.points: tuple[Datapoint, ...] = ()
        """Ascending; made anew only when a read changed something, since many look at them."""
        self.incidents: tuple[Incident, ...] = ()
        self.since: Instant | None = None
        self.settled_before: Instant = 0.0
        self.problem: Problem | None = None
        self.blind_since: Instant | None = None
        self.wide_at: Instant = 0.0
        """When everything was last read."""
        self.lag_s = 0.0
        self.known = False
        self.unknown = ""
        self.unknown_since: Instant | None = None
        self.asked_at: Instant = -DOUBTED_S

    def ask(self, query: Query, *, since: Instant, settle_s: float, now: Instant) -> Ask:
        """What has to be read now: the newest periods, of which the last may still change."""
        period, settle_s = query.period_s, max(settle_s, self.lag_s)
        tail = floor_to(now - settle_s, period) - NEWEST_PERIODS * period
        if self.since is not None:
            tail = floor_to(self.settled_before, period) - self._reread_s(query)
        end = ceil_to(now + 0.001, period)
        # A wall clock that was set back must not make a window that ends before it begins.
        start = min(max(floor_to(since, period), tail), end - REREAD_PERIODS * period)
        return Ask(query=query, start=start, end=end, settle_s=settle_s)

    def history(self, query: Query, *, since: Instant, settle_s: float, now: Instant) -> Ask | None:
        """What can be read at leisure: what was before, and every ten minutes all of it again."""
        period = query.period_s
        begin, tail = floor_to(since, period), self.settled_before - self._reread_s(query)
        if self.since is None or self.problem is not None:
            return None
        if self.since > begin:
            return Ask(query=query, start=begin, end=self.since, settle_s=settle_s)
        if begin < tail and not 0.0 <= now - self.wide_at < WIDE_S:
            return Ask(query=query, start=begin, end=floor_to(tail, period), settle_s=settle_s)
        return None

    def merge(self, ask: Ask, found: Measurement, *, now: Instant) -> None:
        """Take in what a read of the newest periods brought; a failed one keeps what was known."""
        if found.problem is not None:
            self.problem = found.problem
            self.blind_since = now if self.blind_since is None else min(self.blind_since, now)
            return
        self._replace(ask, found, now)
        if self.since is None:
            self.since, self.wide_at = ask.start, now
        self.since = min(self.since, ask.start)
        self.incidents = found.incidents
        # The newest read decides: what a clock that ran ahead called settled may still change.
        self.settled_before = found.settled_before
        self.problem = self.blind_since = None

    def fill(self, ask: Ask, found: Measurement, *, now: Instant) -> None:
        """Take in what a read of older periods brought; a failed one is made again."""
        if found.problem is not None or self.since is None or ask.end < self.since:
            return
        self._replace(ask, found, now)
        self.since, self.wide_at = min(self.since, ask.start), now

    def _replace(self, ask: Ask, found: Measurement, now: Instant) -> None:
        """The datapoints of a window are what was read last; who came late is remembered.

        What is as it was stays the very same, so that nobody has to look at it again.
        """
        first, end = (bisect_left(self.points, at, key=_start) for at in (ask.start, ask.end))
        before = self.points[first:end]
        if before == found.points:
            return
        known = {point.start: point for point in before}
        window = {p.start: p for p in found.points if ask.start <= p.start < ask.end}
        for point in [p for p in window.values() if known.get(p.start) != p]:
            self._came(point.start, ask, now)
        for start, point in known.items():
            if window.get(start) == point:
                window[start] = point
        newest = sorted(window.values(), key=_start)
        self.points = (*self.points[:first], *newest, *self.points[end:])

    def _came(self, start: Instant, ask: Ask, now: Instant) -> None:
        """A datapoint came or was corrected: what was thought to be settled is remembered."""
        ended = start + ask.query.period_s
        if self.since is not None and self.since <= start and ended <= self.settled_before:
            seen_s = min(now - ended, ask.settle_s + self._reread_s(ask.query), LAG_MOST_S)
            self.lag_s = max(self.lag_s, seen_s)

    def _reread_s(self, query: Query) -> float:
        """For how long what is settled is read again with each poll."""
        return max(float(REREAD_PERIODS * query.period_s), self.corrected_s)

    def doubtful(self, now: Instant) -> bool:
        """Whether its source has to be asked if there is such a series: it has never spoken."""
        silent = self.since is not None and not self.points and not self.known
        return silent and not 0.0 <= now - self.asked_at < DOUBTED_S

    def told(self, unknown: str, *, now: Instant, answered: bool) -> None:
        """What its source says: why it does not know the series, or empty where it does.

        Without an answer it is asked again at the next poll.
        """
        self.known, self.unknown = not unknown, unknown
        since = now if self.unknown_since is None else self.unknown_since
        self.unknown_since = since if unknown else None
        self.asked_at = now if answered else self.asked_at

    def measurement(self, *, since: Instant) -> Measurement:
        """Everything known from `since` on."""
        return Measurement(
            points=self.points[bisect_left(self.points, since, key=_start) :],
            incidents=self.incidents,
            settled_before=self.settled_before,
            problem=self.problem,
            blind_since=self.unknown_since if self.blind_since is None else self.blind_since,
            since=0.0 if self.since is None or self.since <= since else self.since,
            lag_s=self.lag_s,
            known=self.known,
            unknown=self.unknown,
        )


class SeriesStore:
    """The histories of one plane, shared by every rollout that asks the same query."""

    def __init__(self, corrected_s: Callable[[Query], float]) -> None:
        self._corrected_s = corrected_s
        self._series: dict[Query, Series] = {}

    def asks(self, wanted: Mapping[Query, tuple[Instant, float]], *, now: Instant) -> list[Ask]:
        """One ask a query; `wanted` maps each to (since, settle seconds)."""
        for gone in [q for q in self._series if q not in wanted]:
            del self._series[gone]
        return [
            self._of(query).ask(query, since=since, settle_s=settle_s, now=now)
            for query, (since, settle_s) in wanted.items()
        ]

    def _of(self, query: Query) -> Series:
        if query not in self._series:
            self._series[query] = Series(self._corrected_s(query))
        return self._series[query]

    def asked(self, query: Query) -> bool:
        """Whether a read of it came back, with datapoints or with a problem."""
        found = self._series.get(query)
        return found is not None and (found.since is not None or found.problem is not None)

    def doubtful(self, queries: Iterable[Query], *, now: Instant) -> list[Query]:
        """Those of the queries that have never spoken, as far as is known here."""
        return [q for q in queries if q in self._series and self._series[q].doubtful(now)]

    def told(self, query: Query, unknown: str, *, now: Instant, answered: bool) -> None:
        """What its source says of a query that has never spoken."""
        if query in self._series:
            self._series[query].told(unknown, now=now, answered=answered)

    def histories(
        self, wanted: Mapping[Query, tuple[Instant, float]], *, now: Instant
    ) -> Iterator[Ask]:
        """What can be read at leisure: the missing parts first, then who has waited longest."""
        found = [
            ask
            for query, (since, settle_s) in wanted.items()
            if query in self._series
            and (ask := self._series[query].history(query, since=since, settle_s=settle_s, now=now))
        ]
        yield from sorted(found, key=self._turn)

    def _turn(self, ask: Ask) -> tuple[bool, Instant]:
        """When it is a window's turn; what was never read comes first."""
        series = self._series[ask.query]
        return series.since is not None and series.since <= ask.start, series.wide_at

    def merge(self, ask: Ask, found: object, *, now: Instant) -> None:
        """Take in a read of the newest periods; a query without an answer is a problem."""
        if ask.query in self._series:
            self._series[ask.query].merge(ask, _answer(found), now=now)

    def fill(self, ask: Ask, found: object, *, now: Instant) -> None:
        """Take in a read of older periods."""
        if ask.query in self._series:
            self._series[ask.query].fill(ask, _answer(found), now=now)

    def problems(self) -> list[Problem]:
        """Why series could not be read last, one for each of them."""
        return [s.problem for s in self._series.values() if s.problem is not None]

    def measurements(self, queries: Iterable[Query], *, since: Instant) -> dict[Query, Measurement]:
        """What is known of these queries from `since` on."""
        return {q: self._series[q].measurement(since=since) for q in queries if q in self._series}


def _answer(found: object) -> Measurement:
    """What a source gave for a query; anything but a measurement of datapoints is a problem."""
    if found is None:
        detail = "the source gave no answer"
        return Measurement(problem=Problem(reason=Reason.UNAVAILABLE, detail=detail))
    if isinstance(found, Measurement) and _sound(found):
        return found
    detail = f"the source gave {type(found).__name__} in place of datapoints: a bug in its adapter"
    return Measurement(problem=Problem(reason=Reason.UNKNOWN, detail=detail))


def _sound(found: Measurement) -> bool:
    """Whether it holds what it should: adapters are not all type-checked."""
    datapoints = all(isinstance(p, Datapoint) for p in found.points)
    return datapoints and all(isinstance(i, Incident) for i in found.incidents)
