"""A configuration as the daemon asks for it; read again, it is another catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from guardian.app.planning import resolved
from guardian.app.remembered import state
from guardian.app.start import planned
from guardian.app.watch import WatchRequest, watching
from guardian.core.plan import Mode, Plan
from guardian.core.rollout.entries import Order
from guardian.core.rollout.machine import IllegalEntry
from guardian.engine.catalog import Served
from guardian.engine.outbox import Receiver
from guardian.engine.task import Task
from guardian.files.regular import head_of
from guardian.files.yaml import MAX_BYTES
from guardian.ports import ConfigError, Damaged, Router, Source
from guardian.wiring.process import Wiring
from guardian.wiring.receivers import usable_receivers
from guardian.wiring.services import service_criteria
from guardian.wiring.targets import check_alone

MOST_BESIDE = 1000
"""So many files beside the configuration's own are looked at for changes."""
OBSERVED_S = 1800.0
"""How long a deploy is judged where the service has no steps of its own."""


class ConfiguredCatalog:
    """Answers the daemon out of one reading of the files."""

    def __init__(self, wiring: Wiring, before: Wiring | None = None) -> None:
        self._wiring = wiring
        self._before = before
        """What was in force until now, if this is a later reading."""
        self._config = wiring.configured()
        known = self._config.environment and not self._config.trouble
        plans = [] if known else _live_plans(wiring)
        self.environment = self._config.environment or next((p.environment for p in plans), "")
        self.groups: Mapping[str, tuple[str, ...]] = {**_grouped(plans), **self._config.groups}
        self._seen = _contents(wiring)
        faults = self._faults()
        self._broken = {**faults, **self._config.broken}
        if wiring.trouble:
            self._broken |= dict.fromkeys(self._config.services, wiring.trouble)
        self._receivers, mute = usable_receivers(wiring)
        found = [wiring.trouble, self._config.trouble, *faults.values(), *mute]
        self.trouble = "\n".join(dict.fromkeys(text for text in found if text))

    def _faults(self) -> dict[str, str]:
        """What is wrong with each service that nobody needs AWS to know."""
        found = {}
        for name, service in self._config.services.items():
            if service.mode is Mode.OFF:
                continue
            try:
                service_criteria(self._config, name)
                check_alone(self._wiring, name)
            except ConfigError as error:
                found[name] = str(error)
        return found

    def services(self) -> Sequence[Served]:
        """Those that are not switched off, also where something is wrong with them."""
        known = dict.fromkeys([*self._config.services, *self._broken])
        return [
            Served(name=name, mode=mode, trouble=self._broken.get(name, ""))
            for name in known
            if (mode := self._config.mode(name)) is not Mode.OFF
        ]

    def plan(self, order: Order, rollout: str) -> Task:
        """What a START order begins."""
        return planned(self._wiring, order, rollout=rollout)

    def resolve(self, service: str, version: str) -> str:
        """The version that is meant."""
        return resolved(self._wiring.service(service).router, version)

    def router(self, service: str) -> Router:
        """By the service's own keys alone."""
        return self._wiring.router(service)[0]

    def observation(self, service: str) -> Task:
        """A watch as long as the service's bakes together."""
        bakes_s = sum(step.bake_s for step in self._config.service(service).steps)
        asked = WatchRequest(
            actor="guardian run",
            reason="a deploy was seen",
            duration_s=bakes_s or OBSERVED_S,
            observe=True,
        )
        return watching(self._wiring, service, asked)

    def adopted(self, plan: Plan) -> Task:
        """The adapters that the files name, or those that it began with, whatever the files say."""
        wiring, name = self._wiring, plan.service
        if self._config.mode(name) is Mode.OFF:
            raise ConfigError(f"service {name} is switched off in the files")
        try:
            router, _ = wiring.router(name)
            moved = router.target != plan.target
        except ConfigError:
            moved = True
        if moved:
            router, name = wiring.reached(plan), plan.rollout
        return Task(plan=plan, router=router, plane=wiring.plane(name), resume=True)

    def sources(self, task: Task) -> Mapping[str, Source]:
        """What the task's criteria read from."""
        return self._wiring.sources([task])[task.plane]

    def receivers(self) -> Sequence[Receiver]:
        """The notifiers that can be used."""
        return self._receivers

    def stale(self) -> bool:
        """Whether a file has other content; asked again, only when it changed once more."""
        now = _contents(self._wiring)
        changed = now != self._seen
        self._seen = now
        return changed

    def renewed(self) -> ConfiguredCatalog:
        """The files read again. Raises ConfigError, unless these here are in trouble too."""
        self._seen = _contents(self._wiring)
        catalog = ConfiguredCatalog(self._wiring.renewed(), self._wiring)
        if catalog.trouble and not self.trouble:
            raise ConfigError(catalog.trouble)
        return catalog

    def remarks(self) -> Sequence[str]:
        """The journal cannot change under a running daemon."""
        before, now = self._before, self._wiring.file_journal
        if before is None or before.file_journal == now:
            return []
        return [f"the journal is still {before.file_journal}: restart guardian to change to {now}"]


def _live_plans(wiring: Wiring) -> list[Plan]:
    """What the journal alone knows, where the files do not say it."""
    plans = []
    for head in wiring.journal.live():
        # Whoever takes it up says what is wrong with its journal.
        with suppress(IllegalEntry, Damaged):
            plans.append(state(wiring.journal, head.rollout).plan)
    return plans


def _grouped(plans: Sequence[Plan]) -> dict[str, tuple[str, ...]]:
    """The groups that live rollouts began in, with those of their members that are live."""
    names = dict.fromkeys(plan.group for plan in plans if plan.group)
    return {name: tuple(p.service for p in plans if p.group == name) for name in names}


def _contents(wiring: Wiring) -> dict[Path, str]:
    """What each file holds, as a digest; empty for one that cannot be read.

    The configuration's files, and whatever lies beside an included file or a rule file: one that
    is added there may be included too.
    """
    configured = wiring.configured()
    first, *included = configured.files
    named = {
        configured.folder / reference
        for service in configured.services.values()
        for reference in service.rules
        if not reference.startswith("preset:")
    }
    folders = {path.parent for path in (*included, *named)}
    beside = sorted({path for folder in folders for path in folder.glob("*.y*ml")})
    return {path: _digest(path) for path in {first, *included, *named, *beside[:MOST_BESIDE]}}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(head_of(path, MAX_BYTES + 1)).hexdigest()
    except (OSError, ValueError):
        return ""
