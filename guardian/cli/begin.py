"""Begin a rollout: in this process, or by an order to the daemon that serves the service."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING

from guardian.app.orders import ANSWER_S, NobodyDrives, Refused, Unanswered, answer_to, leave
from guardian.app.planning import resolved
from guardian.app.records import driver, phase_of, state
from guardian.cli.guard import beginning, carry_out, guard
from guardian.cli.orders import SCHEMA
from guardian.cli.output import Output
from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.model import Reason
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import Order, OrderKind, for_service
from guardian.core.rollout.machine import Rollout
from guardian.core.wording import span
from guardian.engine.in_process import Limits
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit
from guardian.engine.task import PENDING_S, NothingToDo, Task
from guardian.ports import ConfigError, EdgeError, GuardianError, NotYet

if TYPE_CHECKING:
    from guardian.wiring import Wiring

LOOK_S = 0.5
LETS_GO_S = 30.0
"""Real seconds that a process may need to let go of a target whose rollout is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a person asks to begin."""

    service: str
    to: str
    actor: str
    reason: str
    again: bool = False
    fixes: tuple[str, ...] = ()
    observe: bool = False
    supersede: bool = False
    wait: bool = False
    """Drive it in this process."""
    limits: Limits = field(default_factory=Limits)
    allow: frozenset[Exit] = frozenset()
    form: str = "text"


class Another(GuardianError):
    """Another version's rollout is live."""

    exit_code = Exit.WAITING.value


class NotBack(GuardianError):
    """The rollout that was to be superseded is not confirmed back."""

    exit_code = Exit.STUCK.value


def begin(wiring: Wiring, wanted: StartRequest, output: Output) -> int:
    """Begin it; the exit code."""
    daemon = None if wanted.wait else _daemon(wiring, wanted.service)
    if wanted.supersede:
        _clear(wiring, wanted, output)
    if daemon is not None:
        return _by_daemon(wiring, wanted, output, daemon)
    return _here(wiring, wanted, output)


def _here(wiring: Wiring, wanted: StartRequest, output: Output) -> int:
    try:
        with beginning(wiring, output):
            task = _planned(wiring, wanted, output)
    except NothingToDo as done:
        output.say(f"{wanted.service}: {done}")
        output.end([], 0, wiring.clock.now())
        return 0
    if wiring.journal_is_local:
        output.say(
            "the journal is on this machine alone: if this process dies without a word, no"
            " other machine can finish what it began"
        )
    output.say(_patience(task.plan, wanted.limits))
    task = mending(task, wanted.fixes)
    return guard(wiring, [task], output, limits=wanted.limits, allow=wanted.allow)


def _planned(wiring: Wiring, wanted: StartRequest, output: Output) -> Task:
    """The task, once the version is there: just published, it is waited for within bounds."""
    ends_at, said = wiring.clock.now() + PENDING_S, False
    while True:
        try:
            return wiring.rollout_task(
                wanted.service,
                to=wanted.to,
                actor=wanted.actor,
                reason=wanted.reason,
                again=wanted.again,
                observe=wanted.observe,
            )
        except NotYet as error:
            if wiring.clock.now() >= ends_at:
                raise ConfigError(f"{error}. It was waited for for 5 minutes") from error
            if not said:
                output.say(f"{wanted.service}: {error}; it is waited for, for up to 5 minutes")
            said = True
        Event().wait(timeout=LOOK_S)


def _patience(plan: Plan, limits: Limits) -> str:
    """How long a hold is waited for, and what comes then."""
    end = "taken back" if plan.restores else "left to a person"
    longest = span(plan.policy.max_hold_s)
    said = f"a hold is waited for: what is held for {longest} (max_hold) is {end}"
    if limits.timeout_s is None:
        return said
    return f"{said}; --timeout ends all waiting {span(limits.timeout_s)} from now"


def mending(task: Task, fixes: tuple[str, ...]) -> Task:
    """The task with the incidents it is to mend; a rollout that was begun keeps its plan."""
    if not fixes or task.resume:
        return task
    return replace(task, plan=replace(task.plan, fixes=fixes))


# --- by the daemon -----------------------------------------------------------------------------


def _daemon(wiring: Wiring, service: str) -> str:
    """Who serves a service; EdgeError when nobody does."""
    configured = wiring.configured()
    configured.service(service)
    holder = wiring.journal.holder(post(configured.environment, service))
    if holder is None:
        raise EdgeError(
            Reason.UNAVAILABLE,
            f"no daemon serves {service} on this journal: start one with `guardian run`, or add"
            " --wait, and this command drives it to the end",
        )
    return holder


def _by_daemon(wiring: Wiring, wanted: StartRequest, output: Output, daemon: str) -> int:
    said = Order(
        id="",
        rollout=for_service(wanted.service),
        kind=OrderKind.START,
        actor=wanted.actor,
        reason=wanted.reason,
        at=wiring.clock.now(),
        subject=wanted.to,
        again=wanted.again,
        fixes=wanted.fixes,
    )
    journal, limit_s = wiring.journal, wanted.limits.timeout_s
    order = leave(journal, said, seq=0)
    answer = answer_to(wiring, order, timeout_s=ANSWER_S if limit_s is None else limit_s)
    if answer is None:
        raise Unanswered(
            f"{daemon} has not answered yet; the order waits, and is refused when nobody takes it"
            f" within 10 minutes (`guardian rollout status {wanted.service}`)"
        )
    if answer.moot:
        output.say(f"{wanted.service}: {answer.refused}")
        _told(wiring, wanted, order, "")
        return 0
    if answer.refused:
        live = any(head.service == wanted.service for head in journal.live())
        kind = Another if live else Refused
        raise kind(f"{wanted.service}: not started: {answer.refused}")
    _told(wiring, wanted, order, answer.rollout)
    output.say(
        f"{daemon} drives it: `guardian rollout status {wanted.service} -w` shows how it goes"
    )
    return 0


def _told(wiring: Wiring, wanted: StartRequest, order: Order, rollout: str) -> None:
    """The rollout's id, alone on its line for scripts, or a record."""
    from guardian.cli.output import show

    if wanted.form in ("json", "jsonl"):
        record = {
            "schema": SCHEMA,
            "time": rfc3339(wiring.clock.now()),
            "order": order.id,
            "kind": order.kind.value,
            "actor": order.actor,
            "service": wanted.service,
            "rollout": rollout,
            "outcome": "obeyed",
        }
        show(json.dumps(record, separators=(",", ":")))
    elif rollout:
        show(rollout)


# --- supersede ---------------------------------------------------------------------------------


def _clear(wiring: Wiring, wanted: StartRequest, output: Output) -> None:
    """Take back a live rollout of another version; a watch, which moved nothing, just ends."""
    journal = wiring.journal
    live = [head for head in journal.live() if head.service == wanted.service]
    if not live:
        return
    old = state(journal, live[-1].rollout)
    plan = old.plan
    version = resolved(wiring.service(wanted.service).router, wanted.to)
    if plan.drive is Drive.ROLLOUT and plan.canary == version:
        return
    kind = OrderKind.ABORT if plan.drive is Drive.ROLLOUT else OrderKind.LEAVE
    output.say(f"{plan.rollout} (version {plan.canary}) is superseded: taking it back first")
    reason = f"superseded by version {version}"
    if driver(journal, old) is None:
        task = Task(
            plan=replace(plan, reason=reason),
            router=wiring.service(wanted.service).router,
            plane="none",
            resume=True,
            order=kind,
        )
        carry_out(wiring, [task], output, wanted.limits)
    else:
        said = Order(
            id="",
            rollout=plan.rollout,
            kind=kind,
            actor=wanted.actor,
            reason=reason,
            at=wiring.clock.now(),
        )
        leave(journal, said, seq=old.seq)
    after = _ended(wiring, old, wanted.limits.rollback_timeout_s)
    output.say(f"{plan.rollout} is {phase_of(after)}")
    if wanted.wait:
        _let_go(wiring, plan.target)


def _ended(wiring: Wiring, rollout: Rollout, limit_s: float) -> Rollout:
    """The rollout once it is over; NotBack when that takes too long."""
    plan, clock = rollout.plan, wiring.clock
    ends_at = clock.now() + limit_s
    while (now := state(wiring.journal, plan.rollout)).live:
        if clock.now() >= ends_at:
            raise NotBack(
                f"{plan.rollout} is not confirmed back after {limit_s:g} s ({phase_of(now)}), and"
                f" nothing was started: `guardian rollout status {plan.service}` shows why,"
                f" `guardian rollback {plan.service}` takes it over"
            )
        Event().wait(timeout=LOOK_S)
    return now


def _let_go(wiring: Wiring, target: str) -> None:
    """Wait until the process that drove the old rollout has told everybody and left."""
    clock = SystemClock()
    ends_at = clock.monotonic() + LETS_GO_S
    while (holder := wiring.journal.holder(target)) is not None:
        if clock.monotonic() >= ends_at:
            raise NobodyDrives(
                f"{target} is still driven by {holder}: leave --wait away, and it starts there"
            )
        Event().wait(timeout=LOOK_S)
