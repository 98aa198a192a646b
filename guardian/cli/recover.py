"""`guardian rollout recover`: finish here what a process left behind when it died."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.app.recover import RecoverRequest
from guardian.app.recover import recover as recovered
from guardian.cli.caller import caller
from guardian.cli.options import DURATION, REASON, ROLLBACK_TIMEOUT, aliases, config_option
from guardian.cli.output import Output
from guardian.engine.in_process import Limits
from guardian.engine.outcome import worst
from guardian.wiring import need, open_in_need


@click.command()
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
def recover(
    *,
    services: tuple[str, ...],
    config: Path | None,
    how: str,
    reason: str,
    timeout: float | None,
    rollback_timeout: float,
) -> int:
    """Finish what nobody drives any more, of each SERVICE or of all in the config file.

    For a pipeline, as the step that always runs. What a living process drives is left alone.
    Without the rollout's journal, a SERVICE that is named is put back by guardian's stamp on it.
    """
    output = Output("text", quiet=True)
    with open_in_need(config, say=output.say, without_file=aliases(services)) as wiring:
        need.journal_or_scratch(wiring, output.say)
        asked = RecoverRequest(
            services=need.names(wiring, services),
            named=bool(services),
            goes_on=how == "continue",
            reason=reason or "nobody drove it any more",
            limits=Limits(timeout_s=timeout, rollback_timeout_s=rollback_timeout),
        )
        if not asked.services:
            output.line("no services: nothing to recover")
        return worst(list(recovered(wiring, asked, caller(output)).values())).value
