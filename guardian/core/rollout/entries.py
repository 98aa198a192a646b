"""Everything that can happen to a rollout: its journal's entries, and the orders of people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from guardian.core.model import Instant
from guardian.core.plan import Plan
from guardian.core.traffic import Traffic, WayBack, Weight
from guardian.core.verdict import Verdict


class HoldReason(Enum):
    """Why a rollout is held; `person`, `approval` and `conflict` end only by a person's order."""

    PERSON = "person"
    APPROVAL = "approval"
    FREEZE = "freeze"
    """Advances were stopped for the service or for all; ends with the freeze."""
    INCIDENT = "incident"
    """An incident was open, or an alarm fired, before the first shift; ends when that is over."""
    PRE_EXISTING = "pre_existing"
    """Stable itself broke a criterion before the first shift; ends when it is well again."""
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
    UNAPPROVED = "unapproved"
    GROUP = "group"
    """Another member of its group went back."""


class OrderKind(Enum):
    """What a person or a pipeline can ask of a live rollout."""

    HOLD = "hold"
    RESUME = "resume"
    PROMOTE = "promote"
    """End this bake and take the next step; with `full`, all traffic to the canary now."""
    APPROVE = "approve"
    RETRY = "retry"
    """Ask the router again for what it did not show."""
    WAIVE = "waive"
    """One criterion no longer counts, for this rollout."""
    ABORT = "abort"
    GROUP = "group"
    """Another member of the group went back: go back too."""
    INTERRUPT = "interrupt"
    """The process that drives it was told to stop: put traffic back."""
    LEAVE = "leave"
    """The process that watches it was told to stop: leave traffic as it is."""
    START = "start"
    """Begin a rollout; addressed to a service (see `for_service`), taken by its daemon."""


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
    full: bool = False
    """For promote: to 100 % now. For hold: stop a rollback under way as well."""
    subject: str = ""
    """For waive: the criterion. For start: the version."""
    again: bool = False
    """For start: also a version that was rolled back before."""
    fixes: tuple[str, ...] = ()
    """For start: ids of open incidents, or names of alarms, that the release is to mend."""


def for_service(service: str) -> str:
    """What an order names in place of a rollout when it is for a service: `@agents-api`."""
    return f"@{service}"


def service_of(order: Order) -> str:
    """The service that an order to start is for."""
    return order.rollout.removeprefix("@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order: obeyed, or refused with the reason."""

    order: str
    refused: str = ""
    """Why not, in a sentence for whoever gave it; empty when it was obeyed."""
    moot: bool = False
    """Not obeyed because what was wanted is so already."""
    rollout: str = ""
    """The rollout that a start began."""


EVERYTHING: Final = "*"
"""The scope of a freeze of all services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Advances are stopped, for one service or for all, until a time."""

    scope: str
    """A service's name, or EVERYTHING."""
    until: Instant
    actor: str
    reason: str
    at: Instant
    rollbacks_too: bool = False
    """Nothing is rolled back by guardian's own judgement either; a person's abort still is."""


def freeze_in_force(freezes: Iterable[Freeze], service: str, now: Instant) -> Freeze | None:
    """The freeze that a service's rollouts obey: of several the strictest, then the longest."""
    in_force = [f for f in freezes if f.scope in (EVERYTHING, service) and f.until > now]
    return max(in_force, key=lambda f: (f.rollbacks_too, f.until), default=None)


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
    stable: tuple[Verdict, ...] = ()
    """Of the first step: how stable itself stood by the criteria, just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightConfirmed:
    """The router's read-back equals what is desired; the bake begins."""

    at: Instant
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSeen:
    """Somebody else gave a watch's two versions other weights: they are judged at those now."""

    at: Instant
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Advancing stopped; traffic stays as it is."""

    at: Instant
    why: HoldReason
    detail: str
    verdicts: tuple[Verdict, ...] = ()
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """What a hold could not see can be seen again; the hold waits whether it stays so."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Back to where the hold began."""

    at: Instant
    detail: str
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A person agreed to a step."""

    at: Instant
    step: int
    actor: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """One criterion counts no longer, by a person's order."""

    at: Instant
    criterion: str
    actor: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something is to be known and stops nothing: `warn_if`, `on_fail: notify`; once a rollout."""

    at: Instant
    about: tuple[str, ...]
    """The criteria that are told of."""
    detail: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBackSeen:
    """Stable can take the traffic back no longer, or can again; it changes nothing else."""

    at: Instant
    found: WayBack


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
    """A breach, and on purpose not rolled back: a gate, or only observed."""

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
class PromotionStuck:
    """The canary passed everything, and the router does not show it as the primary version."""

    at: Instant
    detail: str


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
    actor: str | None = None
    """Who ordered guardian to restore another version than the recorded one."""
    gone: bool = False
    """Whether there was no target any more, rather than somebody else's versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A completed rollout can no longer be taken back."""

    at: Instant
    detail: str


Entry: TypeAlias = (
    RolloutStarted
    | StepEntered
    | WeightConfirmed
    | TrafficSeen
    | Held
    | Sighted
    | Resumed
    | Approved
    | Waived
    | Warned
    | WayBackSeen
    | RollbackStarted
    | RollbackStuck
    | RollbackConfirmed
    | GateFailed
    | Completed
    | PromotionStuck
    | PrimaryConfirmed
    | Cancelled
    | Superseded
    | Retired
)
