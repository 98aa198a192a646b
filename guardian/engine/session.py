"""One command's engine: takes plans into charge, runs the loop to their end, tells, lets go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from guardian.core.entries import (
    Cancelled,
    Cause,
    Order,
    OrderKind,
    RolloutStarted,
)
from guardian.core.model import Instant
from guardian.core.notices import notice
from guardian.core.plan import Drive, Plan
from guardian.core.rollout import Phase, Rollout, apply, fold, start
from guardian.engine.charge import Charge, resumed
from guardian.engine.fanout import ThreadFanout
from guardian.engine.outbox import Lane, Outbox
from guardian.engine.outcome import Exit, hopeless, never_shifted, outcome, waits_in_vain
from guardian.engine.schedule import Schedule
from guardian.engine.supervisor import Beat, Supervisor, Watchdog
from guardian.engine.tick import Plane, Recorded, Report
from guardian.ports import (
    Claim,
    Clock,
    GuardianError,
    Journal,
    JournalError,
    Lease,
    Luck,
    Router,
    Source,
)

FOREVER: Instant = 32_503_680_000.0
"""The year 3000: later than any notice is due."""
DRAIN_S = 20.0
"""Real seconds that the end of a command waits for its last notices to be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A plan to carry out, and the adapters it needs."""

    plan: Plan
    router: Router
    plane: str
    """Which source reads its metrics."""
    resume: bool = False
    """Take over the live rollout of that id, instead of starting one."""
    order: OrderKind | None = None
    """Given to the rollout before its first tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a session stops waiting; wall seconds."""

    timeout_s: float | None = None
    rollback_timeout_s: float = 300.0
    leave_on_exit: bool = False
    """A signal leaves traffic as it is, instead of putting it back first."""


class TargetHeld(GuardianError):
    """Another living process holds the target."""

    exit_code = Exit.WAITING.value

    def __init__(self, target: str, holder: str) -> None:
        super().__init__(f"{target} is in the charge of {holder}")
        self.target = target
        self.holder = holder


class Busy(GuardianError):
    """The target has a live rollout of its own that nobody drives any more."""

    exit_code = Exit.WAITING.value

    def __init__(self, rollout: Rollout) -> None:
        plan = rollout.plan
        super().__init__(
            f"{plan.target} has a live rollout of version {plan.canary} ({plan.rollout}, in"
            f" {rollout.phase.value.replace('_', ' ')}): finish it with `guardian rollout start"
            f" {plan.service} --to {plan.canary} --wait`, or take it back with `guardian rollback"
            f" {plan.service}`"
        )


class Session:
    """Runs tasks from their first entry to their last message."""

    def __init__(
        self,
        *,
        journal: Journal,
        sources: Mapping[str, Source],
        lanes: Sequence[Lane],
        clock: Clock,
        luck: Luck,
        owner: str,
        observer: Callable[[Report], None],
        say: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._luck = luck
        self._owner = owner
        self._observer = observer
        self._say = say
        self._supervisor = Supervisor()
        self._schedule = Schedule(on_death=self._supervisor.died)
        self._fanout = ThreadFanout(clock)
        self._outbox = Outbox(
            journal=journal, lanes=lanes, fanout=ThreadFanout(clock), clock=clock, luck=luck
        )
        self._planes = {name: self._plane(source) for name, source in sources.items()}
        self._signals: list[int] = []
        self._ends: dict[str, Exit] = {}
        """What a watch came to that this session ended for want of a person."""
        self._unheard: list[Order] = []

    def run(self, tasks: Sequence[Task], limits: Limits) -> dict[str, tuple[Rollout, Exit]]:
        """Carry out every task; the outcome by service. Raises TargetHeld and the ports' errors."""
        lease = self._journal.open_lease(self._owner)
        try:
            charges = [self._take(task, self._claim_for(task, lease)) for task in tasks]
            self._start(lease)
            try:
                self._wait(charges, limits)
            finally:
                self._schedule.stop()
                self._drain({c.id for c in charges})
                self._supervisor.stop()
            if self._supervisor.death is not None:
                self._say(_finish_by_hand(charges))
                raise self._supervisor.death
            return {c.rollout.plan.service: (c.rollout, self._exit(c)) for c in charges}
        finally:
            self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        try:
            self._journal.close_lease(lease)
        except JournalError as error:
            # A lease that cannot be closed runs out; what the rollouts came to matters more.
            self._say(str(error))

    def signal(self, number: int) -> None:
        """A signal came: safe to call from a handler."""
        self._signals.append(number)
        self._fanout.interrupt()
        self._supervisor.changed.set()

    # --- begin ---------------------------------------------------------------------------------

    def _plane(self, source: Source) -> Plane:
        return Plane(
            journal=self._journal,
            source=source,
            fanout=self._fanout,
            outbox=self._outbox,
            clock=self._clock,
            luck=self._luck,
            observer=self._observer,
        )

    def _claim_for(self, task: Task, lease: Lease) -> Claim:
        target = task.plan.target
        claim = self._journal.claim(lease, target, take_over=task.order is OrderKind.ABORT)
        if claim is None:
            raise TargetHeld(target, self._journal.holder(target) or "another process")
        return claim

    def _take(self, task: Task, claim: Claim) -> Charge:
        if task.resume:
            charge = resumed(self._journal, claim, task.router, task.plan.rollout)
        else:
            self._clear(claim)
            charge = self._begin(task, claim)
        self._planes[task.plane].take(charge)
        if task.order is not None:
            self._give(charge, task.order, task.plan.reason)
        return charge

    def _clear(self, claim: Claim) -> None:
        """End a watch whose process died: it moved nothing. Anything else has to be finished."""
        for head in self._journal.live():
            if head.target != claim.target:
                continue
            left = fold(record.entry for record in self._journal.read(head.rollout))
            if left.moved or left.phase is Phase.ROLLING_BACK:
                raise Busy(left)
            entry = Cancelled(at=self._clock.now(), detail="the process that watched it died")
            after = apply(left, entry)
            self._journal.append(
                claim,
                head.rollout,
                expected=left.seq,
                entries=[entry],
                live=False,
                outgoing=self._outbox.route(notice(left, entry, after)),
                txid=self._luck.token(),
            )

    def _begin(self, task: Task, claim: Claim) -> Charge:
        now = self._clock.now()
        entry = RolloutStarted(at=now, plan=task.plan)
        rollout = start(entry)
        told = notice(None, entry, rollout)
        self._journal.append(
            claim,
            task.plan.rollout,
            expected=0,
            entries=[entry],
            live=True,
            outgoing=self._outbox.route(told),
            txid=self._luck.token(),
        )
        charge = Charge(rollout=rollout, claim=claim, router=task.router)
        recorded = Recorded(
            rollout=task.plan.rollout, service=task.plan.service, entry=entry, notice=told
        )
        picture = charge.picture(now)
        self._observer(Report(at=now, polled=False, pictures=(picture,), recorded=(recorded,)))
        return charge

    def _start(self, lease: Lease) -> None:
        for name, plane in self._planes.items():
            self._schedule.add(name, self._step_and_signal(plane))
        self._outbox.wake = self._wake_outbox
        for name, step in self._outbox.steppers().items():
            self._supervisor.add(name, step)
        self._supervisor.add("beat", Beat(self._journal, lease, on_lost=self._lost).step)
        watchdog = Watchdog(
            list(self._planes.values()),
            self._clock,
            wake=self._schedule.wake_all,
            alarm=self._say,
        )
        self._supervisor.add("watchdog", watchdog.step)
        self._supervisor.start()
        self._schedule.start()

    def _step_and_signal(self, plane: Plane) -> Callable[[], float]:
        def step() -> float:
            delay_s = plane.step()
            self._supervisor.changed.set()
            return delay_s

        return step

    def _wake_outbox(self) -> None:
        for name in self._outbox.steppers():
            self._supervisor.wake(name)

    def _lost(self) -> None:
        for plane in self._planes.values():
            for charge in plane.charges:
                charge.lost = True

    # --- wait ----------------------------------------------------------------------------------

    def _wait(self, charges: Sequence[Charge], limits: Limits) -> None:
        """Until every charge is over, somebody stops us, or patience ends."""
        started_at, told = self._clock.now(), 0
        while self._supervisor.death is None:
            if all(c.over for c in charges):
                return
            now = self._clock.now()
            if self._unheard:
                self._hand_over()
            if len(self._signals) >= 2:
                self._say(_finish_by_hand(charges))
                return
            if len(self._signals) > told:
                told = len(self._signals)
                if limits.leave_on_exit and any(c.rollout.moved for c in charges):
                    return
                self._order(charges, limits.leave_on_exit, reason="the process was told to stop")
            if limits.timeout_s is not None and now - started_at >= limits.timeout_s and told == 0:
                told = 1
                self._signals.append(0)
                self._order(charges, limits.leave_on_exit, reason="--timeout is over")
            if self._given_up(charges, limits, now):
                return
            self._supervisor.changed.wait(timeout=0.5)
            self._supervisor.changed.clear()

    def _given_up(self, charges: Sequence[Charge], limits: Limits, now: Instant) -> bool:
        """Whether what remains needs a person; ends watches that can only wait for one."""
        waiting = [c for c in charges if not c.over]
        for charge in waiting:
            if charge.rollout.plan.drive is Drive.WATCH and waits_in_vain(charge.rollout, now):
                self._ends.setdefault(charge.id, outcome(charge.rollout))
                self._give(charge, OrderKind.LEAVE, "only a person can go on from here")
            elif never_shifted(charge.rollout) and charge.id not in self._ends:
                self._ends[charge.id] = Exit.BLIND
                self._give(charge, OrderKind.INTERRUPT, "the first shift was never confirmed")
        return all(
            _unrecorded(c, limits, now) or hopeless(c.rollout, limits.rollback_timeout_s, now)
            for c in waiting
        )

    def _order(self, charges: Sequence[Charge], leave: bool, *, reason: str) -> None:
        for charge in charges:
            if charge.over or charge.rollout.phase is Phase.ROLLING_BACK:
                continue
            if leave:
                self._leave(charge, reason=reason)
            else:
                self._give(charge, OrderKind.INTERRUPT, reason)
        self._schedule.wake_all()

    def _leave(self, charge: Charge, *, reason: str) -> None:
        self._give(charge, OrderKind.LEAVE, reason)

    def _give(self, charge: Charge, kind: OrderKind, reason: str) -> None:
        order = Order(
            id=f"{charge.id}-{kind.value}-{charge.claim.epoch}",
            rollout=charge.id,
            kind=kind,
            actor=self._owner,
            reason=reason,
            at=self._clock.now(),
        )
        self._unheard.append(order)
        self._hand_over()

    def _hand_over(self) -> None:
        """Leave the orders; those that the journal cannot take now are tried again."""
        try:
            while self._unheard:
                self._journal.order(self._unheard[0])
                del self._unheard[0]
        except JournalError as error:
            self._say(f"an order could not be recorded and is tried again: {error}")

    # --- end -----------------------------------------------------------------------------------

    def _drain(self, rollouts: set[str]) -> None:
        """Wait, within bounds, for the last notices; what is left is said, and kept."""
        ends_at = self._clock.monotonic() + DRAIN_S
        try:
            while (left := self._untold(rollouts)) and self._clock.monotonic() < ends_at:
                self._wake_outbox()
                self._supervisor.changed.wait(timeout=0.1)
                self._supervisor.changed.clear()
        except JournalError as error:
            self._say(f"the last notices may not have been delivered: {error}")
            return
        for lane, why in self._outbox.refused.items():
            self._say(f"{lane} was not told, and will not be: {why}")
        if left:
            self._say(
                f"{left} notifiers were not reached ({self._outbox.last_error or 'no answer'});"
                " what they miss stays in the journal, and the next guardian on it delivers it"
            )

    def _untold(self, rollouts: set[str]) -> int:
        """How many lanes still wait for a notice of these rollouts, now or later."""
        waiting = self._journal.due(FOREVER, limit=1000)
        return sum(pending.notice.rollout in rollouts for pending in waiting)

    def _exit(self, charge: Charge) -> Exit:
        rollout = charge.rollout
        if rollout.phase is Phase.ROLLING_BACK or charge.failsafe is not None:
            return Exit.STUCK
        if charge.id in self._ends:
            return self._ends[charge.id]
        if self._signals and rollout.phase is not Phase.COMPLETED:
            cause = rollout.rollback.cause if rollout.rollback else None
            if cause in (None, Cause.INTERRUPTED):
                by_signal = {0: Exit.TIMEOUT, 15: Exit.TERMINATED}
                return by_signal.get(self._signals[0], Exit.INTERRUPTED)
        return Exit.WAITING if charge.lost else outcome(rollout)


def _unrecorded(charge: Charge, limits: Limits, now: Instant) -> bool:
    """Whether a rollback that the journal could not take has waited for it long enough."""
    failsafe = charge.failsafe
    return failsafe is not None and now - failsafe.at >= limits.rollback_timeout_s


def _finish_by_hand(charges: Sequence[Charge]) -> str:
    """What to run when guardian was told to leave in the middle of things."""
    open_ = [c.rollout.plan for c in charges if not c.over]
    lines = [
        f"  guardian rollback {p.service} --to {p.snapshot.traffic.primary} --yes" for p in open_
    ]
    return "stopped before the traffic was confirmed; finish with:\n" + "\n".join(lines)
