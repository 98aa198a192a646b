"""`guardian rollout recover`: finish here what a process left behind when it died."""

from __future__ import annotations

from pathlib import Path

from guardian.app.recover import RecoverRequest
from guardian.app.recover import recover as recovered
from guardian.cli.caller import caller
from guardian.cli.options import aliases
from guardian.cli.output import Output
from guardian.engine.in_process import Limits
from guardian.engine.outcome import worst
from guardian.wiring import need, open_in_need


def recover(
    *,
    services: tuple[str, ...],
    config: Path | None,
    how: str,
    reason: str,
    timeout: float | None,
    rollback_timeout: float,
) -> int:
    """`guardian rollout recover`; the exit code."""
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
