"""Who receives requests: weights, traffic, what a router reads, and what a rollback restores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from guardian.core.model import Instant


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
class Weights:
    """Which weights a router can give a canary, beside none and all of the traffic."""

    parts: int = FULL.millionths
    """A weight is a fraction whose denominator is at most this."""
    most: Weight = FULL
    """More than this only as all of it."""

    def nearest(self, weight: Weight) -> Fraction:
        """The share that comes nearest to a weight."""
        return Fraction(weight.millionths, FULL.millionths).limit_denominator(self.parts)

    def problem(self, weight: Weight) -> str:
        """Why a canary cannot have this weight, and which one it can; empty when it can."""
        if self.most < weight < FULL:
            return f"a canary can have at most {self.most} before it has all traffic, not {weight}"
        nearest = Weight.ratio_of(float(self.nearest(weight)))
        if nearest != weight:
            return f"{weight} is no share of at most {self.parts} parts: the nearest is {nearest}"
        return ""


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
    """What the router needs to put everything back (e.g. a description that the stamp replaced)."""
    sticks_s: float = 0.0
    """How long clients stay with the version that they were given first, whatever the weights."""


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
class WayBack:
    """Whether stable could take all traffic back, as far as a router knows."""

    problem: str = ""
    """Why it cannot, as a sentence; empty when it can."""
    older: str = ""
    """Then: the newest version before it that could; empty where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A weight and a bake."""

    weight: Weight
    bake_s: float
    """Observed time, in seconds, that the step must stay healthy."""
    max_bake_s: float
    """Wall time since the confirmed shift after which the step stops waiting for evidence."""
