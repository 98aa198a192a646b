"""Whoever runs a command, as the use cases know them: a name, a terminal, and signals."""

from __future__ import annotations

import getpass
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from guardian.app.guarding import Caller, Guarded
from guardian.cli.output import Output
from guardian.core.model import Instant
from guardian.core.scrub import scrub
from guardian.engine.in_process import InProcessRun
from guardian.engine.outcome import Exit
from guardian.ports import UsageError

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


@contextmanager
def signals_to(run: InProcessRun) -> Iterator[None]:
    """Hands signals to a run while it lasts, and gives them back after.

    A terminal that closes (SIGHUP) is a SIGTERM, unless whoever started us had it ignored (nohup).
    """

    def heard(number: int, _: FrameType | None) -> None:
        run.signal(signal.SIGTERM if number == signal.SIGHUP else number)

    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    before = {number: signal.signal(number, heard) for number in SIGNALS if number not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def caller(output: Output) -> Caller:
    """This process: what happens is shown by `output`, and its signals end what it drives."""
    name = actor()
    return Caller(
        actor=name,
        owner=f"{name} pid {os.getpid()}",
        say=output.say,
        tell=output.line,
        observer=output.report,
        heeding=signals_to,
    )


def end(
    output: Output, guarded: Guarded, now: Instant, *, allow: frozenset[Exit] = frozenset()
) -> int:
    """Print what rollouts came to; the process's exit code."""
    code = guarded.exit(allow).value
    for rollout, exit_ in guarded.results:
        if exit_ in allow:
            output.say(
                f"{rollout.plan.service}: exit code {exit_.value} is allowed by --allow and"
                " becomes 0"
            )
    output.end(guarded.results, code, now, driven=guarded.driven)
    return code
