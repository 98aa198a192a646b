"""`guardian rollout`: drive a canary, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.cli.options import DURATION, colour, config_option, output_options


@click.group()
def rollout() -> None:
    """Drive a canary: shift its weight step by step, judge it, take it back on a breach."""


@rollout.command()
@click.argument("service")
@config_option
@click.option("--to", required=True, metavar="VERSION", help="A published version, or `latest`.")
@click.option("--wait", is_flag=True, help="Drive it here and wait for the end.")
@click.option("--again", is_flag=True, help="Also a version that was rolled back before.")
@click.option("--observe", is_flag=True, help="Shift and judge, and do not roll back.")
@click.option("--reason", default="", help="Why; recorded.")
@click.option(
    "--on-exit",
    type=click.Choice(["rollback", "leave"]),
    default="rollback",
    show_default=True,
    help="What a signal does to the traffic.",
)
@click.option("--timeout", type=DURATION, help="Give up waiting after this long (exit code 124).")
@click.option(
    "--rollback-timeout",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long a rollback may stay unconfirmed before a person is called (exit code 6).",
)
@click.option("--allow", metavar="WHAT", default="", help="As for `guardian watch`.")
@output_options
def start(
    *,
    service: str,
    config: Path | None,
    to: str,
    wait: bool,
    again: bool,
    observe: bool,
    reason: str,
    on_exit: str,
    timeout: float | None,
    rollback_timeout: float,
    allow: str,
    form: str,
    quiet: bool,
    verbose: bool,
    no_color: bool,
) -> int:
    """Bring a version of SERVICE live by the steps of its configuration."""
    from guardian.cli.guard import actor, allowed, guard
    from guardian.cli.output import Output
    from guardian.core.model import Reason
    from guardian.engine.session import Limits
    from guardian.engine.start import NothingToDo
    from guardian.ports import EdgeError, UsageError
    from guardian.wiring import open_wiring

    colour(no_color)
    if again and not reason:
        raise UsageError("--again needs --reason: say why the version may be tried again")
    permitted = allowed(allow)
    output = Output(form, quiet=quiet, verbose=verbose)
    with output.failing(), open_wiring(config) as wiring:
        if not wait:
            raise EdgeError(
                Reason.UNAVAILABLE,
                "no daemon drives rollouts here: add --wait, and this command drives it to the end",
            )
        try:
            task = wiring.rollout_task(
                service, to=to, actor=actor(), reason=reason, again=again, observe=observe
            )
        except NothingToDo as done:
            output.say(f"{service}: {done}")
            output.end([], 0, wiring.clock.now())
            return 0
        if wiring.journal_is_local:
            output.say(
                "the journal is on this machine alone: if this process dies without a word, no"
                " other machine can finish what it began"
            )
        limits = Limits(
            timeout_s=timeout,
            rollback_timeout_s=rollback_timeout,
            leave_on_exit=on_exit == "leave",
        )
        return guard(wiring, [task], output, limits=limits, allow=permitted)
