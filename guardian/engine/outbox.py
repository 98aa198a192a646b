"""The outbox: delivers recorded notices, at least once, and never in the way of traffic."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from guardian.core.model import Instant
from guardian.core.notices import Event, Notice
from guardian.engine.dependencies import Dependencies
from guardian.engine.refusals import Refusals
from guardian.messages.table import is_for
from guardian.ports import (
    CallPool,
    Dead,
    EdgeError,
    JournalError,
    Notifier,
    NotifyError,
    Outgoing,
    Pending,
    Retry,
    Sent,
)

ACT_FIRST_S = 5.0
"""How long a notice waits for the act it tells of when the router hangs, in real seconds."""
SEND_DEADLINE_S = 20.0
SETTLING_S = 10.0
"""How long after that a notice stays this process's own, in real seconds, to record its end."""
TAKEN_S = SEND_DEADLINE_S + SETTLING_S
INFORMATION_LIVES_S = 3600.0
"""A message that only informs is dropped when this old."""
PAGES_LIVE_S = 3 * 24 * 3600.0
"""A page is tried for so long: by then what it tells of was found by other ways, or is over."""
BACK_OFF_S = (1.0, 60.0)
REFUSED_S = (1.0, 300.0)
"""The same for what was refused: somebody has to mend that."""
REFUSALS = 3
"""A message that only informs is dropped when refused so often: later ones wait for it."""
IDLE_S = 1.0
DIRECT_RETRY_S = 10.0
"""How soon a notice that the journal could not take is sent again to a receiver that failed."""
DUE_LIMIT = 1000
"""Far more than one receiver's backlog, so that it cannot hide the other receivers' notices."""


DirectKey: TypeAlias = tuple[str, str]
"""Receiver and notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A configured notifier and the events it wants; None means all."""

    name: str
    notifier: Notifier
    events: frozenset[Event] | None = None
    services: frozenset[str] | None = None

    def wants(self, notice: Notice) -> bool:
        """Whether the notice leaves by this receiver."""
        return is_for(notice, self.events, self.services)


class Outbox:
    """Hands due notices to their receivers, one of each receiver and rollout at a time."""

    def __init__(
        self, dependencies: Dependencies, *, receivers: Sequence[Receiver], pool: CallPool
    ) -> None:
        self._journal = dependencies.journal
        self._receivers: Mapping[str, Receiver] = {
            receiver.name: receiver for receiver in receivers
        }
        self._retired: Mapping[str, Receiver] = {}
        """Receivers that were taken out of the files: they deliver what they were given before."""
        self._metrics = dependencies.metrics
        self._pool = pool
        self._clock = dependencies.clock
        self._rng = dependencies.rng
        self._lock = threading.Lock()
        self._held_back: dict[tuple[str, int], float] = {}
        self._unsettled: dict[str, tuple[Pending, Sent | Retry | Dead]] = {}
        """What became of a notice, as long as the journal could not take it in."""
        self._direct: dict[DirectKey, float] = {}
        self.wake: Callable[[], None] = lambda: None
        self.sent = 0
        self.failed = 0
        self.last_error = ""
        self._say = dependencies.say
        self._refusals = Refusals(clock=self._clock, say=self._say, tell=self._tell_others)

    @property
    def refusals(self) -> Mapping[str, str]:
        """Each receiver: why it refused what it was given last; empty where it did not."""
        return {**dict.fromkeys(self._receivers, ""), **self._refusals.why}

    def route(self, notice: Notice | None) -> list[Outgoing]:
        """Which receivers a notice leaves by: those that want it and were not told it directly."""
        return [] if notice is None else self._untold(notice, lambda one: one.wants(notice))

    def _untold(self, notice: Notice, wanted: Callable[[Receiver], bool]) -> list[Outgoing]:
        wanting = [one.name for one in self._receivers.values() if wanted(one)]
        untold = [n for n in wanting if self._direct.get((n, notice.id)) != math.inf]
        return [Outgoing(receiver=name, notice=notice) for name in untold]

    def replace(self, receivers: Sequence[Receiver]) -> list[str]:
        """Other receivers from now on; the names of those that went and only empty their queue."""
        new = {receiver.name: receiver for receiver in receivers}
        gone = [name for name in self._receivers if name not in new]
        before = {**self._retired, **self._receivers}
        self._retired = {name: receiver for name, receiver in before.items() if name not in new}
        self._receivers = new
        return gone

    def _receiver(self, name: str) -> Receiver | None:
        return self._receivers.get(name) or self._retired.get(name)

    def hold_back(self, rollout: str, seq: int) -> None:
        """Before recording: never tell before the act was tried."""
        with self._lock:
            self._held_back[rollout, seq] = self._clock.monotonic() + ACT_FIRST_S

    def release(self, rollout: str) -> None:
        """The act was tried: what was held back for this rollout may be told."""
        with self._lock:
            for key in [k for k in self._held_back if k[0] == rollout]:
                del self._held_back[key]
        self.wake()

    def steppers(self) -> dict[str, Callable[[], float]]:
        """One for each receiver, so that a vendor that hangs delays no other; one for lost ones."""
        ours = [*self._receivers, *self._retired]
        steps = {f"outbox-{name}": partial(self.step, name.__eq__) for name in ours}
        return {**steps, "outbox": partial(self.step, lambda name: self._receiver(name) is None)}

    def step(self, mine: Callable[[str], bool] = lambda _: True) -> float:
        """Deliver what is due to receivers that are `mine`; real seconds until the next look."""
        now = self._clock.now()
        self._refusals.step()
        try:
            self._settle_again(mine)
            due = self._journal.due(now, limit=DUE_LIMIT)
            waiting = [p for p in due if mine(p.receiver) and self._is_for_us(p, now)]
        except JournalError as error:
            self.last_error = str(error)
            return 5.0
        ready = [p for p in waiting if self._may_go(p)]
        pages_first = sorted(ready, key=lambda p: not p.notice.vital)
        oldest = {p.receiver: p for p in reversed(pages_first)}
        first = {receiver: p for receiver, p in oldest.items() if self._take(p, now)}
        if not first:
            return min(IDLE_S, 0.05) if waiting else IDLE_S
        results = self._pool.run(
            {f"notify-{receiver}": self._sender(p) for receiver, p in first.items()},
            deadline_s=SEND_DEADLINE_S,
        )
        for receiver, pending in first.items():
            self._settle(pending, results[f"notify-{receiver}"], now)
        return 0.0

    def tell_now(self, notice: Notice | None) -> None:
        """The emergency path, when the journal is down: straight to every receiver, keys as ever.

        Does not wait for the answers. Called again at each tick, until every receiver has it.
        """
        self._tell_directly(self.route(notice))

    def _tell_others(self, notice: Notice, besides: str) -> None:
        """What is wrong with one receiver goes to all the others, whatever they want to hear of."""
        self._tell_directly(self._unheard(notice, besides))

    def _unheard(self, notice: Notice, besides: str) -> list[Outgoing]:
        return self._untold(notice, lambda one: one.name != besides)

    @property
    def unheard(self) -> bool:
        """Whether a receiver that takes what it is given has not heard that another one refuses."""
        refusing, news = self._refusals.why, self._refusals.news
        return any(o.receiver not in refusing for n in news for o in self._unheard(news[n], n))

    def _tell_directly(self, outgoing: Sequence[Outgoing]) -> None:
        calls: dict[str, Callable[[], object]] = {}
        monotonic = self._clock.monotonic()
        for out in outgoing:
            key = (out.receiver, out.notice.id)
            if self._direct.get(key, monotonic) <= monotonic:
                self._direct[key] = monotonic + DIRECT_RETRY_S
                calls[f"direct-{'-'.join(key)}"] = partial(self._tell, key, out)
        if calls:
            self._pool.run(calls, deadline_s=0.0)

    def _tell(self, key: DirectKey, out: Outgoing) -> None:
        try:
            self._receivers[out.receiver].notifier.send(out.notice, handle=None)
        except NotifyError as error:
            self.failed += 1
            self.last_error = f"{out.receiver}: {error.detail}"
            if not error.retryable:
                self._refusals.refused(out.receiver, out.notice, error.detail)
            return
        self.sent += 1
        self._refusals.took(out.receiver, out.notice)
        self._direct[key] = math.inf

    def _settle_again(self, mine: Callable[[str], bool]) -> None:
        """What was delivered is not delivered again only because the journal could not note it."""
        for key, (pending, verdict) in list(self._unsettled.items()):
            if mine(pending.receiver):
                self._journal.ack(pending, verdict)
                del self._unsettled[key]

    def delivers(self, pending: Pending) -> bool:
        """Whether a receiver of ours tells it."""
        receiver = self._receiver(pending.receiver)
        return receiver is not None and (
            receiver.services is None
            or pending.notice.own
            or pending.notice.service in receiver.services
        )

    def _is_for_us(self, pending: Pending, now: Instant) -> bool:
        """Not what another guardian on this journal tells by its own receivers, of its own
        services.

        Only what is too old by now is cleared away, whosever it was.
        """
        old = now - pending.notice.at > _life_s(pending.notice)
        return self.delivers(pending) or (old and self._receiver(pending.receiver) is None)

    def _take(self, pending: Pending, now: Instant) -> bool:
        """Before sending: no other process of this journal shall tell it as well.

        A journal that cannot be written to is no reason to be silent: rather twice than never.
        """
        taken_s = TAKEN_S / self._clock.real_s(1.0)
        try:
            return self._journal.claim_notice(pending, now=now, until=now + taken_s)
        except JournalError as error:
            self.last_error = str(error)
            return True

    def _may_go(self, pending: Pending) -> bool:
        key = (pending.notice.rollout, pending.notice.seq)
        with self._lock:
            until = self._held_back.get(key)
            if until is not None and self._clock.monotonic() < until:
                return False
            self._held_back.pop(key, None)
        return True

    def _sender(self, pending: Pending) -> Callable[[], object]:
        receiver = self._receiver(pending.receiver)
        if receiver is None:
            return lambda: Dead(error=f"no notifier is configured here for {pending.receiver}")
        return lambda: Sent(handle=receiver.notifier.send(pending.notice, handle=pending.handle))

    def _settle(self, pending: Pending, result: object, now: Instant) -> None:
        verdict = self._verdict(pending, result, now)
        refused = isinstance(result, NotifyError) and not result.retryable
        outcome = "refused" if refused and isinstance(verdict, Retry) else _OUTCOMES[type(verdict)]
        self._metrics.notice(pending.receiver, outcome)
        if isinstance(verdict, Sent):
            self.sent += 1
            self._refusals.took(pending.receiver, pending.notice)
        else:
            self.failed += 1
            self.last_error = f"{pending.receiver}: {verdict.error}"
        if refused and not isinstance(verdict, Sent):
            self._refusals.refused(pending.receiver, pending.notice, verdict.error)
        if isinstance(verdict, Dead) and pending.notice.vital:
            self._say(f"a page was given up after days ({verdict.error}): {pending.notice.title}")
        self._note(pending, verdict)

    def _note(self, pending: Pending, verdict: Sent | Retry | Dead) -> None:
        """Record what became of a notice; what cannot be recorded takes no other notice along."""
        try:
            self._journal.ack(pending, verdict)
        except JournalError as error:
            self._unsettled[pending.id] = (pending, verdict)
            self.last_error = str(error)
        except Exception as error:  # noqa: BLE001 - a handle or a text that no journal can hold
            self._say(f"what became of a notice for {pending.receiver} is no record: {error!r}")
            told = isinstance(verdict, Sent)
            self._journal.ack(pending, Sent() if told else Dead(error=type(error).__name__))

    def _verdict(self, pending: Pending, result: object, now: Instant) -> Sent | Retry | Dead:
        if isinstance(result, Sent | Dead):
            return result
        error = result.detail if isinstance(result, EdgeError) else "no answer"
        notice = pending.notice
        refused = isinstance(result, NotifyError) and not result.retryable
        over = refused and not notice.vital and pending.attempts + 1 >= REFUSALS
        if over or now - notice.at > _life_s(notice):
            return Dead(error=error)
        asked = result.after_s if isinstance(result, NotifyError) and result.after_s else 0.0
        first, most = REFUSED_S if refused else BACK_OFF_S
        back_off = min(most, first * 2.0 ** min(pending.attempts, 10))
        real_s = max(asked, back_off * (0.5 + self._rng.uniform() / 2))
        return Retry(at=now + real_s / self._clock.real_s(1.0), error=error)


_OUTCOMES: Mapping[type, str] = {Sent: "sent", Retry: "failed", Dead: "dead"}


def _life_s(notice: Notice) -> float:
    return PAGES_LIVE_S if notice.vital else INFORMATION_LIVES_S
