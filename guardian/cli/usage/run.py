"""`guardian run`: the daemon beside production."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option


@command()
@config_option
@click.option("--observe", is_flag=True, help="Judge what others deploy, tell, and never act.")
@click.option(
    "--metrics-listen",
    metavar="ADDR",
    help="Where metrics and health are served, HOST:PORT; else GUARDIAN_METRICS_LISTEN.",
)
def run() -> None:
    """Drive rollouts for whoever orders them, until told to stop.

    SIGTERM or SIGINT: leaves within 10 seconds and changes no traffic; the next daemon goes on.
    SIGHUP: reads the files again.
    """
