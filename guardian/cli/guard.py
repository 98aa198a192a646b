"""What `watch` and `rollout start` share: carry out plans, show them, and answer signals."""

from __future__ import annotations

import getpass
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

from guardian.cli.output import Output
from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import HoldReason, OrderKind
from guardian.core.rollout.machine import Rollout, fold
from guardian.core.scrub import scrub
from guardian.engine.in_process import InProcessRun, Limits, Task
from guardian.engine.outbox import DUE_LIMIT, TAKEN_S
from guardian.engine.outcome import Exit, hopeless, outcome, overdue, worst
from guardian.engine.task import NothingToDo
from guardian.ports import Clock, GuardianError, Journal, UsageError

if TYPE_CHECKING:
    from guardian.wiring import Wiring

FOR_A_PERSON = (
    HoldReason.PERSON,
    HoldReason.APPROVAL,
    HoldReason.CONFLICT,
    HoldReason.BREACH,
)
FOLLOW_S = 0.5
"""Real seconds between two looks at somebody else's rollout."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


NAME_CHARS = 120
"""Of whoever asks: a name comes from the environment, and is shown wherever the order is."""


def actor() -> str:
    """Who asks: the CI run where there is one, else the user and the machine."""
    run = os.environ.get("GITHUB_RUN_ID")
    if run:
        return scrub(f"{os.environ.get('GITHUB_ACTOR', 'github')} (run {run})", NAME_CHARS)
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return scrub(f"{user}@{socket.gethostname()}", NAME_CHARS)


def guard(
    wiring: Wiring,
    tasks: Sequence[Task],
    output: Output,
    *,
    limits: Limits,
    allow: frozenset[Exit] = frozenset(),
) -> int:
    """Carry out the tasks to their end; the process's exit code."""
    followed = held_by_others(wiring.journal, tasks, output)
    mine = [task for task in tasks if task.plan.service not in followed]
    results = carry_out(wiring, mine, output, limits) if mine else {}
    results |= follow(wiring, followed, limits)
    code = worst([e for _, e in results.values() if e not in allow]).value
    for rollout, exit_ in results.values():
        if exit_ in allow:
            output.say(
                f"{rollout.plan.service}: exit code {exit_.value} is allowed by --allow and"
                " becomes 0"
            )
    driven = frozenset(s for s in followed if wiring.journal.holder(results[s][0].plan.target))
    output.end(list(results.values()), code, wiring.clock.now(), driven=driven)
    return code


def allowed(text: str) -> frozenset[Exit]:
    """What `--allow` permits; UsageError for anything but the two that may be."""
    words = {"inconclusive": Exit.UNPROVEN, "waiting": Exit.WAITING}
    asked = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in asked if word not in words]
    if unknown:
        raise UsageError(
            f"--allow {','.join(unknown)}: only `inconclusive` (5) and `waiting` (7) can be allowed"
        )
    return frozenset(words[word] for word in asked)


class _signals_to:  # noqa: N801 - a context manager, read as a verb
    """Hands signals to a session while it runs, and gives them back after.

    A terminal that closes (SIGHUP) is a SIGTERM, unless whoever started us had it ignored (nohup).
    """

    def __init__(self, run: InProcessRun) -> None:
        self._session = run
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._heard)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self._session.signal(signal.SIGTERM if number == signal.SIGHUP else number)


def carry_out(
    wiring: Wiring, tasks: Sequence[Task], output: Output, limits: Limits
) -> dict[str, tuple[Rollout, Exit]]:
    """Run a session over the tasks, with signals handed to it."""
    run = InProcessRun(
        journal=wiring.journal,
        sources=wiring.sources(tasks),
        receivers=wiring.receivers(),
        clock=wiring.clock,
        rng=wiring.rng,
        owner=f"{actor()} pid {os.getpid()}",
        observer=output.report,
        say=output.say,
        groups=wiring.config.groups if wiring.config is not None else {},
    )
    with _signals_to(run):
        return run.run(tasks, limits)


def tell_what_is_left(wiring: Wiring, output: Output) -> None:
    """Deliver what a process that died has recorded and not told, also what it was just telling."""
    deliver_left(wiring.journal, wiring.clock, lambda: carry_out(wiring, [], output, Limits()))


@contextmanager
def beginning(wiring: Wiring, output: Output) -> Iterator[None]:
    """Where it comes to nothing, and no session tells it: deliver what a dead process has left."""
    try:
        yield
    except (GuardianError, NothingToDo):
        try:
            tell_what_is_left(wiring, output)
        except GuardianError as error:
            output.say(f"what an earlier process has left to be told is told later: {error}")
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
            Event().wait(timeout=FOLLOW_S)


def held_by_others(journal: Journal, tasks: Sequence[Task], output: Output) -> dict[str, str]:
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
            output.say(f"{target} is driven by {holder}; following {live[-1]} read-only")
    return followed


def _needs_a_person(rollout: Rollout, limits: Limits, now: Instant) -> bool:
    """Whether following any longer is of no use; a driven rollout's hold has an end of its own."""
    if rollout.plan.drive is not Drive.WATCH:
        return overdue(rollout, now) or hopeless(rollout, limits.rollback_timeout_s, now)
    return rollout.hold is not None and rollout.hold.why in FOR_A_PERSON


def follow(
    wiring: Wiring, followed: Mapping[str, str], limits: Limits
) -> dict[str, tuple[Rollout, Exit]]:
    """Wait for rollouts that another process drives, by the journal alone."""
    journal: Journal = wiring.journal
    started = wiring.clock.now()
    results: dict[str, tuple[Rollout, Exit]] = {}
    while len(results) < len(followed):
        over = limits.timeout_s is not None and wiring.clock.now() - started >= limits.timeout_s
        for service, rollout in followed.items():
            state = fold(record.entry for record in journal.read(rollout))
            left = state.live and journal.holder(state.plan.target) is None
            if over or left:
                results[service] = (state, Exit.TIMEOUT if over else Exit.WAITING)
            elif not state.live or _needs_a_person(state, limits, wiring.clock.now()):
                results[service] = (state, outcome(state))
        Event().wait(timeout=FOLLOW_S)
    return results
