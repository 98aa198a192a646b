"""What `watch` and `rollout start` share: carry out plans, show them, and answer signals."""

from __future__ import annotations

import getpass
import os
import signal
import socket
from collections.abc import Sequence
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

from guardian.cli.output import Output
from guardian.core.rollout import Phase, Rollout
from guardian.engine.emergency import NoMetrics
from guardian.engine.outcome import Exit, outcome, worst
from guardian.engine.session import Limits, Session, TargetHeld, Task
from guardian.ports import GuardianError, Journal, UsageError

if TYPE_CHECKING:
    from guardian.wiring import Wiring

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def actor() -> str:
    """Who asks: the CI run where there is one, else the user and the machine."""
    run = os.environ.get("GITHUB_RUN_ID")
    if run:
        return f"{os.environ.get('GITHUB_ACTOR', 'github')} (run {run})"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def guard(
    wiring: Wiring,
    tasks: Sequence[Task],
    output: Output,
    *,
    limits: Limits,
    allow: frozenset[Exit] = frozenset(),
) -> int:
    """Carry out the tasks to their end; the process's exit code."""
    session = Session(
        journal=wiring.journal,
        sources={"none": NoMetrics(), **wiring.sources(tasks)},
        lanes=wiring.lanes(),
        clock=wiring.clock,
        luck=wiring.luck,
        owner=f"{actor()} pid {os.getpid()}",
        observer=output.report,
        say=output.say,
    )
    with _signals_to(session):
        try:
            results = session.run(tasks, limits)
        except TargetHeld as held:
            output.say(f"{held}; following it read-only")
            results = follow(wiring, [t.plan.target for t in tasks], limits)
    code = worst([e for _, e in results.values() if e not in allow]).value
    for rollout, exit_ in results.values():
        if exit_ in allow:
            output.say(
                f"{rollout.plan.service}: exit code {exit_.value} is allowed by --allow and"
                " becomes 0"
            )
    output.end(list(results.values()), code, wiring.clock.now())
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
    """Hands SIGINT and SIGTERM to a session while it runs, and gives them back after."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._heard)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self._session.signal(number)


def follow(
    wiring: Wiring, targets: Sequence[str], limits: Limits
) -> dict[str, tuple[Rollout, Exit]]:
    """Wait for the rollouts that another process drives on these targets, by the journal alone."""
    from guardian.core.rollout import fold

    journal: Journal = wiring.journal
    heads = [h for h in journal.live() if h.target in targets]
    if not heads:
        raise GuardianError(
            f"{', '.join(targets)}: held by another process that has no live rollout on it;"
            " try again in a minute"
        )
    started = wiring.clock.now()
    results: dict[str, tuple[Rollout, Exit]] = {}
    while len(results) < len(heads):
        over = limits.timeout_s is not None and wiring.clock.now() - started >= limits.timeout_s
        for head in heads:
            state = fold(r.entry for r in journal.read(head.rollout))
            if not state.live or state.phase is Phase.HELD or over:
                results[head.service] = (state, Exit.TIMEOUT if over else outcome(state))
        Event().wait(timeout=1.0)
    return results
