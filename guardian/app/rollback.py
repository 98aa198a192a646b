"""The emergency path: traffic back on the stable version, now. No metrics, no daemon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from guardian.app.acting import Services
from guardian.app.guarding import Caller, Guarded, guard
from guardian.app.known import Request, Service, decided, known
from guardian.app.planning import live_on, resolved
from guardian.app.remembered import state
from guardian.app.start import new_id
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import OrderKind
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, fold
from guardian.core.rollout.stable import came_after, sides
from guardian.core.traffic import Reading, Snapshot, Traffic
from guardian.engine.in_process import Limits
from guardian.engine.task import Task
from guardian.ports import ConfigError, Journal, JournalError, Router, RouterError


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What `guardian rollback` would do, for a person to see before it is done."""

    plan: Plan
    router: Router
    reading: Reading
    resumes: bool
    """Whether a live rollout is taken over, rather than a new one written."""
    origin: str
    """Where the version to restore comes from."""
    instead_of: Rollout | None = None
    """A live rollout that ends in favour of this one: it restores nothing, or something else."""
    remarks: tuple[str, ...] = ()
    """What is not as it should be, and no reason to leave the traffic where it is."""

    @property
    def stable(self) -> str:
        """The version that will take all traffic."""
        return self.plan.snapshot.traffic.primary

    @property
    def done(self) -> bool:
        """Whether the traffic is there already, with nothing of guardian's left on the target."""
        return (
            self.reading.traffic == self.plan.snapshot.traffic
            and self.reading.stamp is None
            and not self.resumes
            and self.instead_of is None
        )

    def describe(self) -> list[str]:
        """What it does, in one line, and on what."""
        service, target, found = self.plan.service, self.plan.target, self.reading.traffic
        if self.done:
            return [f"{service}: nothing to undo: {target} serves {found} ({self.origin})"]
        live = str(found) if found.secondary else found.primary
        lines = [
            f"rolling {service} back: {live} -> {self.stable} ({self.origin})",
            f"  on {target}",
        ]
        if found == self.plan.snapshot.traffic:
            lines[0] = f"{service} serves {found} already ({self.origin})"
            if self.reading.stamp is not None:
                lines.append(
                    f"  takes off guardian's stamp of rollout {self.reading.stamp.rollout}"
                )
        if self.instead_of is not None:
            ends = self.instead_of.plan
            lines.append(f"  ends {ends.rollout}, the {ends.drive.value} of version {ends.canary}")
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What a person asks to put back."""

    service: str
    to: str | None = None
    """This version, whatever the snapshot says."""
    reason: str = ""
    limits: Limits = field(default_factory=Limits)


def planned(services: Services, asked: RollbackRequest, *, actor: str) -> RollbackPlan:
    """What would be done, for a person to see before it is; ConfigError when nobody knows what."""
    service = services.reachable(asked.service)
    request = Request(
        rollout=new_id(services, service.name),
        actor=actor,
        reason=asked.reason,
        now=services.clock.now(),
    )
    return plan_rollback(service, request, to=asked.to, journal=services.journal)


def rollback(
    services: Services, plan: RollbackPlan, asked: RollbackRequest, caller: Caller
) -> Guarded:
    """Do it, over whoever drives the target."""
    task = Task(
        plan=replace(plan.plan, reason=asked.reason),
        router=plan.router,
        plane="none",
        resume=plan.resumes,
        instead_of=plan.instead_of.plan.rollout if plan.instead_of else None,
        order=OrderKind.ABORT,
    )
    return guard(services, [task], caller, asked.limits)


# --- the plan ----------------------------------------------------------------------------------


def plan_rollback(
    service: Service, request: Request, *, to: str | None, journal: Journal
) -> RollbackPlan:
    """What to restore, by `--to`, a live rollout, or who is stable by all that is known.

    ConfigError when none says, or when what is live is not what came after the snapshot.
    """
    router = service.router
    if not router.capabilities.moves:
        raise ConfigError(
            f"service {service.name} has no router: guardian cannot move its traffic; go"
            " back with what deployed it"
        )
    reading = router.read()
    live = live_on(journal, router.target)
    if live is not None and _restores(live, to, reading):
        origin = f"as rollout {live.plan.rollout} found it"
        return RollbackPlan(
            plan=live.plan, router=router, reading=reading, resumes=True, origin=origin
        )
    if to is not None:
        remarks: list[str] = []
        asked = Traffic(primary=_asked(router, to))
        named = service.snapshot(asked, at=request.now, by=request.actor)
        left = _left(reading, journal)
        same = left and (left.target, left.traffic) == (named.target, named.traffic)
        snapshot, origin = left if left and same else named, "--to"
    else:
        past, remarks = _past(service, journal)
        found = _known(service, reading, past, journal, request.now)
        if found is None:
            nothing = (
                f"nothing says what was live on {router.target} before {reading.traffic.primary}:"
                f" name the version, `guardian rollback {service.name} --to VERSION`"
            )
            raise ConfigError("\n".join([*remarks, nothing]))
        snapshot, origin = found
    plan = _plan(service, request, reading, snapshot)
    return RollbackPlan(
        plan=plan,
        router=router,
        reading=reading,
        resumes=False,
        origin=origin,
        instead_of=live,
        remarks=(*remarks, *_remarks(router, plan)),
    )


def _asked(router: Router, to: str) -> str:
    """The version that a person named; where AWS cannot be asked about it, by that name."""
    try:
        return resolved(router, to)
    except RouterError:
        if to == "latest":
            raise
        return to


def _past(service: Service, journal: Journal) -> tuple[list[Rollout], list[str]]:
    """A service's rollouts, newest first, and which of them cannot be read."""
    past, remarks = [], []
    for head in journal.history(service.name):
        try:
            past.append(state(journal, head.rollout))
        except (JournalError, IllegalEntry) as error:
            remarks.append(f"rollout {head.rollout} is passed over: {error}")
    return past, remarks


def _restores(live: Rollout, to: str | None, reading: Reading) -> bool:
    """Whether taking a live rollout back is what is asked; ConfigError when nobody can tell."""
    plan = live.plan
    unknown_versions = reading.traffic.versions - {plan.stable, plan.canary} - plan.found.versions
    if unknown_versions and to is None:
        raise ConfigError(
            f"{plan.target} serves {reading.traffic}, and rollout {plan.rollout} knows only"
            f" {plan.stable} and {plan.canary}: somebody else deployed. If you are sure, name the"
            f" version, `guardian rollback {plan.service} --to {plan.stable}`"
        )
    same = to is None or to == plan.snapshot.traffic.primary
    return same and not unknown_versions and (plan.restores or live.moved)


def _left(reading: Reading, journal: Journal) -> Snapshot | None:
    """What the rollout had found whose stamp still stands there, if this journal knows of it."""
    if reading.stamp is None:
        return None
    try:
        entries = [record.entry for record in journal.read(reading.stamp.rollout)]
        return fold(entries).plan.snapshot if entries else None
    except (JournalError, IllegalEntry):
        return None


def _known(
    service: Service,
    reading: Reading,
    past: Sequence[Rollout],
    journal: Journal,
    now: float,
) -> tuple[Snapshot, str] | None:
    """What says who is stable, apart from what is live alone already, and where that is from."""
    traffic, target = reading.traffic, service.router.target
    for plan in [r.plan for r in past[:1] if r.phase is Phase.ROLLED_BACK]:
        if traffic == plan.snapshot.traffic:
            return plan.snapshot, f"rollout {plan.rollout} was rolled back already"
    found = known(journal, service, reading, past, now=now, oldest_s=math.inf)
    if traffic.secondary is None:
        found = tuple(r for r in found if r.stable != traffic.primary) or found
    stable = decided(service, traffic, found).stable
    if stable is None:
        return None
    if not came_after(traffic, stable.stable, service.router.capabilities.age):
        raise ConfigError(
            f"{target} serves {traffic}, which is older than version {stable.stable}"
            f" ({stable.origin}): somebody went back already. If you are sure, name the version"
            " (--to)"
        )
    by_stamp = service.snapshot(Traffic(primary=stable.stable), at=now, by=stable.origin)
    return stable.snapshot or by_stamp, stable.origin


def _remarks(router: Router, plan: Plan) -> tuple[str, ...]:
    """What speaks against the version to restore; ConfigError when it does not exist.

    A version that sleeps wakes at its next call, and what cannot be asked is no reason to wait.
    """
    stable = plan.snapshot.traffic.primary
    try:
        resolved(router, stable)
        return tuple(router.check(stable=stable, canary=stable))
    except RouterError as error:
        return (f"whether version {stable} can serve is not known: {error}",)


def _plan(service: Service, request: Request, reading: Reading, found: Snapshot) -> Plan:
    age, stable = service.router.capabilities.age, found.traffic
    live = sides(reading.traffic, (), age=age, named=stable.primary).live
    detail = found.detail or (reading.detail if reading.stamp is None else {})
    snapshot = service.snapshot(stable, at=request.now, by=request.actor, detail=detail)
    return service.plan(request, Drive.ROLLBACK, reading.traffic, snapshot, canary=live)
