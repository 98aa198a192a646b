"""What a dead process left: found by the journal, or by guardian's stamp on the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from guardian.app import rollback
from guardian.app.acting import Services
from guardian.app.guarding import Caller, carry_out, tell_what_is_left
from guardian.app.planning import live_on
from guardian.app.remembered import phase_of
from guardian.core.plan import Drive
from guardian.core.rollout.entries import OrderKind
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.traffic import Reading
from guardian.engine.in_process import Limits
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit
from guardian.engine.task import TargetHeld, Task
from guardian.ports import ConfigError, EdgeError, Router

BACK = (Phase.ROLLED_BACK, Phase.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverRequest:
    """How to finish what is found."""

    services: Sequence[str]
    named: bool
    """Whether a person named each: what only a stamp tells of is then put back."""
    goes_on: bool = False
    """Drive it to its end, rather than put it back."""
    reason: str = "nobody drove it any more"
    limits: Limits = field(default_factory=Limits)


def recover(services: Services, asked: RecoverRequest, caller: Caller) -> dict[str, Exit]:
    """Finish what nobody drives, service by service; what each comes to."""
    exits = {name: _service(services, name, asked, caller) for name in asked.services}
    tell_what_is_left(services, caller)
    return exits


def _service(services: Services, name: str, asked: RecoverRequest, caller: Caller) -> Exit:
    """One service; that AWS cannot be asked about it must not leave the next one as it is."""
    try:
        return _finished(services, name, asked, caller)
    except (EdgeError, TargetHeld) as error:
        caller.say(f"{name}: {error}")
        return Exit(error.exit_code)


def _finished(services: Services, name: str, asked: RecoverRequest, caller: Caller) -> Exit:
    try:
        # To put it back, its rules are not needed.
        router = (services.service(name) if asked.goes_on else services.reachable(name)).router
    except ConfigError as error:
        if asked.named:
            raise
        caller.say(f"{name}: {error}")
        return Exit.WAITING
    journal = services.journal
    holder = journal.holder(router.target)
    if holder is not None and journal.unsure_s:
        caller.tell(f"{name}: {holder} drives it, if it lives: {journal.unsure_s:g} s will tell")
        services.clock.sleep(journal.unsure_s)
        holder = journal.holder(router.target)
    rollout = live_on(journal, router.target)
    if holder is not None:
        caller.tell(f"{name}: driven by {holder}; left alone")
        return Exit.HEALTHY
    if rollout is not None:
        daemon = journal.holder(post(rollout.plan.environment, name))
        if daemon is None:
            return _carried_on(services, rollout, router, asked, caller)
        caller.tell(f"{name}: {daemon} takes {rollout.plan.rollout} up; left alone")
        return Exit.HEALTHY
    if router.capabilities.moves:
        return _by_stamp(services, name, router.read(), asked, caller)
    caller.tell(f"{name}: nothing to recover")
    return Exit.HEALTHY


# --- by the journal ----------------------------------------------------------------------------


def _carried_on(
    services: Services, rollout: Rollout, router: Router, asked: RecoverRequest, caller: Caller
) -> Exit:
    plan, name = rollout.plan, rollout.plan.service
    on = asked.goes_on and plan.drive is Drive.ROLLOUT
    goal = "driving it on" if on else "putting it back"
    if plan.drive is Drive.WATCH:
        goal = "closing it; `guardian watch` begins a new one"
    caller.tell(
        f"{name}: {plan.rollout} (version {plan.canary}, {phase_of(rollout)}) is driven by"
        f" nobody: {goal}"
    )
    back = OrderKind.LEAVE if plan.drive is Drive.WATCH else OrderKind.INTERRUPT
    task = Task(
        plan=replace(plan, reason=asked.reason),
        router=router,
        plane=services.plane(name) if on else "none",
        resume=True,
        order=None if on else back,
    )
    return _carry_out(services, task, asked, caller, on=on)


def _carry_out(
    services: Services, task: Task, asked: RecoverRequest, caller: Caller, *, on: bool
) -> Exit:
    """Run it to its end; traffic that was put back as asked is a success."""
    name = task.plan.service
    rollout, exit_ = carry_out(services, [task], caller, asked.limits)[name]
    done = exit_ is Exit.HEALTHY or (not on and rollout.phase in BACK)
    caller.tell(f"{name}: {phase_of(rollout)}" + ("" if done else ": NOT finished"))
    return Exit.HEALTHY if done else exit_


# --- by the stamp ------------------------------------------------------------------------------


def _by_stamp(
    services: Services, name: str, reading: Reading, asked: RecoverRequest, caller: Caller
) -> Exit:
    """A rollout of which this journal knows nothing: its stamp says what stable was."""
    stamp = reading.stamp
    if stamp is None:
        caller.tell(f"{name}: nothing to recover")
        return Exit.HEALTHY
    facts = (
        f"{name}: serves {reading.traffic} under the stamp of rollout {stamp.rollout} (stable"
        f" {stamp.stable}), and this journal has no live rollout of it"
    )
    if stamp.stable not in reading.traffic.versions:
        caller.say(
            f"{facts}; version {stamp.stable} is not there any more, so nothing is changed. If you"
            f" want it back: `guardian rollback {name} --to {stamp.stable}`"
        )
        return Exit.WAITING
    if not asked.named:
        caller.say(
            f"{facts}. A process elsewhere may drive it; if none does: `guardian rollout recover"
            f" {name}` puts it back"
        )
        return Exit.WAITING
    caller.tell(f"{facts}: putting version {stamp.stable} back")
    back = rollback.RollbackRequest(service=name, to=stamp.stable, reason=asked.reason)
    found = rollback.planned(services, back, actor=caller.actor)
    task = Task(plan=found.plan, router=found.router, plane="none", order=OrderKind.ABORT)
    return _carry_out(services, task, asked, caller, on=False)
