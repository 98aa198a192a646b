"""A daemon's parts without its threads, over a configuration made of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from guardian.core.plan import Drive, Mode, Plan
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    Order,
    OrderKind,
    PrimaryConfirmed,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
    for_service,
)
from guardian.engine.admission import Admission
from guardian.engine.catalog import Catalog, Served
from guardian.engine.dependencies import Dependencies
from guardian.engine.host import Host
from guardian.engine.outbox import Receiver
from guardian.engine.runner import RolloutRunner
from guardian.engine.task import Task
from guardian.ports import Journal, Router, Source
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import Quiet, alias_for
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.scheduler import plan
from tests.simulation.world import Alias, SeededRandom

SERVICE = "agents-api"


class Timeless(MemoryJournal):
    """Leases live without a beat, until they are closed."""

    def _alive(self, lease: str | None) -> bool:
        return lease in self._store.beats


@dataclass
class Files:
    """A catalog made of values."""

    clock: ManualClock
    mode: Mode = Mode.ENFORCE
    environment: str = "production"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    error: Exception | None = None
    trouble: str = ""
    names: tuple[str, ...] = (SERVICE,)
    planned: int = 0
    takes_s: float = 0.0
    """How long AWS takes to answer what a plan asks."""

    def __post_init__(self) -> None:
        """One alias a service."""
        self.aliases: dict[str, Alias] = {n: alias_for(n, self.clock) for n in self.names}

    def services(self) -> Sequence[Served]:
        """Those it was given."""
        return [Served(name=name, mode=self.mode, trouble=self.trouble) for name in self.names]

    def task(self, service: str, rollout: str, **changes: object) -> Task:
        """A plan for a service."""
        alias = self.aliases[service]
        the_plan: Plan = replace(
            plan(self.clock.now()), rollout=rollout, service=service, target=alias.target
        )
        the_plan = replace(the_plan, **changes)  # type: ignore[arg-type] # names of its fields
        return Task(plan=the_plan, router=alias, plane="plane")

    def plan(self, order: Order, rollout: str) -> Task:
        """A rollout of the version that is asked for."""
        self.planned += 1
        self.clock.pass_s(self.takes_s)
        if self.error is not None:
            raise self.error
        return self.task(order.rollout.removeprefix("@"), rollout, canary=order.subject)

    def resolve(self, service: str, version: str) -> str:
        """Each version is itself."""
        del service
        return {"latest": "42"}.get(version, version)

    def router(self, service: str) -> Router:
        """The alias."""
        if self.error is not None:
            raise self.error
        return self.aliases[service]

    def observation(self, service: str) -> Task:
        """A watch that restores nothing."""
        return self.task(service, f"watch-{service}", drive=Drive.WATCH, restores=False)

    def adopted(self, plan: Plan) -> Task:
        """The alias of the plan's service."""
        if self.error is not None:
            raise self.error
        router = self.aliases[plan.service]
        return Task(plan=plan, router=router, plane="plane", resume=True)

    def sources(self, task: Task) -> Mapping[str, Source]:
        """Nothing to read."""
        del task
        return {"cloudwatch": Quiet(self.clock)}

    def receivers(self) -> Sequence[Receiver]:
        """Nobody."""
        return []

    def stale(self) -> bool:
        """Never."""
        return False

    def renewed(self) -> Catalog:
        """The same."""
        return self

    def remarks(self) -> Sequence[str]:
        """None."""
        return []


class House:
    """A daemon's parts without its threads."""

    def __init__(self, *, mode: Mode = Mode.ENFORCE, journal: Journal | None = None) -> None:
        self.clock = ManualClock()
        self.journal: Journal = journal or Timeless(self.clock)
        self.catalog = Files(self.clock, mode=mode)
        self.said: list[str] = []
        self.broken: list[tuple[str, Exception]] = []
        self.host = self.new_host()
        self.admission = Admission(self.host)
        self.orders = 0

    def new_host(self) -> Host:
        """Another process's engine on the same journal."""
        dependencies = Dependencies(
            journal=self.journal,
            clock=self.clock,
            rng=SeededRandom("house"),
            owner="a daemon",
            observer=lambda _: None,
            say=self.said.append,
        )
        return Host(
            dependencies,
            [],
            reaches=lambda _: True,
            on_broken=lambda runner, error: self.broken.append((runner.id, error)),
        )

    def step(self) -> None:
        """One round of admission."""
        self.admission.step(self.catalog, {SERVICE: self.catalog.mode})

    def order(self, subject: str = "42", kind: OrderKind = OrderKind.START, to: str = "") -> str:
        """Leave an order; its id."""
        self.orders += 1
        order = Order(
            id=f"o{self.orders}",
            rollout=to or for_service(SERVICE),
            kind=kind,
            actor="alice",
            reason="because",
            at=self.clock.now(),
            subject=subject,
        )
        self.journal.order(order)
        return order.id

    def begun(self) -> RolloutRunner:
        """A rollout that was ordered and begun."""
        self.order()
        self.step()
        (runner,) = self.host.runners
        return runner

    def left(self, *entries: Entry, live: bool = True, **changes: object) -> str:
        """A rollout that a dead process left behind; its id."""
        lease = self.journal.open_lease("dead")
        task = self.catalog.task(SERVICE, "left")
        task = replace(task, plan=replace(task.plan, **changes))  # type: ignore[arg-type] # names of its fields
        claim = self.journal.claim(lease, task.plan.target)
        assert claim is not None
        all_ = [RolloutStarted(at=self.clock.now(), plan=task.plan), *entries]
        self.journal.append(claim, "left", expected=0, entries=all_, live=live, txid="left")
        self.journal.close_lease(lease)
        return "left"

    def shifted(self) -> list[Entry]:
        """Entries up to the first weight."""
        at = self.clock.now()
        weight = plan(at).steps[0].weight
        return [StepEntered(at=at, step=0), WeightConfirmed(at=at, weight=weight)]

    def completed(self) -> list[Entry]:
        """Entries up to the end of a rollout in which all passed."""
        at = self.clock.now()
        entries: list[Entry] = []
        for index, step in enumerate(plan(at).steps):
            entries.append(StepEntered(at=at, step=index))
            entries.append(WeightConfirmed(at=at, weight=step.weight))
        return [*entries, Completed(at=at), PrimaryConfirmed(at=at)]
