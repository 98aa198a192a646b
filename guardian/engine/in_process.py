"""One command's own loop: takes plans on, runs them to their end, tells, lets go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import SIGINT

from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import Cause, OrderKind
from guardian.core.rollout.machine import Phase, Rollout, fold
from guardian.engine.dependencies import Dependencies
from guardian.engine.host import Host
from guardian.engine.outbox import Receiver
from guardian.engine.outcome import (
    Exit,
    hopeless,
    never_shifted,
    outcome,
    overdue,
    waits_in_vain,
)
from guardian.engine.runner import RolloutRunner
from guardian.engine.supervisor import broken
from guardian.engine.task import Task
from guardian.messages.table import quarantined
from guardian.ports import Claim, JournalError, Source

FOREVER: Instant = 32_503_680_000.0
"""The year 3000: later than any notice is due."""
DRAIN_S = 20.0
"""Real seconds that the end of a command waits for its last notices to be delivered."""
TOLD_TO_END_S = 5.0
"""The same from a signal on: CI kills 10 s after its SIGTERM, and some sooner."""
THREADS_S = 1.0
"""Real seconds that the end waits for threads that a vendor keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an in-process run stops waiting; wall seconds."""

    timeout_s: float | None = None
    rollback_timeout_s: float = 300.0
    leave_on_exit: bool = False
    """A signal leaves traffic as it is, instead of putting it back first."""
    leave_on_timeout: bool | None = None
    """The same for `timeout_s`; None: as for a signal."""

    @property
    def leaves_then(self) -> bool:
        """Whether traffic stays as it is when `timeout_s` is over."""
        return self.leave_on_exit if self.leave_on_timeout is None else self.leave_on_timeout


class InProcessRun:
    """Runs tasks from their first entry to their last message."""

    def __init__(
        self,
        dependencies: Dependencies,
        *,
        sources: Mapping[str, Mapping[str, Source]],
        receivers: Sequence[Receiver],
    ) -> None:
        self._journal = dependencies.journal
        self._clock = dependencies.clock
        self._say = dependencies.say
        self._host = Host(dependencies, receivers, reaches=self._reaches, on_broken=self._broken)
        self._sources = sources
        self._signals: list[int] = []
        self._signalled_at = 0.0
        """On the monotonic clock; 0 where no signal came."""
        self._ends: dict[str, Exit] = {}
        """What a rollout came to that this run ended for want of a person."""
        self._blocked_since: Instant | None = None

    def run(self, tasks: Sequence[Task], limits: Limits) -> dict[str, tuple[Rollout, Exit]]:
        """Carry out every task; the outcome by service. Raises TargetHeld and the ports' errors."""
        host = self._host
        try:
            # All of them first: a target that is held must not leave the others begun.
            claims = [
                host.claim(t.plan.target, take_over=t.order is OrderKind.ABORT) for t in tasks
            ]
            for name, sources in self._sources.items():
                host.plane(name, sources)
            runners = [self._take(t, c) for t, c in zip(tasks, claims, strict=True)]
            host.start()
            try:
                self._wait(runners, limits)
            finally:
                host.pool.interrupt()
                host.schedule.stop()
                self._drain({c.id for c in runners})
                host.supervisor.stop(THREADS_S)
            if host.supervisor.death is not None:
                self._say(_finish_by_hand(_open(runners)))
                raise host.supervisor.death
            return {c.rollout.plan.service: self._end(c) for c in runners}
        finally:
            host.close()

    def signal(self, number: int) -> None:
        """A signal came: safe to call from a handler.

        A person's second Ctrl-C ends it at once; whoever else stops it ends it with a SIGKILL.
        It sets no Event: the main thread, in which handlers run, may be holding that one's lock.
        Nor does it interrupt what is under way: the watcher of orders does, once the order is
        there, so that the look at the traffic that comes next is the one that the rollback is
        made from.
        """
        self._signals.append(number)
        self._signalled_at = self._signalled_at or self._clock.monotonic()

    def _broken(self, runner: RolloutRunner, error: Exception) -> None:
        """A bug has broken one rollout: a person has to finish it, and the others go on."""
        why = broken("its guarding", error)
        self._ends[runner.id] = Exit.STUCK
        self._say(f"{runner.rollout.plan.service}: {why}; {_finish_by_hand([runner])}")
        self._host.page(runner, quarantined(runner.rollout, why, self._clock.now()))

    def _take(self, task: Task, claim: Claim) -> RolloutRunner:
        if not task.resume:
            return self._host.begin(task, claim)
        runner = self._host.take_up(task, claim)
        if task.order is not None:
            self._host.give(runner, task.order, task.plan.reason)
        return runner

    def _reaches(self, rollout: Rollout) -> bool:
        """Whether an order to that rollout would be obeyed: here, or where it is driven."""
        plan = rollout.plan
        mine = any(runner.id == plan.rollout for runner in self._host.runners)
        return mine or (rollout.live and self._journal.holder(plan.target) is not None)

    # --- wait ----------------------------------------------------------------------------------

    def _wait(self, runners: Sequence[RolloutRunner], limits: Limits) -> None:
        """Until every rollout is over, somebody stops us, or patience ends."""
        started_at, told = self._clock.now(), False
        while self._host.supervisor.death is None:
            if all(c.over for c in runners) and not self._host.groups.outstanding():
                return
            now = self._clock.now()
            self._host.hand_over()
            if self._signals.count(SIGINT) > 1:
                self._say(_finish_by_hand(_open(runners)))
                return
            if self._signals and not told:
                told = True
                if limits.leave_on_exit and any(c.rollout.moved for c in runners):
                    return
                self._order(runners, limits.leave_on_exit, reason="the process was told to stop")
            if limits.timeout_s is not None and now - started_at >= limits.timeout_s and not told:
                told = True
                self._signals.append(0)
                if limits.leaves_then and any(c.rollout.moved for c in runners):
                    return
                self._order(runners, limits.leaves_then, reason="--timeout is over")
            given_up = self._given_up(runners, limits, now, started_at=started_at)
            if given_up or self._blocked(runners, limits, now):
                return
            self._host.supervisor.pause(0.5)

    def _given_up(
        self, runners: Sequence[RolloutRunner], limits: Limits, now: Instant, *, started_at: Instant
    ) -> bool:
        """Whether what remains needs a person; ends watches that can only wait for one."""
        waiting = [c for c in runners if not c.over]
        for runner in waiting:
            if runner.rollout.plan.drive is Drive.WATCH and waits_in_vain(runner.rollout, now):
                self._ends.setdefault(runner.id, outcome(runner.rollout))
                self._host.give(runner, OrderKind.LEAVE, "only a person can go on from here")
            elif runner.id in self._ends:
                continue
            elif never_shifted(runner.rollout):
                self._ends[runner.id] = Exit.BLIND
                why = "the first shift was never confirmed"
                self._host.give(runner, OrderKind.INTERRUPT, why)
            elif overdue(runner.rollout, now) and not runner.rollout.moved:
                self._ends[runner.id] = outcome(runner.rollout)
                self._host.give(runner, OrderKind.INTERRUPT, "it was held for max_hold")
        limit_s = limits.rollback_timeout_s
        return bool(waiting) and all(
            _unrecorded(c, limits, now) or hopeless(c.rollout, limit_s, now, tried_since=started_at)
            for c in waiting
        )

    def _blocked(self, runners: Sequence[RolloutRunner], limits: Limits, now: Instant) -> bool:
        """Whether no tick has ended well for so long that a person has to go on."""
        if not self._host.blocked:
            self._blocked_since = None
            return False
        self._blocked_since = now if self._blocked_since is None else self._blocked_since
        if now - self._blocked_since < limits.rollback_timeout_s:
            return False
        self._ends |= {c.id: Exit.STUCK for c in _open(runners)}
        self._say(_finish_by_hand(_open(runners)))
        return True

    def _order(self, runners: Sequence[RolloutRunner], leave: bool, *, reason: str) -> None:
        for runner in runners:
            rollout = runner.rollout
            if runner.over or (rollout.phase is Phase.ROLLING_BACK and not rollout.kept_back):
                continue
            kind = OrderKind.LEAVE if leave else OrderKind.INTERRUPT
            self._host.give(runner, kind, reason)
        self._host.schedule.wake_all()

    # --- end -----------------------------------------------------------------------------------

    def _drain(self, rollouts: set[str]) -> None:
        """Wait, within bounds, for the last notices; what is left is said, and kept."""
        left, monotonic = 0, self._clock.monotonic()
        ends_at = monotonic + DRAIN_S
        if self._signalled_at:
            ends_at = max(monotonic + 1.0, self._signalled_at + TOLD_TO_END_S)
        try:
            while self._clock.monotonic() < ends_at and (
                (left := self._untold(rollouts)) or self._host.outbox.unheard
            ):
                self._host.wake_outbox()
                self._host.supervisor.pause(0.1)
        except JournalError as error:
            self._say(f"the last notices may not have been delivered: {error}")
            return
        for receiver, why in self._host.outbox.refusals.items():
            if why:
                self._say(f"{receiver} was not told: {why}")
        if left:
            why = self._host.outbox.last_error or "no answer"
            self._say(
                f"{left} notifiers were not reached ({why});"
                " what they miss stays in the journal, and the next guardian on it delivers it"
            )

    def _untold(self, rollouts: set[str]) -> int:
        """How many receivers wait for a notice: of these rollouts, or left by another process and
        due.

        A receiver that refuses is not waited for.
        """
        refusing = {receiver for receiver, why in self._host.outbox.refusals.items() if why}
        own = [p for p in self._journal.due(FOREVER, limit=1000) if p.notice.rollout in rollouts]
        due = self._journal.due(self._clock.now(), limit=1000)
        waiting = [*own, *filter(self._host.outbox.delivers, due)]
        return len({p.receiver for p in waiting} - refusing)

    def _end(self, runner: RolloutRunner) -> tuple[Rollout, Exit]:
        """How it stands and what it came to; what another process has taken over is read again."""
        if runner.lost and runner.failsafe is None:
            with suppress(JournalError):  # Then what was last known here is all there is to say.
                now = fold(record.entry for record in self._journal.read(runner.id))
                return now, self._exit(runner) if now.live else outcome(now)
        return runner.rollout, self._exit(runner)

    def _exit(self, runner: RolloutRunner) -> Exit:
        rollout = runner.rollout
        if rollout.phase is Phase.ROLLING_BACK or runner.failsafe is not None:
            return Exit.STUCK
        if runner.id in self._ends:
            return self._ends[runner.id]
        if self._signals and rollout.phase is not Phase.COMPLETED:
            cause = rollout.rollback.cause if rollout.rollback else None
            if cause in (None, Cause.INTERRUPTED):
                by_signal = {0: Exit.TIMEOUT, 15: Exit.TERMINATED}
                return by_signal.get(self._signals[0], Exit.INTERRUPTED)
        return Exit.WAITING if runner.lost else outcome(rollout)


def _unrecorded(runner: RolloutRunner, limits: Limits, now: Instant) -> bool:
    """Whether a rollback that the journal could not take has waited for it long enough."""
    failsafe = runner.failsafe
    return failsafe is not None and now - failsafe.at >= limits.rollback_timeout_s


def _finish_by_hand(runners: Sequence[RolloutRunner]) -> str:
    """What to run when guardian was told to leave in the middle of things, or cannot go on."""
    plans = [runner.rollout.plan for runner in runners]
    lines = [
        f"  guardian rollback {p.service} --to {p.snapshot.traffic.primary} --yes" for p in plans
    ]
    return "stopped before the traffic was confirmed; finish with:\n" + "\n".join(lines)


def _open(runners: Sequence[RolloutRunner]) -> list[RolloutRunner]:
    return [runner for runner in runners if not runner.over]
