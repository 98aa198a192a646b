"""Open incidents of an incident tracker; one that opened after the first shift is a breach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from guardian.core.figures import Unit
from guardian.core.judging.presence import Present
from guardian.core.model import Incident, Query, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents(Present):
    """Open incidents of these priorities; one that opened after the first shift is a breach."""

    open: Query
    """Asked of an incident tracker; see `incident_query`."""
    priorities: tuple[str, ...]
    services: tuple[str, ...]
    """The tracker's ids; may hold `${...}` until the rollout binds them."""

    any_of = "open incident"
    stands = "an incident is open"
    unit = Unit.INCIDENTS
    began = "opened at"
    lasts = "is open since"
    columns = ("incident", "priority", "opened", "service", "title")

    def filled(self, fill: Callable[[str], str]) -> Self:
        """With its services."""
        return replace(self, services=tuple(fill(service) for service in self.services))

    def called(self, one: Incident) -> str:
        """With its priority, its title and its service."""
        called = f"{one.priority} incident" if one.priority else "incident"
        return f"{called} {one.id} '{one.title}' on {one.service}"

    @property
    def nothing(self) -> str:
        """None of its priorities."""
        return f"no open incident of {', '.join(self.priorities)}"


def incident_query(source: str, priorities: tuple[str, ...], services: tuple[str, ...]) -> Query:
    """How a source is asked for open incidents: a named value for each priority and service."""
    words: dict[str, Word] = {
        "account_id": None,
        "dimensions": (
            *(("priority", name) for name in priorities),
            *(("service", id_) for id_ in services),
        ),
        "metric": "open",
        "namespace": "incidents",
        "region": None,
        "stat": "open",
    }
    return Query(source=source, name="incidents open", words=tuple(words.items()))
