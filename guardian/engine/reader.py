"""The readings of a plane: what is asked of which source, and what came back of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Final

from guardian.core.binding import sibling
from guardian.core.judging.counts import sought
from guardian.core.model import Instant, Measurement, Problem, Query, Reason
from guardian.engine.call_pool import outcome_of
from guardian.engine.needs import merged
from guardian.engine.runner import RolloutRunner
from guardian.engine.series import SeriesStore
from guardian.engine.unbuilt import UnbuiltSource
from guardian.ports import Ask, EdgeError, Source, SourceError

LANES: Final = 8
"""So many calls read side by side; each of them reads one part after the other."""
PART: Final = 500
"""Queries in one part: what one call of GetMetricData takes."""
LEISURE: Final = 2
"""So many parts of older periods are read at the same time, between the polls."""
LEISURE_PARTS: Final = 3
"""So many parts each of them reads, one after the other: ticks may be seconds apart."""
LEISURE_POINTS: Final = 50_000
"""Datapoints in one part: to take them in must hold up no tick."""
LATE: Final = Problem(reason=Reason.TIMEOUT, detail="no answer in time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is read in one go."""

    asks: Sequence[Ask]
    now: Instant
    old: bool = False
    """Whether it is of older periods, at leisure."""


class Reader:
    """Every query of a plane's live rollouts, read side by side and taken in as it arrives."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._series = SeriesStore(self._corrected_s)
        self._name = f"metrics-{id(self):x}"
        """Begins the keys of this plane's reads in a pool that several planes share."""
        self._started = 0
        self._arrived: SimpleQueue[tuple[str, Batch, object]] = SimpleQueue()
        """What was read, by the key of its call; put there by the pool's threads."""
        self._under_way: dict[str, list[Batch]] = {}
        """What was not read yet, by the key of its call."""
        self.unread = 0
        """Series that could not be read at the last poll."""
        self._doubts: dict[str, dict[Query, tuple[Query, ...]]] = {}
        """By the key of its call, series that have never spoken, and what else would show them."""

    def use(self, sources: Mapping[str, Source]) -> None:
        """Read from these from now on; others that are known stay, as does what was built once."""
        lost = {name for name, source in sources.items() if isinstance(source, UnbuiltSource)}
        built = {n: s for n, s in self._sources.items() if not isinstance(s, UnbuiltSource)}
        kept = {name: source for name, source in built.items() if name in lost}
        self._sources = {**self._sources, **sources, **kept}

    def _corrected_s(self, query: Query) -> float:
        source = self._sources.get(query.source)
        return source.corrected_s(query) if source is not None else 0.0

    # --- what is asked -------------------------------------------------------------------------

    def calls(
        self, runners: Iterable[RolloutRunner], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """The calls of one poll, by their keys: the newest periods that nobody is reading yet."""
        asks = self._series.asks(_wanted(runners, now), now=now)
        return self._lanes(asks, now) | self._questions(runners, now)

    def calls_beside(
        self, runners: Iterable[RolloutRunner], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """The calls for what is wanted since this poll and was never asked for."""
        self._doubts = {}
        asks = self._series.asks(_wanted(runners, now), now=now)
        return self._lanes([ask for ask in asks if not self._series.asked(ask.query)], now)

    def leisurely(
        self, runners: Iterable[RolloutRunner], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """The calls that nobody waits for: older periods, a few at a time."""
        free = LEISURE - sum(p[0].old for p in self._under_way.values())
        if free <= 0:
            return {}
        busy = self._busy(old=True)
        past = {name for name, source in self._sources.items() if source.has_history}
        wanted = {q: w for q, w in _wanted(runners, now).items() if q.source in past}
        asks = self._series.histories(wanted, now=now)
        all_parts = _parts([a for a in asks if a.query not in busy], now, old=True)
        parts = list(islice(all_parts, LEISURE_PARTS * free))
        return dict(self._lane(parts[i::free]) for i in range(min(free, len(parts))))

    def _lanes(self, asks: Sequence[Ask], now: Instant) -> dict[str, Callable[[], object]]:
        """What nobody is reading yet, side by side."""
        busy = self._busy(old=False)
        parts = list(_parts([a for a in asks if a.query not in busy], now))
        lanes = min(len(parts), LANES - sum(not p[0].old for p in self._under_way.values()))
        return dict(self._lane(parts[i::lanes]) for i in range(lanes))

    @property
    def waiting(self) -> bool:
        """Whether something is being read."""
        return bool(self._under_way)

    def _busy(self, *, old: bool) -> set[Query]:
        parts = [part for parts in self._under_way.values() for part in parts]
        return {ask.query for part in parts if part.old is old for ask in part.asks}

    def _lane(self, parts: list[Batch]) -> tuple[str, Callable[[], object]]:
        """A call that reads one part after the other."""
        self._started += 1
        key = f"{self._name}-{self._started}"
        self._under_way[key] = list(parts)

        def work() -> None:
            for part in parts:
                self._arrived.put((key, part, self._read(part)))

        return key, work

    def _read(self, part: Batch) -> object:
        """A source's answer, or why there is none. Runs in the pool."""
        name = part.asks[0].query.source
        source = self._sources.get(name)
        if source is None:
            return SourceError(Reason.NOT_FOUND, f"no source called {name} is configured here")
        return outcome_of(partial(source.read, part.asks, now=part.now))

    # --- what came back ------------------------------------------------------------------------

    def take_in(self, results: Mapping[str, object], now: Instant) -> None:
        """What became of a poll: what has arrived, and what is late."""
        for key, result in results.items():
            if isinstance(result, EdgeError) and result.reason is not Reason.TIMEOUT:
                for part in self._under_way.get(key, ()):
                    self._arrived.put((key, part, result))
        self.arrived(now)
        for parts in self._under_way.values():
            for ask in (ask for part in parts if not part.old for ask in part.asks):
                self._series.merge(ask, Measurement(problem=LATE), now=now)
        for key, doubts in self._doubts.items():
            self._learn(doubts, results[key], now)

    def arrived(self, now: Instant) -> set[Query]:
        """Take in what was read since, also what an earlier poll has asked for; of which series."""
        read: set[Query] = set()
        while not self._arrived.empty():
            key, part, found = self._arrived.get()
            left = [p for p in self._under_way.get(key, ()) if p is not part]
            self._under_way[key] = left
            if not left:
                del self._under_way[key]
            take = self._series.fill if part.old else self._series.merge
            for ask in part.asks:
                take(ask, _of(found, ask), now=part.now if part.old else now)
            read.update(ask.query for ask in part.asks)
        return read

    def remark(self) -> str:
        """What a log has to say of blindness: at its first poll, and when it is over."""
        problems, before = self.problems, self.unread
        self.unread = len(problems)
        if problems and not before:
            return f"{len(problems)} series cannot be read: {problems[0].detail}"
        return "all series can be read again" if before and not problems else ""

    @property
    def problems(self) -> list[Problem]:
        """Why series could not be read last, one for each of them."""
        return self._series.problems()

    def measurements(self, runner: RolloutRunner, now: Instant) -> dict[Query, Measurement]:
        """What is known of everything that a rollout is judged by now."""
        found: dict[Query, Measurement] = {}
        for query, (since, _) in runner.wanted(now).items():
            found |= self._series.measurements([query], since=since)
        return found

    def _questions(
        self, runners: Iterable[RolloutRunner], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """Whether what has never spoken exists: only then its silence is a zero."""
        self._doubts = {}
        for runner in runners:
            plan = runner.rollout.plan
            queries = (q for criterion in runner.judged_now for q in sought(criterion))
            for query in self._series.doubtful(queries, now=now):
                kin = (query, sibling(query, plan.canary, plan.stable))
                key = f"{self._name}-known-{query.source}"
                self._doubts.setdefault(key, {})[query] = kin
        asked = {
            key: [query for kin in doubts.values() for query in kin]
            for key, doubts in self._doubts.items()
        }
        return {
            key: partial(self._sources[queries[0].source].unknown, queries, now=now)
            for key, queries in asked.items()
        }

    def _learn(self, doubts: Mapping[Query, Sequence[Query]], found: object, now: Instant) -> None:
        """A source's answer: a series is known when one of its kin is."""
        for query, kin in doubts.items():
            if isinstance(found, Mapping):
                strange = [str(found[q]) for q in kin if q in found]
                said = strange[0] if len(strange) == len(kin) else ""
                self._series.told(query, said, now=now, answered=True)
            elif isinstance(found, EdgeError):
                said = f"whether there is a series {query.name} cannot be learned: {found.detail}"
                self._series.told(query, said, now=now, answered=False)


def _of(found: object, ask: Ask) -> object:
    """One query's part of a source's answer."""
    if isinstance(found, EdgeError):
        return Measurement(problem=Problem(reason=found.reason, detail=found.detail))
    if isinstance(found, Mapping):
        return found.get(ask.query)
    detail = f"the source gave {type(found).__name__}: a bug in its adapter"
    return Measurement(problem=Problem(reason=Reason.UNKNOWN, detail=detail))


def _parts(asks: Sequence[Ask], now: Instant, *, old: bool = False) -> Iterator[Batch]:
    """What is read in one go: of one source, a metric's statistics together."""
    by_source: dict[str, list[Ask]] = {}
    for ask in asks:
        by_source.setdefault(ask.query.source, []).append(ask)
    for mine in by_source.values():
        part: list[Ask] = []
        points = 0.0
        for ask in mine if old else sorted(mine, key=_kin):
            more = (ask.end - ask.start) / ask.query.period_s if old else 0.0
            if part and (len(part) == PART or points + more > LEISURE_POINTS):
                yield Batch(asks=part, now=now, old=old)
                part, points = [], 0.0
            part.append(ask)
            points += more
        yield Batch(asks=part, now=now, old=old)


def _kin(ask: Ask) -> tuple[object, ...]:
    return (ask.query.period_s, ask.query.name, ask.query.labels)


def _wanted(runners: Iterable[RolloutRunner], now: Instant) -> dict[Query, tuple[Instant, float]]:
    """Every query of the live rollouts: from when on, and how long until it is settled."""
    mine = (runner.wanted(now).items() for runner in runners)
    return merged((query, since, settle_s) for each in mine for query, (since, settle_s) in each)
