"""One tick of a plane: observe, judge, decide, record, act, and let the outbox tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from guardian.core.model import Instant, floor_to
from guardian.core.rollout.desired import DesiredTraffic, Verb
from guardian.core.rollout.entries import (
    Entry,
    Freeze,
    Order,
    RollbackStarted,
    WeightConfirmed,
    freeze_in_force,
)
from guardian.core.rollout.machine import LIVE, fold
from guardian.core.rollout.orders import Decision
from guardian.core.status import Look, RolloutStatus
from guardian.engine.dependencies import Dependencies
from guardian.engine.leaps import Leaps
from guardian.engine.looks import asking, looking
from guardian.engine.outbox import Outbox
from guardian.engine.reader import Reader
from guardian.engine.recorder import Recorder, told
from guardian.engine.runner import RolloutRunner
from guardian.engine.tick_result import Recorded, TickResult
from guardian.ports import (
    CallPool,
    Conflict,
    Fenced,
    JournalError,
    OutcomeUnknown,
    Source,
)

__all__ = ["Plane", "Recorded", "TickResult"]

POLL_S = 30.0
"""How often metrics are asked for, on the wall clock."""
DEADLINE_S = 12.0
"""Real seconds for vendors' calls of one tick: their own time-outs (2 s + 8 s) end first."""
BESIDE_S = 3.0
"""Real seconds for reading stable's side of a broken limit: it stands before a rollback."""
WRITE_S = 6.0
"""Real seconds after which a write that hangs is tried again beside the hanging one.

Both are absolute and made from a reading that the vendor compares, so that one of them lands.
"""
UNSETTLED_S = 1.0
"""How soon to look again while traffic is not as wished; failed writes back off to 30 s."""


class Plane:
    """The loop over all rollouts that one (credential, region) can read in one batch."""

    def __init__(
        self,
        dependencies: Dependencies,
        *,
        sources: Mapping[str, Source],
        pool: CallPool,
        outbox: Outbox,
        poll_s: float = POLL_S,
        name: str = "",
        on_broken: Callable[[RolloutRunner, Exception], None] | None = None,
    ) -> None:
        self.name = name
        """`account:region:role`."""
        self._metrics = dependencies.metrics
        self._on_broken = on_broken
        """Told of a rollout that a bug has broken and taken out of the loop; else the loop dies."""
        self._journal = dependencies.journal
        self._pool = pool
        self._outbox = outbox
        self._recorder = Recorder(dependencies, outbox)
        self._clock = dependencies.clock
        self._rng = dependencies.rng
        self._observer = dependencies.observer
        self._poll_s = poll_s
        self.reader = Reader(sources)
        self._say = dependencies.say
        self._leaps = Leaps(self._clock, lambda text: self._say(f"{name}: {text}"))
        self._freezes: tuple[Freeze, ...] = ()
        self._next_poll: Instant = 0.0
        self._trouble = ""
        self.unwritable = ""
        """Why the last poll could not be kept: small writes may go on where the disk is full."""
        self.runners: list[RolloutRunner] = []
        self.ticks = 0
        self.last_at: Instant = 0.0
        """When the last tick ended; 0 for none yet."""
        self.closing = False
        """Record nothing and write nothing any more: the process leaves."""
        self.due_by: float | None = None
        """Monotonic time by which the next tick should have begun; the watchdog looks at it."""

    def take(self, runner: RolloutRunner) -> None:
        """Take a rollout into this process."""
        self.runners = [*self.runners, runner]
        if runner.rollout.step < 0:
            # Stable is looked at before anything moves: nothing shall wait half a minute for that.
            self._next_poll = 0.0

    def drop(self, runner: RolloutRunner) -> None:
        """Let go of a rollout."""
        self.runners = [c for c in self.runners if c is not runner]

    def step(self) -> float:
        """One tick; returns the real seconds until it wants to run next."""
        began = self._clock.monotonic()
        lag_s = 0.0 if self.due_by is None else max(0.0, began - self.due_by)
        delay_s = self._tick()
        ended = self._clock.monotonic()
        self.ticks += 1
        self.last_at, self.due_by = self._clock.now(), ended + delay_s
        self._metrics.tick(self.name, at=self.last_at, took_s=ended - began, lag_s=lag_s)
        return delay_s

    def _tick(self) -> float:
        now = self._clock.now()
        self._trouble = ""
        self._leaps.look(self.runners, now)
        # Also when the next poll is further off than polls are apart: the clock was set back.
        polling = not 0.0 < self._next_poll - now <= self._poll_s
        if polling:
            self._next_poll = floor_to(now, self._poll_s) + self._poll_s
        mine = [c for c in self.runners if not c.lost]
        orders = self._orders(mine)
        fresh = self._observe(mine, now, polling=polling)
        if self.closing:
            return POLL_S
        recorded: list[Recorded] = []
        for runner in mine:
            waiting = tuple(o for o in orders if o.rollout == runner.id)
            with self._apart(runner):
                if not runner.lost:
                    freeze = freeze_in_force(self._freezes, runner.rollout.plan.service, now)
                    seen = runner.id in fresh
                    decision = runner.decide(waiting, now, fresh=seen, freeze=freeze)
                    recorded += self._record(runner, decision, now)
        acted = self._act(mine)
        beside = asking(mine, now, self._poll_s, polling=polling)
        self._pool.run({**self.reader.leisurely(mine, now), **beside}, deadline_s=0.0)
        for item in recorded:
            self._outbox.release(item.rollout)
        self._tell_unrecorded(mine, fresh, now)
        statuses = tuple(self._statuses(now))
        if polling:
            self._keep(statuses)
        self._show(
            TickResult(
                at=now,
                polled=polling,
                statuses=statuses,
                recorded=tuple(recorded),
                trouble=self._trouble,
            )
        )
        return 0.0 if recorded or acted else self._delay_s(mine)

    @contextmanager
    def _apart(self, runner: RolloutRunner) -> Iterator[None]:
        """What breaks in one rollout takes that one out of the loop, and never the others."""
        try:
            yield
        except Exception as error:
            if self._on_broken is None:
                raise
            if not runner.lost:
                runner.lost = True
                self._on_broken(runner, error)

    def _statuses(self, now: Instant) -> Iterator[RolloutStatus]:
        for runner in self.runners:
            with self._apart(runner):
                yield runner.status(now)

    def _keep(self, statuses: Sequence[RolloutStatus]) -> None:
        """Let other processes see the newest verdicts; nothing rests on it, so it may fail."""
        looks = [
            Look(rollout=p.id, at=p.at, waiting_for=p.waiting_for, verdicts=p.verdicts)
            for p in statuses
            if p.rollout.phase in LIVE
        ]
        self.unwritable = ""
        try:
            if looks:
                self._journal.show(looks)
        except JournalError as error:
            self.unwritable = str(error)
            self._trouble = self._trouble or self.unwritable

    def _show(self, report: TickResult) -> None:
        """Tell the observer; whatever it does wrong must not stop a rollback."""
        try:
            self._observer(report)
        except Exception as error:  # noqa: BLE001 - a closed terminal is no reason to stop guarding
            self._trouble = f"the output failed: {error}"

    # --- observe and judge ---------------------------------------------------------------------

    def _orders(self, runners: Sequence[RolloutRunner]) -> list[Order]:
        try:
            self._freezes = tuple(self._journal.freezes()) if runners else ()
            return self._journal.orders([c.id for c in runners])
        except JournalError as error:
            self._trouble = str(error)
            return []

    def _observe(
        self, runners: Sequence[RolloutRunner], now: Instant, *, polling: bool
    ) -> set[str]:
        """Read metrics and traffic side by side; returns whose traffic was read."""
        monotonic = self._clock.monotonic()
        readers = {c.id: c for c in looking(runners, monotonic, self._poll_s, polling=polling)}
        calls: dict[str, Callable[[], object]] = {
            f"read-{name}": c.router.read for name, c in readers.items()
        }
        if polling:
            calls |= self.reader.calls(runners, now)
        results: Mapping[str, object] = {}
        if calls:
            results = self._pool.run(calls, deadline_s=DEADLINE_S, interruptible=True)
        read = set()
        for name, runner in readers.items():
            with self._apart(runner):
                if runner.saw(results[f"read-{name}"], now):
                    read.add(name)
        if polling:
            self.reader.take_in(results, now)
            if remark := self.reader.remark():
                self._say(f"{self.name}: {remark}")
        late = self.reader.arrived(now)
        if polling or late:
            self._judge([c for c in runners if polling or late & c.wanted(now).keys()], now)
            self._look_beside(runners, now)
        return read

    def _judge(self, runners: Iterable[RolloutRunner], now: Instant) -> None:
        for runner in runners:
            with self._apart(runner):
                runner.judge(self.reader.measurements(runner, now), now)

    def _look_beside(self, runners: Sequence[RolloutRunner], now: Instant) -> None:
        """Before a broken limit counts: does stable break it too? Without an answer it counts."""
        doubting = [c for c in runners if c.doubts()]
        if not doubting:
            return
        calls = self.reader.calls_beside(runners, now)
        results = self._pool.run(calls, deadline_s=BESIDE_S, interruptible=True)
        self.reader.take_in(results, now)
        self._judge(doubting, now)

    # --- record --------------------------------------------------------------------------------

    def _record(
        self, runner: RolloutRunner, decision: Decision, now: Instant
    ) -> Sequence[Recorded]:
        """Append the decision; whatever goes wrong, the runner knows how to go on."""
        if decision.entry is None and not decision.answers:
            return []
        entries: tuple[Entry, ...] = ()
        if decision.entry is not None:
            entry = replace(decision.entry, at=max(now, runner.rollout.last_at))
            entries = runner.aside if decision.entry is runner.failsafe else (entry,)
        items = told(runner.rollout, entries)
        after = items[-1].after if items else runner.rollout
        txid, acted, answers = self._recorder.txid(), bool(runner.aside), decision.answers
        try:
            self._recorder.append(
                runner.claim, runner.rollout, items, answers=answers, acted=acted, txid=txid
            )
        except JournalError as error:
            if not self._recorded_after_all(runner, error, entries, txid):
                return []
        runner.aside = ()
        runner.advanced(after)
        return self._recorder.counted(items)

    def _recorded_after_all(
        self, runner: RolloutRunner, error: JournalError, entries: Sequence[Entry], txid: str
    ) -> bool:
        """What an append's failure means; True when it had been written all the same."""
        self._trouble = str(error)
        if isinstance(error, Fenced):
            runner.lost = True
            plan = runner.rollout.plan
            self._trouble = f"{plan.service}: another guardian drives {plan.target} now"
        elif isinstance(error, Conflict | OutcomeUnknown):
            return self._read_again(runner, error, entries, txid)
        else:
            self._fail_safe(runner, entries)
        return False

    def _read_again(
        self, runner: RolloutRunner, error: JournalError, entries: Sequence[Entry], txid: str
    ) -> bool:
        try:
            records = self._journal.read(runner.id)
        except JournalError as unreadable:
            self._trouble = str(unreadable)
            self._fail_safe(runner, entries)
            return False
        if records and records[-1].txid == txid:
            return True
        if len(records) > runner.rollout.seq:
            runner.advanced(fold(r.entry for r in records))
        elif isinstance(error, OutcomeUnknown):  # It may land yet: a rollback waits for no record.
            self._fail_safe(runner, entries)
        return False

    def _fail_safe(self, runner: RolloutRunner, entries: Sequence[Entry]) -> None:
        """The journal is down: no advance; a rollback seen to be needed still happens."""
        if entries and isinstance(entries[0], WeightConfirmed) and runner.unrecorded is None:
            runner.unrecorded = entries[0]
        if not entries or not isinstance(entries[0], RollbackStarted):
            return
        if not runner.aside:
            runner.aside = (entries[0],)
            runner.wrote = runner.tried = False
            runner.tries, runner.retry_at = 0, 0.0

    def _tell_unrecorded(
        self, runners: Sequence[RolloutRunner], fresh: Collection[str], now: Instant
    ) -> None:
        """After the act: what the outbox cannot tell, because the journal is down."""
        for runner in (c for c in runners if not c.lost):
            with self._apart(runner):
                runner.went_on(now, fresh=runner.id in fresh)
                for one in told(runner.rollout, runner.aside):
                    self._outbox.tell_now(one.notice)

    # --- act -----------------------------------------------------------------------------------

    def _act(self, runners: Sequence[RolloutRunner]) -> bool:
        """Write what is not as wished, rollbacks first; whether a write took effect."""
        monotonic = self._clock.monotonic()
        due: list[tuple[RolloutRunner, DesiredTraffic]] = []
        for runner in runners:
            with self._apart(runner):
                wanted = runner.due_write(monotonic)
                if wanted is not None and self._may_write(runner, wanted):
                    due.append((runner, wanted))
        if self.closing or not due:
            return False
        due.sort(key=lambda item: item[1].verb is not Verb.RESTORE)
        calls = {f"write-{c.id}": partial(c.write, w) for c, w in due}
        # Nobody who wants traffic back waits for a shift that hangs.
        forward = not any(w.verb is Verb.RESTORE and w.stamped for _, w in due)
        results = self._pool.run(calls, deadline_s=WRITE_S, interruptible=forward, beside=True)
        monotonic = self._clock.monotonic()
        took = False
        for c, w in due:
            with self._apart(c):
                result, rng = results[f"write-{c.id}"], self._rng.uniform()
                took |= c.wrote_it(w, result, monotonic=monotonic, jitter=rng)
        return took

    def _may_write(self, runner: RolloutRunner, wanted: DesiredTraffic) -> bool:
        """Whether the claim still holds: what a newer holder did must not be undone.

        With the journal away only the way back is left, under the vendor's precondition.
        """
        try:
            runner.lost = not self._journal.holds(runner.claim)
        except JournalError as error:
            self._trouble = str(error)
            return wanted.verb is Verb.RESTORE
        return not runner.lost

    def _delay_s(self, runners: Sequence[RolloutRunner]) -> float:
        until_poll_s = max(0.0, min(self._poll_s, self._next_poll - self._clock.now()))
        delay_s = self._clock.real_s(until_poll_s)
        if self._trouble or self.reader.waiting or any(c.unsettled for c in runners):
            delay_s = min(delay_s, UNSETTLED_S)
        return delay_s
