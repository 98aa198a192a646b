"""`guardian healthcheck`: what a container engine runs to learn whether the daemon still moves."""

from __future__ import annotations

import click

from guardian.web.probe import ask_livez


def healthcheck(*, metrics_listen: str) -> int:
    """`guardian healthcheck`; the exit code."""
    alive, said = ask_livez(metrics_listen)
    click.echo(said)
    return 0 if alive else 1
