"""What the engine needs of the world: the Protocols, their values and their errors. No behaviour.

GuardianError                 a sentence for people, never a secret; carries an exit code
├── UsageError                2  the command was used wrongly
├── ConfigError               3  files, settings or start conditions are wrong
├── EdgeError                 8  a vendor could not do what it was asked; has a Reason
│   ├── SourceError
│   ├── RouterError
│   └── NotifyError              and whether to try again
└── JournalError              8
    ├── Fenced                   a newer epoch holds the target: stop acting on it
    ├── Conflict                 somebody appended first: read again, decide again
    ├── Unavailable              nothing was written
    └── OutcomeUnknown           it may have been written: read and compare by txid
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from guardian.core.entries import Entry
from guardian.core.entries import Order as Order  # noqa: PLC0414 - a word of the journal port
from guardian.core.model import (
    Instant,
    Measurement,
    Query,
    Reading,
    Reason,
    Snapshot,
    Stamp,
    Traffic,
)
from guardian.core.notices import Notice

# --- errors ------------------------------------------------------------------------------------


class GuardianError(Exception):
    """Something a person can act on: what happened, where, why, what to do."""

    exit_code = 1


class UsageError(GuardianError):
    """The command was used wrongly."""

    exit_code = 2


class ConfigError(GuardianError):
    """A file, a setting or a start condition is wrong."""

    exit_code = 3


class EdgeError(GuardianError):
    """A vendor could not do what it was asked."""

    exit_code = 8

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class SourceError(EdgeError):
    """A whole read failed; the failure of a single query is a Measurement with a problem."""


class RouterError(EdgeError):
    """Traffic could not be read or written. After a write, `UNKNOWN`/`TIMEOUT`: read to learn."""


class NotifyError(EdgeError):
    """A notice was not delivered."""

    def __init__(
        self, reason: Reason, detail: str, *, retryable: bool, after_s: float | None = None
    ) -> None:
        super().__init__(reason, detail)
        self.retryable = retryable
        self.after_s = after_s
        """How long the vendor asked to wait, in seconds (Retry-After)."""


class JournalError(GuardianError):
    """The journal did not do what it was asked."""

    exit_code = 8


class Fenced(JournalError):
    """A newer epoch, or no living lease: this process must stop acting on the target."""


class Conflict(JournalError):
    """The rollout has entries beyond `expected`."""


class Unavailable(JournalError):
    """The journal cannot be reached or is full; nothing was written."""


class OutcomeUnknown(JournalError):
    """The write may or may not have happened."""


# --- time, luck, concurrency -------------------------------------------------------------------


class Clock(Protocol):
    """Wall time, which a simulation may scale, and monotonic time, which nobody scales."""

    def now(self) -> Instant:
        """The wall clock: decisions, windows, displays."""
        ...

    def monotonic(self) -> float:
        """Seconds for I/O time-outs, heartbeats and back-off. Never scaled."""
        ...

    def real_s(self, wall_s: float) -> float:
        """How many real seconds `wall_s` seconds of the wall clock take (1:1 unless scaled)."""
        ...


class Luck(Protocol):
    """Randomness: back-off jitter and ids."""

    def uniform(self) -> float:
        """A number in [0, 1)."""
        ...

    def token(self) -> str:
        """Eight random lower-case letters and digits."""
        ...


class Fanout(Protocol):
    """Runs vendors' calls side by side, so that the decision thread never waits inside one."""

    def run(
        self,
        calls: Mapping[str, Callable[[], object]],
        *,
        deadline_s: float,
        interruptible: bool = False,
    ) -> Mapping[str, object]:
        """Each call's result by its key; an exception, or lateness, comes back as an EdgeError.

        `deadline_s` is real seconds. A late call goes on in its thread; its result is dropped.
        A key whose earlier call is still under way is not started again: it is `Reason.TIMEOUT`.
        An interruptible run ends early when `interrupt` is called (a signal, an order).
        """
        ...

    def interrupt(self) -> None:
        """End the interruptible run under way, if any."""
        ...


# --- what an adapter is built with -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an adapter may use of the process; built by `wiring`."""

    clock: Clock
    luck: Luck
    client: Callable[[str], Any]
    """A boto3 client by service name, for this adapter's account and region; the account is
    checked when it is made. Writers call `check_account` before each write."""
    check_account: Callable[[], None]
    """Ask STS who we are; raises RouterError(AUTH) in any other than the configured account."""
    account_id: str
    region: str
    environment: str
    service: str = ""
    """The service that a router is built for; empty for what several services share."""
    secret: Callable[[str], str | None]
    """A process secret by its settings name (`slack_token`); never logged."""
    base_url: Callable[[str], str | None]
    """Another address for a vendor (`slack_base_url`), for tests and proxies."""


# --- sources -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One query over one window; start and end are aligned to the period, end is exclusive."""

    query: Query
    start: Instant
    end: Instant
    settle_s: float


class Source(Protocol):
    """Where numbers come from."""

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """One measurement for every ask, in as few vendor's calls as possible.

        A series that could not be read carries a Problem; absence is an empty tuple, never 0.
        Raises SourceError when nothing could be read at all.
        """
        ...


# --- routers -----------------------------------------------------------------------------------


class Guard(Enum):
    """What keeps a stale write of a superseded process from landing."""

    HARD = "hard"
    """The vendor compares a token with each write."""
    CONFLICT = "conflict"
    """The vendor refuses overlapping writes only."""
    NONE = "none"


class Router(Protocol):
    """Moves traffic between versions. Every write is absolute, and returns what was read back.

    A write raises RouterError: CONFLICT when somebody else changed the target since `after`
    (nothing was written), TIMEOUT/UNKNOWN when the outcome is unknown (read to learn).
    """

    guard: Guard
    target: str

    def read(self) -> Reading:
        """The traffic now. NOT_FOUND when the target is gone."""
        ...

    def resolve(self, version: str) -> str:
        """The version that `latest` or a version string means. NOT_FOUND when there is none."""
        ...

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Why these two cannot share traffic, or stable cannot be restored; empty when they can.

        Each is a whole sentence with what to do. Also called for `stable == canary`.
        """
        ...

    def variables(self) -> Mapping[str, str]:
        """What `${router.<name>}` means in a rule file."""
        ...

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """Give the canary its weight."""
        ...

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """Make the canary the primary version and remove the stamp."""
        ...

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """Put the snapshot back; always writes. With `stamp=None` the stamp is removed too."""
        ...


# --- notifiers ---------------------------------------------------------------------------------


class Notifier(Protocol):
    """Tells people. Has its own time-outs; may be called again with the same notice."""

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Deliver; returns the handle for the rollout's next notice (Slack's thread).

        `handle` is what the last delivery of this rollout on this lane returned.
        Raises NotifyError; its text never holds a secret.
        """
        ...


# --- the journal -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A running process's heartbeat."""

    id: str
    owner: str
    """Host, process and purpose, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of a lease to act on one target; `epoch` grows at each change of hands."""

    target: str
    epoch: int
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One journalled entry; `seq` counts from 1 without gaps."""

    seq: int
    epoch: int
    entry: Entry
    txid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A rollout in the list: enough to find it."""

    rollout: str
    service: str
    target: str
    live: bool
    seq: int
    started_at: Instant
    last_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A notice and the lane (the configured notifier) it leaves by."""

    lane: str
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A notice that waits in the outbox."""

    id: str
    lane: str
    notice: Notice
    attempts: int
    handle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Delivered; `handle` is kept for the lane's next notice of the rollout."""

    handle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Not delivered; try again at `at`."""

    at: Instant
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """Not deliverable; kept, counted and shown."""

    error: str


class Journal(Protocol):
    """Append-only memory. Heartbeats use the monotonic clock: beat 10 s, life 30 s.

    Any method may raise Unavailable; `append` may raise OutcomeUnknown.
    """

    def open_lease(self, owner: str) -> Lease:
        """Begin to live."""
        ...

    def beat(self, lease: Lease) -> None:
        """Go on living. Raises Fenced when the lease was given up or taken for dead."""
        ...

    def close_lease(self, lease: Lease) -> None:
        """Give up every claim and the lease; idempotent."""
        ...

    def claim(self, lease: Lease, target: str, *, take_over: bool = False) -> Claim | None:
        """The right to act on a target, with a new epoch; None while a living lease holds it.

        The holder itself gets its present claim back. `take_over` raises the epoch over a living
        holder (the emergency path). Raises Fenced when `lease` is dead.
        """
        ...

    def release(self, claim: Claim) -> None:
        """Give one target back; the epoch is kept. Idempotent."""
        ...

    def holder(self, target: str) -> str | None:
        """The owner text of the living lease that holds a target, if any."""
        ...

    def live(self) -> list[Head]:
        """Rollouts that are not ended, oldest first."""
        ...

    def history(self, service: str, *, limit: int = 20) -> list[Head]:
        """A service's rollouts, newest first."""
        ...

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout in order; empty when unknown."""
        ...

    def append(
        self,
        claim: Claim,
        rollout: str,
        *,
        expected: int,
        entries: Sequence[Entry],
        live: bool,
        outgoing: Sequence[Outgoing] = (),
        orders_done: Sequence[str] = (),
        txid: str,
    ) -> int:
        """Entries, finished orders and outgoing notices in one transaction; the new last seq.

        `live` says whether the rollout is live afterwards. Raises Fenced when the claim's epoch
        is not the target's newest or its lease is dead; Conflict when the last seq is not
        `expected`, or when the target has another live rollout.
        """
        ...

    def order(self, order: Order) -> None:
        """Leave an order; needs no claim. The same id twice is once."""
        ...

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Waiting orders of these rollouts, oldest first."""
        ...

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices to deliver: per lane and rollout only the oldest one, and only once due."""
        ...

    def settle(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Record what became of a notice."""
        ...

    def pending(self) -> int:
        """How many notices wait."""
        ...

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Remember what stable is."""
        ...

    def snapshots(self, service: str, *, limit: int = 5) -> list[Snapshot]:
        """A service's snapshots, newest first."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
