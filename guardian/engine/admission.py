"""What a daemon takes on: orders to start, what others left behind, what reopens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

from guardian.core.notices import Notice
from guardian.core.plan import Drive, Mode
from guardian.core.reasons import duration
from guardian.core.rollout.decide import retired
from guardian.core.rollout.entries import Answer, Order, OrderKind, for_service
from guardian.core.rollout.machine import Phase, Rollout, fold
from guardian.core.traffic import Reading
from guardian.engine.catalog import Catalog
from guardian.engine.host import Host
from guardian.engine.retirement import Retirement
from guardian.engine.runner import RolloutRunner
from guardian.engine.supervisor import broken
from guardian.engine.task import ORDER_LIVES_S, PENDING_S, NothingToDo, Task, rollout_id
from guardian.engine.unbuilt import UnbuiltSource
from guardian.messages.about_guardian import unreadable
from guardian.messages.entry_lines import spaced
from guardian.messages.table import unguarded
from guardian.ports import (
    ConfigError,
    Damaged,
    EdgeError,
    GuardianError,
    Head,
    JournalError,
    NotYet,
)

ALONE_S = 120.0
"""So long, in real seconds, may a canary be without a driver before people are paged.

Another daemon on the journal may be about to come back: its lease runs out sooner.
"""
STARTS_S = 5.0
"""How much of one turn, in real seconds, goes into starts: each asks AWS, and others wait too."""


def rollout_of(order: Order, service: str) -> str:
    """The id of the rollout that a START order begins: the same one however often it is tried."""
    return rollout_id(service, order.at, hashlib.sha256(order.id.encode()).hexdigest()[:6])


class Admission:
    """Takes rollouts into the engine, and lets go of those that are over."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._journal, self._clock, self._say = host.journal, host.clock, host.say
        self._said: dict[str, str] = {}
        """What was said of each rollout that is left alone, so that it is said once."""
        self._alone: dict[str, float] = {}
        """Since when each of them is left alone, on the monotonic clock."""
        self.broken: dict[str, str] = {}
        """Rollouts that a bug or a damaged journal has taken out of the loop, and why."""
        self._unreadable: list[Notice] = []
        """What is told of live rollouts whose journal is damaged, until everybody has heard it."""
        self._environment = ""
        self._retirement = Retirement(host, self._read)

    def step(self, catalog: Catalog, modes: Mapping[str, Mode], *, orders: bool = True) -> None:
        """One round, for the services that are served here; without `orders` none are taken."""
        self._environment = catalog.environment
        self._let_go()
        if not orders:
            return
        self._adopt(catalog, modes)
        self._reopen(catalog, modes)
        self._start(catalog, modes)
        self._retirement.step(modes)
        for notice in self._unreadable:
            self._host.outbox.tell_now(notice)

    # --- over ----------------------------------------------------------------------------------

    def _let_go(self) -> None:
        over = [runner for runner in self._host.runners if runner.over]
        if not over:
            return
        waiting = {order.rollout for order in self._journal.orders([c.id for c in over])}
        for runner in over:
            if runner.lost or runner.id not in waiting:
                self._host.drop(runner)

    # --- left behind ---------------------------------------------------------------------------

    def _adopt(self, catalog: Catalog, modes: Mapping[str, Mode]) -> None:
        """Go on with live rollouts of these services that no living process drives."""
        mine = {runner.id for runner in self._host.runners}
        served = {service.name for service in catalog.services()}
        for head in self._journal.live():
            if head.rollout in mine or head.rollout in self.broken:
                continue
            if self._journal.holder(head.target) is not None:
                self._alone.pop(head.rollout, None)
                continue
            if head.service in modes:
                self._take_up_or_tell(catalog, head, modes[head.service])
            elif head.service not in served and catalog.trouble:
                # Files that cannot be read name no service, and the journal names this one.
                self._take_up_or_tell(catalog, head, Mode.ENFORCE)
            elif head.service not in served:
                self._leave_alone(head, f"service {head.service} is not configured here")

    def _take_up_or_tell(self, catalog: Catalog, head: Head, mode: Mode) -> None:
        try:
            self._take_up(catalog, head, mode)
        except JournalError:
            raise
        except GuardianError as error:
            self._leave_alone(head, str(error))
        except Exception as error:  # noqa: BLE001 - one rollout must not end the guarding of others
            self._leave_alone(head, broken("taking it up", error))

    def _take_up(self, catalog: Catalog, head: Head, mode: Mode) -> None:
        rollout = self._read(head)
        if rollout is None:
            return
        plan = rollout.plan
        if catalog.environment not in ("", plan.environment):
            self._leave_alone(head, f"it belongs to the environment {plan.environment}")
            return
        if mode is Mode.OBSERVE and (plan.restores or plan.drive is Drive.ROLLOUT):
            self._leave_alone(head, f"service {plan.service} is only observed here")
            return
        if not self._took_up(catalog, catalog.adopted(plan)):
            return
        self._said.pop(head.rollout, None)
        self._alone.pop(head.rollout, None)
        phase = spaced(rollout.phase)
        self._say(f"{plan.service}: {plan.rollout} is taken up where it was left, in {phase}")

    def _took_up(self, catalog: Catalog, task: Task, reading: Reading | None = None) -> bool:
        """Take a rollout of the journal on; False where somebody holds its target."""
        sources = catalog.sources(task)
        claim = self._journal.claim(self._host.lease, task.plan.target)
        if claim is None:
            return False
        self._host.plane(task.plane, sources)
        self._host.take_up(task, claim, reading=reading)
        return True

    def reread(self, catalog: Catalog) -> None:
        """Let live rollouts read from the sources as new files have them.

        One that these files do not let be built stays as it was.
        """
        for runner in (c for c in self._host.runners if not c.over):
            plan = runner.rollout.plan
            try:
                task = catalog.adopted(plan)
                sources = catalog.sources(task)
                unbuilt = [s.why for s in sources.values() if isinstance(s, UnbuiltSource)]
                if task.plane in self._host.planes:
                    self._host.plane(task.plane, sources)
            except Exception as error:  # noqa: BLE001 - as where one is taken up
                is_told = isinstance(error, GuardianError)
                unbuilt = [str(error) if is_told else broken("building its sources", error)]
            for why in unbuilt:
                self._say(f"{plan.service}: {plan.rollout} reads what it did before: {why}")

    def tidy(self, catalog: Catalog, service: str, reading: Reading, mode: Mode) -> None:
        """Take off what a rollout has left on a target that it has put back: its process died."""
        stamp = reading.stamp
        if stamp is None or mode is not Mode.ENFORCE:
            return
        for head in self._journal.history(service):
            if head.rollout != stamp.rollout or head.live or head.rollout in self.broken:
                continue
            rollout = self._read(head)
            if rollout is None or rollout.phase is not Phase.ROLLED_BACK:
                continue
            if self._journal.holder(head.target) is not None:
                continue
            with suppress(EdgeError, ConfigError):
                if self._took_up(catalog, catalog.adopted(rollout.plan), reading):
                    self._say(f"{service}: {head.rollout} is over; its stamp is taken off")

    def _read(self, head: Head) -> Rollout | None:
        try:
            return fold(record.entry for record in self._journal.read(head.rollout))
        except Exception as error:  # one damaged journal must not end the others
            if isinstance(error, JournalError) and not isinstance(error, Damaged):
                raise
            self._put_aside(head, str(error))
            return None

    def _put_aside(self, head: Head, why: str) -> None:
        """Its journal is damaged: what was live may have traffic, and people have to look."""
        if head.rollout in self.broken:
            return
        self.broken[head.rollout] = why
        self._say(
            f"{head.service}: {head.rollout} cannot be read back from the journal ({why}): it is"
            f" left alone; `guardian rollback {head.service} --to VERSION` puts traffic back"
        )
        if head.live:
            now = self._clock.now()
            told = unreadable(self._environment, head.service, head.rollout, why, now)
            self._unreadable.append(told)

    def _leave_alone(self, head: Head, why: str) -> None:
        if self._said.get(head.rollout) != why:
            self._said[head.rollout] = why
            self._say(f"{head.service}: the live rollout {head.rollout} is left alone: {why}")
        monotonic = self._clock.monotonic()
        if monotonic - self._alone.setdefault(head.rollout, monotonic) < ALONE_S:
            return
        rollout = self._read(head)
        if rollout is not None and (rollout.moved or rollout.returning):
            self._host.outbox.tell_now(unguarded(rollout, why, self._clock.now()))

    # --- reopened ------------------------------------------------------------------------------

    def _reopen(self, catalog: Catalog, modes: Mapping[str, Mode]) -> None:
        """Completed rollouts that somebody, or their group, takes back after all."""
        mine = {runner.id for runner in self._host.runners}
        newest = [
            head
            for service in modes
            for head in self._journal.history(service, limit=1)
            if not head.live and head.rollout not in mine and head.rollout not in self.broken
        ]
        by_rollout = {head.rollout: head for head in newest}
        for order in self._journal.orders(list(by_rollout)):
            head = by_rollout[order.rollout]
            if order.rollout not in mine and self._may_reopen(head, order, modes[head.service]):
                self._take_up_or_tell(catalog, head, modes[head.service])
                mine.add(head.rollout)

    def _may_reopen(self, head: Head, order: Order, mode: Mode) -> bool:
        """Whether an order can still change an ended rollout; refused and answered if not."""
        rollout = self._read(head)
        if rollout is None:
            return False
        back = order.kind in (OrderKind.ABORT, OrderKind.GROUP)
        kept = rollout.phase is Phase.COMPLETED and retired(rollout, self._clock.now()) is None
        if back and kept and mode is Mode.ENFORCE:
            return self._journal.holder(head.target) is None
        phase = spaced(rollout.phase)
        refused = f"rollout {head.rollout} is over ({phase}): this order can no longer change it"
        self._journal.answer(Answer(order=order.id, refused=refused))
        return False

    # --- started -------------------------------------------------------------------------------

    def _start(self, catalog: Catalog, modes: Mapping[str, Mode]) -> None:
        """As many as there is time for: those that are left keep until the next turn."""
        troubles = {service.name: service.trouble for service in catalog.services()}
        by_address = {for_service(service): service for service in modes}
        ends_at = self._clock.monotonic() + STARTS_S
        for order in self._journal.orders(list(by_address)):
            if self._clock.monotonic() >= ends_at:
                return
            service = by_address[order.rollout]
            answer = self._answered(catalog, order, service, modes[service], troubles[service])
            if answer is None:
                continue
            if answer.refused:
                self._say(f"{service}: an order of {order.actor} is refused: {answer.refused}")
            self._journal.answer(answer)

    def _answered(
        self, catalog: Catalog, order: Order, service: str, mode: Mode, trouble: str
    ) -> Answer | None:
        """What becomes of a start; None where its first entry carries the answer, or it waits."""
        refused = self._refusal(order, service, mode)
        if refused:
            return Answer(order=order.id, refused=refused)
        if trouble:
            if self._said.get(order.id) != trouble:
                self._said[order.id] = trouble
                self._say(f"{service}: an order of {order.actor} waits for files that are right")
            return None
        rollout = rollout_of(order, service)
        try:
            if self._journal.read(rollout):
                return Answer(order=order.id, rollout=rollout)  # Begun, and then we died.
            return self._begin(catalog, order, service, rollout)
        except Damaged as error:
            return Answer(order=order.id, refused=str(error))
        except JournalError:
            raise
        except NothingToDo as done:
            return Answer(order=order.id, refused=str(done), moot=True)
        except GuardianError as error:
            return self._unstarted(order, error)
        except Exception as error:  # noqa: BLE001 - one order must not end the guarding of others
            why = f"internal error: {type(error).__name__}: {error}"
            return Answer(order=order.id, refused=why)

    def _unstarted(self, order: Order, error: GuardianError) -> Answer | None:
        """Refused; an order for a version that is still being made keeps until a later turn."""
        if not isinstance(error, NotYet):
            unasked = "AWS could not be asked, and nothing was started: "
            lead = unasked if isinstance(error, EdgeError) else ""
            return Answer(order=order.id, refused=f"{lead}{error}")
        if self._clock.now() - order.at < PENDING_S:
            return None
        waited = f"{error}. It was waited for for {duration(PENDING_S)}"
        return Answer(order=order.id, refused=waited)

    def _refusal(self, order: Order, service: str, mode: Mode) -> str:
        if order.kind is not OrderKind.START:
            return f"{order.kind.value} is for a rollout, and {service} is a service"
        if mode is Mode.OBSERVE:
            return (
                f"service {service} is only observed: guardian judges what others deploy, tells,"
                " and never writes; set `mode: enforce` to let it drive"
            )
        waited_s = self._clock.real_s(self._clock.now() - order.at)
        if waited_s > ORDER_LIVES_S:
            return f"nobody took it for {duration(waited_s)}: give it again if it still holds"
        return ""

    def _begin(self, catalog: Catalog, order: Order, service: str, rollout: str) -> Answer | None:
        mine = [c for c in self._host.runners if c.rollout.plan.service == service]
        live = [c for c in mine if not c.over]
        if live:
            return self._join(catalog, order, service, live)
        task = catalog.plan(order, rollout)
        plan = task.plan
        if task.resume:
            return Answer(order=order.id, rollout=plan.rollout)
        self._host.plane(task.plane, catalog.sources(task))
        answer = Answer(order=order.id, rollout=plan.rollout)
        self._host.begin(task, self._host.claim(plan.target), answers=[answer])
        self._say(f"{service}: {plan.rollout} begins: {plan.stable} -> {plan.canary}")
        return None

    def _join(
        self, catalog: Catalog, order: Order, service: str, live: Sequence[RolloutRunner]
    ) -> Answer:
        """The same version is the same rollout; another one has to wait."""
        version = catalog.resolve(service, order.subject)
        for runner in live:
            plan = runner.rollout.plan
            going = runner.rollout.phase is not Phase.ROLLING_BACK
            if plan.canary == version and plan.drive is Drive.ROLLOUT and going:
                return Answer(order=order.id, rollout=plan.rollout)
        plan = live[0].rollout.plan
        phase = spaced(live[0].rollout.phase)
        refused = (
            f"{plan.target} has a live rollout of version {plan.canary} ({plan.rollout}, in"
            f" {phase}): wait for its end, or take it back with `guardian rollout abort {service}`"
        )
        return Answer(order=order.id, refused=refused)
