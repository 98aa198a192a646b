"""Services with what it takes to act on them: their targets, their metrics, their receivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from guardian.app.known import Service
from guardian.app.remembered import Records
from guardian.core.notices import Notice
from guardian.engine.outbox import Receiver
from guardian.engine.task import Task
from guardian.ports import Random, Source


class Services(Records, Protocol):
    """What the configuration says of services, as ready objects. Whatever is wrong with it is a
    ConfigError where it is asked for.
    """

    @property
    def rng(self) -> Random:
        """For ids and back-off."""
        ...

    @property
    def journal_is_local(self) -> bool:
        """Whether only this machine can read the journal."""
        ...

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Services that are rolled back together."""
        ...

    def environment_of(self, service: str) -> str:
        """The environment of a service of the config file."""
        ...

    def service(self, name: str, *, observe: bool = False) -> Service:
        """A service with its router built and its rules loaded."""
        ...

    def reachable(self, name: str) -> Service:
        """One of which only the way to its target is known, by its own keys or by the journal."""
        ...

    def check_alone(self, name: str) -> None:
        """Raise ConfigError when another service moves the same target: they would fight."""
        ...

    def check_account(self, name: str) -> None:
        """Raise when the credentials belong to another account than the service's."""
        ...

    def plane(self, name: str) -> str:
        """The plane of a service that was asked for."""
        ...

    def source(self, service: str, name: str) -> Source:
        """A source by its name, for a service that was asked for."""
        ...

    def sources(self, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Source]]:
        """For each plane, the sources that its tasks' criteria read, by name."""
        ...

    def named(self, name: str) -> str:
        """A service by which a rollout goes today; ConfigError when there is none."""
        ...

    def listeners(self) -> Callable[[Notice], tuple[str, ...]] | None:
        """Which receivers a notice is for; None where nobody knows."""
        ...

    def receivers(self) -> Sequence[Receiver]:
        """Who is told."""
        ...
