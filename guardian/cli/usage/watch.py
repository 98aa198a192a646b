"""`guardian watch`: guard what is live now; the step that replaces `sleep 1800` in a pipeline."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import (
    DURATION,
    FIXES,
    JUNIT,
    REASON,
    ROLLBACK_TIMEOUT,
    F,
    config_option,
    leaving,
    output_options,
)
from guardian.wiring.adapters import unlisted


def _address_options(command: F) -> F:
    """`--lambda FUNCTION:ALIAS`, and what else routers declare."""
    for way in reversed(unlisted().values()):
        command = click.option(
            f"--{way.option}",
            metavar=way.form,
            help=f"Guard {way.what} with no file at all: the preset rules, your credentials'"
            " account.",
        )(command)
    return command


@command()
@click.argument("services", nargs=-1)
@config_option
@_address_options
@click.option(
    "--duration",
    type=DURATION,
    default="30m",
    show_default=True,
    help="The time that is judged, from now on; the command returns when it has settled.",
)
@click.option("--rollback-to", metavar="VERSION", help="What a breach restores.")
@FIXES
@click.option("--observe", is_flag=True, help="Judge and tell, and never act.")
@leaving("--on-exit", "leave_on_exit", "leave", "What a signal does to the traffic.")
@click.option(
    "--timeout",
    type=DURATION,
    help="Stop watching after this long, and treat traffic as --on-exit says (exit code 124).",
)
@ROLLBACK_TIMEOUT
@click.option(
    "--allow",
    metavar="WHAT",
    default="",
    help="Turn exit code 5 (inconclusive) or 7 (waiting) into 0 with a warning; comma-separated.",
)
@REASON
@JUNIT
@output_options
def watch() -> None:
    """Guard what is live now: judge it, roll back on a breach, and say so in the exit code.

    SERVICES are names of the config file; with none, those whose live version differs from their
    snapshot or that have none. With no file: `guardian watch --lambda agents-api:live`.
    """
