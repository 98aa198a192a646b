"""A stage with three services, for whole-process tests of the daemon."""

from __future__ import annotations

import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from guardian.clock import SystemClock
from guardian.core.rollout.entries import Answer, Order, OrderKind, for_service
from guardian.core.rollout.machine import Rollout, fold
from guardian.engine.leadership import post
from guardian.journals import sqlite
from guardian.ports import Context, Journal
from guardian.sim.aliases import AliasState
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.forks import Process
from tests.cli.stage import SERVICE, Stage, stage

BAD = Behaviour(failure_rate=0.3)
OTHERS = ("billing-api", "search-api")
THREE = (SERVICE, *OTHERS)
OLD = dict(zip(THREE, ("41", "51", "61"), strict=True))
NEW = dict(zip(THREE, ("42", "52", "62"), strict=True))
"""Each its own: the rules count requests by version alone."""
SPEED = 100.0


class Theatre:
    """A stage with three services, its journal, and daemons that are ended with the test."""

    def __init__(self, a_stage: Stage) -> None:
        self.stage = a_stage
        self.started: list[Process] = []
        self._orders = 0
        self.journal = journal_of(a_stage)

    def reopen(self) -> None:
        """Let go of the journal's file, and use the one that is there now."""
        self.journal.close()
        self.journal = journal_of(self.stage)

    def daemon(self, *options: str, **environ: str) -> Process:
        """A daemon that serves, or stands by; its log goes to a file."""
        log = self.stage.folder / f"log-{len(self.started)}"
        process = self.stage.start(
            "run", "--metrics-listen", "127.0.0.1:0", *options, to=log, **environ
        )
        self.started.append(process)
        return process

    def log(self, number: int = -1) -> str:
        """What a daemon has written so far."""
        number = range(len(self.started))[number]
        return (self.stage.folder / f"log-{number}").read_text()

    def health(self, path: str) -> str:
        """What the newest daemon answers of itself; nothing until it listens."""
        address = re.search(r"metrics and health on ([\d.:]+)", self.log())
        if address is None:
            return ""
        try:
            with urllib.request.urlopen(f"http://{address[1]}/{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())

    def serves(self, *services: str) -> None:
        """Wait until some daemon serves these."""
        posts = [post("production", service) for service in services or THREE]
        self.wait_for("a daemon", lambda: all(map(self.journal.holder, posts)))

    def order(self, service: str, kind: OrderKind, subject: str = "") -> str:
        """Leave an order from another terminal; its id."""
        self._orders += 1
        start = kind is OrderKind.START
        address = for_service(service) if start else self.rollout(service).plan.rollout
        order = Order(
            id=f"order-{self._orders}",
            rollout=address,
            kind=kind,
            actor="alice",
            reason="because",
            at=self.stage.clock.now(),
            subject=subject,
        )
        self.journal.order(order)
        return order.id

    def answer(self, order: str) -> Answer:
        """Wait for what becomes of an order."""
        self.wait_for("an answer", lambda: self.journal.answered(order) is not None)
        found = self.journal.answered(order)
        assert found is not None
        return found

    def begin(self, service: str) -> str:
        """Order a start and wait until it was taken; the rollout's id."""
        answer = self.answer(self.order(service, OrderKind.START, NEW[service]))
        assert not answer.refused, answer.refused
        return answer.rollout

    def rollout(self, service: str) -> Rollout:
        """The newest rollout of a service."""
        head = self.journal.history(service, limit=1)[0]
        return fold(r.entry for r in self.journal.read(head.rollout))

    def entries(self, service: str) -> list[str]:
        """The kinds of its entries."""
        head = self.journal.history(service, limit=1)[0]
        return [type(r.entry).__name__ for r in self.journal.read(head.rollout)]

    def phase(self, service: str) -> str:
        """Where it is."""
        return self.rollout(service).phase.value

    def wait_phase(self, service: str, phase: str, timeout_s: float = 60.0) -> None:
        """Wait until it is there."""
        self.wait_for(
            f"{service} in {phase}", lambda: self.phase(service) == phase, timeout_s=timeout_s
        )

    def alias(self, service: str) -> AliasState:
        """A service's alias now."""
        return self.stage.simulator.aliases.state(service, "live")

    def wait_for(self, what: str, seen: Callable[[], object], *, timeout_s: float = 30.0) -> None:
        """Wait until something is so; a daemon that died in the meantime is no reason to wait."""

        def so() -> bool:
            dead = [p for p in self.started if p.poll() not in (None, 0, -signal.SIGKILL)]
            assert not dead, f"a daemon died while waiting for {what}"
            return bool(seen())

        self.stage.wait_for(what, so, timeout_s=timeout_s)

    def told(self) -> None:
        """Wait until nothing is left to be told."""
        self.wait_for("the last messages", lambda: self.journal.pending() == 0)

    def close(self) -> None:
        """End what was started."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.journal.close()


class _Random:
    def uniform(self) -> float:
        return 0.5

    def token(self) -> str:
        return "terminal"


def journal_of(a_stage: Stage, path: Path | None = None) -> Journal:
    """The journal of a stage, or another one of its, as another terminal opens it."""

    def nothing(*_: object) -> None:
        raise AssertionError("a journal asks no vendor")

    context = Context(
        clock=a_stage.clock,
        rng=_Random(),
        client=nothing,
        check_account=nothing,
        account_id="",
        region="",
        environment="production",
        secret=lambda _: None,
        base_url=lambda _: None,
    )
    opened: Journal = sqlite.build(
        sqlite.Options(path=path or a_stage.folder / "guardian.db"), context
    )
    return opened


@contextmanager
def theatre(folder: Path, *, speed: float = SPEED) -> Iterator[Theatre]:
    """Three services in one account; OLD is live on each and NEW is published."""
    with stage(folder, speed=speed) as s:
        text = s.config.read_text()
        begins, ends = text.index("  agents-api:"), text.index("notify:")
        block = text[begins:ends]
        for name in OTHERS:
            s.simulator.aliases.create_function(name, versions=(OLD[name], NEW[name]))
            s.simulator.aliases.create_alias(name, "live", version=OLD[name], description="by CDK")
            s.simulator.traffic.send(name, "live", rate=20.0, history_s=600.0)
            text = text.replace("notify:", block.replace(SERVICE, name) + "notify:")
        s.config.write_text(text)
        found = Theatre(s)
        try:
            yield found
        except BaseException as error:
            for number in range(len(found.started)):
                error.add_note(f"--- daemon {number}\n{found.log(number)}")
            raise
        finally:
            found.close()


def stop(process: Process, number: int = signal.SIGTERM) -> float:
    """Send a signal and wait for the end; real seconds it took."""
    clock = SystemClock()
    began = clock.monotonic()
    process.send_signal(number)
    process.wait(timeout=20)
    return clock.monotonic() - began
