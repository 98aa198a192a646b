"""What moves traffic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from guardian.core.model import Query
from guardian.core.rollout.stable import Age
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack, Weights


class Guard(Enum):
    """What keeps a stale write of a superseded process from landing."""

    HARD = "hard"
    """The vendor compares a token with each write."""
    NONE = "none"
    """It compares nothing: the router reads just before it writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a router can do, so that nobody has to know which one it is."""

    moves: bool = True
    """Whether there is traffic to move, and to put back; False for a gate."""
    weights: Weights = field(default_factory=Weights)
    guard: Guard
    reaches_all_s: float = 0.0
    """Seconds after a write until it has reached everybody: a step's evidence begins there."""
    age: Age | None = None
    """How new a version is by its name; None where names do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """How people name a target of a router that no file names; as its module's `UNLISTED`."""

    option: str
    """What `guardian watch` calls it, without the dashes."""
    form: str
    """How one is written: "FUNCTION:ALIAS"."""
    example: str
    what: str
    """What it is: "a Lambda alias"."""
    options: Callable[[str], Mapping[str, str] | None]
    """The router's options of an address; None for what is none of its addresses."""
    region: Callable[[str], str] = lambda _: ""
    """The region that an address names; empty where it names none."""
    preset: str
    """The rules that it is judged by."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the preset asks for; may name `${router.NAME}`, `${canary}` and `${stable}`."""


class Router(Protocol):
    """Moves traffic between versions. Every write is absolute, and returns what was read back.

    A write raises RouterError: CONFLICT when somebody else changed the target since `after`
    (nothing was written), TIMEOUT/UNKNOWN when the outcome is unknown (read to learn).
    """

    capabilities: Capabilities
    target: str

    def read(self) -> Reading:
        """The traffic now. NOT_FOUND when the target is gone."""
        ...

    def resolve(self, version: str) -> str:
        """The version that `latest` or a version string means. NOT_FOUND when there is none."""
        ...

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Why these two cannot share traffic, or stable cannot be restored; empty when they can.

        Each is a whole sentence with what to do. Also called for `stable == canary`.
        NotYet when nothing else stands in the way than that one of them is still being made.
        """
        ...

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """Whether stable could take all traffic now, and else which older version could.

        Raises RouterError where that cannot be learned.
        """
        ...

    def variables(self) -> Mapping[str, str]:
        """What `${router.<name>}` means in a rule file."""
        ...

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """By how many seconds some of these settle later than their source knows.

        What is stamped with the time at which a request began is whole when the longest is over.
        """
        ...

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """The series to read for `query` where `live` takes all traffic and has none of its own.

        None where there is no such series.
        """
        ...

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """Give the canary its weight."""
        ...

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """Make the canary the primary version and remove the stamp.

        CONFLICT, and nothing is written, where `after` says that the canary is not there.
        """
        ...

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """Put the snapshot back; always writes. With `stamp=None` the stamp is removed too."""
        ...
