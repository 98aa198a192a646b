"""`guardian rollout recover`: finish here what a process left behind when it died."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import DURATION, REASON, ROLLBACK_TIMEOUT, config_option


@command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option(
    "--how",
    type=click.Choice(["rollback", "continue"]),
    default="rollback",
    show_default=True,
    help="Put traffic back, or drive the rollout on to its end.",
)
@REASON
@click.option(
    "--timeout",
    type=DURATION,
    help="It must be over by then; what is driven on goes back first (exit code 124).",
)
@ROLLBACK_TIMEOUT
def recover() -> None:
    """Finish what nobody drives any more, of each SERVICE or of all in the config file.

    For a pipeline, as the step that always runs. What a living process drives is left alone.
    Without the rollout's journal, a SERVICE that is named is put back by guardian's stamp on it.
    """
