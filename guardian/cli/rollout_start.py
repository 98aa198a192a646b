"""`guardian rollout start` and `retry`: begin a rollout here, or leave it to the daemon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from guardian.app.guarding import Guarded
from guardian.app.orders import ANSWER_S, Became, give, order_to
from guardian.app.start import StartRequest, retried
from guardian.app.start import start as started
from guardian.cli.caller import actor, allowed, caller, end
from guardian.cli.orders import record, told
from guardian.cli.output import Output, printing, show
from guardian.core.rollout.entries import OrderKind
from guardian.engine.in_process import Limits
from guardian.engine.outcome import Exit
from guardian.wiring import Wiring, open_wiring


@printing
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
    leave_on_exit: bool,
    timeout: float | None,
    leave_on_timeout: bool,
    rollback_timeout: float,
    allow: str,
    output: Output,
) -> int:
    """`guardian rollout start`; the exit code."""
    with open_wiring(config) as wiring:
        asked = replace(
            StartRequest.of(
                service, to, actor=actor(), reason=reason, again=again, fixes=fixes, wait=wait
            ),
            observe=observe,
            supersede=supersede,
            limits=Limits(
                timeout_s=timeout,
                rollback_timeout_s=rollback_timeout,
                leave_on_exit=leave_on_exit,
                leave_on_timeout=leave_on_timeout,
            ),
        )
        return _start(wiring, asked, output, allowed(allow))


def _start(wiring: Wiring, asked: StartRequest, output: Output, allow: frozenset[Exit]) -> int:
    """Start it and print what it came to; the exit code."""
    result, service = started(wiring, asked, caller(output)), asked.service
    now = wiring.clock.now()
    if result.moot:
        output.say(f"{service}: {result.moot}")
    if isinstance(result, Guarded):
        return end(output, result, now, allow=allow)
    began = result.rollout
    if output.form in ("json", "jsonl"):
        show(record(result.order, Became.OBEYED, now, service=service, rollout=began))
    elif began:
        show(began)  # Alone on its line, for scripts.
    if began:
        output.say(
            f"{result.daemon} drives it: `guardian rollout status {service} -w` shows how it goes"
        )
    return 0


@printing
def retry(
    *,
    service: str,
    config: Path | None,
    reason: str,
    wait: bool,
    timeout: float | None,
    output: Output,
) -> int:
    """`guardian rollout retry`; the exit code."""
    with open_wiring(config) as wiring:
        order = retried(wiring, order_to(OrderKind.RETRY, service, actor=actor(), reason=reason))
        if order.kind is OrderKind.RETRY:
            result = give(wiring, order, timeout_s=ANSWER_S if timeout is None else timeout)
            told(output.form, result, wiring.clock.now())
            return 0
        anew = StartRequest(order=order, wait=wait, limits=Limits(timeout_s=timeout))
        return _start(wiring, anew, output, frozenset())
