"""Begin a rollout: in the caller's process, or by an order to the daemon of the service."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from guardian.app.acting import Services
from guardian.app.guarding import Caller, Guarded, beginning, carry_out, guard
from guardian.app.known import Request
from guardian.app.orders import (
    ANSWER_S,
    NobodyDrives,
    Refused,
    Unanswered,
    answer_to,
    leave,
    order_to,
)
from guardian.app.planning import live_on, plan_rollout, resolved
from guardian.app.remembered import Records, driver, phase_of, state
from guardian.app.series_choice import SeriesProbe
from guardian.core.model import Reason
from guardian.core.plan import Drive, Plan
from guardian.core.reasons import duration
from guardian.core.rollout.entries import Order, OrderKind, for_service, service_of
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.wording import span
from guardian.engine.in_process import Limits
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit
from guardian.engine.task import ORDER_LIVES_S, PENDING_S, Busy, NothingToDo, Task, rollout_id
from guardian.ports import ConfigError, EdgeError, GuardianError, NotYet, UsageError

LOOK_S = 0.5
LETS_GO_S = 30.0
"""Real seconds that a process may need to let go of a target whose rollout is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a person asks to begin, and how far the caller goes along."""

    order: Order
    """The version, who asks and why: for a daemon it is left as it is."""
    observe: bool = False
    supersede: bool = False
    """Take back a live rollout of another version first."""
    wait: bool = False
    """Drive it in this process."""
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(
        cls,
        service: str,
        version: str,
        *,
        actor: str,
        reason: str = "",
        again: bool = False,
        fixes: tuple[str, ...] = (),
        wait: bool = False,
    ) -> StartRequest:
        """To begin a version of a service, as most do; `replace` gives the rest."""
        name = for_service(service)
        order = order_to(OrderKind.START, name, actor=actor, reason=reason, subject=version)
        return cls(order=replace(order, again=again, fixes=fixes), wait=wait)

    @property
    def service(self) -> str:
        """Whose version it is."""
        return service_of(self.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a daemon answered."""

    order: Order
    daemon: str
    rollout: str = ""
    """The rollout that began; empty when there was nothing to do."""
    moot: str = ""
    """Why there was nothing to do."""


class Another(GuardianError):
    """Another version's rollout is live."""

    exit_code = Exit.WAITING.value


class NotBack(GuardianError):
    """The rollout that was to be superseded is not confirmed back."""

    exit_code = Exit.STUCK.value


def start(services: Services, asked: StartRequest, caller: Caller) -> Guarded | Accepted:
    """Begin it, here or by the daemon. Raises ConfigError and the ports' errors."""
    order = asked.order
    if order.again and not order.reason:
        raise UsageError("say why the version may be tried again (--reason)")
    if asked.observe and not asked.wait:
        raise UsageError("to observe, drive it here (--wait): a daemon does by `mode: observe`")
    # A wrong name is known before a journal is made for it.
    leads = post(services.environment_of(asked.service), asked.service)
    daemon = None if asked.wait else _daemon(services, asked.service, leads)
    if asked.supersede:
        _clear(services, asked, caller)
    if daemon is not None:
        return _by_daemon(services, asked, daemon)
    return _here(services, asked, caller)


def planned(services: Services, order: Order, *, rollout: str = "", observe: bool = False) -> Task:
    """What an order to start begins, under that id or one of its own.

    A live rollout of the same version is taken up where it was left. ConfigError when it must not
    start, NothingToDo when the version is live, Busy for a live rollout of another one.
    """
    name, to = service_of(order), order.subject
    services.check_alone(name)
    service = services.service(name, observe=observe)
    left = live_on(services.journal, service.router.target)
    if left is not None and left.moved:
        if left.plan.canary != resolved(service.router, to):
            raise Busy(left)
        plane = services.plane(name)
        return Task(plan=left.plan, router=service.router, plane=plane, resume=True)
    now = services.clock.now()
    request = Request(
        rollout=rollout or new_id(services, name),
        actor=order.actor,
        reason=order.reason,
        now=now,
        again=order.again,
        fixes=order.fixes,
    )
    probe = SeriesProbe.of(partial(services.source, name), now=now)
    plan = plan_rollout(service, request, to=to, journal=services.journal, probe=probe)
    return Task(plan=plan, router=service.router, plane=services.plane(name))


def new_id(services: Services, service: str) -> str:
    """The id of a rollout of a service that begins now."""
    return rollout_id(service, services.clock.now(), services.rng.token()[:4])


def retried(records: Records, asked: Order) -> Order:
    """The order that tries it again: as asked where a rollout is live, else a start anew.

    ConfigError when nothing is live and the service's last rollout was not rolled back.
    """
    journal, name = records.journal, asked.rollout
    if any(name in (head.service, head.rollout) for head in journal.live()):
        return asked
    past = journal.history(name, limit=1)
    last = state(journal, past[0].rollout) if past else None
    if last is None or last.phase is not Phase.ROLLED_BACK:
        found = (
            f"its last one, {last.plan.rollout}, is {phase_of(last)}" if last else "none is known"
        )
        raise ConfigError(
            f"{name} has nothing to try again: no rollout is live, and {found}; start one with"
            f" `guardian rollout start {name} --to VERSION`"
        )
    version = last.plan.canary
    if not asked.reason:
        raise UsageError(
            f"version {version} was rolled back: say why it may be tried again (--reason)"
        )
    address = for_service(name)
    return replace(asked, kind=OrderKind.START, rollout=address, subject=version, again=True)


# --- here --------------------------------------------------------------------------------------


def _here(services: Services, asked: StartRequest, caller: Caller) -> Guarded:
    try:
        with beginning(services, caller):
            task = _once_published(services, asked, caller)
    except NothingToDo as done:
        return Guarded(moot=str(done))
    if services.journal_is_local:
        caller.say(
            "the journal is on this machine alone: if this process dies without a word, no"
            " other machine can finish what it began"
        )
    caller.say(_patience(task.plan, asked.limits))
    return guard(services, [task], caller, asked.limits)


def _once_published(services: Services, asked: StartRequest, caller: Caller) -> Task:
    """The task, once the version is there: just published, it is waited for within bounds."""
    clock, patience = services.clock, duration(PENDING_S)
    ends_at, said = clock.now() + PENDING_S, False
    while True:
        try:
            return planned(services, asked.order, observe=asked.observe)
        except NotYet as error:
            if clock.now() >= ends_at:
                raise ConfigError(f"{error}. It was waited for for {patience}") from error
            if not said:
                caller.say(f"{asked.service}: {error}; it is waited for, for up to {patience}")
            said = True
        clock.sleep(LOOK_S)


def _patience(plan: Plan, limits: Limits) -> str:
    """How long a hold is waited for, and what comes then."""
    end = "taken back" if plan.restores else "left to a person"
    longest = span(plan.policy.max_hold_s)
    said = f"a hold is waited for: what is held for {longest} (max_hold) is {end}"
    if limits.timeout_s is None:
        return said
    return f"{said}; all waiting ends {span(limits.timeout_s)} from now (--timeout)"


# --- by the daemon -----------------------------------------------------------------------------


def _daemon(services: Services, service: str, leads: str) -> str:
    """Who serves a service; EdgeError when nobody does."""
    holder = services.journal.holder(leads)
    if holder is None:
        raise EdgeError(
            Reason.UNAVAILABLE,
            f"no daemon serves {service} on this journal: start one with `guardian run`, or"
            " drive it from here to the end (--wait)",
        )
    return holder


def _by_daemon(services: Services, asked: StartRequest, daemon: str) -> Accepted:
    journal, service, limit_s = services.journal, asked.service, asked.limits.timeout_s
    order = leave(journal, replace(asked.order, at=services.clock.now()), seq=0)
    answer = answer_to(services, order, timeout_s=ANSWER_S if limit_s is None else limit_s)
    if answer is None:
        raise Unanswered(
            f"{daemon} has not answered yet; the order waits, and is refused when nobody takes it"
            f" within {duration(ORDER_LIVES_S)} (`guardian rollout status {service}`)"
        )
    if answer.moot:
        return Accepted(order=order, daemon=daemon, moot=answer.refused)
    if answer.refused:
        live = any(head.service == service for head in journal.live())
        kind = Another if live else Refused
        raise kind(f"{service}: not started: {answer.refused}")
    return Accepted(order=order, daemon=daemon, rollout=answer.rollout)


# --- supersede ---------------------------------------------------------------------------------


def _clear(services: Services, asked: StartRequest, caller: Caller) -> None:
    """Take back a live rollout of another version; a watch, which moved nothing, just ends."""
    journal = services.journal
    live = [head for head in journal.live() if head.service == asked.service]
    if not live:
        return
    old = state(journal, live[-1].rollout)
    plan, router = old.plan, services.service(asked.service).router
    version = resolved(router, asked.order.subject)
    if plan.drive is Drive.ROLLOUT and plan.canary == version:
        return
    kind = OrderKind.ABORT if plan.drive is Drive.ROLLOUT else OrderKind.LEAVE
    caller.say(f"{plan.rollout} (version {plan.canary}) is superseded: taking it back first")
    reason = f"superseded by version {version}"
    if driver(journal, old) is None:
        task = Task(
            plan=replace(plan, reason=reason),
            router=router,
            plane="none",
            resume=True,
            order=kind,
        )
        carry_out(services, [task], caller, asked.limits)
    else:
        said = order_to(kind, plan.rollout, actor=asked.order.actor, reason=reason)
        leave(journal, replace(said, at=services.clock.now()), seq=old.seq)
    after = _ended(services, old, asked.limits.rollback_timeout_s)
    caller.say(f"{plan.rollout} is {phase_of(after)}")
    if asked.wait:
        _let_go(services, plan.target)


def _ended(services: Services, rollout: Rollout, limit_s: float) -> Rollout:
    """The rollout once it is over; NotBack when that takes too long."""
    plan, clock = rollout.plan, services.clock
    ends_at = clock.now() + limit_s
    while (now := state(services.journal, plan.rollout)).live:
        if clock.now() >= ends_at:
            raise NotBack(
                f"{plan.rollout} is not confirmed back after {limit_s:g} s ({phase_of(now)}), and"
                f" nothing was started: `guardian rollout status {plan.service}` shows why,"
                f" `guardian rollback {plan.service}` takes it over"
            )
        clock.sleep(LOOK_S)
    return now


def _let_go(services: Services, target: str) -> None:
    """Wait until the process that drove the old rollout has told everybody and left."""
    clock = services.clock
    ends_at = clock.monotonic() + LETS_GO_S
    while (holder := services.journal.holder(target)) is not None:
        if clock.monotonic() >= ends_at:
            raise NobodyDrives(
                f"{target} is still driven by {holder}: without --wait it starts there"
            )
        clock.sleep(LOOK_S)
