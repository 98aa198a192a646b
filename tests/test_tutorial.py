"""docs/tutorial.md is run as it stands, in an empty folder, against the simulator.

Its fenced blocks are all of kind `console`, and run in order: lines that begin with `$ ` are
commands, those below are what is printed, both streams together. A block of kind `console daemon`
is a terminal of its own, whose command stays in the background until `^C`. `...` stands for
anything: alone on a line for any number of lines, else for the rest or a part of one. What differs
from run to run is replaced on both sides before they are compared: times, spans, ids of rollouts,
who it was, counts of samples and datapoints, log e, and the measured value of a criterion (its
limit is compared).

`guardian` is the real one, as a process; `aws` is a person's write in the simulator; `echo $?` is
the exit code of the command before. Nothing else may stand on the page.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

import pytest

from guardian.clock import ScaledClock, SystemClock
from guardian.sim.server import Simulator
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import ROOT, SERVICE
from tests.pace import PATIENCE, bearable

PAGE = ROOT / "docs" / "tutorial.md"
ORIGIN = 1_800_000_000.0
FAST, SLOW = 300.0, 30.0
"""How many times as fast as a clock: while nobody types, and while orders meet a live rollout."""
SAME = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z", "DATE"),
    (r"\b\d\d:\d\d to \d\d:\d\d UTC", "TIMES"),
    (r"\b\d\d:\d\d(:\d\d)?Z|\b\d\d:\d\d UTC", "TIME"),
    (r"^\d\d:\d\d(?=  )", "TIME"),
    (r"agents-api-\d{8}T\d{4}-[a-z0-9]+", "ROLLOUT"),
    (r"[\w.-]+@[\w.-]+", "PERSON"),
    (r"\b\d+ bad of \d+ samples in \d+ minutes?", "N bad of N samples"),
    (r"; [^;]* settled yet[^;]*", ""),
    (r"\b\d+ datapoints in the last hour, the newest \d+ minutes? old", "N datapoints"),
    (r"\b\d+ (min|s)( \d+ s)? (?=after|at most)", "SPAN "),
    (r"log e [\d.]+ >= ", "log e N >= "),
    (r"((?:-rate|-p95):? +)[\d.]+%", r"\1N%"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of the page and what it prints; without a command, more of the daemon's."""

    line: int
    daemon: bool
    command: str
    printed: str


def steps(page: str) -> Iterator[Step]:
    """Every command of every console block, in order."""
    for block in re.finditer(r"^```console( daemon)?\n((?:.*\n)*?)^```$", page, re.MULTILINE):
        first = page.count("\n", 0, block.start()) + 2
        found = re.finditer(r"^(?:\$ (.+)|(\^C))\n((?:(?!\$ |\^C).*\n)*)", block[2], re.MULTILINE)
        for command in found:
            yield Step(
                line=first + block[2].count("\n", 0, command.start()),
                daemon=block[1] is not None,
                command=command[1] or command[2],
                printed=command[3],
            )


def same(text: str) -> str:
    """A text without what differs from run to run."""
    lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
    for pattern, instead in SAME:
        lines = re.sub(pattern, instead, lines, flags=re.MULTILINE)
    return lines


def pattern_of(printed: str) -> str:
    """What a page says is printed, as a pattern over whole lines."""
    parts = []
    for line in same(printed).splitlines():
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.split("..."))) + r"\n")
    return "".join(parts)


def check(step: Step, printed: str) -> None:
    """Fail, with both texts, unless this is what the page says."""
    found = same(printed) + "\n" if printed.strip() else ""
    assert re.fullmatch(pattern_of(step.printed), found), (
        f"{PAGE.name}:{step.line}: `{step.command}` printed\n{printed}\nand the page says\n"
        f"{step.printed}"
    )


class Tempo(ScaledClock):
    """A clock that can be set to another speed while no other process has read it."""

    def run_at(self, speed: float) -> None:
        """Go on from now at another speed."""
        self.origin, self.started, self.speed = self.now(), self.monotonic(), bearable(speed)


class Reader:
    """Somebody who types what the page says."""

    def __init__(self, simulator: Simulator, clock: Tempo, folder: Path) -> None:
        self._simulator = simulator
        self._clock = clock
        self._folder = folder / "empty"
        self._folder.mkdir()
        self._state = folder / "state"
        self._log = folder / "log"
        self._daemon: subprocess.Popen[str] | None = None
        self._seen = 0
        self._code = 0

    def type(self, step: Step) -> None:
        """Run one command, and compare what it prints."""
        words = shlex.split(step.command)
        if step.daemon:
            self._at_the_daemon(step, words)
        elif words[0] == "guardian":
            check(step, self._guardian(words[1:]))
        elif words[:2] == ["aws", "lambda"]:
            check(step, self._aws(words[2:]))
        else:
            assert step.command == "echo $?", f"{PAGE.name}:{step.line}: what is this?"
            check(step, f"{self._code}\n")

    def leave(self) -> None:
        """End what was left running."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def _environ(self) -> dict[str, str]:
        clock = self._clock
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
        kept.pop("ENVIRONMENT", None)
        return {
            **kept,
            "AWS_ENDPOINT_URL": self._simulator.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "GUARDIAN_METRICS_LISTEN": "127.0.0.1:0",
            "GUARDIAN_SIMULATED_CLOCK": f"{clock.origin},{clock.speed},{clock.started}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "XDG_STATE_HOME": str(self._state),
        }

    def _guardian(self, arguments: list[str]) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "guardian", *arguments],
            cwd=self._folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60 * PATIENCE,
            check=False,
        )
        self._code = ended.returncode
        return ended.stdout

    def _aws(self, words: list[str]) -> str:
        """A person's publish or deploy; prints the one value that `--query` asks for."""
        given = dict(zip(words[1::2], words[2::2], strict=True))
        assert (given["--function-name"], given["--output"]) == (SERVICE, "text")
        aliases = self._simulator.aliases
        if words[0] == "publish-version":
            assert given["--query"] == "Version"
            return aliases.publish(SERVICE) + "\n"
        assert (words[0], given["--query"]) == ("update-alias", "FunctionVersion")
        version = given["--function-version"]
        return aliases.write_as_person(SERVICE, given["--name"], version=version).version + "\n"

    def _at_the_daemon(self, step: Step, words: list[str]) -> None:
        """Start it, or stop it, and wait for what the page says."""
        if words == ["^C"]:
            assert self._daemon is not None
            self._daemon.send_signal(signal.SIGINT)
            assert self._daemon.wait(timeout=30 * PATIENCE) == 0
            return self._wait_for(step, from_=self._seen)
        self._clock.run_at(SLOW)
        with self._log.open("w") as log:
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=self._folder,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
        return self._wait_for(step, from_=0)

    def _wait_for(self, step: Step, *, from_: int) -> None:
        """Wait until the daemon's terminal shows, somewhere in it, what the page says."""
        clock, pause = SystemClock(), Flag()
        ends_at = clock.monotonic() + 30.0 * PATIENCE
        wanted = re.compile(r"(?:.*\n)*?" + pattern_of(step.printed))
        while not wanted.match(same(self._log.read_text()[from_:]) + "\n"):
            assert clock.monotonic() < ends_at, (
                f"{PAGE.name}:{step.line}: `{step.command}` did not print\n{step.printed}\nbut\n"
                f"{self._log.read_text()[from_:]}"
            )
            pause.wait(timeout=0.05)
        self._seen = len(self._log.read_text())


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """Somebody with an empty folder, and the account of which the page speaks."""
    clock = Tempo(origin=ORIGIN, speed=bearable(FAST))
    with Simulator(clock, account_id="333333333333") as simulator:
        simulator.aliases.create_function(SERVICE, versions=("41",))
        simulator.aliases.create_alias(SERVICE, "live", version="41", description="by CDK")
        simulator.traffic.send(SERVICE, "live", rate=20.0, history_s=600.0)
        simulator.traffic.behave(SERVICE, "43", Behaviour(crash_rate=0.2))
        person = Reader(simulator, clock, folder)
        try:
            yield person
        finally:
            person.leave()


@pytest.mark.timeout(600)
def test_the_tutorial_prints_what_it_says(tmp_path: Path) -> None:
    """A newcomer's afternoon, from an empty folder to the workflow."""
    text = PAGE.read_text(encoding="utf-8")
    found = list(steps(text))
    assert len(found) > 20
    fences = re.findall(r"^```.*\n.{0,2}", text, flags=re.MULTILINE)[::2]
    assert {"```console\n$ ", "```console daemon\n$ ", "```console daemon\n^C"} == set(fences)
    with reader(tmp_path) as person:
        for step in found:
            person.type(step)


def test_what_differs_on_the_page_is_noticed() -> None:
    """The comparison lets times pass, and not another verdict, limit or line."""
    page = "09:00:01Z  a-rate 1.5%, within 5% (3 bad of 10 samples in 1 minute) ...\n...\nend\n"
    step = Step(line=1, daemon=False, command="x", printed=page)
    check(
        step,
        "10:11:12Z  a-rate 0.1%, within 5% (0 bad of 7 samples in 4 minutes)  (x)\na\nline\nend\n",
    )
    for other in ("within 6%", "over 5%"):
        with pytest.raises(AssertionError, match="the page says"):
            check(step, f"10:11:12Z  a-rate 0.1%, {other} (0 bad of 7 samples in 4 minutes)\nend\n")
