"""Datapoint histories: one wide read at the start, then only the tail that may still change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
DOUBTED_S = 300.0
"""How long a source's word is taken that it does not know a series, in seconds."""


class Series:
    """What is known of one query."""

    def __init__(self) -> None:
        self.points: dict[Instant, float] = {}
        self.incidents: tuple[Incident, ...] = ()
        self.since: Instant | None = None
        self.settled_before: Instant = 0.0
        self.problem: Problem | None = None
        self.blind_since: Instant | None = None
        self.known = False
        self.unknown = ""
        self.unknown_since: Instant | None = None
        self.asked_at: Instant = -DOUBTED_S

    def ask(self, query: Query, *, since: Instant, settle_s: float, now: Instant) -> Ask:
        """What has to be read now, so that everything from `since` on is known."""
        period = query.period_s
        start = floor_to(since, period)
        if self.since is not None and self.since <= start:
            tail = floor_to(self.settled_before, period) - REREAD_PERIODS * period
            start = max(start, tail)
        end = ceil_to(now + 0.001, period)
        # A wall clock that was set back must not make a window that ends before it begins.
        start = min(start, end - REREAD_PERIODS * period)
        return Ask(query=query, start=start, end=end, settle_s=settle_s)

    def merge(self, ask: Ask, found: Measurement, *, now: Instant) -> None:
        """Take in what a read brought; a failed read keeps what was known."""
        if found.problem is not None:
            self.problem = found.problem
            self.blind_since = now if self.blind_since is None else min(self.blind_since, now)
            return
        for start in [s for s in self.points if s >= ask.start]:
            del self.points[start]
        self.points.update((p.start, p.value) for p in found.points)
        self.incidents = found.incidents
        self.since = ask.start if self.since is None else min(self.since, ask.start)
        # The newest read decides: what a clock that ran ahead called settled may still change.
        self.settled_before = found.settled_before
        self.problem = self.blind_since = None

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
            points=tuple(Datapoint(s, v) for s, v in sorted(self.points.items()) if s >= since),
            incidents=self.incidents,
            settled_before=self.settled_before,
            problem=self.problem,
            blind_since=self.unknown_since if self.blind_since is None else self.blind_since,
            known=self.known,
            unknown=self.unknown,
        )


class SeriesStore:
    """The histories of one plane, shared by every rollout that asks the same query."""

    def __init__(self) -> None:
        self._series: dict[Query, Series] = {}

    def asks(self, wanted: Mapping[Query, tuple[Instant, float]], *, now: Instant) -> list[Ask]:
        """One ask a query; `wanted` maps each to (since, settle seconds)."""
        for gone in [q for q in self._series if q not in wanted]:
            del self._series[gone]
        return [
            self._series.setdefault(query, Series()).ask(
                query, since=since, settle_s=settle_s, now=now
            )
            for query, (since, settle_s) in wanted.items()
        ]

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

    def merge(self, asks: Iterable[Ask], found: Mapping[Query, Measurement], now: Instant) -> None:
        """Take in a read's measurements; a query without an answer is a problem."""
        for ask in asks:
            self._series[ask.query].merge(ask, _answer(found.get(ask.query)), now=now)

    def fail(self, asks: Iterable[Ask], problem: Problem, now: Instant) -> None:
        """The whole read failed."""
        for ask in asks:
            self._series[ask.query].merge(ask, Measurement(problem=problem), now=now)

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
