"""The judgement of one criterion, and the figures it rests on; `reasons` puts them in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from guardian.core.figures import Bound, Figure
from guardian.core.model import Incident, Instant


class Outcome(Enum):
    """The five verdicts."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    ERROR = "error"


class Basis(Enum):
    """What a verdict was made by."""

    LIMIT = "limit"
    """All evidence together, held against the limit."""
    COMPARE = "compare"
    """All evidence together, held against stable."""
    THRESHOLD = "threshold"
    """M of N datapoints, held against the limit."""
    INCIDENTS = "incidents"
    """Whether one is open, or fires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stable:
    """Stable's side of a comparison, in the minutes in which both had traffic."""

    value: Figure
    bad: int
    samples: int
    max_ratio: float = 1.0
    """How many times stable's rate the canary's may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoints:
    """How many of a threshold's datapoints are over the limit."""

    over: int
    of: int
    needed: tuple[int, int]
    """M of N are a breach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What of the counts lies in periods that may still grow; a breach alone rests on those."""

    bad: int
    samples: int
    minutes: float
    most: int
    """The samples that these periods are taken to come to have: as many as a busy one."""
    bound: Figure | None = None
    """What the value is then, at least; None where it does not depend on samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict rests on. Counts are as the source has them, never what they may become."""

    limit: Bound | None = None
    """In the value's unit; None where there is nothing to hold it against."""
    slower_than: Figure | None = None
    """Of a latency, whose value is the share of requests that took longer than this."""
    value: Figure | None = None
    """What was observed: in the step, or where a proof was found; None without samples."""
    basis: Basis = Basis.LIMIT
    bad: int = 0
    samples: int = 0
    """What was counted, whole: settled and unsettled."""
    minutes: float = 0.0
    """Settled minutes in which something was counted."""
    unsettled: Unsettled | None = None
    stable: Stable | None = None
    """The other side, where a comparison decided."""
    datapoints: Datapoints | None = None
    min_samples: int = 0
    all_samples: int = 0
    """Settled events since the first shift."""
    window_start: Instant | None = None
    window_end: Instant | None = None
    """From when to when the counts are."""
    settled_until: Instant | None = None
    """The end of the newest settled period of the step that was read."""
    observed_until: Instant | None = None
    """Up to when it was observed: read, settled, and not silent where there was traffic before."""
    log_e: float = 0.0
    log_e_limit: float = 0.0
    """A breach is proven at `log_e >= log_e_limit` = ln(1/alpha)."""
    blind_since: Instant | None = None
    """Since when it could not be read, or is silent where there was traffic."""
    over_limit: bool = False
    """The step's observed value is over the limit."""
    shared_minutes: float = 0.0
    """For how long stable was over the limit alike; it counts for nothing else here."""
    limit_used: float | None = None
    """The value as a share of the limit: 1 is at the limit, more is over it."""
    warned: Bound | None = None
    """The nearer limit, `warn_if`, if the step's observed value has crossed it."""
    incidents: tuple[Incident, ...] = ()
    """What a criterion on incidents or alarms rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one criterion at one instant, with its evidence and one sentence why."""

    criterion: str
    outcome: Outcome
    evidence: Evidence
    why: str

    @property
    def outage(self) -> bool:
        """Whether it is over the limit now and stable alike: that is no release's doing."""
        return self.outcome is Outcome.INCONCLUSIVE and self.evidence.stable is not None
