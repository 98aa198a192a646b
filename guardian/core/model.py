"""The domain's values: weights, traffic, queries, criteria, measurements, verdicts, plans."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated, TypeAlias, assert_never

from guardian.core.measure import Measure

Instant: TypeAlias = Annotated[float, "instant"]
"""Seconds since the Unix epoch, UTC, to the millisecond. Written as RFC 3339 in files and JSON."""

MINUTE_S = 60.0


def floor_to(at: Instant, period_s: float) -> Instant:
    """The last multiple of `period_s` that is not after `at`."""
    return math.floor(at / period_s) * period_s


def ceil_to(at: Instant, period_s: float) -> Instant:
    """The first multiple of `period_s` that is not before `at`."""
    return math.ceil(at / period_s) * period_s


# --- what is asked, and what came back ---------------------------------------------------------


Word: TypeAlias = str | tuple[tuple[str, str], ...] | None
"""One of a query's words: a text, names with their values, or nothing that is said."""
Words: TypeAlias = tuple[tuple[str, Word], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One series, in the words of its source: only that source and its rule files read them."""

    source: str
    name: str = field(compare=False)
    """What people call the series."""
    words: Words
    """Sorted; texts and values may hold `${...}` until the rollout binds them."""
    period_s: int = 60
    unit: str | None = None
    """What the values mean."""
    versioned: tuple[str, ...] = field(default=(), compare=False)
    """The names whose value names a version of the rollout; filled in when it is bound."""

    def word(self, name: str) -> Word:
        """One of its words; None where there is none of that name."""
        return next((word for each, word in self.words if each == name), None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All names with their values."""
        for _, word in self.words:
            if isinstance(word, tuple):
                yield from word

    def texts(self) -> Iterator[str]:
        """Every text and every value."""
        yield from (word for _, word in self.words if isinstance(word, str))
        yield from (value for _, value in self.pairs())

    @property
    def labels(self) -> str:
        """The names with their values, for people."""
        return ", ".join(f"{name}={value}" for name, value in self.pairs()) or "none"

    @property
    def detail(self) -> str:
        """What else is asked than its name says, for people."""
        texts = (self.filled(word) for _, word in self.words if isinstance(word, str))
        return " ".join(text for text in texts if text not in self.name)

    def filled(self, text: str) -> str:
        """One of its texts with the values that it names, as `$(NAME)`."""
        for name, value in self.pairs():
            text = text.replace(f"$({name})", value)
        return text


def reworded(query: Query, change: Callable[[str | None, str], str]) -> Query:
    """The query with its texts changed; each value comes with its name, other texts with None."""

    def changed(word: Word) -> Word:
        if isinstance(word, tuple):
            return tuple((name, change(name, value)) for name, value in word)
        return word if word is None else change(None, word)

    words = tuple((name, changed(word)) for name, word in query.words)
    return replace(query, name=change(None, query.name), words=words)


@dataclass(frozen=True, slots=True)
class Datapoint:
    """The value of one period; `start` is the period's beginning."""

    start: Instant
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that people were paged for, as a tracker tells it; or an alarm that fires."""

    id: str
    title: str
    priority: str
    """By name: "P0"; empty where the tracker gives none."""
    service: str
    """The tracker's id of the service it is on."""
    opened_at: Instant
    url: str = ""


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
    incidents: tuple[Incident, ...] = ()
    """The open ones, oldest first, where incidents were asked for; guardian's own are left out."""
    settled_before: Instant = 0.0
    """Periods that end at or before this instant no longer change."""
    since: Instant = 0.0
    """From when on the datapoints are all there; what was before is still being read."""
    lag_s: float = 0.0
    """How long after its end a period was seen to change, where that is more than was assumed."""
    problem: Problem | None = None
    blind_since: Instant | None = None
    """When reads began to fail without a success since, or when its source first said that it does
    not know the series; None while the last read succeeded and nothing is said."""
    known: bool = False
    """Whether the series ever had a datapoint, for any version, as far back as they are kept: only
    then is one that is missing a zero."""
    unknown: str = ""
    """What its source says of a series that it does not know; empty before it was asked."""


# --- criteria ----------------------------------------------------------------------------------


class Direction(Enum):
    """Which side of the limit hurts."""

    ABOVE = "above"
    AT_OR_ABOVE = "at_or_above"
    BELOW = "below"
    AT_OR_BELOW = "at_or_below"

    @property
    def rising(self) -> bool:
        """Whether more is worse."""
        return self in (Direction.ABOVE, Direction.AT_OR_ABOVE)

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


class OnFail(Enum):
    """What a proven breach of a criterion does."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    NOTIFY = "notify"


class Judge(Enum):
    """How a criterion's datapoints become a verdict."""

    SEQUENTIAL = "sequential"
    """By the evidence of all of them together: the probability of a false alarm is bounded."""
    THRESHOLD = "threshold"
    """M of the last N datapoints over the limit, as a CloudWatch alarm does."""
    PRESENCE = "presence"
    """One is enough: incidents, alarms."""


class Missing(Enum):
    """What a missing datapoint of a gauge counts as, in CloudWatch's words."""

    MISSING = "missing"
    """It is passed over."""
    IGNORE = "ignore"
    """It repeats the datapoint before it."""
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


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
    stable: Measure | None = None
    """The same measure for stable; filled in when the rollout is bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition of a rule file, every default filled in."""

    name: str
    measure: Measure
    fail_if: Limit
    """For incidents and alarms: above 0."""
    warn_if: Limit | None = None
    """Crossing it is told once and stops nothing; judged on the step's observed value."""
    judge: Judge = Judge.SEQUENTIAL
    datapoints: tuple[int, int] = (3, 5)
    """(M, N): for `threshold`, M of the last N sufficient datapoints."""
    treat_missing: Missing = Missing.MISSING
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
    tolerated: float | None = None
    """The share of bad events, over the limit, that stable had before the first shift: having no
    more is no breach, and being no worse than stable is enough for a pass."""
    note: str = ""
    """What every verdict of this criterion has to say beside its numbers."""

    @property
    def limit_rate(self) -> float:
        """The largest share of bad events that is still allowed, between 0 and 1.

        1 for what is not a share: gauges, counts, incidents, alarms.
        """
        return self.measure.allowed(self.fail_if)

    @property
    def borne_rate(self) -> float:
        """The share of bad events that evidence has to exceed: the limit, or what stable had."""
        return max(self.limit_rate, self.tolerated or 0.0)

    @property
    def gating(self) -> bool:
        """Whether a step waits for this criterion's pass."""
        return self.scope is Scope.CANARY and self.on_fail is not OnFail.NOTIFY

    @property
    def tests(self) -> int:
        """How many statistical tests it runs: each takes a share of `false_rollback`."""
        return (self.judge is Judge.SEQUENTIAL) + (self.compare is not None)

    def queries(self) -> Iterator[Query]:
        """Every series this criterion reads."""
        yield from self.measure.queries
        if self.compare is not None and self.compare.stable is not None:
            yield from self.compare.stable.queries
