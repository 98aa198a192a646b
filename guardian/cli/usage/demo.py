"""`guardian demo`: the whole story offline, by the real code, against simulated vendors."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import NO_COLOR

SPEED = 60.0


@command()
@click.option(
    "--speed",
    type=click.FloatRange(1, 600),
    default=SPEED,
    show_default=True,
    help="How many times as fast as real time the clock runs.",
)
@NO_COLOR
def demo() -> None:
    """Show a healthy release go live and a bad one taken back. Needs no AWS and no network."""
