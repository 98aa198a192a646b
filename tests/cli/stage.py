"""A stage for whole-process tests: the simulator here, `guardian` in a process of its own."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import Any

from guardian.clock import ScaledClock, SystemClock
from guardian.core.codec import decode_entry
from guardian.core.rollout.entries import Entry
from guardian.sim.aliases import AliasState
from guardian.sim.server import Simulator
from guardian.sim.simulated_traffic import Behaviour
from guardian.sim.world import Event
from tests.cli.forks import Process, started
from tests.pace import PATIENCE, bearable
from tests.recorded import checked

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = 1_800_000_000.0
SPEED = 200.0
SERVICE = "agents-api"
CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [../rules/production.yaml]
    vars: {pagerduty_service: PABC123}
    steps:
      - {weight: 10%, bake: 10m}
      - {weight: 50%, bake: 10m}
      - {weight: 100%, bake: 10m}
notify:
  - {to: slack, channel: "#deployments", on: all}
  - to: pagerduty
    routing_key: {env: GUARDIAN_PAGERDUTY_ROUTING_KEY}
    on: [rolled_back, stuck, blind]
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Its output, a JSON record a line."""
        return [checked(line) for line in self.out.splitlines()]


class Stage:
    """One simulated account with one service, and the command line against it."""

    def __init__(self, simulator: Simulator, clock: ScaledClock, folder: Path) -> None:
        self.simulator = simulator
        self.clock = clock
        self.folder = folder
        self._started: list[Process] = []
        self.config = folder / "config" / "production.yaml"
        self.config.parent.mkdir()
        self.config.write_text(CONFIG)
        rules = folder / "rules"
        rules.mkdir()
        (rules / "production.yaml").write_text((ROOT / "rules" / "production.yaml").read_text())

    def environ(self) -> dict[str, str]:
        """The environment of a `guardian` process on this stage."""
        clock = self.clock
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
        kept.pop("ENVIRONMENT", None)
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.simulator.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "GUARDIAN_JOURNAL": f"sqlite:{self.folder / 'guardian.db'}",
            "GUARDIAN_SLACK_TOKEN": self.simulator.slack.token,
            "GUARDIAN_SLACK_BASE_URL": self.simulator.slack_url,
            "GUARDIAN_PAGERDUTY_ROUTING_KEY": self.simulator.pagerduty.routing_key,
            "GUARDIAN_PAGERDUTY_EVENTS_URL": self.simulator.pagerduty_events_url,
            "GUARDIAN_PAGERDUTY_API_TOKEN": self.simulator.pagerduty.api_token,
            "GUARDIAN_PAGERDUTY_API_URL": self.simulator.pagerduty_api_url,
            "GUARDIAN_SIMULATED_CLOCK": f"{clock.origin},{clock.speed},{clock.started}",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *arguments: str, to: Path | None = None, **environ: str) -> Process:
        """A running `guardian` process; `finish` ends it. With `to` it writes into that file."""
        environ = {**self.environ(), **environ}
        with to.open("w") if to is not None else nullcontext() as out:
            process = started(*arguments, cwd=self.folder, env=environ, to=out)
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a failed test left running, and close its pipes."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                process.communicate()

    def run(self, *arguments: str, timeout_s: float = 60.0, **environ: str) -> Ended:
        """Run `guardian` to its end."""
        return finish(self.start(*arguments, to=None, **environ), timeout_s=timeout_s)

    def deploy(self, version: str) -> None:
        """Somebody else's deploy: all traffic on a version at once."""
        self.simulator.aliases.write_as_person(SERVICE, "live", version=version, weights={})

    def behave(self, version: str, behaviour: Behaviour) -> None:
        """How a version behaves, from the start."""
        self.simulator.traffic.behave(SERVICE, version, behaviour)

    @property
    def alias(self) -> AliasState:
        """The alias now."""
        return self.simulator.aliases.state(SERVICE, "live")

    def events(self, *kinds: str) -> list[Event]:
        """What happened, of these kinds, in order."""
        return [e for e in self.simulator.events if e.kind in kinds]

    def written(self) -> list[Event]:
        """Alias writes that were not a person's."""
        return [e for e in self.events("alias") if e.data["actor"] != "person"]

    def entries(self) -> list[Entry]:
        """What the journal has so far, rollout by rollout; nothing before it has a table."""
        with closing(sqlite3.connect(self.folder / "guardian.db")) as journal:
            if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchall():
                return []
            bodies = journal.execute("SELECT body FROM entries ORDER BY rollout, seq").fetchall()
        return [decode_entry(body) for (body,) in bodies]

    def wait_entry(self, kind: type[Entry], *, timeout_s: float = 30.0, **having: object) -> None:
        """Wait until the journal has an entry of that kind, with these values in it."""

        def there() -> bool:
            return any(
                isinstance(entry, kind)
                and all(getattr(entry, name) == value for name, value in having.items())
                for entry in self.entries()
            )

        wanted = f"{kind.__name__} {having or ''}".strip()
        self.wait_for(f"{wanted} in the journal", there, timeout_s=timeout_s)

    def wait_for(self, what: str, seen: Any, *, timeout_s: float = 30.0) -> None:
        """Wait until `seen()` is true, or fail saying what was waited for."""
        clock, pause = SystemClock(), Flag()
        ends_at = clock.monotonic() + timeout_s * PATIENCE
        while not seen():
            assert clock.monotonic() < ends_at, f"waited in vain for {what}"
            pause.wait(timeout=0.02)


def finish(process: Process, *, timeout_s: float = 60.0) -> Ended:
    """Wait for a process; kill it, and fail, when it does not end."""
    try:
        out, err = process.communicate(timeout=timeout_s * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end:\n{out}\n{err}") from None
    return Ended(code=process.wait(), out=out, err=err)


def interrupt(process: Process, number: int = signal.SIGINT) -> None:
    """Send a signal to a process that this test started."""
    process.send_signal(number)


@contextmanager
def stage(
    folder: Path,
    *,
    rate: float = 20.0,
    speed: float = SPEED,
    versions: Sequence[str] = ("41", "42"),
    account_id: str = "333333333333",
) -> Iterator[Stage]:
    """41 is live with `rate` requests a second; 42 is published."""
    clock = ScaledClock(origin=ORIGIN, speed=bearable(speed))
    with Simulator(clock, account_id=account_id) as simulator:
        simulator.aliases.create_function(SERVICE, versions=versions)
        simulator.aliases.create_alias(SERVICE, "live", version="41", description="by CDK")
        simulator.traffic.send(SERVICE, "live", rate=rate, history_s=600.0)
        found = Stage(simulator, clock, folder)
        try:
            yield found
        finally:
            found.close()
