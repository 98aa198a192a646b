"""Record what stable is, before a deploy that somebody else makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardian.app.acting import Services
from guardian.app.planning import take_snapshot
from guardian.core.traffic import Snapshot


def snapshots(
    services: Services, names: Sequence[str], *, actor: str
) -> Iterator[tuple[str, Snapshot | None]]:
    """Each service's snapshot once it is kept; None where there is no traffic to record.

    ConfigError for one that is in the middle of a shift; those before it are kept.
    """
    for name in names:
        service = services.service(name)
        if not service.router.capabilities.moves:
            yield name, None
            continue
        found = take_snapshot(service, actor=actor, now=services.clock.now())
        services.journal.save_snapshot(found)
        yield name, found
