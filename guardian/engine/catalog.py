"""What the daemon asks of its configuration: services, plans, adapters; it knows no file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from guardian.core.plan import Mode, Plan
from guardian.core.rollout.entries import Order
from guardian.engine.outbox import Receiver
from guardian.engine.task import Task
from guardian.ports import Router, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A service that is not switched off."""

    name: str
    mode: Mode
    """Never off."""
    trouble: str = ""
    """What is wrong in the files, so that nothing new begins; what is live is guarded as ever."""


class Catalog(Protocol):
    """One configuration. Everything is called in one thread; AWS calls are bounded in time.

    Raises ConfigError and the ports' errors, with sentences for whoever gave the order.
    """

    environment: str
    groups: Mapping[str, tuple[str, ...]]
    trouble: str
    """All that is wrong with the files; then it may also not know every service there is."""

    def services(self) -> Sequence[Served]:
        """The services, in the order of the file."""
        ...

    def plan(self, order: Order, rollout: str) -> Task:
        """What a START order begins, under that id; NothingToDo when it is live already."""
        ...

    def resolve(self, service: str, version: str) -> str:
        """The version that `latest` or a version string means."""
        ...

    def router(self, service: str) -> Router:
        """What shows and moves a service's traffic; it may be used in any thread."""
        ...

    def observation(self, service: str) -> Task:
        """A watch of what is live, which restores nothing."""
        ...

    def adopted(self, plan: Plan) -> Task:
        """The adapters for a rollout that is journalled already, whatever the files say of it.

        ConfigError where the journal does not say how its target is reached either.
        """
        ...

    def sources(self, task: Task) -> Mapping[str, Source]:
        """What the task's plane reads from."""
        ...

    def receivers(self) -> Sequence[Receiver]:
        """The notifiers that can be used."""
        ...

    def stale(self) -> bool:
        """Whether a file that was read has other content by now."""
        ...

    def renewed(self) -> Catalog:
        """The files read again, as a new catalog. Raises ConfigError, and this one stays good.

        From trouble there is a way to less trouble: then the new catalog may have some too.
        """
        ...

    def remarks(self) -> Sequence[str]:
        """What the new files say that cannot be done while the process runs."""
        ...
