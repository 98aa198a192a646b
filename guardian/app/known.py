"""What is known of a service's target: its past, its snapshot, and who is stable by them."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.app.remembered import state
from guardian.core.model import Instant, Reason
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.stable import Contradiction, KnownStable, Sides, records, sides
from guardian.core.traffic import Reading, Snapshot, Traffic
from guardian.ports import ConfigError, Journal, Router, RouterError

SNAPSHOT_LIVES_S = 24 * 3600.0
"""An older snapshot is not taken as what stable is."""


def history(journal: Journal, service: str) -> list[Rollout]:
    """The rollouts of a service, the newest first."""
    return [state(journal, head.rollout) for head in journal.history(service)]


def newest_snapshot(journal: Journal, service: str, target: str) -> Snapshot | None:
    """What was last recorded of the service, however long ago, if that was of this target."""
    return next((s for s in journal.snapshots(service, limit=1) if s.target == target), None)


def known(
    journal: Journal,
    service: str,
    target: str,
    reading: Reading,
    past: Sequence[Rollout],
    *,
    now: Instant,
    oldest_s: float = SNAPSHOT_LIVES_S,
) -> tuple[KnownStable, ...]:
    """Everything on record that says who is stable; a snapshot counts for `oldest_s` seconds.

    `past` are the rollouts of the service, the newest first.
    """
    snapshot = newest_snapshot(journal, service, target)
    if snapshot is not None and now - snapshot.taken_at > oldest_s:
        snapshot = None
    return records(reading, past, snapshot, now=now)


def decided(
    service: str,
    router: Router,
    traffic: Traffic,
    found: Sequence[KnownStable],
    *,
    named: str | None = None,
) -> Sides:
    """What these records say together; ConfigError, with the readings, where they differ."""
    try:
        return sides(traffic, found, age=router.capabilities.age, named=named)
    except Contradiction as error:
        raise ConfigError(
            f"nobody can tell which version of {router.target} is stable: {error}. Name the one"
            f" that a rollback restores: `guardian watch {service} --rollback-to VERSION`, or at"
            " once,"
            f" `guardian rollback {service} --to VERSION`"
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
