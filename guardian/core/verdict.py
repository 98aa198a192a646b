"""The judgement of one criterion, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from guardian.core.model import Incident, Instant


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
    limit_used: float | None = None
    """The observed value as a share of the limit: 1 is at the limit, more is over it."""
    warned: bool = False
    """The step's observed value has crossed `warn_if`."""
    incidents: tuple[Incident, ...] = ()
    """What an incident criterion rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one criterion at one instant, with its evidence and one sentence why."""

    criterion: str
    outcome: Outcome
    evidence: Evidence
    why: str
