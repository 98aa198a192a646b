"""An outbox with its journal, clock and receivers, and notifiers that hear or fail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from guardian.core.model import Instant, Reason
from guardian.core.notices import Event, Notice
from guardian.core.rollout.entries import RolloutStarted
from guardian.core.traffic import Weight
from guardian.engine.dependencies import Dependencies
from guardian.engine.outbox import (
    Outbox,
    Receiver,
)
from guardian.ports import CallPool, Dead, NotifyError, Outgoing, Pending, Retry, Sent, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.scheduler import plan
from tests.simulation.serial import SerialCallPool
from tests.simulation.world import SeededRandom

NOTICE = Notice(
    event=Event.BAKING,
    at=0.0,
    rollout="r1",
    seq=2,
    service="agents-api",
    environment="production",
    stable="41",
    canary="42",
    phase="baking",
    weight=Weight.percent(10),
    step=1,
    steps=3,
    title="baking",
    did="waits",
)
NO_ANSWER = NotifyError(Reason.UNAVAILABLE, "no answer", retryable=True)


@dataclass
class Ears:
    """A notifier that hears, or fails with what it is told to."""

    heard: list[tuple[str, int, str | None]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    error: Exception | None = None

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Hear."""
        if self.error is not None:
            raise self.error
        self.heard.append((notice.rollout, notice.seq, handle))
        self.notices.append(notice)
        return f"thread of {notice.rollout}"


class ForgetfulJournal(MemoryJournal):
    """Can be read and not be written: a full disk."""

    full = False
    breaks = False
    """It cannot hold a handle."""
    settled: list[Sent | Retry | Dead]

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Note, if there is room."""
        if self.full:
            raise Unavailable("the disk is full")
        return super().claim_notice(pending, now=now, until=until)

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Note, if there is room."""
        if self.full:
            raise Unavailable("the disk is full")
        if self.breaks and isinstance(result, Sent) and result.handle is not None:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        self.settled = [*getattr(self, "settled", []), result]
        super().ack(pending, result)


class Post:
    """An outbox with its journal, clock and receivers."""

    def __init__(
        self,
        *receivers: str,
        pool: CallPool | None = None,
        events: frozenset[Event] | None = None,
    ) -> None:
        self.said: list[str] = []
        self.clock = ManualClock()
        self.journal = ForgetfulJournal(self.clock)
        self.ears = {name: Ears() for name in receivers}
        self.dependencies = Dependencies(
            journal=self.journal,
            clock=self.clock,
            rng=SeededRandom("post"),
            owner="tests",
            say=self.said.append,
        )
        self.outbox = Outbox(
            self.dependencies,
            receivers=[
                Receiver(name=n, notifier=ears, events=events) for n, ears in self.ears.items()
            ],
            pool=pool or SerialCallPool(),
        )
        self.lease = self.journal.open_lease("tests")
        self.begun: dict[str, int] = {}

    def put(self, notice: Notice, *receivers: str) -> None:
        """Record an entry that has this to tell."""
        begun = self.begun.setdefault(notice.rollout, len(self.begun))
        claim = self.journal.claim(self.lease, f"target {begun}")
        assert claim is not None
        known = self.journal.read(notice.rollout)
        the_plan = replace(plan(self.clock.now()), rollout=notice.rollout, target=claim.target)
        entry = RolloutStarted(at=self.clock.now(), plan=the_plan)
        self.journal.append(
            claim,
            notice.rollout,
            expected=len(known),
            entries=[] if known else [entry],
            live=True,
            outgoing=[
                Outgoing(receiver=n, notice=replace(notice, at=self.clock.now())) for n in receivers
            ],
            txid=f"{notice.rollout}-{notice.seq}",
        )
