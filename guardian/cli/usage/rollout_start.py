"""`guardian rollout start` and `retry`: begin a rollout here, or leave it to the daemon."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import (
    DURATION,
    FIXES,
    JUNIT,
    REASON,
    ROLLBACK_TIMEOUT,
    config_option,
    leaving,
    output_options,
)


@command()
@click.argument("service")
@config_option
@click.option("--to", required=True, metavar="VERSION", help="A published version, or `latest`.")
@click.option("--wait", is_flag=True, help="Drive it here and wait for the end.")
@click.option("--again", is_flag=True, help="Also a version that was rolled back before.")
@click.option(
    "--supersede",
    is_flag=True,
    help="Take back a live rollout of another version first, and wait until that is confirmed.",
)
@FIXES
@click.option("--observe", is_flag=True, help="Shift and judge, and do not roll back.")
@REASON
@leaving("--on-exit", "leave_on_exit", "rollback", "What a signal does to the traffic.")
@click.option(
    "--timeout",
    type=DURATION,
    help="The rollout must be over by then, else --timeout-then (exit code 124)."
    " Without --wait: how long to wait for the daemon's answer, 15s.",
)
@leaving(
    "--timeout-then",
    "leave_on_timeout",
    "rollback",
    "What the end of --timeout does to a release that has not failed.",
)
@ROLLBACK_TIMEOUT
@click.option("--allow", metavar="WHAT", default="", help="As for `guardian watch`.")
@JUNIT
@output_options
def start() -> None:
    """Bring a version of SERVICE live by the steps of its configuration.

    Without --wait the daemon (`guardian run`) drives it, and the command ends with its answer.
    """


@command()
@click.argument("service")
@config_option
@click.option("--reason", default="", help="Why; recorded. Needed after a rollback.")
@click.option("--wait", is_flag=True, help="After a rollback: drive it here, to the end.")
@click.option(
    "--timeout",
    type=DURATION,
    help="With --wait: it must be over by then, else it goes back (exit code 124)."
    " Without: how long to wait for the answer, 15s.",
)
@output_options
def retry() -> None:
    """Try again what did not work: a live rollout's shift, or a version that was rolled back.

    A live rollout asks its router again. After a rollback the same version is started anew, as
    `guardian rollout start --again` does.
    """
