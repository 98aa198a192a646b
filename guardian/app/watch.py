"""Guard what is live now: which services, by which plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from guardian.app.acting import Services
from guardian.app.known import Request
from guardian.app.planning import plan_watch
from guardian.app.series_choice import SeriesProbe
from guardian.app.start import new_id
from guardian.engine.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What a person asks to guard."""

    actor: str
    reason: str
    duration_s: float
    """The time that is judged, from now on."""
    rollback_to: str | None = None
    """What a breach restores, whatever the snapshot says."""
    fixes: tuple[str, ...] = ()
    """Ids of open incidents, or names of alarms, that this release is to mend."""
    observe: bool = False
    """Judge and tell, and never act."""


def changed(services: Services, names: Sequence[str]) -> list[str]:
    """The ones to watch: gates, and those that differ from their snapshot or have none."""
    found = []
    for name in names:
        router = services.service(name).router
        taken = services.journal.snapshots(name, limit=1)
        moves = router.capabilities.moves
        if not moves or not taken or router.read().traffic != taken[0].traffic:
            found.append(name)
    return found


def watching(services: Services, name: str, asked: WatchRequest) -> Task:
    """The task that guards a service; ConfigError when a breach could not be rolled back."""
    services.check_alone(name)
    service = services.service(name, observe=asked.observe)
    if not service.router.capabilities.moves:  # Every other asks whose account it is by itself.
        services.check_account(name)
    request = Request(
        rollout=new_id(services, name),
        actor=asked.actor,
        reason=asked.reason,
        now=services.clock.now(),
        fixes=asked.fixes,
    )
    plan = plan_watch(
        service,
        request,
        duration_s=asked.duration_s,
        rollback_to=asked.rollback_to,
        journal=services.journal,
        probe=SeriesProbe.of(partial(services.source, name), now=request.now),
    )
    return Task(plan=plan, router=service.router, plane=services.plane(name))
