"""`guardian rollout history`: past rollouts, and what happened in one."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option, form_option


@command()
@click.argument("name", required=False, metavar="[SERVICE]")
@config_option
@click.option("--rollout", "rollout", metavar="ID", help="The entries of this rollout.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many rollouts of a service, newest first.",
)
@form_option("json: one document; entries come whole.")
def history() -> None:
    """Past rollouts of SERVICE, or of all; of a rollout's id, its entries."""
