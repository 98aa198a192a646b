"""The emergency path: what to restore when a person says "back, now". Asks no metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guardian.core.plan import Drive, Plan
from guardian.core.rollout import Phase, Rollout, fold
from guardian.core.traffic import Reading, Snapshot, Step, Traffic
from guardian.engine.start import Request, Service, resolved
from guardian.ports import ConfigError, Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What `guardian rollback` would do, for a person to see before it is done."""

    plan: Plan
    reading: Reading
    resumes: bool
    """Whether a live rollout is taken over, rather than a new one written."""
    origin: str
    """Where the version to restore comes from."""

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
        )

    def describe(self) -> list[str]:
        """The facts, a line each."""
        lines = [
            f"{self.plan.service} ({self.plan.target})",
            f"  live now: {self.reading.traffic}",
            f"  restore:  {self.stable} 100%  ({self.origin})",
        ]
        return [*lines, "  nothing to do: it is live already"] if self.done else lines


def plan_emergency(
    service: Service, request: Request, *, to: str | None, journal: Journal
) -> Emergency:
    """What to restore, by `--to`, a live rollout, a completed one, a snapshot, or the stamp.

    ConfigError when none says, or when what is live is not what came after the snapshot.
    """
    router = service.router
    reading = router.read()
    live = [h for h in journal.live() if h.target == router.target]
    if live:
        rollout = fold(r.entry for r in journal.read(live[-1].rollout))
        if to is None or to == rollout.plan.snapshot.traffic.primary:
            return _of_live(rollout, reading)
        raise ConfigError(
            f"rollout {rollout.plan.rollout} is live on {router.target} and restores"
            f" {rollout.plan.snapshot.traffic}: run `guardian rollback {service.name}` first, and"
            f" `--to {to}` after it"
        )
    if to is not None:
        stable = resolved(router, to)
        return _emergency(
            service, request, reading, Traffic(primary=stable), detail={}, origin="--to"
        )
    past = [fold(r.entry for r in journal.read(h.rollout)) for h in journal.history(service.name)]
    found = _known(service, reading, past, journal, request.now)
    if found is None:
        raise ConfigError(
            f"nothing says what was live on {router.target} before {reading.traffic.primary}:"
            f" name the version, `guardian rollback {service.name} --to VERSION`"
        )
    snapshot, origin = found
    return _emergency(
        service, request, reading, snapshot.traffic, detail=snapshot.detail, origin=origin
    )


def _of_live(rollout: Rollout, reading: Reading) -> Emergency:
    plan = rollout.plan
    if not plan.restores:
        raise ConfigError(
            f"rollout {plan.rollout} is live and has nothing to restore: name the version with --to"
        )
    strangers = reading.traffic.versions - {plan.stable, plan.canary} - plan.found.versions
    if strangers:
        raise ConfigError(
            f"{plan.target} serves {reading.traffic}, and rollout {plan.rollout} knows only"
            f" {plan.stable} and {plan.canary}: somebody else deployed. If you are sure, name the"
            " version with --to"
        )
    return Emergency(
        plan=plan, reading=reading, resumes=True, origin=f"the snapshot of rollout {plan.rollout}"
    )


def _known(
    service: Service,
    reading: Reading,
    past: Sequence[Rollout],
    journal: Journal,
    now: float,
) -> tuple[Snapshot, str] | None:
    """The newest record of what was live before what is live now, and where it comes from."""
    live = reading.traffic.secondary or reading.traffic.primary
    for rollout in past[:1]:
        plan = rollout.plan
        if rollout.phase is Phase.ROLLED_BACK and reading.traffic == plan.snapshot.traffic:
            return plan.snapshot, f"rollout {plan.rollout} was rolled back already"
    for rollout in past:
        plan = rollout.plan
        # A gate that judged a version against nothing knows no other to go back to.
        gate = plan.snapshot.traffic.primary == live
        if rollout.phase in (Phase.COMPLETED, Phase.RETIRED) and plan.canary == live and not gate:
            return plan.snapshot, f"the snapshot of rollout {plan.rollout}, completed"
    for snapshot in journal.snapshots(service.name, limit=1):
        if snapshot.target != service.router.target:
            continue
        hours = (now - snapshot.taken_at) / 3600
        origin = f"snapshot taken {hours:.1f} hours ago by {snapshot.taken_by}"
        if not _came_after(live, snapshot.traffic.primary):
            raise ConfigError(
                f"{service.router.target} serves version {live}, which is older than the"
                f" {origin} (version {snapshot.traffic.primary}): somebody went back already. If"
                " you are sure, name the version with --to"
            )
        return snapshot, origin
    if reading.stamp is not None:
        stable = Traffic(primary=reading.stamp.stable)
        found = Snapshot(
            service=service.name,
            target=service.router.target,
            traffic=stable,
            taken_at=now,
            taken_by="guardian's stamp",
        )
        return found, f"guardian's stamp of rollout {reading.stamp.rollout}"
    return None


def _came_after(live: str, stable: str) -> bool:
    """Whether `live` can have followed `stable`; published versions count up."""
    if live.isdigit() and stable.isdigit():
        return int(live) >= int(stable)
    return True


def _emergency(
    service: Service,
    request: Request,
    reading: Reading,
    stable: Traffic,
    *,
    detail: Mapping[str, str],
    origin: str,
) -> Emergency:
    live = reading.traffic.secondary or reading.traffic.primary
    problems = service.router.check(stable=stable.primary, canary=stable.primary)
    if problems:
        raise ConfigError(
            f"version {stable.primary} cannot take the traffic:\n"
            + "\n".join(f"  {p}" for p in problems)
        )
    plan = Plan(
        rollout=request.rollout,
        service=service.name,
        environment=service.environment,
        target=service.router.target,
        drive=Drive.WATCH,
        stable=stable.primary,
        canary=live,
        found=reading.traffic,
        snapshot=Snapshot(
            service=service.name,
            target=service.router.target,
            traffic=stable,
            taken_at=request.now,
            taken_by=request.actor,
            detail=detail or (reading.detail if reading.stamp is None else {}),
        ),
        restores=True,
        steps=(Step(weight=reading.traffic.share(live), bake_s=60.0, max_bake_s=600.0),),
        criteria=(),
        policy=service.policy,
        actor=request.actor,
        reason=request.reason,
    )
    return Emergency(plan=plan, reading=reading, resumes=False, origin=origin)
