"""Trials in which a guardian process dies by kill -9 at a write, and people go on as they would.

What must be so afterwards, wherever it died: the journal can be read, nothing is recorded as
healthy that is not, traffic is where the journal says, and whoever was to be told was told.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.core.rollout.entries import Cause
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout
from guardian.ports import GuardianError
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.forks import Forked, Nursery, nursery
from tests.cli.scene import Late, Scene
from tests.cli.stage import SERVICE, stage

BAD: Final = Behaviour(failure_rate=0.3)
PATIENT: Final = ("--rollback-timeout", "10h")
"""The clock is fast, and a busy machine is slow."""
BEGIN: Final = ("rollout", "start", SERVICE, "--to", "42")
START: Final = (*BEGIN, "--wait", *PATIENT)
WATCH: Final = ("watch", SERVICE, "--duration", "12m", *PATIENT)
ROLLBACK: Final = ("rollback", SERVICE, "--yes", "--reason", "users are hurt", *PATIENT)
ABORT: Final = ("rollout", "abort", SERVICE, "--reason", "users are hurt")
RECOVER: Final = ("rollout", "recover", SERVICE, *PATIENT)
GATES: Final = (START, WATCH)
"""They say by their exit code 0 that what is live is healthy."""
SHORT: Final = """\
      - {weight: 50%, bake: 3m}
      - {weight: 100%, bake: 3m}
"""
PLACES: Final = ("journal", "shift", "journal", "tell", "lock", "journal", "ask", "say")
"""Where blows fall, in turn: `kill_at.c` names them, and most is at stake in the journal."""
HOWS: Final = ("before", "torn", "after")
ROOTS: Final = (0.6180339887, 0.4142135624, 0.7320508076)
"""Multiples of such numbers, without their whole part, leave no gap and no heap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Where a process dies: at which of its writing calls, from 1; None: they are only counted."""

    at: int | None
    place: str = ""
    """Of the calls to that place alone."""
    how: str = "before"
    """Whether that call is not made, made by half, or made."""

    def environ(self, counted: Path) -> dict[str, str]:
        """What a process of a deadly nursery has in its environment, to die by it."""
        deadly = {"KILL_COUNT": str(counted), "KILL_HOW": self.how}
        deadly |= {"KILL_AT": str(self.at)} if self.at is not None else {}
        return deadly | ({"KILL_ONLY": self.place} if self.place else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one."""

    blow: Blow
    mend: str
    killed: bool = False
    """False: it ended before it came to that call."""
    again: bool = False
    """A person had to type the command once more."""
    counts: Mapping[str, int]
    """Where none was to kill: how many calls there are, by place."""
    wrong: tuple[str, ...] = ()
    late: str = ""
    """What was waited for in vain, and how things stood then."""
    logs: str = ""
    """What its processes have written, where something is wrong or late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is going on when the process dies, and who may go on from there."""

    name: str
    begin: Callable[[Scene, dict[str, str]], Forked]
    """Starts it, with this in the environment of the process that is to die."""
    again: tuple[str, ...]
    """What a person types who sees that nothing came of it."""
    mends: tuple[str, ...]
    weight: int
    """Its part of all trials."""
    most: float = 1.0
    """The greatest share that guardian may ever give the version."""
    speed: float = 200.0
    healthy: bool = False
    serves: bool = False
    """It dies as a daemon does, that does not end by itself."""


@contextmanager
def deadly_nursery(folder: Path) -> Iterator[Nursery | None]:
    """Its processes can die by a blow; None without a C compiler, or where nothing is preloaded."""
    compiler = shutil.which("cc")
    if compiler is None or os.uname().sysname != "Linux":
        yield None
        return
    made = folder / "kill_at.so"
    source = Path(__file__).with_name("kill_at.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True
    )
    with nursery(LD_PRELOAD=str(made)) as found:
        yield found


# --- what is going on --------------------------------------------------------------------------


def _rollout(s: Scene, deadly: dict[str, str]) -> Forked:
    s.stage.behave("42", BAD)
    return s.start(*START, environ=deadly)


def _release(s: Scene, deadly: dict[str, str]) -> Forked:
    text = s.stage.config.read_text()
    begins, ends = text.index("      - {weight"), text.index("notify:")
    s.stage.config.write_text(text[:begins] + SHORT + text[ends:])
    return s.start(*START, environ=deadly)


def _deployed(s: Scene) -> None:
    assert s.run("snapshot", SERVICE) == 0
    s.stage.behave("42", BAD)
    s.stage.deploy("42")
    s.codes.clear()


def _watch(s: Scene, deadly: dict[str, str]) -> Forked:
    _deployed(s)
    return s.start(*WATCH, environ=deadly)


def _rollback(s: Scene, deadly: dict[str, str]) -> Forked:
    _deployed(s)
    return s.start(*ROLLBACK, environ=deadly)


def _daemon(s: Scene, deadly: dict[str, str]) -> Forked:
    s.stage.behave("42", BAD)
    daemon = s.serve(deadly)
    s.run(*BEGIN)
    return daemon


def _served(s: Scene, deadly: dict[str, str]) -> Forked:
    """A daemon with a healthy canary at its first step."""
    daemon = s.serve(deadly)
    s.run(*BEGIN)
    s.wait_for("the first shift", lambda: "42" in s.stage.alias.weights, 30)
    return daemon


def _order(s: Scene, deadly: dict[str, str]) -> Forked:
    _served(s, {})
    return s.start(*ABORT, environ=deadly)


def _ordered(s: Scene, deadly: dict[str, str]) -> Forked:
    gate = s.stage.folder / "gate"
    daemon = _served(s, {**deadly, "KILL_GATE": str(gate)})
    gate.touch()
    s.start(*ABORT)
    return daemon


KINDS: Final = (
    Kind(
        name="rollout",
        begin=_rollout,
        again=START,
        mends=("recover", "daemon", "again", "twice"),
        weight=20,
        most=0.1,
    ),
    Kind(
        name="watch",
        begin=_watch,
        again=WATCH,
        mends=("daemon", "again", "recover", "twice"),
        weight=20,
        most=0.0,
    ),
    Kind(
        name="rollback",
        begin=_rollback,
        again=ROLLBACK,
        mends=("daemon", "again", "recover", "twice"),
        weight=20,
        most=0.0,
    ),
    Kind(name="order", begin=_order, again=ABORT, mends=("again",), weight=8, speed=60.0),
    Kind(
        name="ordered",
        begin=_ordered,
        again=ABORT,
        mends=("daemon",),
        weight=10,
        speed=60.0,
        serves=True,
    ),
    Kind(
        name="daemon",
        begin=_daemon,
        again=ROLLBACK,
        mends=("daemon", "recover", "again"),
        weight=12,
        most=0.1,
        serves=True,
    ),
    Kind(
        name="release",
        begin=_release,
        again=START,
        mends=("recover", "daemon", "again", "twice"),
        weight=10,
        healthy=True,
    ),
)
"""An `order` dies as it is left, with its terminal; an `ordered` daemon as it obeys; a `daemon`
from its start to the end of a rollout that has to go back; a `release` is of a healthy version."""


# --- one trial ---------------------------------------------------------------------------------


def trial(folder: Path, forks: Nursery, *, kind: Kind, blow: Blow, mend: str) -> Trial:
    """Let it die, go on, and look what there is."""
    with stage(folder, speed=kind.speed) as a_stage:
        s = Scene(a_stage, forks, healthy=kind.healthy)
        deadly = blow.environ(folder / "counted")
        killed = again = False
        wrong: list[str] = []
        late = ""
        try:
            killed = _die(s, kind, deadly)
            wrong += _false(s, s.recorded(dead=True)[0])
            again = _go_on(s, kind, mend, deadly)
            wrong += _wrong(s, kind)
        except Late as error:
            late = str(error)
        except (GuardianError, IllegalEntry) as error:
            wrong.append(f"the journal cannot be read: {error}")
        finally:
            forks.clear()
        return Trial(
            blow=blow,
            mend=mend,
            killed=killed,
            again=again,
            counts=_counts(folder / "counted"),
            wrong=tuple(wrong),
            late=late,
            logs=s.logs() if wrong or late else "",
        )


def _die(s: Scene, kind: Kind, deadly: dict[str, str]) -> bool:
    """Begin it, and wait for its end; whether it was killed."""
    process = kind.begin(s, deadly)
    s.wait_for("a death", lambda: process.poll() is not None or (kind.serves and s.calm), 60)
    if process.poll() is None:
        s.stop(process)
    return process.returncode == -signal.SIGKILL


def _counts(counted: Path) -> dict[str, int]:
    """How often it wrote, by place; nothing where it was killed."""
    lines = counted.read_text().splitlines() if counted.exists() else []
    return {
        place: int(count) for place, _, count in (line.partition(" ") for line in lines) if count
    }


def _go_on(s: Scene, kind: Kind, mend: str, deadly: dict[str, str]) -> bool:
    """As a person or a pipeline would; whether the command had to be typed once more.

    A pipeline ends with the step that always runs.
    """
    if mend == "recover":
        s.run(*RECOVER)
    if mend == "daemon":
        daemon = s.serve()
        s.wait_for("the daemon's work", lambda: _idle(s), 30)
        s.stop(daemon)
    if mend == "twice":
        process = s.start(*kind.again, environ=deadly)
        s.wait_for("a second death", lambda: process.poll() is not None, 60)
        s.run(*RECOVER)
    again = mend == "again" or not s.stands
    if again:
        s.run(*kind.again)
        if kind.again in GATES:
            s.run(*RECOVER)
    if kind.name == "order":
        s.wait_for("the daemon's work", lambda: s.calm, 30)
    return again


def _idle(s: Scene) -> bool:
    """Whether nothing is under way, no stamp is left, and nothing is left to be told."""
    rollouts, untold = s.recorded()
    stamped = s.now[2].startswith("guardian ")
    return not stamped and untold == 0 and not any(r.live for r in rollouts)


# --- what may not be ---------------------------------------------------------------------------


def _false(s: Scene, rollouts: list[Rollout]) -> Iterator[str]:
    """What is recorded as healthy and is not: what is live is another version, or a bad one."""
    for rollout in rollouts:
        if rollout.phase in (Phase.COMPLETED, Phase.RETIRED) and (
            not s.stands or s.stage.alias.version != rollout.plan.canary
        ):
            yield (
                f"a {rollout.plan.drive.value} of {rollout.plan.canary} is recorded as"
                f" {rollout.phase.value}, and the alias is {s.now}"
            )


def _wrong(s: Scene, kind: Kind) -> Iterator[str]:
    """Everything that is not as it should be, at the end."""
    rollouts, untold = s.recorded()
    yield from _false(s, rollouts)
    if untold:
        yield f"{untold} messages were never told"
    with closing(sqlite3.connect(s.stage.folder / "guardian.db")) as db:
        if (found := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"the journal is damaged: {found}"
    if not s.stands:
        yield f"the alias is left as {s.now}"
    yield from (f"a {r.plan.drive.value} is left {r.phase.value}" for r in rollouts if r.live)
    yield from _unpaged(s, rollouts)
    yield from _misled(s, kind)
    yield from _misspoken(s)


def _unpaged(s: Scene, rollouts: list[Rollout]) -> Iterator[str]:
    pages = [event.data["key"] for event in s.stage.events("pagerduty.trigger")]
    for rollout in rollouts:
        if rollout.rollback is not None and rollout.rollback.cause is Cause.BREACH:
            prefix = f"/{rollout.plan.rollout}/rolled_back"
            if not any(key.endswith(prefix) for key in pages):
                yield "a breach was rolled back, and nobody was paged"


def _misled(s: Scene, kind: Kind) -> Iterator[str]:
    """Traffic that guardian has sent where it never should."""
    for event in s.stage.written():
        shares = {event.data["version"]: 1.0 - sum(event.data["weights"].values())}
        shares |= event.data["weights"]
        if set(shares) - {"41", "42"}:
            yield f"traffic was sent to {shares}"
        if shares.get("42", 0.0) > kind.most + 1e-9:
            yield f"version 42 was given {shares['42']:.0%}"


def _misspoken(s: Scene) -> Iterator[str]:
    """Commands that ended as if all were well, or by a bug."""
    for arguments, code, well in s.codes:
        if code == 0 and arguments in GATES and not well:
            yield f"{' '.join(arguments)} ended with 0, and the alias was not well"
        if code < 0 or code == 1:
            yield f"{' '.join(arguments)} ended with {code}"
    for sign in ("Traceback", "internal error"):
        if sign in s.logs():
            yield f"a log says: {sign}"


def spread(
    counts: Mapping[str, int], trials: int, mends: tuple[str, ...]
) -> Iterator[tuple[Blow, str]]:
    """Blows over all its writes, evenly wherever one stops; each way to go on in turn."""
    places = [place for place in PLACES if counts.get(place)]
    for number in range(trials):
        place = places[number % len(places)]
        at, how, mend = (number * root % 1 for root in ROOTS)
        blow = Blow(at=1 + int(at * counts[place]), place=place, how=HOWS[int(how * len(HOWS))])
        yield blow, mends[int(mend * len(mends))]
