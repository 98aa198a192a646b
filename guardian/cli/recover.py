"""What a dead process left: found by the journal, or by guardian's stamp on the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guardian.app.planning import live_on
from guardian.app.records import phase_of
from guardian.cli.guard import actor, carry_out, tell_what_is_left
from guardian.cli.output import Output
from guardian.core.plan import Drive
from guardian.core.rollout.entries import OrderKind
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.traffic import Reading, Stamp
from guardian.engine.in_process import Limits
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit, worst
from guardian.engine.task import TargetHeld, Task
from guardian.ports import ConfigError, EdgeError, Router

if TYPE_CHECKING:
    from guardian.wiring import Wiring

BACK = (Phase.ROLLED_BACK, Phase.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How to finish what is found."""

    wiring: Wiring
    output: Output
    goes_on: bool
    """Drive it to its end, rather than put it back."""
    reason: str
    limits: Limits

    def router(self, service: str) -> Router:
        """What moves a service's traffic; to put it back, its rules are not needed."""
        from guardian.wiring import need

        if self.goes_on:
            return self.wiring.service(service).router
        return need.reachable(self.wiring, service).router


def recovered(recovery: Recovery, services: Sequence[str], *, named: bool) -> int:
    """Finish what nobody drives, service by service; the worst exit code."""
    exits = [_service(recovery, service, named=named) for service in services]
    if not services:
        recovery.output.line("no services: nothing to recover")
    tell_what_is_left(recovery.wiring, recovery.output)
    return worst(exits).value


def _service(recovery: Recovery, service: str, *, named: bool) -> Exit:
    """One service; that AWS cannot be asked about it must not leave the next one as it is."""
    try:
        return _finished(recovery, service, named=named)
    except (EdgeError, TargetHeld) as error:
        recovery.output.say(f"{service}: {error}")
        return Exit(error.exit_code)


def _finished(recovery: Recovery, service: str, *, named: bool) -> Exit:
    wiring = recovery.wiring
    try:
        router = recovery.router(service)
    except ConfigError as error:
        if named:
            raise
        recovery.output.say(f"{service}: {error}")
        return Exit.WAITING
    rollout = live_on(wiring.journal, router.target)
    holder = wiring.journal.holder(router.target)
    if holder is not None:
        recovery.output.line(f"{service}: driven by {holder}; left alone")
        return Exit.HEALTHY
    if rollout is not None:
        daemon = wiring.journal.holder(post(rollout.plan.environment, service))
        if daemon is not None:
            recovery.output.line(f"{service}: {daemon} takes {rollout.plan.rollout} up; left alone")
            return Exit.HEALTHY
        return _carried_on(recovery, service, rollout)
    reading = router.read() if router.capabilities.moves else None
    if reading is None or reading.stamp is None:
        recovery.output.line(f"{service}: nothing to recover")
        return Exit.HEALTHY
    return _by_stamp(recovery, service, reading, reading.stamp, named=named)


# --- by the journal ----------------------------------------------------------------------------


def _carried_on(recovery: Recovery, service: str, rollout: Rollout) -> Exit:
    wiring, plan = recovery.wiring, rollout.plan
    on = recovery.goes_on and plan.drive is Drive.ROLLOUT
    goal = "driving it on" if on else "putting it back"
    if plan.drive is Drive.WATCH:
        goal = "closing it; `guardian watch` begins a new one"
    recovery.output.line(
        f"{service}: {plan.rollout} (version {plan.canary}, {phase_of(rollout)}) is driven by"
        f" nobody: {goal}"
    )
    back = OrderKind.LEAVE if plan.drive is Drive.WATCH else OrderKind.INTERRUPT
    task = Task(
        plan=replace(plan, reason=recovery.reason),
        router=recovery.router(service),
        plane=wiring.plane(service) if on else "none",
        resume=True,
        order=None if on else back,
    )
    return _carry_out(recovery, service, task, on=on)


def _carry_out(recovery: Recovery, service: str, task: Task, *, on: bool) -> Exit:
    """Run it to its end; traffic that was put back as asked is a success."""
    results = carry_out(recovery.wiring, [task], recovery.output, recovery.limits)
    rollout, exit_ = results[service]
    done = exit_ is Exit.HEALTHY or (not on and rollout.phase in BACK)
    recovery.output.line(f"{service}: {phase_of(rollout)}" + ("" if done else ": NOT finished"))
    return Exit.HEALTHY if done else exit_


# --- by the stamp ------------------------------------------------------------------------------


def _by_stamp(
    recovery: Recovery, service: str, reading: Reading, stamp: Stamp, *, named: bool
) -> Exit:
    """A rollout of which this journal knows nothing: its stamp says what stable was."""
    from guardian.wiring import need

    wiring, output = recovery.wiring, recovery.output
    facts = (
        f"{service}: serves {reading.traffic} under the stamp of rollout {stamp.rollout} (stable"
        f" {stamp.stable}), and this journal has no live rollout of it"
    )
    if stamp.stable not in reading.traffic.versions:
        output.say(
            f"{facts}; version {stamp.stable} is not there any more, so nothing is changed. If you"
            f" want it back: `guardian rollback {service} --to {stamp.stable}`"
        )
        return Exit.WAITING
    if not named:
        output.say(
            f"{facts}. A process elsewhere may drive it; if none does: `guardian rollout recover"
            f" {service}` puts it back"
        )
        return Exit.WAITING
    output.line(f"{facts}: putting version {stamp.stable} back")
    reachable = need.reachable(wiring, service)
    emergency = need.emergency(
        wiring, reachable, to=stamp.stable, actor=actor(), reason=recovery.reason
    )
    task = Task(
        plan=emergency.plan,
        router=reachable.router,
        plane="none",
        order=OrderKind.ABORT,
    )
    return _carry_out(recovery, service, task, on=False)
