"""Everything that can happen to a rollout: its journal's entries, and the orders of people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from guardian.core.model import Instant, Verdict, Weight
from guardian.core.plan import Plan


class HoldReason(Enum):
    """Why a rollout is held; `person` and `conflict` end only by a person's order."""

    PERSON = "person"
    NO_EVIDENCE = "no_evidence"
    BLIND = "blind"
    CONFLICT = "conflict"
    BREACH = "breach"


class Cause(Enum):
    """Why a rollout is rolled back."""

    BREACH = "breach"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"
    BLIND = "blind"
    LOW_TRAFFIC = "low_traffic"
    HELD_TOO_LONG = "held_too_long"


class OrderKind(Enum):
    """What a person or a pipeline can ask of a live rollout."""

    HOLD = "hold"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    INTERRUPT = "interrupt"
    """The process that drives it was told to stop: put traffic back."""
    LEAVE = "leave"
    """The process that watches it was told to stop: leave traffic as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person or a pipeline asks of a live rollout."""

    id: str
    rollout: str
    kind: OrderKind
    actor: str
    reason: str
    at: Instant
    expect_step: int | None = None
    """The step (counted from 0) the person saw; another one refuses the order as stale."""


# --- entries: everything that can happen -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStarted:
    """A plan was accepted; nothing has moved."""

    at: Instant
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEntered:
    """A step's weight is wanted from now on."""

    at: Instant
    step: int
    verdicts: tuple[Verdict, ...] = ()
    actor: str | None = None
    """Who ordered it over missing evidence; None when the criteria passed."""
    overridden: tuple[str, ...] = ()
    """The criteria that had not passed when a person promoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightConfirmed:
    """The router's read-back equals the wish; the bake begins."""

    at: Instant
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Advancing stopped; traffic stays as it is."""

    at: Instant
    why: HoldReason
    detail: str
    verdicts: tuple[Verdict, ...] = ()
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Back to where the hold began."""

    at: Instant
    detail: str
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStarted:
    """The recorded stable state is wanted from now on."""

    at: Instant
    cause: Cause
    detail: str
    verdicts: tuple[Verdict, ...] = ()
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStuck:
    """A rollback is unconfirmed for long: level 1 after 60 s, level 2 after 5 minutes."""

    at: Instant
    level: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackConfirmed:
    """The router's read-back equals the snapshot."""

    at: Instant
    by_guardian: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFailed:
    """A breach, and on purpose not rolled back: a gate, or `--observe`."""

    at: Instant
    detail: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The last step's bake is over; the canary becomes the primary version."""

    at: Instant
    verdicts: tuple[Verdict, ...] = ()
    unproven: tuple[str, ...] = ()
    """Gating criteria that lacked the evidence to pass."""
    actor: str | None = None
    overridden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryConfirmed:
    """The router's read-back shows the canary as the primary version."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Ended without guardian having moved traffic."""

    at: Instant
    detail: str
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Somebody else changed the versions, or the target is gone: guardian lets go."""

    at: Instant
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A completed rollout can no longer be taken back."""

    at: Instant
    detail: str


Entry: TypeAlias = (
    RolloutStarted
    | StepEntered
    | WeightConfirmed
    | Held
    | Resumed
    | RollbackStarted
    | RollbackStuck
    | RollbackConfirmed
    | GateFailed
    | Completed
    | PrimaryConfirmed
    | Cancelled
    | Superseded
    | Retired
)
