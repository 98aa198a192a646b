"""A seeded world for the whole engine: virtual time, an alias, traffic, faults, and crashes."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import (
    Criterion,
    Datapoint,
    Direction,
    Incident,
    Instant,
    Judge,
    Limit,
    Measurement,
    Query,
    Reason,
    Scope,
)
from guardian.core.notices import Notice
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack
from guardian.ports import Ask, Capabilities, Guard, NotifyError, RouterError, SourceError
from tests.simulation.like_cloudwatch import LikeCloudWatch

ORIGIN: Instant = 1_800_000_000.0
SETTLE_S = 180.0


class VirtualClock:
    """Both clocks in one hand; time passes only when the scheduler says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> Instant:
        """The wall clock."""
        return round(ORIGIN + self.at, 3)

    def monotonic(self) -> float:
        """The monotonic clock."""
        return self.at

    def real_s(self, wall_s: float) -> float:
        """Unscaled."""
        return wall_s

    def sleep(self, real_s: float) -> None:
        """Nobody else moves it meanwhile."""
        self.at += real_s


class SeededRandom:
    """Random numbers that repeat."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def token(self) -> str:
        """Eight letters."""
        return "".join(self._random.choice("abcdefgh") for _ in range(8))


class Crash(BaseException):
    """The process is killed at a port call."""


@dataclass(kw_only=True)
class Faults:
    """How bad the world is; probabilities for each call."""

    drop_write: float = 0.0
    lose_answer: float = 0.0
    fail_read: float = 0.0
    fail_source: float = 0.0
    fail_notify: float = 0.0
    crash: float = 0.0
    journal_down: float = 0.0
    random: random.Random
    crashes: int = 0

    def chance(self, probability: float) -> bool:
        """Whether it happens this time."""
        return probability > 0 and self.random.random() < probability

    def crossing(self) -> None:
        """Every port call passes here; some of them are the process's last."""
        if self.crashes < 6 and self.chance(self.crash):
            self.crashes += 1
            raise Crash


def age(version: str) -> float:
    """Versions are numbers; what has none is newer than all."""
    return int(version) if version.isdecimal() else math.inf


GUARDED = Capabilities(guard=Guard.HARD, age=age)


@dataclass(kw_only=True)
class Alias:
    """The simulated target: traffic, revision, stamp, and every write ever made."""

    clock: VirtualClock
    faults: Faults
    traffic: Traffic
    revision: int = 1
    stamp: Stamp | None = None
    gone: bool = False
    way: WayBack | None = field(default_factory=WayBack)
    """Whether stable could be restored; None: nobody answers that."""
    asked_way_back: int = 0
    sticks_s: float = 0.0
    history: list[tuple[Instant, Traffic]] = field(default_factory=list)
    guardian_wrote: list[tuple[Instant, Traffic, Stamp | None]] = field(default_factory=list)

    capabilities: Capabilities = GUARDED
    target: str = "lambda_alias:333333333333:us-east-1:agents-api:live"

    def __post_init__(self) -> None:
        self.history.append((self.clock.now(), self.traffic))

    def by_person(self, traffic: Traffic) -> None:
        """Somebody at the console."""
        self.revision += 1
        self.traffic, self.stamp = traffic, self.stamp
        self.history.append((self.clock.now(), traffic))

    def at(self, when: Instant) -> Traffic:
        """The traffic at an instant."""
        found = self.history[0][1]
        for since, traffic in self.history:
            if since <= when:
                found = traffic
        return found

    def read(self) -> Reading:
        """Read the alias."""
        self.faults.crossing()
        if self.gone:
            raise RouterError(Reason.NOT_FOUND, "no such alias")
        if self.faults.chance(self.faults.fail_read):
            raise RouterError(Reason.TIMEOUT, "no answer")
        return self._reading()

    def resolve(self, version: str) -> str:
        """Versions are what they are called."""
        return version

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Nothing is ever wrong with the versions here."""
        return []

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """As it was set."""
        self.asked_way_back += 1
        if self.way is None:
            raise RouterError(Reason.TIMEOUT, "no answer")
        return self.way

    def variables(self) -> Mapping[str, str]:
        """No variables."""
        return {}

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """Requests are over at once."""
        return {}

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """Every version has its own series here."""
        return None

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """Write a weight."""
        return self._write(traffic, stamp, after)

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """Make the canary primary."""
        return self._write(Traffic(primary=canary), None, after)

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """Put the snapshot back."""
        return self._write(snapshot.traffic, stamp, after)

    def _reading(self) -> Reading:
        return Reading(
            traffic=self.traffic,
            revision=str(self.revision),
            stamp=self.stamp,
            sticks_s=self.sticks_s,
        )

    def _write(self, traffic: Traffic, stamp: Stamp | None, after: Reading) -> Reading:
        self.faults.crossing()
        if self.faults.chance(self.faults.drop_write):
            raise RouterError(Reason.UNKNOWN, "the write was lost")
        if after.revision != str(self.revision):
            raise RouterError(Reason.CONFLICT, "somebody changed the alias since it was read")
        self.revision += 1
        self.traffic, self.stamp = traffic, stamp
        self.history.append((self.clock.now(), traffic))
        self.guardian_wrote.append((self.clock.now(), traffic, stamp))
        self.faults.crossing()
        if self.faults.chance(self.faults.lose_answer):
            raise RouterError(Reason.UNKNOWN, "the answer was lost")
        return self._reading()


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a version behaves: its failure rate, and the other one that it has for a while."""

    rate: float
    later: float | None = None
    from_minute: int = 0
    to_minute: int = 1_000_000

    def at(self, minute: int) -> float:
        """The failure rate in a minute of the world."""
        changed = self.from_minute <= minute < self.to_minute
        return self.later if self.later is not None and changed else self.rate


@dataclass(kw_only=True)
class Metrics(LikeCloudWatch):
    """A source that publishes per-version counts late, and sparse zeros not at all."""

    clock: VirtualClock
    faults: Faults
    alias: Alias
    seed: str
    per_s: float
    versions: Mapping[str, Behaviour]
    lag_s: float = 75.0
    blind: tuple[float, float] = (0.0, 0.0)
    """Virtual seconds between which nothing can be read."""
    reads: int = 0
    _minutes: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """Every ask, as CloudWatch would answer it now."""
        self.faults.crossing()
        self.reads += 1
        start, end = self.blind
        if start <= self.clock.at < end or self.faults.chance(self.faults.fail_source):
            raise SourceError(Reason.UNAVAILABLE, "CloudWatch does not answer")
        return {ask.query: self._measure(ask, now) for ask in asks}

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """All series are known."""
        self.faults.crossing()
        return super().unknown(queries, now=now)

    def _measure(self, ask: Ask, now: Instant) -> Measurement:
        version = dict(MetricStat.of(ask.query).dimensions)["Version"]
        points = []
        for at in range(int(ask.start), int(min(ask.end, now)), 60):
            if at + 60 + self.lag_s > now:
                break
            bad, total = self.counts(version, int(at - ORIGIN) // 60)
            value = bad if MetricStat.of(ask.query).metric == "bad" else total
            if value:
                points.append(Datapoint(float(at), float(value)))
        return Measurement(points=tuple(points), settled_before=(now - ask.settle_s) // 60 * 60)

    def counts(self, version: str, minute: int) -> tuple[int, int]:
        """The truth of a minute of the world: (bad, total)."""
        key = (version, minute)
        if key not in self._minutes:
            rng = random.Random(f"{self.seed}:{version}:{minute}")
            share = self.alias.at(ORIGIN + minute * 60).share(version).ratio
            total = _poisson(rng, self.per_s * 60 * share)
            rate = self.versions[version].at(minute) if version in self.versions else 0.0
            self._minutes[key] = (_binomial(rng, total, rate), total)
        return self._minutes[key]


@dataclass(kw_only=True)
class Tracker(LikeCloudWatch):
    """A source of open incidents: each was opened at one virtual second and closed at another."""

    has_history = False

    clock: VirtualClock
    faults: Faults
    incidents: list[tuple[float, float]] = field(default_factory=list)
    away: tuple[float, float] = (0.0, 0.0)
    """Virtual seconds between which it does not answer."""

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """What is open now."""
        self.faults.crossing()
        start, end = self.away
        if start <= self.clock.at < end or self.faults.chance(self.faults.fail_source):
            raise SourceError(Reason.UNAVAILABLE, "the tracker does not answer")
        found = tuple(
            Incident(
                id=f"P{number}",
                title="checkout is down",
                priority="P0",
                service="PABC123",
                opened_at=ORIGIN + opened,
            )
            for number, (opened, closed) in enumerate(self.incidents)
            if opened <= self.clock.at < closed
        )
        return {ask.query: Measurement(incidents=found, settled_before=now) for ask in asks}


@dataclass(kw_only=True)
class People:
    """A notifier that remembers what was told, and sometimes fails."""

    clock: VirtualClock
    faults: Faults
    alias: Alias
    heard: list[tuple[Instant, Notice]] = field(default_factory=list)

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Tell."""
        self.faults.crossing()
        if self.faults.chance(self.faults.fail_notify):
            raise NotifyError(Reason.UNAVAILABLE, "no answer", retryable=True)
        self.heard.append((self.clock.now(), notice))
        self.faults.crossing()
        return handle or notice.rollout


def _poisson(rng: random.Random, mean: float) -> int:
    if mean <= 0:
        return 0
    if mean > 40:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    product, count, floor = rng.random(), 0, 2.718281828459045**-mean
    while product > floor:
        product *= rng.random()
        count += 1
    return count


def _binomial(rng: random.Random, total: int, rate: float) -> int:
    if rate <= 0 or total == 0:
        return 0
    if rate >= 1:
        return total
    if total > 100:
        spread = (total * rate * (1 - rate)) ** 0.5
        return min(total, max(0, round(rng.gauss(total * rate, spread))))
    return sum(rng.random() < rate for _ in range(total))


def error_rate(version: str, *, limit: float = 0.05) -> Criterion:
    """The criterion of every simulated service: bad over total, by version."""
    dimensions = (("Version", version),)
    query = replace(
        metric_query(namespace="Sim", metric="bad", stat="Sum", dimensions=dimensions),
        versioned=("Version",),
    )
    return Criterion(
        name="error-rate",
        measure=Ratio(part=query, total=changed(query, metric="total"), good=False),
        fail_if=Limit(direction=Direction.ABOVE, value=limit, text=f"{limit:.0%}"),
        min_samples=round(3 / limit),
        settle_s=SETTLE_S,
    )


def no_incidents() -> Criterion:
    """No open incident of the highest priority."""
    priorities, services = ("P0",), ("PABC123",)
    return Criterion(
        name="p0-incident",
        measure=Incidents(
            open=incident_query("pagerduty", priorities, services),
            priorities=priorities,
            services=services,
        ),
        fail_if=Limit(direction=Direction.ABOVE, value=0.0, text="0"),
        judge=Judge.PRESENCE,
        scope=Scope.SERVICE,
        min_samples=0,
        settle_s=0.0,
    )
