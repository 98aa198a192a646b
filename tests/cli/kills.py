"""Trials in which a guardian process dies by kill -9 at a write, and people go on as they would.

What must be so afterwards, wherever it died: the journal can be read, nothing that is broken is
recorded as healthy, and traffic is on stable again, or somebody was paged.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.core.entries import Cause
from guardian.core.rollout import IllegalEntry, Phase, Rollout, fold
from guardian.engine.daemon import post
from guardian.ports import GuardianError
from guardian.sim.traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, stage
from tests.cli.theatre import journal_of

BAD: Final = Behaviour(failure_rate=0.3)
PATIENT: Final = ("--rollback-timeout", "10h")
"""The clock is fast, and a busy machine is slow."""
START: Final = ("rollout", "start", SERVICE, "--to", "42", "--wait", *PATIENT)
WATCH: Final = ("watch", SERVICE, "--duration", "30m", *PATIENT)
ROLLBACK: Final = ("rollback", SERVICE, "--yes", "--reason", "users are hurt", *PATIENT)
ABORT: Final = ("rollout", "abort", SERVICE, "--reason", "users are hurt")
RECOVER: Final = ("rollout", "recover", SERVICE, *PATIENT)
STABLE: Final[tuple[str, dict[str, float], str]] = ("41", {}, "by CDK")
"""The alias as it was."""
GOLDEN: Final = 0.6180339887
"""Its multiples, without their whole part, leave no gap and no heap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Where a process dies: at which of its writing calls, from 1; None: they are only counted."""

    at: int | None
    after: bool = False
    """That call is still made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is going on when the process dies, and who may go on from there."""

    name: str
    begin: Callable[[Stage, dict[str, str]], subprocess.Popen[str]]
    """Starts it, with this in the environment of the process that is to die."""
    again: tuple[str, ...]
    """What a person types who sees that nothing came of it."""
    mends: tuple[str, ...]
    weight: int
    """Its part of all trials."""
    speed: float = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one."""

    blow: Blow
    mend: str
    killed: bool
    """False: it ended before it came to that call."""
    again: bool
    """A person had to type the command once more."""
    writes: int
    """Where none was to kill: how many calls there are."""
    wrong: tuple[str, ...]


def shim(folder: Path) -> Path | None:
    """The compiled `kill_at.c`; None without a C compiler or where nothing can be preloaded."""
    compiler = shutil.which("cc")
    if compiler is None or os.uname().sysname != "Linux":
        return None
    made = folder / "kill_at.so"
    source = Path(__file__).with_name("kill_at.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True
    )
    return made


def _rollout(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    s.behave("42", BAD)
    return s.start(*START, to=s.folder / "killed.log", **deadly)


def _deployed(s: Stage) -> None:
    assert s.run("snapshot", SERVICE).code == 0
    s.behave("42", BAD)
    s.deploy("42")


def _watch(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    _deployed(s)
    return s.start(*WATCH, to=s.folder / "killed.log", **deadly)


def _rollback(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    _deployed(s)
    return s.start(*ROLLBACK, to=s.folder / "killed.log", **deadly)


def _served(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    """A daemon with a healthy canary at its first step."""
    daemon = serve(s, deadly)
    assert s.run("rollout", "start", SERVICE, "--to", "42").code == 0
    s.wait_for("the first shift", lambda: "42" in s.alias.weights)
    return daemon


def _order(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    _served(s, {})
    return s.start(*ABORT, to=s.folder / "killed.log", **deadly)


def _ordered(s: Stage, deadly: dict[str, str]) -> subprocess.Popen[str]:
    gate = s.folder / "gate"
    daemon = _served(s, {**deadly, "KILL_GATE": str(gate)})
    gate.touch()
    s.start(*ABORT, to=s.folder / "order.log")
    return daemon


KINDS: Final = (
    Kind(
        name="rollout",
        begin=_rollout,
        again=START,
        mends=("recover", "daemon", "again"),
        weight=28,
    ),
    Kind(
        name="watch",
        begin=_watch,
        again=WATCH,
        mends=("daemon", "again", "recover"),
        weight=26,
    ),
    Kind(
        name="rollback",
        begin=_rollback,
        again=ROLLBACK,
        mends=("daemon", "again", "recover"),
        weight=26,
    ),
    Kind(name="order", begin=_order, again=ABORT, mends=("again",), weight=8, speed=60.0),
    Kind(name="ordered", begin=_ordered, again=ABORT, mends=("daemon",), weight=12, speed=60.0),
)
"""An `order` dies as it is left, with its terminal; an `ordered` daemon as it obeys."""


def serve(s: Stage, environ: dict[str, str]) -> subprocess.Popen[str]:
    """A daemon that is at work."""
    log = s.folder / f"daemon-{len(list(s.folder.glob('daemon-*')))}.log"
    daemon = s.start("run", "--metrics-listen", "127.0.0.1:0", to=log, **environ)
    s.wait_for("a journal", lambda: daemon.poll() is not None or _begun(s))
    with closing(journal_of(s)) as journal:
        s.wait_for(
            "a daemon",
            lambda: daemon.poll() is not None or journal.holder(post("production", SERVICE)),
        )
    return daemon


def _begun(s: Stage) -> bool:
    """Whether somebody has made the journal: who opens it before would make it."""
    return (s.folder / "guardian.db").exists()


def trial(folder: Path, library: Path, kind: Kind, blow: Blow, mend: str) -> Trial:
    """Let it die, go on, and look what there is."""
    with stage(folder, speed=kind.speed) as s:
        try:
            killed, writes = _die(s, library, kind, blow)
            wrong = [*_healthy(_recorded(s)[0])]
            again = _go_on(s, kind, mend)
            wrong += _wrong(s)
        except AssertionError as failed:
            return Trial(
                blow=blow, mend=mend, killed=True, again=False, writes=0, wrong=(str(failed),)
            )
    return Trial(
        blow=blow, mend=mend, killed=killed, again=again, writes=writes, wrong=tuple(wrong)
    )


def _die(s: Stage, library: Path, kind: Kind, blow: Blow) -> tuple[bool, int]:
    """Begin it, and wait for its end; whether it was killed, and how often it wrote."""
    counted = s.folder / "counted"
    deadly = {"LD_PRELOAD": str(library), "KILL_COUNT": str(counted)}
    deadly |= {} if blow.at is None else {"KILL_AT": str(blow.at)}
    deadly |= {"KILL_AFTER": "1"} if blow.after else {}
    process = kind.begin(s, deadly)
    ordered = kind.name == "ordered"
    s.wait_for(
        "its end", lambda: process.poll() is not None or (ordered and _calm(s)), timeout_s=60
    )
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    writes = int(counted.read_text()) if counted.exists() else 0
    return process.returncode == -signal.SIGKILL, writes


def _go_on(s: Stage, kind: Kind, mend: str) -> bool:
    """As a person or a pipeline would; whether the command had to be typed once more.

    A pipeline ends with the step that always runs.
    """
    if mend == "recover":
        s.run(*RECOVER, timeout_s=60)
    if mend == "daemon":
        daemon = serve(s, {})
        _settle(s)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=30)
    again = mend == "again" or not _stands(s)
    if again:
        s.run(*kind.again, timeout_s=60)
        if kind.name in ("rollout", "watch"):
            s.run(*RECOVER, timeout_s=60)
        _settle(s)
    return again


def _recorded(s: Stage) -> tuple[list[Rollout], int]:
    """Every rollout of the journal, and how many messages wait to be told."""
    if not _begun(s):
        return [], 0
    with closing(journal_of(s)) as journal:
        heads = journal.history(SERVICE)
        rollouts = [fold(r.entry for r in journal.read(head.rollout)) for head in heads]
        return rollouts, journal.pending()


def _calm(s: Stage) -> bool:
    """Whether nothing is under way, nothing is left to be told, and traffic is on stable."""
    rollouts, untold = _recorded(s)
    return not any(r.live for r in rollouts) and untold == 0 and _stands(s)


def _settle(s: Stage) -> None:
    """Wait for the end of what is under way."""
    rollouts, untold = _recorded(s)
    if any(r.live for r in rollouts) or untold:
        s.wait_for("the end of it", lambda: _calm(s), timeout_s=20)


def _stands(s: Stage) -> bool:
    return (s.alias.version, s.alias.weights, s.alias.description) == STABLE


def _healthy(rollouts: list[Rollout]) -> Iterator[str]:
    """What is recorded as healthy: no version of these trials is, or was to become it."""
    for rollout in rollouts:
        if rollout.phase in (Phase.COMPLETED, Phase.RETIRED):
            yield f"a {rollout.plan.drive.value} is recorded as {rollout.phase.value}"


def _wrong(s: Stage) -> Iterator[str]:
    """Everything that is not as it should be, at the end."""
    try:
        rollouts, untold = _recorded(s)
    except (GuardianError, IllegalEntry) as unreadable:
        yield f"the journal cannot be read: {unreadable}"
        return
    yield from _healthy(rollouts)
    if untold:
        yield f"{untold} messages were never told"
    with closing(sqlite3.connect(s.folder / "guardian.db")) as db:
        if (found := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"the journal is damaged: {found}"
    pages = [event.data["key"] for event in s.events("pagerduty.trigger")]
    live = [r for r in rollouts if r.live]
    if not _stands(s) and not (live and pages):
        yield f"the alias is left as {s.alias}, and nobody was paged"
    if _stands(s) and live:
        yield f"traffic is on stable, and {len(live)} rollouts are still live"
    for rollout in rollouts:
        if rollout.rollback is not None and rollout.rollback.cause is Cause.BREACH:
            prefix = f"/{rollout.plan.rollout}/rolled_back"
            if not any(key.endswith(prefix) for key in pages):
                yield "a breach was rolled back, and nobody was paged"


def spread(writes: int, trials: int, mends: tuple[str, ...]) -> Iterator[tuple[Blow, str]]:
    """Blows over all its writes, evenly wherever one stops; each way to go on in turn."""
    for number in range(trials):
        at = 1 + int(number * GOLDEN % 1 * writes)
        yield Blow(at=at, after=number // len(mends) % 2 == 1), mends[number % len(mends)]
