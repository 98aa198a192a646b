"""Sees what others deploy to services that are only observed, and has it judged."""

from __future__ import annotations

from collections.abc import Mapping

from guardian.core.plan import Mode
from guardian.core.traffic import Traffic
from guardian.engine.catalog import Catalog
from guardian.engine.host import Host
from guardian.engine.supervisor import broken
from guardian.ports import Damaged, GuardianError, JournalError

LOOK_S = 60.0
"""Seconds of the wall clock between two looks at a service's traffic."""


class DeployWatcher:
    """Begins a watch that restores nothing whenever a service's live version changes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._journal, self._clock, self._say = host.journal, host.clock, host.say
        self._known: dict[str, Traffic] = {}
        self._due: dict[str, float] = {}
        self._trouble: dict[str, str] = {}

    def step(self, catalog: Catalog, modes: Mapping[str, Mode]) -> None:
        """Look at every observed service whose turn it is."""
        now = self._clock.now()
        for service, mode in modes.items():
            # Also when the next look is further off than looks are apart: the clock was set back.
            is_due = not 0.0 < self._due.get(service, 0.0) - now <= LOOK_S
            if mode is not Mode.OBSERVE or not is_due:
                continue
            self._due[service] = now + LOOK_S
            try:
                self._look(catalog, service)
            except Exception as error:  # one service must not end the guarding of others
                if isinstance(error, JournalError) and not isinstance(error, Damaged):
                    raise
                known = isinstance(error, GuardianError)
                trouble = str(error) if known else broken("looking at it", error)
                if self._trouble.get(service) != trouble:
                    self._say(f"{service}: what is live cannot be seen: {trouble}")
                self._trouble[service] = trouble

    def _look(self, catalog: Catalog, service: str) -> None:
        traffic = catalog.router(service).read().traffic
        self._trouble.pop(service, None)
        known = self._known.setdefault(service, traffic)
        if _live(known) == _live(traffic):
            return
        if any(c.rollout.plan.service == service and not c.over for c in self._host.runners):
            return  # The watch of the version before sees the change too, and ends.
        task = catalog.observation(service)
        self._known[service] = traffic
        plan = task.plan
        if self._journal.holder(plan.target) is not None:
            return  # Another guardian drives it: it judges, and tells.
        self._host.plane(task.plane, catalog.sources(task))
        self._host.begin(task, self._host.claim(plan.target))
        self._say(f"{service}: version {plan.canary} went live; it is judged in {plan.rollout}")


def _live(traffic: Traffic) -> str:
    """The version that a deploy brought: the canary of a split, else the only one."""
    return traffic.secondary or traffic.primary
