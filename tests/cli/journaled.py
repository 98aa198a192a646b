"""Commands in this process on a journal that a test filled, and a driver that takes orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from click import ClickException
from click.testing import CliRunner

from guardian.cli.main import guardian
from guardian.clock import SystemClock
from guardian.cloudwatch import changed, metric_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Direction, Instant, Limit
from guardian.core.plan import Approval, Plan
from guardian.core.rollout.entries import (
    Answer,
    Entry,
    Order,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.rollout.machine import apply, fold
from guardian.core.rollout.orders import obey
from guardian.core.rollout.progress import Observation
from guardian.journals.sqlite import Options, build
from guardian.messages.order_answers import answer
from guardian.ports import Claim, GuardianError, Journal
from tests.contracts.journal_values import TARGET, plan
from tests.journals.sqlite_store import context
from tests.recorded import checked

SERVICE = "agents-api"
CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api: {router: {type: none}, rules: ['preset:lambda']}
  billing: {router: {type: none}, rules: ['preset:lambda']}
"""


def criterion(name: str) -> Criterion:
    """A criterion that nothing measures here."""
    query = metric_query(namespace="App", metric="Errors", stat="Sum")
    total = changed(query, metric="Requests")
    limit = Limit(direction=Direction.ABOVE, value=0.05, text="5%")
    measure = Ratio(part=query, total=total, good=False)
    return Criterion(name=name, measure=measure, fail_if=limit, min_samples=60)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def record(self) -> Any:
        """Its output, one JSON document."""
        return checked(self.out)


class Desk:
    """A folder with a journal; commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "guardian.db"
        self.clock = SystemClock()
        self.journal: Journal = self.another()

    def another(self) -> Journal:
        """Another process's view of the journal."""
        return build(Options(path=self.path), context(self.clock))

    def run(self, *words: str) -> Ran:
        """Run a command of guardian."""
        environ = {"GUARDIAN_JOURNAL": f"sqlite:{self.path}", "GUARDIAN_CONFIG": None}
        with chdir(self.folder):
            result = CliRunner().invoke(guardian, list(words), env=environ, standalone_mode=False)
        error = result.exception
        if isinstance(error, GuardianError):
            return Ran(error.exit_code, result.stdout, f"{result.stderr}{error}")
        if isinstance(error, ClickException):
            return Ran(2, result.stdout, f"{result.stderr}{error.format_message()}")
        if error is not None and not isinstance(error, SystemExit):
            raise error
        code = result.return_value if isinstance(result.return_value, int) else result.exit_code
        return Ran(code, result.stdout, result.stderr)

    def configure(self) -> None:
        """Write a config file where guardian looks for one."""
        (self.folder / "config").mkdir()
        (self.folder / "config" / "production.yaml").write_text(CONFIG)

    def begin(self, rollout: str = "r1", **changes: Any) -> Driving:
        """A rollout at its first step, and the claim of whoever drives it."""
        now = self.clock.now()
        made = replace(plan(rollout), **({"criteria": (criterion("error-rate"),)} | changes))
        step = made.steps[0].weight
        entries: list[Entry] = [
            RolloutStarted(at=now - 600, plan=made),
            StepEntered(at=now - 590, step=0),
            WeightConfirmed(at=now - 580, weight=step),
        ]
        driving = Driving(self.another(), made)
        driving.put(*entries)
        return driving


class Driving:
    """Who drives one rollout; obeys orders once `at_work`."""

    def __init__(self, journal: Journal, made: Plan) -> None:
        self.journal = journal
        self.plan = made
        self.lease = journal.open_lease("ada@ci pid 7")
        claim = journal.claim(self.lease, made.target)
        assert claim is not None
        self.claim: Claim = claim
        self._txids = 0

    def put(self, *entries: Entry, answers: Sequence[Answer] = ()) -> None:
        """Record what happened."""
        known = [record.entry for record in self.journal.read(self.plan.rollout)]
        self._txids += 1
        self.journal.append(
            self.claim,
            self.plan.rollout,
            expected=len(known),
            entries=entries,
            live=fold([*known, *entries]).live,
            answers=answers,
            txid=f"t{self._txids}",
        )

    def obey(self, now: Instant) -> None:
        """Take the waiting orders, by the rules of the core."""
        waiting = tuple(self.journal.orders([self.plan.rollout]))
        if not waiting:
            return
        rollout = fold(record.entry for record in self.journal.read(self.plan.rollout))
        decision = obey(rollout, Observation(orders=waiting), now)
        if decision.entry is not None:
            apply(rollout, decision.entry)
        entries = [decision.entry] if decision.entry is not None else []
        self.put(*entries, answers=[answer(a, self.plan.service) for a in decision.answers])

    def leave(self) -> None:
        """Give up the target, as a process that dies does."""
        self.journal.close_lease(self.lease)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Obey in a thread of its own."""
        clock, stop = SystemClock(), Event()

        def loop() -> None:
            while not stop.wait(timeout=0.02):
                self.obey(clock.now())

        thread = Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=10)


def waiting(journal: Journal, rollout: str = "r1") -> list[Order]:
    """The orders that wait for a rollout."""
    return journal.orders([rollout])


def before_step(step: int) -> tuple[Approval, ...]:
    """An approval that a step, counted from 0, needs."""
    return (Approval(before_step=step),)


__all__ = ["SERVICE", "TARGET", "Desk", "Driving", "Ran", "before_step", "criterion", "waiting"]
