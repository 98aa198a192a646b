"""`guardian healthcheck`: what a container engine runs to learn whether the daemon still moves."""

from __future__ import annotations

import click

from guardian.ports.daemon_status import METRICS_LISTEN
from guardian.web.probe import ask_livez


@click.command()
@click.option(
    "--metrics-listen",
    metavar="ADDR",
    envvar="GUARDIAN_METRICS_LISTEN",
    default=METRICS_LISTEN,
    help="Where `guardian run` serves health, HOST:PORT; else GUARDIAN_METRICS_LISTEN.",
)
def healthcheck(*, metrics_listen: str) -> int:
    """Ask the daemon on this machine whether it still moves: exit code 0, else 1.

    It reads no file and no setting but the address, so that asking every few seconds costs little.
    """
    alive, said = ask_livez(metrics_listen)
    click.echo(said)
    return 0 if alive else 1
