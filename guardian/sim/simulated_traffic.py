"""Traffic of its own: requests, failures, durations and agents' tasks."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from guardian.core.model import MINUTE_S, Instant, floor_to
from guardian.sim import chance
from guardian.sim.aliases import Aliases
from guardian.sim.metric_store import Dimensions, Metrics, dimensions
from guardian.sim.publication import Publication
from guardian.sim.statistic import Bag
from guardian.sim.world import World, seeded

_T = TypeVar("_T")

SLICE_S = 10.0
"""Samples are made and published in slices of this length, so that a newest period grows."""
LONGEST_GAP_S = 48 * 3600.0
"""After a jump of the clock at most this much of the past is made up."""

LAMBDA = "AWS/Lambda"
API = "EnergyInsights/Api"
AGENTS = "EnergyInsights/Agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How one version treats its requests; rates are probabilities per request."""

    failure_rate: float = 0.002
    """Answered, but as a failure: `FailedRequests`, not `Errors`."""
    crash_rate: float = 0.0005
    """Thrown or timed out: `Errors`; the function reports nothing of its own for it."""
    median_ms: float = 400.0
    sigma: float = 0.6
    """Durations are log-normal: exp(sigma x a normal deviate) times the median."""
    task_share: float = 1.0
    """The share of requests that are an agent's task."""
    task_success_rate: float = 0.95


HEALTHY = Behaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What one version served in one slice, and where Lambda reports it."""

    rng: Random
    start: Instant
    version: str
    places: list[Dimensions]


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What calls one alias: requests per second from given instants on."""

    function: str
    alias: str
    made_until: Instant
    rates: list[tuple[Instant, float]]
    behaviours: dict[str, list[tuple[Instant, Behaviour]]] = field(default_factory=dict)

    def rate(self, at: Instant) -> float:
        """Requests per second at an instant."""
        return _in_force(self.rates, at, 0.0)

    def behaviour(self, version: str, at: Instant) -> Behaviour:
        """How a version behaves at an instant; healthy when nothing was said."""
        return _in_force(self.behaviours.get(version, []), at, HEALTHY)


def _in_force(schedule: list[tuple[Instant, _T]], at: Instant, default: _T) -> _T:
    index = bisect.bisect_right(schedule, at, key=lambda entry: entry[0])
    return schedule[index - 1][1] if index else default


class Traffics:
    """All traffic. Scripting methods take the world's lock."""

    def __init__(
        self,
        world: World,
        *,
        aliases: Aliases,
        metrics: Metrics,
        publication: Publication,
    ) -> None:
        self._world = world
        self._aliases = aliases
        self._metrics = metrics
        self._publication = publication
        self._traffics: dict[tuple[str, str], Traffic] = {}
        self.executed_version_on_unweighted = True
        """Whether an alias without weights still reports by ExecutedVersion; AWS's may not."""
        self.publish_zeros = frozenset({"Errors"})
        """Metrics that report 0 for each request that does not count; others are then absent."""
        self.served: Counter[tuple[str, str]] = Counter()
        """What was really made, by version and one of `requests`, `failed`, `crashed`, `tasks`,
        `succeeded`: the truth, before lag and whatever CloudWatch shows of it."""

    # --- scripting -------------------------------------------------------------------------------

    def send(
        self,
        function: str,
        alias: str,
        *,
        rate: float,
        since: Instant | None = None,
        history_s: float = 3600.0,
    ) -> None:
        """Call an alias `rate` times a second from `since` (now) on.

        The first call also makes up the `history_s` seconds before.
        """
        with self._world.lock:
            now = self._world.clock.now()
            self.advance(now)
            since = now if since is None else since
            known = self._traffics.get((function, alias))
            if known is None:
                begin = floor_to(since - history_s, MINUTE_S)
                rates = [(begin, rate)]
                self._traffics[function, alias] = Traffic(
                    function=function, alias=alias, made_until=begin, rates=rates
                )
            else:
                bisect.insort(known.rates, (since, rate), key=lambda entry: entry[0])

    def behave(
        self,
        function: str,
        version: str,
        behaviour: Behaviour,
        *,
        alias: str = "live",
        since: Instant | None = None,
    ) -> None:
        """Let a version behave so from `since` on (always). What has been made stays as it is."""
        with self._world.lock:
            traffic = self._traffics[function, alias]
            if since is not None:
                self.advance(self._world.clock.now())
            schedule = traffic.behaviours.setdefault(version, [])
            entry = (-math.inf if since is None else since, behaviour)
            bisect.insort(schedule, entry, key=lambda known: known[0])

    # --- making it -------------------------------------------------------------------------------

    def advance(self, now: Instant) -> None:
        """Make every slice that has ended by `now`. Callers hold the world's lock."""
        self._aliases.settle()
        for traffic in self._traffics.values():
            at = max(traffic.made_until, floor_to(now - LONGEST_GAP_S, MINUTE_S))
            while at + SLICE_S <= now:
                self._slice(traffic, at)
                at += SLICE_S
            traffic.made_until = max(traffic.made_until, at)

    def _slice(self, traffic: Traffic, start: Instant) -> None:
        """Make [start, start + 10 s): one batch for each version in each span of equal weights."""
        served: dict[tuple[str, bool], float] = {}
        end = start + SLICE_S
        for begin, until, state in self._aliases.between(
            traffic.function, traffic.alias, start, end
        ):
            for version, share in state.shares().items():
                mean = traffic.rate(begin) * (until - begin) * share
                shows = bool(state.weights) or self.executed_version_on_unweighted
                spot = (version, shows)
                served[spot] = served.get(spot, 0.0) + mean
        for (version, shown), mean in served.items():
            name = (traffic.function, traffic.alias, start, version, shown)
            rng = seeded(self._world.seed, *name)
            requests = chance.poisson(rng, mean)
            if requests:
                places = _lambda_places(traffic.function, traffic.alias, version, shown=shown)
                batch = _Batch(rng=rng, start=start, version=version, places=places)
                self._serve(batch, requests, traffic.behaviour(version, start))

    def _serve(self, batch: _Batch, requests: int, behaviour: Behaviour) -> None:
        """Draw what became of the requests and publish it as Lambda and the function would."""
        rng = batch.rng
        crashed = chance.binomial(rng, requests, behaviour.crash_rate)
        answered = requests - crashed
        failed = chance.binomial(rng, answered, behaviour.failure_rate)
        tasks = chance.binomial(rng, answered, behaviour.task_share)
        succeeded = chance.binomial(rng, tasks, behaviour.task_success_rate)
        minute = floor_to(batch.start, MINUTE_S)
        offset = seeded(self._world.seed, "grid", minute, batch.version).random()
        durations = chance.lognormal(
            rng, requests, median=behaviour.median_ms, sigma=behaviour.sigma, offset=offset
        )
        for what, count in (
            ("requests", requests),
            ("crashed", crashed),
            ("failed", failed),
            ("tasks", tasks),
            ("succeeded", succeeded),
        ):
            self.served[batch.version, what] += count
        self._publish(batch, LAMBDA, "Duration", durations)
        for namespace, name, hits, trials in (
            (LAMBDA, "Invocations", requests, requests),
            (LAMBDA, "Errors", crashed, requests),
            (API, "Requests", answered, answered),
            (API, "FailedRequests", failed, answered),
            (AGENTS, "TasksFinished", tasks, tasks),
            (AGENTS, "TasksSucceeded", succeeded, tasks),
        ):
            zeros = trials - hits if name in self.publish_zeros else 0
            self._publish(batch, namespace, name, {0.0: zeros, 1.0: hits})

    def _publish(
        self, batch: _Batch, namespace: str, metric: str, values: Mapping[float, int]
    ) -> None:
        """Deposit the values in each dimension set, a share of them later than the rest."""
        lag_s = self._publication.lag_s(namespace, metric, int(batch.start))
        shown_at = batch.start + SLICE_S + lag_s
        share = self._publication.late_share
        late = {v: chance.binomial(batch.rng, n, share) for v, n in values.items()}
        prompt = {v: n - late[v] for v, n in values.items()}
        unit = "Milliseconds" if metric == "Duration" else "Count"
        fine = namespace in self._publication.fine
        places = batch.places if namespace == LAMBDA else [dimensions({"Version": batch.version})]
        for part, visible_at in (
            (prompt, shown_at),
            (late, shown_at + self._publication.late_by_s),
        ):
            bag = Bag.of(part)
            for place in places if bag.n else ():
                key = (namespace, metric, place)
                self._metrics.put(
                    key, at=batch.start, visible_at=visible_at, bag=bag, unit=unit, fine=fine
                )


def _lambda_places(function: str, alias: str, version: str, *, shown: bool) -> list[Dimensions]:
    """Where Lambda reports an invocation through an alias (Lambda developer guide, metrics)."""
    resource = f"{function}:{alias}"
    places = [
        dimensions({"FunctionName": function}),
        dimensions({"FunctionName": function, "Resource": resource}),
    ]
    if shown:
        pairs = {"FunctionName": function, "Resource": resource, "ExecutedVersion": version}
        places.append(dimensions(pairs))
    return places
