"""`guardian rollout start` and `retry`: begin a rollout here, or leave it to the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import DURATION, FIXES, colour, config_option, output_options

if TYPE_CHECKING:
    from guardian.cli.begin import StartRequest


@click.command()
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
@click.option("--reason", default="", help="Why; recorded.")
@click.option(
    "--on-exit",
    type=click.Choice(["rollback", "leave"]),
    default="rollback",
    show_default=True,
    help="What a signal does to the traffic.",
)
@click.option(
    "--timeout",
    type=DURATION,
    help="The rollout must be over by then, else --timeout-then (exit code 124)."
    " Without --wait: how long to wait for the daemon's answer, 15s.",
)
@click.option(
    "--timeout-then",
    type=click.Choice(["rollback", "leave"]),
    default="rollback",
    show_default=True,
    help="What the end of --timeout does to a release that has not failed.",
)
@click.option(
    "--rollback-timeout",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long a rollback may stay unconfirmed before a person is called (exit code 6).",
)
@click.option("--allow", metavar="WHAT", default="", help="As for `guardian watch`.")
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a JUnit report: a suite for each service, a case for each criterion.",
)
@output_options
def start(
    *,
    service: str,
    config: Path | None,
    to: str,
    wait: bool,
    again: bool,
    supersede: bool,
    fixes: tuple[str, ...],
    observe: bool,
    reason: str,
    on_exit: str,
    timeout: float | None,
    timeout_then: str,
    rollback_timeout: float,
    allow: str,
    junit: Path | None,
    form: str,
    quiet: bool,
    verbose: bool,
    no_color: bool,
) -> int:
    """Bring a version of SERVICE live by the steps of its configuration.

    Without --wait the daemon (`guardian run`) drives it, and the command ends with its answer.
    """
    from guardian.cli.begin import StartRequest, begin
    from guardian.cli.guard import actor, allowed
    from guardian.cli.output import Output
    from guardian.engine.in_process import Limits
    from guardian.wiring import open_wiring

    colour(no_color)
    _refuse(again=again and not reason, observe=observe and not wait)
    limits = Limits(
        timeout_s=timeout,
        rollback_timeout_s=rollback_timeout,
        leave_on_exit=on_exit == "leave",
        leave_on_timeout=timeout_then == "leave",
    )
    wanted = StartRequest(
        service=service,
        to=to,
        actor=actor(),
        reason=reason,
        again=again,
        fixes=fixes,
        observe=observe,
        supersede=supersede,
        wait=wait,
        limits=limits,
        allow=allowed(allow),
        form=form,
    )
    output = Output(form, quiet=quiet, verbose=verbose, junit=junit)
    with output.failing(), open_wiring(config) as wiring:
        return begin(wiring, wanted, output)


def _refuse(*, again: bool, observe: bool) -> None:
    """Raise UsageError for options that lack the one they go with."""
    from guardian.ports import UsageError

    if again:
        raise UsageError("--again needs --reason: say why the version may be tried again")
    if observe:
        raise UsageError("--observe needs --wait: a daemon observes by `mode: observe`")


@click.command()
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
def retry(
    *,
    service: str,
    config: Path | None,
    reason: str,
    wait: bool,
    timeout: float | None,
    form: str,
    quiet: bool,
    verbose: bool,
    no_color: bool,
) -> int:
    """Try again what did not work: a live rollout's shift, or a version that was rolled back.

    A live rollout asks its router again. After a rollback the same version is started anew, as
    `guardian rollout start --again` does.
    """
    from guardian.app.orders import ANSWER_S, give
    from guardian.cli.begin import begin
    from guardian.cli.guard import actor
    from guardian.cli.orders import told
    from guardian.cli.output import Output
    from guardian.core.rollout.entries import Order, OrderKind
    from guardian.wiring import open_wiring

    colour(no_color)
    output = Output(form, quiet=quiet, verbose=verbose)
    with output.failing(), open_wiring(config) as wiring:
        names = ((h.service, h.rollout) for h in wiring.journal.live())
        if any(service in pair for pair in names):
            order = Order(
                id="",
                rollout=service,
                kind=OrderKind.RETRY,
                actor=actor(),
                reason=reason,
                at=wiring.clock.now(),
            )
            result = give(wiring, order, timeout_s=ANSWER_S if timeout is None else timeout)
            told(form, result, wiring.clock.now())
            return 0
        wanted = _anew(wiring.journal, service, reason, wait=wait, timeout=timeout, form=form)
        return begin(wiring, wanted, output)


def _anew(
    journal: object, service: str, reason: str, *, wait: bool, timeout: float | None, form: str
) -> StartRequest:
    """The start that tries a version again; ConfigError when none was rolled back."""
    from typing import cast

    from guardian.app.records import phase_of, state
    from guardian.cli.begin import StartRequest
    from guardian.cli.guard import actor
    from guardian.core.rollout.machine import Phase
    from guardian.engine.in_process import Limits
    from guardian.ports import ConfigError, Journal, UsageError

    known = cast("Journal", journal)
    past = known.history(service, limit=1)
    last = state(known, past[0].rollout) if past else None
    if last is None or last.phase is not Phase.ROLLED_BACK:
        found = (
            f"its last one, {last.plan.rollout}, is {phase_of(last)}" if last else "none is known"
        )
        raise ConfigError(
            f"{service} has nothing to try again: no rollout is live, and {found}; start one with"
            f" `guardian rollout start {service} --to VERSION`"
        )
    if not reason:
        raise UsageError(
            f"version {last.plan.canary} was rolled back: say with --reason why it may be tried"
            " again"
        )
    return StartRequest(
        service=service,
        to=last.plan.canary,
        actor=actor(),
        reason=reason,
        again=True,
        wait=wait,
        limits=Limits(timeout_s=timeout),
        form=form,
    )
