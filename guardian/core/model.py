"""The domain's values: weights, traffic, queries, criteria, measurements, verdicts, plans."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, TypeAlias, assert_never

Instant: TypeAlias = Annotated[float, "instant"]
"""Seconds since the Unix epoch, UTC, to the millisecond. Written as RFC 3339 in files and JSON."""

MINUTE_S = 60.0


def floor_to(at: Instant, period_s: float) -> Instant:
    """The last multiple of `period_s` that is not after `at`."""
    return math.floor(at / period_s) * period_s


def ceil_to(at: Instant, period_s: float) -> Instant:
    """The first multiple of `period_s` that is not before `at`."""
    return math.ceil(at / period_s) * period_s


# --- traffic -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Weight:
    """Share of traffic that goes to the canary, in millionths, so that equality is exact."""

    millionths: int

    def __post_init__(self) -> None:
        if not 0 <= self.millionths <= 1_000_000:
            raise ValueError(
                f"a weight lies between 0% and 100%, not {self.millionths / 10_000:g}%"
            )

    @classmethod
    def percent(cls, percent: float) -> Weight:
        """A weight from a percentage, 0 to 100."""
        return cls(round(percent * 10_000))

    @classmethod
    def ratio_of(cls, ratio: float) -> Weight:
        """A weight from a share, 0.0 to 1.0."""
        return cls(round(ratio * 1_000_000))

    @property
    def ratio(self) -> float:
        """The share, 0.0 to 1.0."""
        return self.millionths / 1_000_000

    def __str__(self) -> str:
        return f"{self.millionths / 10_000:g}%"


NONE = Weight(0)
FULL = Weight(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Who receives requests: a primary version, and perhaps a second one with a weight."""

    primary: str
    secondary: str | None = None
    weight: Weight = NONE
    """The share of `secondary`; the primary keeps the rest."""

    def share(self, version: str) -> Weight:
        """The share of traffic that `version` receives."""
        if version == self.secondary:
            return self.weight
        if version == self.primary:
            return Weight(FULL.millionths - self.weight.millionths)
        return NONE

    @property
    def versions(self) -> frozenset[str]:
        """Every version that is named, also at weight 0."""
        return frozenset({self.primary} | ({self.secondary} if self.secondary else set()))

    def __str__(self) -> str:
        if self.secondary is None:
            return f"{self.primary} 100%"
        rest = Weight(FULL.millionths - self.weight.millionths)
        return f"{self.primary} {rest}, {self.secondary} {self.weight}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What guardian leaves on a target: which rollout wrote, under which epoch, what stable is."""

    rollout: str
    epoch: int
    stable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a router found: the traffic, the vendor's guard token, and guardian's stamp if any."""

    traffic: Traffic
    revision: str
    """The vendor's optimistic-lock token (RevisionId, ETag); empty where there is none."""
    stamp: Stamp | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    """What the router needs to put everything back (e.g. the alias description before)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything needed to restore stable, recorded before the first change."""

    service: str
    target: str
    traffic: Traffic
    taken_at: Instant
    taken_by: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A weight and a bake."""

    weight: Weight
    bake_s: float
    """Observed time, in seconds, that the step must stay healthy."""
    max_bake_s: float
    """Wall time since the confirmed shift after which the step stops waiting for evidence."""


# --- what is asked, and what came back ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One series, exactly as its source is asked for it.

    `namespace`, `metric`, `stat` and the exact set of `dimensions` identify a CloudWatch series;
    `unit` says what the values mean and is never sent (CloudWatch would filter by it).
    """

    namespace: str
    metric: str
    stat: str
    dimensions: tuple[tuple[str, str], ...] = ()
    """Sorted by name; values may hold `${...}` until the rollout binds them."""
    period_s: int = 60
    unit: str | None = None
    region: str | None = None
    account_id: str | None = None
    source: str = "cloudwatch"


@dataclass(frozen=True, slots=True)
class Datapoint:
    """The value of one period; `start` is the period's beginning."""

    start: Instant
    value: float


class Reason(Enum):
    """Why an edge could not do what it was asked; also a metric label."""

    AUTH = "auth"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is no answer, in a word and a sentence."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The datapoints for one query, or the reason there are none."""

    points: tuple[Datapoint, ...] = ()
    """Ascending by `start`; periods without a datapoint are simply absent."""
    settled_before: Instant = 0.0
    """Periods that end at or before this instant no longer change."""
    problem: Problem | None = None
    blind_since: Instant | None = None
    """When reads began to fail without a success since; None while the last read succeeded."""


# --- criteria ----------------------------------------------------------------------------------


class Direction(Enum):
    """Which side of the limit hurts."""

    ABOVE = "above"
    AT_OR_ABOVE = "at_or_above"
    BELOW = "below"
    AT_OR_BELOW = "at_or_below"

    def breached(self, value: float, limit: float) -> bool:
        """Whether `value` lies on the side that hurts."""
        match self:
            case Direction.ABOVE:
                return value > limit
            case Direction.AT_OR_ABOVE:
                return value >= limit
            case Direction.BELOW:
                return value < limit
            case Direction.AT_OR_BELOW:
                return value <= limit
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A threshold in the measure's own unit (a share for ratios), and as the user wrote it."""

    direction: Direction
    value: float
    text: str

    def __str__(self) -> str:
        return f"{self.direction.value.replace('_', ' ')} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A share of events: `part` over `total`, both counts per period."""

    part: Query
    total: Query
    good: bool
    """Whether `part` counts the good events (else the bad ones)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A percentile, judged by counts: how many requests took longer than the limit.

    "p95 above L" is the claim that more than 5 % of requests are slower than L, and CloudWatch
    counts those exactly: `SampleCount` minus `TC(:L)`.
    """

    percentile: float
    """Between 0 and 100, exclusive."""
    count: Query
    """Stat `SampleCount`."""
    within: Query
    """Stat `TC(:L)`: the samples at or below the limit."""


def queries_of(measure: Ratio | Latency) -> tuple[Query, Query]:
    """The two series that a measure is made of."""
    if isinstance(measure, Ratio):
        return (measure.part, measure.total)
    return (measure.count, measure.within)


class OnFail(Enum):
    """What a proven breach of a criterion does."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    NOTIFY = "notify"


class Scope(Enum):
    """Whether a criterion watches the canary alone or the whole service."""

    CANARY = "canary"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Also judge canary against stable: rates at most `max_ratio` apart, plus a practical floor."""

    max_ratio: float = 1.0
    min_increase: float = 0.005
    """As a share: 0.005 is half a percentage point."""
    stable: Ratio | Latency | None = None
    """The same measure for stable; filled in when the rollout is bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition of a rule file, every default filled in."""

    name: str
    measure: Ratio | Latency
    fail_if: Limit
    description: str = ""
    scope: Scope = Scope.CANARY
    on_fail: OnFail = OnFail.ROLLBACK
    min_samples: int
    """Samples in the present step below which nothing is passed."""
    sustain: int = 2
    """No fewer bad minutes than this can prove a breach."""
    cluster_size: float = 1.0
    """How many errors one fault makes (retries); divides the evidence."""
    warm_up_s: float = 0.0
    settle_s: float = 180.0
    no_data_after_s: float = 300.0
    compare: Compare | None = None
    note: str = ""
    """What every verdict of this criterion has to say beside its numbers."""

    @property
    def limit_rate(self) -> float:
        """The largest share of bad events that is still allowed, between 0 and 1."""
        if isinstance(self.measure, Latency):
            return 1.0 - self.measure.percentile / 100.0
        return 1.0 - self.fail_if.value if self.measure.good else self.fail_if.value

    @property
    def gating(self) -> bool:
        """Whether a step waits for this criterion's pass."""
        return self.scope is Scope.CANARY and self.on_fail is not OnFail.NOTIFY

    @property
    def tests(self) -> int:
        """How many statistical tests it runs: each takes a share of `false_rollback`."""
        return 2 if self.compare is not None else 1

    def queries(self) -> Iterator[Query]:
        """Every series this criterion reads."""
        yield from queries_of(self.measure)
        if self.compare is not None and self.compare.stable is not None:
            yield from queries_of(self.compare.stable)


class Outcome(Enum):
    """The five verdicts."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict rests on. Counts are events; times are instants; shares lie in 0..1."""

    limit: str
    """As the user wrote it, with its direction: "above 5%"."""
    value: str | None = None
    """The step's observed value as text with its unit: "6.1%"; None without samples."""
    bad: int = 0
    samples: int = 0
    """Events in the present step that are settled."""
    min_samples: int = 0
    all_samples: int = 0
    """Settled events since the first shift."""
    window_start: Instant | None = None
    window_end: Instant | None = None
    """The end of the newest settled period that was read."""
    log_e: float = 0.0
    log_e_limit: float = 0.0
    """A breach is proven at `log_e >= log_e_limit` = ln(1/alpha)."""
    blind_since: Instant | None = None
    """Since when it could not be read, or is silent where there was traffic."""
    over_limit: bool = False
    """The step's observed value is over the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one criterion at one instant, with its evidence and one sentence why."""

    criterion: str
    outcome: Outcome
    evidence: Evidence
    why: str
