"""A configuration as the daemon asks for it; read again, it is another desk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from guardian.config import Mode
from guardian.core.entries import Order
from guardian.core.plan import Plan
from guardian.core.traffic import Traffic
from guardian.engine.desk import Duty, Served
from guardian.engine.outbox import Lane
from guardian.engine.start import resolved
from guardian.engine.task import Task
from guardian.ports import ConfigError, Source
from guardian.wiring.process import Wiring
from guardian.wiring.services import service_criteria

DUTIES = {Mode.ENFORCE: Duty.ENFORCE, Mode.OBSERVE: Duty.OBSERVE}
OBSERVED_S = 1800.0
"""How long a deploy is judged where the service has no steps of its own."""


class ConfiguredDesk:
    """Answers the daemon out of one reading of the files."""

    def __init__(self, wiring: Wiring, before: Wiring | None = None) -> None:
        self._wiring = wiring
        self._before = before
        """What was in force until now, if this is a later reading."""
        self._config = wiring.configured()
        self.environment = self._config.environment
        self.groups: Mapping[str, tuple[str, ...]] = self._config.groups
        self._seen = _contents(wiring)
        self._check()

    def _check(self) -> None:
        """Everything that can be wrong without asking AWS. Raises ConfigError with all of it."""
        found = []
        for served in self.services():
            try:
                service_criteria(self._config, served.name)
                self._wiring.check_router(served.name)
            except ConfigError as error:
                found.append(str(error))
        if found:
            raise ConfigError("\n".join(dict.fromkeys(found)))

    def services(self) -> Sequence[Served]:
        """Those that are not switched off."""
        return [
            Served(name=name, duty=DUTIES[service.mode])
            for name, service in self._config.services.items()
            if service.mode in DUTIES
        ]

    def plan(self, order: Order, rollout: str) -> Task:
        """What a START order begins."""
        service = order.rollout.removeprefix("@")
        task = self._wiring.rollout_task(
            service,
            to=order.subject,
            actor=order.actor,
            reason=order.reason,
            again=order.options.get("again") == "yes",
        )
        if task.resume:
            return task
        fixes = tuple(word for word in order.options.get("fixes", "").split(",") if word)
        plan = replace(task.plan, rollout=rollout, fixes=task.plan.fixes or fixes)
        return replace(task, plan=plan)

    def resolve(self, service: str, version: str) -> str:
        """The version that is meant."""
        return resolved(self._wiring.service(service).router, version)

    def traffic(self, service: str) -> Traffic:
        """What the target shows now."""
        return self._wiring.service(service).router.read().traffic

    def observation(self, service: str) -> Task:
        """A watch as long as the service's bakes together."""
        bakes_s = sum(step.bake_s for step in self._config.service(service).steps)
        return self._wiring.watch_task(
            service,
            actor="guardian run",
            reason="a deploy was seen",
            duration_s=bakes_s or OBSERVED_S,
            rollback_to=None,
            observe=True,
        )

    def adopted(self, plan: Plan) -> Task:
        """The service's adapters; ConfigError when it moves another target by now."""
        router = self._wiring.service(plan.service).router
        if router.target != plan.target:
            raise ConfigError(
                f"it moves {plan.target}, and the files now say {router.target} for service"
                f" {plan.service}"
            )
        return Task(plan=plan, router=router, plane=self._wiring.plane(plan.service), resume=True)

    def sources(self, task: Task) -> Mapping[str, Source]:
        """What the task's criteria read from."""
        return self._wiring.sources([task])[task.plane]

    def lanes(self) -> Sequence[Lane]:
        """The configured notifiers."""
        return self._wiring.lanes()

    def stale(self) -> bool:
        """Whether a file has other content; asked again, only when it changed once more."""
        now = _contents(self._wiring)
        changed = now != self._seen
        self._seen = now
        return changed

    def renewed(self) -> ConfiguredDesk:
        """The files read again. Raises ConfigError."""
        self._seen = _contents(self._wiring)
        return ConfiguredDesk(self._wiring.renewed(), self._wiring)

    def remarks(self) -> Sequence[str]:
        """The journal cannot change under a running daemon."""
        before, now = self._before, self._wiring.file_journal
        if before is None or before.file_journal == now:
            return []
        return [f"the journal is still {before.file_journal}: restart guardian to change to {now}"]


def _contents(wiring: Wiring) -> dict[Path, str]:
    """What each file holds, as a digest; empty for one that cannot be read.

    The configuration's files, and whatever lies beside an included file or a rule file: one that
    is added there may be included too.
    """
    configured = wiring.configured()
    first, *included = configured.files
    folders = {path.parent for path in included} | {
        (configured.folder / reference).parent
        for service in configured.services.values()
        for reference in service.rules
        if not reference.startswith("preset:")
    }
    beside = {path for folder in folders for path in folder.glob("*.y*ml")}
    return {path: _digest(path) for path in sorted({first, *included, *beside})}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
