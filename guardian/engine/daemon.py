"""The daemon: serves its services until it is told to stop, and never dies of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guardian.core.notices import Notice
from guardian.core.plan import Mode
from guardian.core.rollout.machine import Rollout
from guardian.core.scrub import scrub
from guardian.engine.admission import Admission
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.catalog import Catalog
from guardian.engine.dependencies import Dependencies
from guardian.engine.deploy_watcher import DeployWatcher
from guardian.engine.host import Host
from guardian.engine.leadership import ServiceLeadership
from guardian.engine.own import OwnNotices
from guardian.engine.patrol import Patrol
from guardian.engine.runner import RolloutRunner
from guardian.engine.supervisor import STALL_S
from guardian.messages.about_guardian import files_refused, files_right, files_wrong
from guardian.messages.table import quarantined
from guardian.ports import ConfigError, JournalError
from guardian.ports.daemon_status import DaemonStatus

TURN_S = 1.0
"""Real seconds between two looks at orders and at what nobody drives."""
FILES_S = 5.0
"""Real seconds between two looks at the files."""
DESK_STALL_S = 600.0
"""So long may a look at all of these take, in real seconds: it asks AWS, and many may be waiting.

Guarding goes on beside it; a process that is only slow to take orders must not be ended for it.
"""
IN_FLIGHT_S = 5.0
"""How long a stop waits for writes under way, in real seconds: 2 s to connect, 3 s to answer."""
IN_HASTE_S = 0.5
"""The same after a second signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the daemon's own thread last found; replaced whole, read by any thread."""

    turned_at: float
    """Monotonic."""
    held: Mapping[str, bool]
    pending: int | None
    trouble: str


class Daemon:
    """Owns a host and a catalog: takes orders, adopts, reloads, and says how it is."""

    def __init__(
        self,
        dependencies: Dependencies,
        catalog: Catalog,
        *,
        observe: bool = False,
        told_before: Sequence[Notice] = (),
    ) -> None:
        self._catalog = catalog
        self._observe = observe
        self._host = Host(
            replace(dependencies, groups=catalog.groups),
            catalog.receivers(),
            reaches=self._reaches,
            on_broken=self._broken,
        )
        self._journal, self._clock = dependencies.journal, dependencies.clock
        self._say = dependencies.say
        self._leadership = ServiceLeadership(self._host)
        self._admission = Admission(self._host)
        self._deploy_watcher = DeployWatcher(self._host)
        self._own = OwnNotices(self._host.outbox.tell_now, self._clock, told_before)
        self._tell_of(catalog)
        self._patrol = Patrol(
            self._journal,
            ThreadCallPool(self._clock),
            self._clock,
            tell=self._own.put,
            say=self._say,
        )
        self._signals: list[int] = []
        self._reload_asked = False
        self._reload_ok = not catalog.trouble
        self._files_due = self._clock.monotonic() + FILES_S
        self._state = _State(
            turned_at=self._clock.monotonic(), held={}, pending=None, trouble="it is starting"
        )
        self.settled = True
        """False when a write was still under way as the process left."""

    # --- life ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until a signal comes. Raises what kills a thread, and JournalError at the start."""
        host = self._host
        try:
            self._say_start(self._catalog)
            host.start({"catalog": self._turn})
            while not self._signals and host.supervisor.death is None:
                host.supervisor.pause(0.5)
            self._leave()
        finally:
            host.close()
        if host.supervisor.death is not None:
            raise host.supervisor.death

    def signal(self, number: int) -> None:
        """Stop: safe to call from a handler; twice is in haste.

        It sets no Event: the main thread, in which handlers run, may be holding that one's lock.
        """
        self._signals.append(number)
        self._host.pool.interrupt()

    def reload(self) -> None:
        """Read the files again soon: safe to call from a handler."""
        self._reload_asked = True

    def _leave(self) -> None:
        """Begin nothing new; let writes under way come back, so that their outcome is known."""
        host = self._host
        for plane in host.planes.values():
            plane.closing = True
        host.schedule.stop()
        ends_at = self._clock.monotonic() + IN_FLIGHT_S
        self.settled = host.schedule.wait_idle(0.05)
        while not self.settled and self._clock.monotonic() < ends_at:
            host.pool.interrupt()
            if len(self._signals) > 1:
                ends_at = min(ends_at, self._clock.monotonic() + IN_HASTE_S)
            self.settled = host.schedule.wait_idle(0.1)
        host.supervisor.stop(timeout_s=0.2)
        left = [c.rollout.plan for c in host.runners if not c.over]
        death = host.supervisor.death
        self._say(
            ("stopped" if death is None else f"a thread has died ({death!r}): stopped")
            + "; traffic stays as it is"
            + "".join(f"\n  {p.service}: {p.rollout} goes on with the next daemon" for p in left)
        )

    def _say_start(self, catalog: Catalog) -> None:
        if catalog.trouble:
            self._say(f"{_troubled(catalog)}\n{catalog.trouble}")
        named = ", ".join(f"{name} ({mode.value})" for name, mode in self._modes(catalog).items())
        mode = "observing: nothing is written and no order is taken" if self._observe else "serving"
        self._say(f"{mode}: {named or 'no service'}")

    # --- the daemon's own thread ---------------------------------------------------------------

    def _turn(self) -> float:
        trouble = ""
        try:
            if self._host.lost:
                self._leadership.forget()
                self._host.renew()
            self._look_at_files()
            self._serve()
            pending: int | None = self._journal.pending()
        except JournalError as error:
            trouble, pending = str(error), None
            if trouble != self._state.trouble:
                self._say(trouble)
        self._state = _State(
            turned_at=self._clock.monotonic(),
            held=dict(self._leadership.held),
            pending=pending,
            trouble=trouble,
        )
        self._own.journal(self._catalog.environment, trouble or self._host.unwritable)
        self._own.step()
        return TURN_S

    def _serve(self) -> None:
        modes = self._modes(self._catalog)
        if self._observe:
            mine = modes  # Whoever only looks takes nobody's place.
        else:
            self._leadership.step(self._catalog.environment, list(modes))
            mine = {s: mode for s, mode in modes.items() if self._leadership.held.get(s)}
        if self._signals:
            return
        self._admission.step(self._catalog, mine, orders=not self._observe)
        self._deploy_watcher.step(self._catalog, mine)
        for service, reading in self._patrol.step(self._catalog, list(mine)).items():
            self._admission.tidy(self._catalog, service, reading, mine[service])

    def _modes(self, catalog: Catalog) -> dict[str, Mode]:
        return {s.name: Mode.OBSERVE if self._observe else s.mode for s in catalog.services()}

    # --- files ---------------------------------------------------------------------------------

    def _look_at_files(self) -> None:
        monotonic = self._clock.monotonic()
        asked, self._reload_asked = self._reload_asked, False
        if not asked and monotonic < self._files_due:
            return
        self._files_due = monotonic + FILES_S
        if asked or self._catalog.stale():
            self._renew_desk()

    def _renew_desk(self) -> None:
        try:
            catalog = _same_environment(self._catalog, self._catalog.renewed())
            receivers = catalog.receivers()
        except ConfigError as error:
            self._reload_ok = False
            self._say(f"the new files are invalid, and the old ones stay in force:\n{error}")
            now = self._clock.now()
            self._own.put(files_refused(self._catalog.environment, str(error), now))
            return
        self._tell_of(catalog)
        if not catalog.trouble and not self._reload_ok:
            self._own.put(files_right(catalog.environment, self._clock.now()))
        self._catalog, self._reload_ok = catalog, not catalog.trouble
        for remark in catalog.remarks():
            self._say(remark)
        for name in self._host.replace_lanes(receivers):
            self._say(f"the notifier {name} is gone; what it was given before is still delivered")
        self._host.groups.groups = catalog.groups
        self._admission.reread(catalog)
        self._say("the files were read again; live rollouts keep the plan they began with")
        named = {service.name for service in catalog.services()}
        for plan in (c.rollout.plan for c in self._host.runners if not c.over):
            if plan.service not in named:
                self._say(
                    f"{plan.service}: the files name it no more; {plan.rollout} is driven on by"
                    " this process, and nobody would drive it after a restart"
                )
        self._say_start(catalog)

    def _tell_of(self, catalog: Catalog) -> None:
        if catalog.trouble:
            self._own.put(files_wrong(catalog.environment, catalog.trouble, self._clock.now()))

    # --- rollouts ------------------------------------------------------------------------------

    def _reaches(self, rollout: Rollout) -> bool:
        """Whether an order to a rollout of a group would be obeyed, here or elsewhere."""
        served = self._state.held.get(rollout.plan.service, False)
        return served or self._journal.holder(rollout.plan.target) is not None

    def _broken(self, runner: RolloutRunner, error: Exception) -> None:
        """A bug has broken one rollout: it stops, people hear of it, the others go on."""
        plan = runner.rollout.plan
        why = f"{type(error).__name__}: {scrub(str(error), 300)}"
        self._admission.broken[runner.id] = why
        self._say(
            f"{plan.service}: {plan.rollout} is stopped by a bug in guardian ({why}): nothing"
            f" guards version {plan.canary} now; `guardian rollback {plan.service}` puts version"
            f" {plan.snapshot.traffic.primary} back"
        )
        self._host.page(runner, quarantined(runner.rollout, why, self._clock.now()))

    # --- what others see -----------------------------------------------------------------------

    def overview(self) -> DaemonStatus:
        """How the daemon is; asks nobody, and may be called in any thread."""
        state, host = self._state, self._host
        monotonic = self._clock.monotonic()
        planes = list(host.planes.values())
        late = {p.name: 0.0 if p.due_by is None else max(0.0, monotonic - p.due_by) for p in planes}
        shown = [host.statuses.get(runner.id) for runner in host.runners]
        return DaemonStatus(
            at=self._clock.now(),
            statuses=tuple(status for status in shown if status is not None),
            claims=state.held,
            planes={p.name: (p.last_at, late[p.name]) for p in planes},
            unread={p.name: p.reader.unread for p in planes},
            pending=state.pending,
            notifiers=host.outbox.refusals,
            reload_ok=self._reload_ok,
            unseen=self._patrol.unseen,
            ready=state.trouble or host.unwritable or host.trouble or _troubled(self._catalog),
            alive=self._stalled([*late.values()], monotonic - state.turned_at - TURN_S),
        )

    def _stalled(self, late_s: Sequence[float], desk_late_s: float) -> str:
        if self._host.supervisor.death is not None:
            return f"a thread has died: {type(self._host.supervisor.death).__name__}"
        if desk_late_s > DESK_STALL_S:
            return f"orders and files were not looked at for {desk_late_s:.0f} s"
        worst_s = max(late_s, default=0.0)
        if worst_s > STALL_S:
            return f"no tick has ended for {worst_s:.0f} s: guardian is not watching"
        return ""


def _troubled(catalog: Catalog) -> str:
    """What it means for the daemon that its files are wrong; empty when they are right."""
    if not catalog.trouble:
        return ""
    return (
        "the files are wrong: what is live is guarded by the plan in the journal, and nothing new"
        " begins"
    )


def _same_environment(before: Catalog, after: Catalog) -> Catalog:
    """The new files' catalog; ConfigError where they are for another environment."""
    if "" not in (before.environment, after.environment) and (
        after.environment != before.environment
    ):
        raise ConfigError(
            f"they are for the environment {after.environment}, and this process serves"
            f" {before.environment}: start another one for it"
        )
    return after
