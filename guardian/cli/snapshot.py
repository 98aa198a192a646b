"""`guardian snapshot`: record what stable is, before a deploy that somebody else makes."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.app.snapshots import snapshots
from guardian.cli.caller import actor
from guardian.cli.options import aliases
from guardian.core.codec import rfc3339
from guardian.messages import records
from guardian.messages.v1 import SnapshotsRecord
from guardian.ports import UsageError
from guardian.wiring import open_wiring


def snapshot(
    *,
    services: tuple[str, ...],
    config: Path | None,
    everything: bool,
    form: str,
) -> None:
    """`guardian snapshot`."""
    if bool(services) is everything:
        raise UsageError("either name the services, or say --all")
    taken = []
    with open_wiring(config, without_file=aliases(services)) as wiring:
        for name, found in snapshots(wiring, wiring.names(list(services)), actor=actor()):
            if found is None:
                click.echo(f"{name}: nothing to record, its router is `none`", err=True)
                continue
            taken.append(found)
            if form == "text":
                click.echo(f"{name}: version {found.traffic.primary} is stable ({found.target})")
    if form == "json":
        document: SnapshotsRecord = {
            "schema": "guardian/v1/snapshots",
            "time": rfc3339(wiring.clock.now()),
            "snapshots": [records.snapshot(one) for one in taken],
        }
        click.echo(records.text(document))
