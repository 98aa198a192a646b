"""A real journal and a clock, as an API would hold them: no command line, no file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from guardian.core.rollout.entries import Order, OrderKind
from guardian.ports import Clock, Journal
from tests.cli.journaled import SERVICE, Desk


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What the use cases on the journal need."""

    clock: Clock
    journal: Journal
    configured_names: Collection[str] = field(default=(SERVICE,))


def remembered(desk: Desk) -> Remembered:
    """Another process's view of a desk's journal."""
    return Remembered(clock=desk.clock, journal=desk.another())


def order(kind: OrderKind, *, rollout: str = SERVICE, reason: str = "", subject: str = "") -> Order:
    """An order as a caller of the use case makes it."""
    return Order(
        id="", rollout=rollout, kind=kind, actor="ada", reason=reason, at=0.0, subject=subject
    )
