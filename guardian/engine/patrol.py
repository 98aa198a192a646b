"""Looks at every service's target, at the start and hourly: can it be seen, does anybody drive it?

It acts on nothing, and nothing waits for it: each look is a call in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from guardian.core.notices import Notice
from guardian.core.traffic import FULL, Reading, Stamp
from guardian.engine.catalog import Catalog
from guardian.messages.about_guardian import orphan, orphan_over
from guardian.ports import CallPool, Clock, GuardianError, Journal, Router

EVERY_S = 3600.0
"""Seconds of the wall clock between two looks at a target that is as it should be."""
AGAIN_S = 60.0
"""The same while it is not: what is over within a minute was somebody's work."""
LOOKS_A_TURN = 2
"""A few hundred targets must not empty the request bucket that rollbacks need."""


def orphaned(journal: Journal, target: str, reading: Reading) -> Stamp | None:
    """The stamp on a target that sends traffic to a canary of which the journal knows nothing."""
    stamp = reading.stamp
    if stamp is None or reading.traffic.share(stamp.stable) == FULL:
        return None
    known = any(head.target == target for head in journal.live())
    return None if known or journal.holder(target) is not None else stamp


class Patrol:
    """Owns what was last seen of each target."""

    def __init__(
        self,
        journal: Journal,
        pool: CallPool,
        clock: Clock,
        *,
        tell: Callable[[Notice], None],
        say: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._pool = pool
        self._clock = clock
        self._tell = tell
        self._say = say
        self._due: dict[str, float] = {}
        self._arrived: dict[str, tuple[str, Reading | GuardianError]] = {}
        """By service its target, and what was seen of it; written by the calls' threads."""
        self._suspects: dict[str, str] = {}
        """Services whose target bore a stranger's stamp at the last look, and whose it was."""
        self._told: dict[str, Notice] = {}
        self.unseen: Mapping[str, str] = {}
        """Each service that was looked at, and why its target could not be seen; replaced whole."""

    def step(self, catalog: Catalog, services: Sequence[str]) -> dict[str, Reading]:
        """Judge what has arrived, and begin the next few looks.

        Returns by service what bears a stamp and is no orphan: driven by somebody, or left.
        """
        arrived = {s: self._arrived.pop(s) for s in list(self._arrived) if s in services}
        stamped = {s: r for s, seen in arrived.items() if (r := self._judge(catalog, s, *seen))}
        self.unseen = {s: why for s, why in self.unseen.items() if s in services}
        now = self._clock.now()
        # Also when the next look is further off than looks are apart: the clock was set back.
        due = [s for s in services if not 0.0 < self._due.get(s, 0.0) - now <= EVERY_S]
        calls: dict[str, Callable[[], object]] = {}
        for service in due[:LOOKS_A_TURN]:
            self._due[service] = now + EVERY_S
            try:
                router = catalog.router(service)
            except GuardianError as error:
                self._found(service, str(error))
                continue
            if router.capabilities.moves:
                calls[f"look-{service}"] = partial(self._look, service, router)
        if calls:
            self._pool.run(calls, deadline_s=0.0)
        return stamped

    def _look(self, service: str, router: Router) -> None:
        try:
            self._arrived[service] = (router.target, router.read())
        except GuardianError as error:
            self._arrived[service] = (router.target, error)

    def _judge(
        self, catalog: Catalog, service: str, target: str, seen: Reading | GuardianError
    ) -> Reading | None:
        if isinstance(seen, GuardianError):
            self._found(service, str(seen))
            return None
        self._found(service, "")
        stamp = orphaned(self._journal, target, seen)
        before = self._suspects.pop(service, None)
        now = self._clock.now()
        if stamp is None:
            told = self._told.pop(service, None)
            if told is not None:
                self._tell(orphan_over(told, now))
            return seen if seen.stamp is not None else None
        self._suspects[service] = stamp.rollout
        self._due[service] = self._clock.now() + AGAIN_S
        if before == stamp.rollout and service not in self._told:
            found = orphan(
                catalog.environment,
                service,
                target=target,
                traffic=seen.traffic,
                stamp=stamp,
                now=now,
            )
            self._told[service] = found
            self._say(f"{found.title}. {found.todo}")
            self._tell(found)
        return None

    def _found(self, service: str, trouble: str) -> None:
        if trouble:
            self._due[service] = self._clock.now() + AGAIN_S
        if trouble and self.unseen.get(service) != trouble:
            self._say(f"{service}: its target cannot be seen: {trouble}")
        elif not trouble and self.unseen.get(service):
            self._say(f"{service}: its target can be seen again")
        self.unseen = {**self.unseen, service: trouble}
