"""Where entries, orders and notices are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Answer, Entry, Freeze, Order
from guardian.core.status import Look
from guardian.core.traffic import Snapshot


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
    """A notice and the receiver (the configured notifier) it leaves by."""

    receiver: str
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A notice that waits in the outbox."""

    id: str
    receiver: str
    notice: Notice
    attempts: int
    handle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Delivered; `handle` is kept for the receiver's next notice of the rollout."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a live rollout in favour of another one on the same target, in one transaction."""

    rollout: str
    expected: int
    entry: Entry
    outgoing: Sequence[Outgoing] = ()


class Journal(Protocol):
    """Append-only memory. Heartbeats use the monotonic clock: beat 10 s, life 30 s.

    Any method may raise Unavailable; `append` may raise OutcomeUnknown.
    """

    @property
    def unsure_s(self) -> float:
        """For how many real seconds whoever has just come may take the dead for the living."""
        ...

    def open_lease(self, owner: str) -> Lease:
        """Begin to live. Leases of the dead that hold nothing are buried on the way."""
        ...

    def beat(self, lease: Lease) -> None:
        """Go on living, also after a silence in which nobody took anything from it.

        Raises Fenced when the lease was given up or taken for dead.
        """
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

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still the newest one of its target: asked before each write."""
        ...

    def live(self) -> list[Head]:
        """Rollouts that are not ended, oldest first."""
        ...

    def history(self, service: str, *, limit: int = 20) -> list[Head]:
        """A service's rollouts, newest first."""
        ...

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout in order; empty when unknown.

        Raises Damaged where they are not what was written: the other rollouts can be used.
        """
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
        answers: Sequence[Answer] = (),
        ends: Ending | None = None,
        txid: str,
    ) -> int:
        """Entries, answered orders and outgoing notices in one transaction; the new last seq.

        `ends` is written before, in the same transaction: both or neither. `live` says whether
        the rollout is live afterwards. Raises Fenced when the claim's epoch is not the target's
        newest or its lease was given up; Conflict when a last seq is not `expected`, or when the
        target has another live rollout. The same entries under the same `txid` are written once,
        whatever became of the first answer. The first append of a rollout is its own
        RolloutStarted, on the claim's target: IllegalEntry for any other. An outgoing notice is
        kept once for each receiver and `notice.id`, and its first text stays.
        """
        ...

    def order(self, order: Order) -> None:
        """Leave an order; needs no claim. The same id twice is once."""
        ...

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Waiting orders of these rollouts, oldest first."""
        ...

    def answer(self, answer: Answer) -> None:
        """Finish an order without an entry; the first answer stands.

        The answer to an order that is not known is nothing.
        """
        ...

    def answered(self, order: str) -> Answer | None:
        """What became of an order; None while it waits, or when it is not known."""
        ...

    def freeze(self, freeze: Freeze) -> None:
        """Stop advances; replaces an earlier freeze of the same scope. Needs no claim."""
        ...

    def unfreeze(self, scope: str) -> bool:
        """End the freeze of a scope; whether there was one."""
        ...

    def freezes(self) -> list[Freeze]:
        """Every freeze that was not ended, also those whose time is over, by scope."""
        ...

    def show(self, looks: Sequence[Look]) -> None:
        """Keep the newest look at each of these live rollouts, for other processes to see.

        No entry, and nothing is decided by it: it may be lost. Those of ended ones are dropped.
        """
        ...

    def shown(self, rollout: str) -> Look | None:
        """The newest look at a live rollout; None where there is none that can be read."""
        ...

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices to deliver: those that wait for none before them (`queue`), and only once due."""
        ...

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Keep a due notice from every other process until then; False where one has it already.

        Whoever dies with it leaves it to the others when that time has come.
        """
        ...

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Record what became of a notice; the same result of the same attempt twice is once."""
        ...

    def pending(self) -> int:
        """How many notices wait."""
        ...

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Remember what stable is; the same snapshot twice is once."""
        ...

    def snapshots(self, service: str, *, limit: int = 5) -> list[Snapshot]:
        """A service's snapshots, newest first."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
