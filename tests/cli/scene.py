"""A stage on which one guardian process dies and others go on, and how things stand on it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from threading import Event
from typing import Final

from guardian.clock import SystemClock
from guardian.core.rollout.machine import Rollout, fold
from guardian.engine.leadership import post
from tests.cli.forks import Forked, Nursery
from tests.cli.stage import SERVICE, Stage
from tests.cli.theatre import journal_of
from tests.pace import PATIENCE

STABLE: Final[tuple[str, dict[str, float], str]] = ("41", {}, "by CDK")
"""The alias as it was."""
NEW: Final[tuple[str, dict[str, float], str]] = ("42", {}, "by CDK")


class Late(Exception):
    """The trial gave up waiting: nothing wrong was seen, and nothing was proven."""


class Scene:
    """A stage whose processes come from a nursery, and what they ended with."""

    def __init__(self, a_stage: Stage, nursery: Nursery, *, healthy: bool) -> None:
        self.stage, self._nursery, self._healthy = a_stage, nursery, healthy
        self._started = 0
        self.codes: list[tuple[tuple[str, ...], int, bool]] = []
        """Each command that ended by itself, its exit code, and whether traffic was well then."""

    def start(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Forked:
        """A guardian process that runs."""
        self._started += 1
        folder = self.stage.folder
        environ = {**self.stage.environ(), **(environ or {})}
        with (folder / f"{self._started}-{arguments[0]}.log").open("w") as to:
            return self._nursery.start(*arguments, cwd=folder, env=environ, to=to)

    def run(self, *arguments: str) -> int:
        """One that runs to its end."""
        process = self.start(*arguments)
        self.wait_for(f"the end of {arguments}", lambda: process.poll() is not None, 60)
        code = process.wait(0)
        self.codes.append((arguments, code, self.sends))
        return code

    def serve(self, environ: Mapping[str, str] | None = None) -> Forked:
        """A daemon that is at work, or that died before."""
        daemon = self.start("run", "--metrics-listen", "127.0.0.1:0", environ=environ)
        self.wait_for("a journal", lambda: daemon.poll() is not None or self.begun, 30)
        with closing(journal_of(self.stage)) as journal:
            self.wait_for(
                "a daemon",
                lambda: daemon.poll() is not None or journal.holder(post("production", SERVICE)),
                30,
            )
        return daemon

    def stop(self, process: Forked) -> None:
        """Tell it to end, and wait for that."""
        process.send_signal(signal.SIGTERM)
        self.wait_for("the end of a daemon", lambda: process.poll() is not None, 30)

    def wait_for(self, what: str, seen: Callable[[], object], seconds: float) -> None:
        """Wait until something is so; raises Late, with how things stand instead."""
        clock = SystemClock()
        ends_at = clock.monotonic() + seconds * PATIENCE
        while not seen():
            if clock.monotonic() > ends_at:
                raise Late(f"waited {seconds * PATIENCE:.0f} s for {what}; {self.state}")
            Event().wait(timeout=0.05)

    @property
    def begun(self) -> bool:
        """Whether somebody has made the journal: who opens it before would make it."""
        return (self.stage.folder / "guardian.db").exists()

    @property
    def now(self) -> tuple[str, dict[str, float], str]:
        """The alias now."""
        alias = self.stage.alias
        return alias.version, dict(alias.weights), alias.description

    @property
    def stands(self) -> bool:
        """Whether traffic is where it was, or all of it on a version that deserves it."""
        return self.now == STABLE or (self._healthy and self.now == NEW)

    @property
    def sends(self) -> bool:
        """The same of traffic alone, whatever else stands on the alias."""
        return self.now[:2] in (STABLE[:2], NEW[:2]) and (self._healthy or self.now[0] == STABLE[0])

    @property
    def calm(self) -> bool:
        """Whether that is so, nothing is under way, and nothing is left to be told."""
        if not self.stands:
            return False
        rollouts, untold = self.recorded()
        return untold == 0 and not any(r.live for r in rollouts)

    @property
    def state(self) -> str:
        """How things stand, for people."""
        rollouts, untold = self.recorded()
        found = ", ".join(f"{r.plan.drive.value} {r.phase.value}" for r in rollouts)
        return f"alias {self.now}, {found or 'no rollout'}, {untold} untold"

    def recorded(self, *, dead: bool = False) -> tuple[list[Rollout], int]:
        """Every rollout of the journal, and how many messages wait to be told.

        After a death a copy is read: whoever opens the journal first repairs it, and that shall
        be guardian.
        """
        if not self.begun:
            return [], 0
        path = self.stage.folder / "guardian.db"
        if dead:
            copy = self.stage.folder / "copy"
            copy.mkdir()
            for found in (path, path.with_name("guardian.db-wal")):
                if found.exists():
                    shutil.copy(found, copy)
            path = copy / "guardian.db"
        with closing(journal_of(self.stage, path)) as journal:
            heads = journal.history(SERVICE)
            rollouts = [fold(r.entry for r in journal.read(head.rollout)) for head in heads]
            return rollouts, journal.pending()

    def logs(self) -> str:
        """All that its processes have written."""
        logs = sorted(self.stage.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')}" for log in logs)
