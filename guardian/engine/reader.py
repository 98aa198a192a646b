"""The readings of a plane: what is asked of which source, and what came back of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from guardian.core.binding import sibling
from guardian.core.counts import queried, sought
from guardian.core.model import Instant, Measurement, Problem, Query, Reason
from guardian.engine.charge import Charge
from guardian.engine.needs import merged
from guardian.engine.series import SeriesStore
from guardian.ports import Ask, EdgeError, Source, SourceError


class Reader:
    """Every query of a plane's live rollouts, read together."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._series = SeriesStore()
        self._name = f"metrics-{id(self):x}"
        """Begins the keys of this plane's reads in a fan-out that several planes share."""
        self._asked: dict[str, list[Ask]] = {}
        """What was asked last, by the key of its call."""
        self._doubts: dict[str, dict[Query, tuple[Query, ...]]] = {}
        """By the key of its call, series that have never spoken, and what else would show them."""

    def use(self, sources: Mapping[str, Source]) -> None:
        """Read from these from now on; others that are known stay."""
        self._sources = {**self._sources, **sources}

    def calls(self, charges: Iterable[Charge], now: Instant) -> dict[str, Callable[[], object]]:
        """The calls of one poll, by their keys in the fan-out."""
        by_source: dict[str, list[Ask]] = {}
        for ask in self._series.asks(_wanted(charges, now), now=now):
            by_source.setdefault(ask.query.source, []).append(ask)
        self._asked = {f"{self._name}-{name}": asks for name, asks in by_source.items()}
        calls = {
            f"{self._name}-{name}": self._call(name, asks, now) for name, asks in by_source.items()
        }
        return calls | self._questions(charges, now)

    def calls_beside(
        self, charges: Iterable[Charge], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """The calls for what is wanted since this poll and was never asked for."""
        by_source: dict[str, list[Ask]] = {}
        for ask in self._series.asks(_wanted(charges, now), now=now):
            if not self._series.asked(ask.query):
                by_source.setdefault(ask.query.source, []).append(ask)
        self._doubts = {}
        self._asked = {f"{self._name}-beside-{name}": asks for name, asks in by_source.items()}
        return {
            f"{self._name}-beside-{name}": self._call(name, asks, now)
            for name, asks in by_source.items()
        }

    def take_in(self, results: Mapping[str, object], now: Instant) -> None:
        """What became of the calls of this poll."""
        for key, asks in self._asked.items():
            self._take_in(asks, results[key], now)
        for key, doubts in self._doubts.items():
            self._learn(doubts, results[key], now)

    def measurements(self, charge: Charge, now: Instant) -> dict[Query, Measurement]:
        """What is known of everything that a rollout is judged by now."""
        found: dict[Query, Measurement] = {}
        for query, (since, _) in charge.wanted(now).items():
            found |= self._series.measurements([query], since=since)
        return found

    def _call(self, name: str, asks: Sequence[Ask], now: Instant) -> Callable[[], object]:
        source = self._sources.get(name)
        if source is None:
            missing = SourceError(Reason.NOT_FOUND, f"no source called {name} is configured here")
            return lambda: missing
        return lambda: source.read(asks, now=now)

    def _questions(
        self, charges: Iterable[Charge], now: Instant
    ) -> dict[str, Callable[[], object]]:
        """Whether what has never spoken exists: only then its silence is a zero."""
        self._doubts = {}
        for charge in charges:
            plan = charge.rollout.plan
            queries = (q for criterion in charge.judged_now for q in sought(criterion))
            for query in self._series.doubtful(queries, now=now):
                kin = (query, sibling(query, plan.canary, plan.stable))
                key = f"{self._name}-known-{query.source}"
                self._doubts.setdefault(key, {})[query] = kin
        return {
            key: self._question([q for kin in doubts.values() for q in kin], now)
            for key, doubts in self._doubts.items()
        }

    def _question(self, queries: Sequence[Query], now: Instant) -> Callable[[], object]:
        source = self._sources[queries[0].source]
        return lambda: source.unknown(queries, now=now)

    def _learn(self, doubts: Mapping[Query, Sequence[Query]], found: object, now: Instant) -> None:
        """A source's answer: a series is known when one of its kin is."""
        for query, kin in doubts.items():
            if isinstance(found, Mapping):
                strange = [str(found[q]) for q in kin if q in found]
                said = strange[0] if len(strange) == len(kin) else ""
                self._series.told(query, said, now=now, answered=True)
            elif isinstance(found, EdgeError):
                name = queried(query)
                said = f"whether there is a series {name} cannot be learned: {found.detail}"
                self._series.told(query, said, now=now, answered=False)

    def _take_in(self, asks: Sequence[Ask], found: object, now: Instant) -> None:
        """One source's answer, or why there is none."""
        if isinstance(found, EdgeError):
            problem = Problem(reason=found.reason, detail=found.detail)
            self._series.fail(asks, problem, now)
        elif isinstance(found, Mapping):
            self._series.merge(asks, found, now)
        else:
            detail = f"the source gave {type(found).__name__}: a bug in its adapter"
            self._series.fail(asks, Problem(reason=Reason.UNKNOWN, detail=detail), now)


def _wanted(charges: Iterable[Charge], now: Instant) -> dict[Query, tuple[Instant, float]]:
    """Every query of the live rollouts: from when on, and how long until it is settled."""
    mine = (charge.wanted(now).items() for charge in charges)
    return merged((query, since, settle_s) for each in mine for query, (since, settle_s) in each)
