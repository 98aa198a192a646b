"""Two machines that share nothing but a table: what one leaves behind, the other one finishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from guardian.aws import Sessions
from guardian.journals.dynamodb import Options, build
from guardian.ports import Journal
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.forks import Process
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage
from tests.contracts.adapters import account_for, context_for, use_endpoint
from tests.moto.emulator import emulator

TABLE = "guardian"
START = ("rollout", "start", SERVICE, "--to", "42")


class Machines:
    """Any number of processes whose only common memory is the table."""

    def __init__(self, a_stage: Stage, databases: str) -> None:
        self.stage = a_stage
        self.journal: Journal
        self._databases = databases

    def start(self, *words: str) -> Process:
        """`guardian` on some machine, with the table for its journal."""
        journal = f"dynamodb:{TABLE}"
        return self.stage.start(
            *words, GUARDIAN_JOURNAL=journal, AWS_ENDPOINT_URL_DYNAMODB=self._databases
        )

    def open(self) -> None:
        """Make the table by the command, and look into it from here on."""
        made = finish(self.start("journal", "init"))
        assert made.code == 0, made.err
        self.journal = build(Options(table=TABLE), context_for(account_for(Sessions())))

    def phase(self) -> str:
        """The kind of the newest entry."""
        heads = self.journal.history(SERVICE)
        return type(self.journal.read(heads[0].rollout)[-1].entry).__name__ if heads else ""

    def wait(self, kind: str, *, timeout_s: float = 60.0) -> None:
        """Until the newest entry is of that kind."""
        self.stage.wait_for(kind, lambda: self.phase() == kind, timeout_s=timeout_s)


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """A service in the simulator, and a table in moto's server."""
    with ExitStack() as stack:
        a_stage = stack.enter_context(stage(tmp_path, speed=60.0))
        cloud = stack.enter_context(emulator(serial=True))
        cloud.reset()
        databases = cloud.url
        use_endpoint(monkeypatch, a_stage.simulator.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", databases)
        found = Machines(a_stage, databases)
        found.open()
        yield found


def test_what_a_dead_runner_leaves_is_finished_by_a_daemon_elsewhere(machines: Machines) -> None:
    """Killed while its bad release bakes; another machine knows half a minute later."""
    machines.stage.behave("42", Behaviour(failure_rate=0.3))
    runner = machines.start(*START, "--wait")
    machines.wait("WeightConfirmed")
    runner.kill()
    finish(runner)
    daemon = machines.start("run")
    machines.wait("RollbackConfirmed")
    assert machines.stage.alias.version == "41"
    assert machines.stage.alias.weights == {}
    interrupt(daemon)
    finish(daemon)


def test_a_later_job_puts_back_what_a_dead_runner_left(machines: Machines) -> None:
    """`recover` watches the silent runner before it takes its rollout for nobody's."""
    runner = machines.start(*START, "--wait")
    machines.wait("WeightConfirmed")
    runner.kill()
    finish(runner)
    ended = finish(machines.start("rollout", "recover"), timeout_s=120)
    assert ended.code == 0, ended.out + ended.err
    assert (machines.phase(), machines.stage.alias.version) == ("RollbackConfirmed", "41")
