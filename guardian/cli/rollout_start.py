"""`guardian rollout start` and `retry`: begin a rollout here, or leave it to the daemon."""

from __future__ import annotations

from pathlib import Path

from guardian.app.guarding import Guarded
from guardian.app.orders import ANSWER_S, give
from guardian.app.start import Accepted, StartRequest, retried
from guardian.app.start import start as started
from guardian.cli.caller import actor, allowed, caller, end
from guardian.cli.options import (
    colour,
)
from guardian.cli.orders import told
from guardian.cli.output import Output, show
from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.rollout.entries import Order, OrderKind, for_service
from guardian.engine.in_process import Limits
from guardian.engine.outcome import Exit
from guardian.messages import records
from guardian.messages.v1 import OrderRecord
from guardian.wiring import Wiring, open_wiring


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
    """`guardian rollout start`; the exit code."""
    colour(no_color)
    output = Output(form, quiet=quiet, verbose=verbose, junit=junit)
    with output.failing(), open_wiring(config) as wiring:
        order = Order(
            id="",
            rollout=for_service(service),
            kind=OrderKind.START,
            actor=actor(),
            reason=reason,
            at=wiring.clock.now(),
            subject=to,
            again=again,
            fixes=fixes,
        )
        asked = StartRequest(
            order=order,
            observe=observe,
            supersede=supersede,
            wait=wait,
            limits=Limits(
                timeout_s=timeout,
                rollback_timeout_s=rollback_timeout,
                leave_on_exit=on_exit == "leave",
                leave_on_timeout=timeout_then == "leave",
            ),
        )
        return _start(wiring, asked, output, form, allowed(allow))


def _start(
    wiring: Wiring, asked: StartRequest, output: Output, form: str, allow: frozenset[Exit]
) -> int:
    """Start it and print what it came to; the exit code."""
    result, service = started(wiring, asked, caller(output)), asked.service
    now = wiring.clock.now()
    if result.moot:
        output.say(f"{service}: {result.moot}")
    if isinstance(result, Guarded):
        return end(output, result, now, allow=allow)
    _accepted(form, result, service, now)
    if result.rollout:
        output.say(
            f"{result.daemon} drives it: `guardian rollout status {service} -w` shows how it goes"
        )
    return 0


def _accepted(form: str, result: Accepted, service: str, now: Instant) -> None:
    """The rollout's id, alone on its line for scripts, or a record."""
    if form in ("json", "jsonl"):
        record: OrderRecord = {
            "schema": "guardian/v1/order",
            "time": rfc3339(now),
            "order": result.order.id,
            "kind": result.order.kind.value,
            "actor": result.order.actor,
            "service": service,
            "rollout": result.rollout,
            "outcome": "obeyed",
        }
        show(records.text(record))
    elif result.rollout:
        show(result.rollout)


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
    """`guardian rollout retry`; the exit code."""
    colour(no_color)
    output = Output(form, quiet=quiet, verbose=verbose)
    with output.failing(), open_wiring(config) as wiring:
        asked = Order(
            id="",
            rollout=service,
            kind=OrderKind.RETRY,
            actor=actor(),
            reason=reason,
            at=wiring.clock.now(),
        )
        order = retried(wiring, asked)
        if order.kind is OrderKind.RETRY:
            result = give(wiring, order, timeout_s=ANSWER_S if timeout is None else timeout)
            told(form, result, wiring.clock.now())
            return 0
        anew = StartRequest(order=order, wait=wait, limits=Limits(timeout_s=timeout))
        return _start(wiring, anew, output, form, frozenset())
