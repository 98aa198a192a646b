"""A journal that is away for a while, or keeps its answers to itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guardian.core.model import Instant
from guardian.core.rollout.entries import Answer, Entry, Order
from guardian.core.status import Look
from guardian.ports import (
    Claim,
    Dead,
    Ending,
    JournalError,
    Lease,
    Outgoing,
    Pending,
    Record,
    Retry,
    Sent,
    Unavailable,
)
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.world import VirtualClock


class TroubledJournal(MemoryJournal):
    """A journal that is away for spans of time, and can lose the answer of a write it made."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.time = clock
        self.away: tuple[float, float] = (0.0, 0.0)
        """Virtual seconds between which nothing works."""
        self.lose: Callable[[Sequence[Entry]], JournalError | None] = lambda _: None
        """The answer to give to an append that was made all the same."""
        self.died: Callable[[], None] = lambda: None
        """Called before and after each write."""
        self.appended = 0

    def _here(self) -> None:
        start, end = self.away
        if start <= self.time.at < end:
            raise Unavailable("the disk is full")

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
        """Write, or not; answer, or not."""
        self._here()
        self.died()
        seq = super().append(
            claim,
            rollout,
            expected=expected,
            entries=entries,
            live=live,
            outgoing=outgoing,
            answers=answers,
            ends=ends,
            txid=txid,
        )
        self.appended += 1
        self.died()
        error = self.lose(entries)
        if error is not None:
            raise error
        return seq

    def read(self, rollout: str) -> list[Record]:
        """All entries, when it is here."""
        self._here()
        return super().read(rollout)

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Orders, when it is here."""
        self._here()
        return super().orders(rollouts)

    def show(self, looks: Sequence[Look]) -> None:
        """Keep, when it is here."""
        self._here()
        super().show(looks)

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices, when it is here."""
        self._here()
        return super().due(now, limit=limit)

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Take, when it is here."""
        self._here()
        self.died()
        return super().claim_notice(pending, now=now, until=until)

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Settle, when it is here."""
        self._here()
        self.died()
        super().ack(pending, result)
        self.died()

    def beat(self, lease: Lease) -> None:
        """Beat, when it is here."""
        self._here()
        super().beat(lease)
