"""A service with a simulated target and a journal to plan over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TypeAlias, cast

from guardian.app.known import Request, Service
from guardian.app.series_choice import SeriesProbe
from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Query, Reason
from guardian.core.plan import Policy
from guardian.core.rollout.entries import Entry, RolloutStarted
from guardian.core.rollout.machine import fold
from guardian.core.traffic import Snapshot, Step, Traffic, WayBack, Weight
from guardian.ports import RouterError
from tests.contracts.journal_values import ManualClock
from tests.simulation.like_cloudwatch import LikeCloudWatch
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.world import Alias, Faults, VirtualClock, error_rate

STABLE = Traffic(primary="41")
CANARY = Traffic(primary="42")
SPLIT = Traffic(primary="41", secondary="42", weight=Weight.percent(10))


class Target(Alias):
    """An alias that knows its versions, and what is wrong with them."""

    problems: tuple[str, ...] = ()
    deleted: frozenset[str] = frozenset()
    unseen = False
    """Nobody may ask about its versions."""
    longest_s = 0.0
    """How long a request may take."""
    whole = False
    """Whether the whole target has series of its own."""

    def resolve(self, version: str) -> str:
        """`latest`, or a number."""
        if self.unseen:
            raise RouterError(Reason.AUTH, "lambda:GetFunctionConfiguration is not allowed")
        if version == "latest":
            return "42"
        if not version.isdigit() or version in self.deleted:
            raise RouterError(Reason.NOT_FOUND, f"there is no version {version}")
        return version

    def check(self, *, stable: str, canary: str) -> list[str]:
        """The problems it was given."""
        return list(self.problems)

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """The first of the problems it was given."""
        return WayBack(problem="".join(self.problems[:1]))

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """Lambda's, as it was set."""
        return {q: self.longest_s for q in queries if q.word("namespace") == "AWS/Lambda"}

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """The whole target's series, in the place of a version's."""
        whole = tuple((k, v) for k, v in MetricStat.of(query).dimensions if v != live)
        return changed(query, dimensions=whole) if self.whole else None

    def variables(self) -> Mapping[str, str]:
        """Two names."""
        return {"function": "agents-api", "alias": "live"}


HasData: TypeAlias = Callable[[Sequence[Query]], frozenset[Query]]


def everything(queries: Sequence[Query]) -> frozenset[Query]:
    """Every series had datapoints lately."""
    return frozenset(queries)


def probe(has_data: HasData = everything) -> SeriesProbe:
    """Sources that compute percentiles as CloudWatch does, and have data as it says."""
    return SeriesProbe(has_data=has_data, percentile=LikeCloudWatch().percentile)


def bound(namespace: str = "Sim") -> Criterion:
    """A criterion that names the canary and the function."""
    dimensions = (("FunctionName", "${router.function}"), ("Version", "${canary}"))
    part = metric_query(namespace=namespace, metric="bad", stat="Sum", dimensions=dimensions)
    measure = Ratio(part=part, total=changed(part, metric="total"), good=False)
    return replace(error_rate("42"), measure=measure)


class Shop:
    """One service at some traffic, and what its journal remembers."""

    def __init__(self, traffic: Traffic = STABLE) -> None:
        self.clock = ManualClock()
        self.journal = MemoryJournal(self.clock)
        faults = Faults(random=Random(1))
        self.target = Target(clock=cast("VirtualClock", self.clock), faults=faults, traffic=traffic)
        self.service = Service(
            name="agents-api",
            environment="production",
            router=self.target,
            criteria=(bound(),),
            rules=("rules/production.yaml",),
            steps=(Step(weight=Weight.percent(100), bake_s=300.0, max_bake_s=900.0),),
            policy=Policy(),
        )

    def request(self, *, again: bool = False, rollout: str = "r-new") -> Request:
        """Who asks."""
        return Request(
            rollout=rollout, actor="alice", reason="why", now=self.clock.now(), again=again
        )

    def snapshot(self, version: str, *, hours_ago: float = 0.0, target: str = "") -> None:
        """What somebody recorded before the deploy."""
        self.journal.save_snapshot(
            Snapshot(
                service="agents-api",
                target=target or self.target.target,
                traffic=Traffic(primary=version),
                taken_at=self.clock.now() - 3600 * hours_ago,
                taken_by="bob",
            )
        )

    def lived(self, *entries: Entry) -> None:
        """A rollout of the past, from its first entry on."""
        first = entries[0]
        assert isinstance(first, RolloutStarted)
        lease = self.journal.open_lease("past")
        claim = self.journal.claim(lease, self.target.target)
        assert claim is not None
        self.journal.append(
            claim,
            first.plan.rollout,
            expected=0,
            entries=entries,
            live=fold(entries).live,
            txid=first.plan.rollout,
        )
        self.journal.close_lease(lease)
