"""Plans carried out in the caller's process, to their end, or followed where others drive them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from guardian.app.acting import Services
from guardian.app.remembered import state
from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import HoldReason, OrderKind
from guardian.core.rollout.machine import Rollout
from guardian.engine.dependencies import Dependencies
from guardian.engine.in_process import InProcessRun, Limits
from guardian.engine.outbox import DUE_LIMIT, TAKEN_S
from guardian.engine.outcome import Exit, hopeless, outcome, overdue, worst
from guardian.engine.task import Task
from guardian.engine.tick_result import TickResult
from guardian.ports import Clock, GuardianError, Journal

FOR_A_PERSON = (
    HoldReason.PERSON,
    HoldReason.APPROVAL,
    HoldReason.CONFLICT,
    HoldReason.BREACH,
)
FOLLOW_S = 0.5
"""Real seconds between two looks at somebody else's rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and where it is shown what happens meanwhile."""

    actor: str
    owner: str
    """Host, process and purpose, for people who wonder who drives a rollout."""
    say: Callable[[str], None] = lambda _: None
    """A remark for people."""
    tell: Callable[[str], None] = lambda _: None
    """A line of what the use case does."""
    observer: Callable[[TickResult], None] = lambda _: None
    heeding: Callable[[InProcessRun], AbstractContextManager[object]] = nullcontext
    """Hands on what stops a run while it lasts: a process's signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What rollouts came to that were carried out or followed here."""

    results: tuple[tuple[Rollout, Exit], ...] = ()
    driven: frozenset[str] = frozenset()
    """Services that another process still drives."""
    moot: str = ""
    """Why there was nothing to do; empty when there was."""

    def exit(self, allow: frozenset[Exit] = frozenset()) -> Exit:
        """The worst of them, apart from what is allowed."""
        return worst([exit_ for _, exit_ in self.results if exit_ not in allow])


def guard(services: Services, tasks: Sequence[Task], caller: Caller, limits: Limits) -> Guarded:
    """Carry out the tasks to their end; those that others drive are followed."""
    followed = held_by_others(services.journal, tasks, caller.say)
    mine = [task for task in tasks if task.plan.service not in followed]
    results = carry_out(services, mine, caller, limits) if mine else {}
    results |= follow(services, followed, limits)
    holder = services.journal.holder
    return Guarded(
        results=tuple(results.values()),
        driven=frozenset(s for s in followed if holder(results[s][0].plan.target)),
    )


def carry_out(
    services: Services, tasks: Sequence[Task], caller: Caller, limits: Limits
) -> dict[str, tuple[Rollout, Exit]]:
    """Run the tasks here; the outcome by service. Raises TargetHeld and the ports' errors."""
    dependencies = Dependencies(
        journal=services.journal,
        clock=services.clock,
        rng=services.rng,
        owner=caller.owner,
        observer=caller.observer,
        say=caller.say,
        groups=services.groups,
    )
    run = InProcessRun(
        dependencies, sources=services.sources(tasks), receivers=services.receivers()
    )
    with caller.heeding(run):
        return run.run(tasks, limits)


# --- what is left to be told -------------------------------------------------------------------


def tell_what_is_left(services: Services, caller: Caller) -> None:
    """Deliver what a process that died has recorded and not told, also what it was just telling."""
    nothing_else = partial(carry_out, services, [], caller, Limits())
    deliver_left(services.journal, services.clock, nothing_else)


@contextmanager
def beginning(services: Services, caller: Caller) -> Iterator[None]:
    """Where it comes to nothing, and no run tells it: deliver what a dead process has left."""
    try:
        yield
    except GuardianError as why:
        try:
            tell_what_is_left(services, caller)
        except GuardianError as error:
            if str(error) != str(why):  # A journal that cannot be opened is said once.
                caller.say(f"what an earlier process has left to be told is told later: {error}")
        raise


def deliver_left(journal: Journal, clock: Clock, deliver: Callable[[], object]) -> None:
    """Deliver until every notice that is due, or kept by whoever was telling it, had its turn."""
    ends_at = clock.monotonic() + TAKEN_S
    taken_s = TAKEN_S / clock.real_s(1.0)

    def due(in_s: float) -> set[str]:
        return {p.id for p in journal.due(clock.now() + in_s, limit=DUE_LIMIT)}

    tried: set[str] = set()
    while due(taken_s) - tried:
        if ready := due(0.0) - tried:
            deliver()
            tried |= ready
        elif clock.monotonic() >= ends_at:
            return
        else:
            clock.sleep(FOLLOW_S)


# --- what others drive -------------------------------------------------------------------------


def held_by_others(
    journal: Journal, tasks: Sequence[Task], say: Callable[[str], None]
) -> dict[str, str]:
    """Services that another living process drives, and the rollouts to follow there."""
    followed: dict[str, str] = {}
    for task in tasks:
        target = task.plan.target
        holder = journal.holder(target)
        if holder is None or task.order is OrderKind.ABORT:
            continue
        live = [head.rollout for head in journal.live() if head.target == target]
        if live:
            followed[task.plan.service] = live[-1]
            say(f"{target} is driven by {holder}; following {live[-1]} read-only")
    return followed


def follow(
    services: Services, followed: Mapping[str, str], limits: Limits
) -> dict[str, tuple[Rollout, Exit]]:
    """Wait for rollouts that another process drives, by the journal alone."""
    journal, clock = services.journal, services.clock
    started = clock.now()
    results: dict[str, tuple[Rollout, Exit]] = {}
    while len(results) < len(followed):
        over = limits.timeout_s is not None and clock.now() - started >= limits.timeout_s
        for service, rollout in followed.items():
            now = state(journal, rollout)
            left = now.live and journal.holder(now.plan.target) is None
            if over or left:
                results[service] = (now, Exit.TIMEOUT if over else Exit.WAITING)
            elif not now.live or _needs_a_person(now, limits, clock.now()):
                results[service] = (now, outcome(now))
        clock.sleep(FOLLOW_S)
    return results


def _needs_a_person(rollout: Rollout, limits: Limits, now: Instant) -> bool:
    """Whether following any longer is of no use; a driven rollout's hold has an end of its own."""
    if rollout.plan.drive is not Drive.WATCH:
        return overdue(rollout, now) or hopeless(rollout, limits.rollback_timeout_s, now)
    return rollout.hold is not None and rollout.hold.why in FOR_A_PERSON
