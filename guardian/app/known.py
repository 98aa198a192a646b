"""A service, and what is known of its target: its past, its snapshot, who is stable by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guardian.app.remembered import state
from guardian.core.model import Criterion, Instant, Reason
from guardian.core.plan import Approval, Drive, Plan, Policy, Reach
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.stable import Contradiction, KnownStable, Sides, records, sides
from guardian.core.traffic import Reading, Snapshot, Step, Traffic
from guardian.ports import ConfigError, Journal, Router, RouterError

SNAPSHOT_LIVES_S = 24 * 3600.0
"""An older snapshot is not taken as what stable is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as configured, with its router built and its criteria still unbound."""

    name: str
    environment: str
    router: Router
    criteria: tuple[Criterion, ...]
    rules: tuple[str, ...]
    steps: tuple[Step, ...]
    policy: Policy
    observe: bool = False
    approvals: tuple[Approval, ...] = ()
    """Steps of a rollout before which a person has to agree."""
    group: str = ""
    """The group whose members are rolled back together; empty for none."""
    reach: Reach | None = None
    """How its target is reached without a file."""

    def snapshot(
        self, traffic: Traffic, *, at: Instant, by: str, detail: Mapping[str, str] | None = None
    ) -> Snapshot:
        """What a rollback to that traffic restores."""
        return Snapshot(
            service=self.name,
            target=self.router.target,
            traffic=traffic,
            taken_at=at,
            taken_by=by,
            detail=detail or {},
        )

    def plan(
        self, request: Request, drive: Drive, found: Traffic, snapshot: Snapshot, *, canary: str
    ) -> Plan:
        """The plan to go back from the canary to the snapshot; there are no steps and criteria."""
        return Plan(
            rollout=request.rollout,
            service=self.name,
            environment=self.environment,
            target=self.router.target,
            drive=drive,
            stable=snapshot.traffic.primary,
            canary=canary,
            found=found,
            snapshot=snapshot,
            restores=drive is Drive.ROLLBACK or not self.observe,
            steps=(),
            criteria=(),
            policy=self.policy,
            actor=request.actor,
            reason=request.reason,
            fixes=request.fixes,
            reach=self.reach,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for what."""

    rollout: str
    actor: str
    reason: str
    now: Instant
    again: bool = False
    """Also start a version that was rolled back before."""
    fixes: tuple[str, ...] = ()
    """Ids of open incidents, or names of alarms, that this release is to mend."""


def history(journal: Journal, service: str) -> list[Rollout]:
    """The rollouts of a service, the newest first."""
    return [state(journal, head.rollout) for head in journal.history(service)]


def newest_snapshot(journal: Journal, service: str, target: str) -> Snapshot | None:
    """What was last recorded of the service, however long ago, if that was of this target."""
    return next((s for s in journal.snapshots(service, limit=1) if s.target == target), None)


def known(
    journal: Journal,
    service: Service,
    reading: Reading,
    past: Sequence[Rollout],
    *,
    now: Instant,
    oldest_s: float = SNAPSHOT_LIVES_S,
) -> tuple[KnownStable, ...]:
    """Everything on record that says who is stable; a snapshot counts for `oldest_s` seconds.

    `past` are the rollouts of the service, the newest first.
    """
    snapshot = newest_snapshot(journal, service.name, service.router.target)
    if snapshot is not None and now - snapshot.taken_at > oldest_s:
        snapshot = None
    return records(reading, past, snapshot, now=now)


def decided(
    service: Service, traffic: Traffic, found: Sequence[KnownStable], *, named: str | None = None
) -> Sides:
    """What these records say together; ConfigError, with the readings, where they differ."""
    try:
        return sides(traffic, found, age=service.router.capabilities.age, named=named)
    except Contradiction as error:
        raise ConfigError(
            f"nobody can tell which version of {service.router.target} is stable: {error}. Name the"
            f" one that a rollback restores: `guardian watch {service.name} --rollback-to VERSION`,"
            f" or at once, `guardian rollback {service.name} --to VERSION`"
        ) from error


def check_published(router: Router, traffic: Traffic) -> None:
    """ConfigError when traffic goes to what is no version that stays as it is."""
    for version in sorted(traffic.versions):
        try:
            router.resolve(version)
        except RouterError as error:
            if error.reason not in (Reason.NOT_FOUND, Reason.INVALID):
                raise
            raise ConfigError(
                f"{router.target} serves {version}, which can be neither stable nor a canary:"
                f" {error.detail}"
            ) from error
