"""What runs planes: leases, timers, outbox, orders; an in-process run or a daemon owns it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from guardian.core.notices import Notice
from guardian.core.rollout.decide import opening
from guardian.core.rollout.entries import Answer, Cancelled, Entry, Order, OrderKind, Superseded
from guardian.core.rollout.machine import Rollout, fold
from guardian.core.rollout.progress import Observation
from guardian.core.status import RolloutStatus, status_of
from guardian.core.traffic import Reading
from guardian.core.wording import because
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.dependencies import Dependencies
from guardian.engine.groups import Groups
from guardian.engine.order_watcher import OrderWatcher
from guardian.engine.outbox import Outbox, Receiver
from guardian.engine.recorder import Recorder, told
from guardian.engine.runner import RolloutRunner
from guardian.engine.schedule import Schedule
from guardian.engine.supervisor import Beat, Supervisor, Watchdog, broken
from guardian.engine.task import Busy, TargetHeld, Task
from guardian.engine.tick import Plane
from guardian.engine.tick_result import Recorded, TickResult
from guardian.messages.phrases import joined
from guardian.messages.table import unguarded
from guardian.ports import (
    Claim,
    Journal,
    JournalError,
    Lease,
    Router,
    Source,
)

BLOCKED_S = 5.0
"""How soon a plane whose tick broke as a whole is tried again, in real seconds."""


class Host:
    """The machinery around planes; it decides nothing of itself."""

    def __init__(
        self,
        dependencies: Dependencies,
        receivers: Sequence[Receiver],
        *,
        reaches: Callable[[Rollout], bool],
        on_broken: Callable[[RolloutRunner, Exception], None] | None = None,
    ) -> None:
        self._dependencies = dependencies
        self.journal, self.clock = dependencies.journal, dependencies.clock
        self.say = dependencies.say
        self._on_broken = on_broken
        self.supervisor = Supervisor(dependencies.say)
        self.schedule = Schedule(on_death=self.supervisor.died)
        self.pool = ThreadCallPool(dependencies.clock)
        self.outbox = Outbox(
            dependencies, receivers=receivers, pool=ThreadCallPool(dependencies.clock)
        )
        self._recorder = Recorder(dependencies, self.outbox)
        self.groups = Groups(dependencies, reaches=reaches)
        self.planes: Mapping[str, Plane] = {}
        self.statuses: dict[str, RolloutStatus] = {}
        """Each rollout here, as its last tick left it."""
        self.blocked: dict[str, str] = {}
        """Planes whose last tick broke as a whole, and how."""
        self._lease: Lease | None = None
        self._beat: Beat | None = None
        self.lost = False
        """The lease was given up by somebody else: `renew` before anything is claimed."""
        self._unheard: list[Order] = []

    # --- life ----------------------------------------------------------------------------------

    @property
    def lease(self) -> Lease:
        """The lease, opened once."""
        if self._lease is None:
            self._lease = self.journal.open_lease(self._dependencies.owner)
        return self._lease

    def renew(self) -> None:
        """A new lease in the place of a lost one."""
        self._lease = None
        if self._beat is not None:
            self._beat.lease = self.lease
        self.lost = False

    @property
    def trouble(self) -> str:
        """What broke in this process and is tried again; empty while all goes well."""
        return "; ".join(filter(None, [*self.blocked.copy().values(), self.supervisor.trouble]))

    @property
    def unwritable(self) -> str:
        """Why the journal cannot be written to, by the last heartbeat or poll; empty if it can."""
        beat = "" if self._beat is None else self._beat.trouble
        return beat or next((p.unwritable for p in self.planes.values() if p.unwritable), "")

    def start(self, steppers: Mapping[str, Callable[[], float]] | None = None) -> None:
        """Start every thread: outbox, beat, watchdog, watcher of orders, groups and `steppers`."""
        supervisor = self.supervisor
        self.outbox.wake = self.wake_outbox
        for name, step in self.outbox.steppers().items():
            supervisor.add(name, step)
        self._beat = Beat(self.journal, self.lease, on_lost=self._lost)
        supervisor.add("beat", self._beat.step)
        watchdog = Watchdog(
            lambda: list(self.planes.values()),
            self.clock,
            wake=self.schedule.wake_all,
            alarm=self.say,
        )
        supervisor.add("watchdog", watchdog.step)
        order_watcher = OrderWatcher(
            self.journal, rollouts=lambda: [c.id for c in self.runners], ring=self.ring
        )
        supervisor.add("orders", order_watcher.step)
        supervisor.add("groups", self.groups.step)
        for name, step in (steppers or {}).items():
            supervisor.add(name, step)
        supervisor.start()
        self.schedule.start()

    def replace_lanes(self, receivers: Sequence[Receiver]) -> list[str]:
        """Other notifiers from now on; the names of those that went."""
        gone = self.outbox.replace(receivers)
        for name, step in self.outbox.steppers().items():
            self.supervisor.add(name, step)
        return gone

    def ring(self, urgent: bool) -> None:
        """Let every plane tick now; an urgent matter waits for no read under way."""
        if urgent:
            self.pool.interrupt()
        self.schedule.wake_all()

    def wake_outbox(self) -> None:
        """Let every receiver look for notices now."""
        for name in self.outbox.steppers():
            self.supervisor.wake(name)

    def close(self) -> None:
        """Give up every claim and the lease."""
        if self._lease is None:
            return
        try:
            self.journal.close_lease(self._lease)
        except JournalError as error:
            # A lease that cannot be closed runs out; what the rollouts came to matters more.
            self.say(str(error))

    def _lost(self) -> None:
        self.lost = True
        for runner in self.runners:
            runner.lost = True

    # --- rollouts ------------------------------------------------------------------------------

    @property
    def runners(self) -> list[RolloutRunner]:
        """Every rollout that this process runs."""
        return [runner for plane in list(self.planes.values()) for runner in plane.runners]

    def plane(self, name: str, sources: Mapping[str, Source]) -> Plane:
        """The plane of that name, which reads from these sources from now on."""
        if name not in self.planes:
            plane = Plane(
                replace(self._dependencies, observer=self._show),
                sources=sources,
                pool=self.pool,
                outbox=self.outbox,
                name=name,
                on_broken=self._on_broken,
            )
            self.planes = {**self.planes, name: plane}
            self.schedule.add(name, self._step_and_signal(plane))
        self.planes[name].reader.use(sources)
        return self.planes[name]

    def _step_and_signal(self, plane: Plane) -> Callable[[], float]:
        def step() -> float:
            try:
                delay_s = plane.step()
                self.blocked.pop(plane.name, None)
            except Exception as error:  # noqa: BLE001 - one plane's bug must not end the others
                delay_s = self._blocked(plane, error)
            self.supervisor.changed.set()
            return delay_s

        return step

    def _blocked(self, plane: Plane, error: Exception) -> float:
        """A tick broke as a whole: people hear of each rollout in it; when to try again."""
        why = broken(f"the loop over {plane.name}", error)
        if self.blocked.get(plane.name) != why:
            self.say(f"{why}; it is tried again")
        self.blocked[plane.name] = why
        for runner in plane.runners:
            if not runner.over and runner.rollout.moved:
                self.outbox.tell_now(unguarded(runner.rollout, why, self.clock.now()))
        return BLOCKED_S

    def _show(self, report: TickResult) -> None:
        self.statuses |= {p.id: p for p in report.statuses}
        self._dependencies.observer(report)

    def claim(self, target: str, *, take_over: bool = False) -> Claim:
        """The right to act on a target. Raises TargetHeld."""
        claim = self.journal.claim(self.lease, target, take_over=take_over)
        if claim is None:
            raise TargetHeld(target, self.journal.holder(target) or "another process")
        return claim

    def take_up(self, task: Task, claim: Claim, *, reading: Reading | None = None) -> RolloutRunner:
        """Go on with a rollout that an earlier process left behind; what was read of its target."""
        with self._giving_back(claim):
            runner = resumed(self.journal, claim, task.router, task.plan.rollout)
            runner.reading = reading
            self._take(runner, task.plane)
            return runner

    def begin(self, task: Task, claim: Claim, *, answers: Sequence[Answer] = ()) -> RolloutRunner:
        """Start a rollout; what ends for it on its target ends in the same transaction.

        That is a watch whose process died, or the live rollout that a person's order ends
        (`task.instead_of`). Raises Busy where anything else is live there.
        """
        with self._giving_back(claim):
            ends = self._ended_for(task, claim)
            items = told(None, opening(task.plan, self.clock.now()))
            txid = self._recorder.txid()
            self._recorder.append(claim, None, items, answers=answers, ends=ends, txid=txid)
            if ends is not None:
                self._show_recorded([ends[1]])
            self._show_recorded(items)
            runner = RolloutRunner(rollout=items[-1].after, claim=claim, router=task.router)
            self._take(runner, task.plane)
            return runner

    @contextmanager
    def _giving_back(self, claim: Claim) -> Iterator[None]:
        """A target on which nothing begins is not kept from others."""
        try:
            yield
        except BaseException:
            with suppress(JournalError):
                self.journal.release(claim)
            raise

    def end(self, claim: Claim, left: Rollout, entry: Entry) -> None:
        """Record what ends a rollout that nobody drives."""
        items = told(left, [entry])
        self._recorder.append(claim, left, items, txid=self._recorder.txid())
        self._show_recorded(items)

    def _show_recorded(self, items: Sequence[Recorded]) -> None:
        """Show what is no tick's doing as a tick would."""
        after = items[-1].after
        shown = status_of(after, Observation(), after.last_at, traffic=None)
        recorded = tuple(self._recorder.counted(items))
        self._show(TickResult(at=after.last_at, polled=False, statuses=(shown,), recorded=recorded))
        if not after.live:
            del self.statuses[after.plan.rollout]

    def _take(self, runner: RolloutRunner, plane: str) -> None:
        self.planes[plane].take(runner)
        self.schedule.wake(plane)

    def drop(self, runner: RolloutRunner) -> None:
        """Let go of a rollout and of its target."""
        self.journal.release(runner.claim)  # First: what cannot be released now is tried again.
        for plane in self.planes.values():
            plane.drop(runner)
        self.statuses.pop(runner.id, None)

    def _ended_for(self, task: Task, claim: Claim) -> tuple[Rollout, Recorded] | None:
        """What is live on the target and ends in favour of the task. Raises Busy."""
        live = [head.rollout for head in self.journal.live() if head.target == claim.target]
        if not live:
            return None
        left = fold(record.entry for record in self.journal.read(live[-1]))
        now, moved = self.clock.now(), left.moved or left.returning
        if live[-1] == task.instead_of:
            plan = task.plan
            version, said = plan.snapshot.traffic.primary, because(plan.reason)
            detail = joined(f"rollback to version {version} by {plan.actor}.", said)
            kind = Superseded if moved else Cancelled
            return left, told(left, [kind(at=now, detail=detail, actor=plan.actor)])[0]
        if moved:
            raise Busy(left)
        return left, told(left, [Cancelled(at=now, detail="the process that watched it died")])[0]

    def page(self, runner: RolloutRunner, told: Notice) -> None:
        """Tell of a rollout what is no entry of its journal."""
        try:
            self.journal.append(
                runner.claim,
                runner.id,
                expected=runner.rollout.seq,
                entries=[],
                live=runner.rollout.live,
                outgoing=self.outbox.route(told),
                txid=self._dependencies.rng.token(),
            )
        except Exception:  # noqa: BLE001 - whatever it is that broke, people have to hear of it
            self.outbox.tell_now(told)

    # --- orders --------------------------------------------------------------------------------

    def give(self, runner: RolloutRunner, kind: OrderKind, reason: str) -> None:
        """Leave an order of this process's own."""
        order = Order(
            id=f"{runner.id}-{kind.value}-{runner.claim.epoch}",
            rollout=runner.id,
            kind=kind,
            actor=self._dependencies.owner,
            reason=reason,
            at=self.clock.now(),
        )
        self._unheard.append(order)
        self.hand_over()

    def hand_over(self) -> None:
        """Leave the orders; those that the journal cannot take now are tried again."""
        try:
            while self._unheard:
                self.journal.order(self._unheard[0])
                del self._unheard[0]
        except JournalError as error:
            self.say(f"an order could not be recorded and is tried again: {error}")


def resumed(journal: Journal, claim: Claim, router: Router, rollout: str) -> RolloutRunner:
    """A rollout that an earlier process left behind, as its journal tells it."""
    return RolloutRunner(
        rollout=fold(record.entry for record in journal.read(rollout)), claim=claim, router=router
    )
