"""`guardian healthcheck`: what a container engine runs to learn whether the daemon still moves."""

from __future__ import annotations

import click

from guardian.cli.lazy import command


@command()
@click.option(
    "--metrics-listen",
    metavar="ADDR",
    envvar="GUARDIAN_METRICS_LISTEN",
    default="127.0.0.1:9464",
    help="Where `guardian run` serves health, HOST:PORT; else GUARDIAN_METRICS_LISTEN.",
)
def healthcheck() -> None:
    """Ask the daemon on this machine whether it still moves: exit code 0, else 1.

    It reads no file and no setting but the address, so that asking every few seconds costs little.
    """
