"""`guardian journal`: the place where rollouts are recorded."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.wiring import open_wiring
from guardian.wiring.journal_address import made


def init(*, config: Path | None) -> int:
    """`guardian journal init`; the exit code."""
    with open_wiring(config) as wiring:
        new = made(wiring, wiring.address)
        wiring.journal.live()  # It can be read, and is of a schema that this guardian knows.
    click.echo(f"{wiring.address}: {'made' if new else 'it was there already'}, and can be used")
    return 0
