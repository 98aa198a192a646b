"""What a fault makes of an answer that was right."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from guardian.sim.faults import Fault
from guardian.sim.wire import HANG_UP, Reply

_PADDING = b"a" * (16 * 1024 * 1024)
_ACCOUNT = re.compile(rb"(?<![0-9])[0-9]{12}(?![0-9])")
_XML_TEXT = re.compile(rb">([^<>]+)<")
Change = Callable[[Any], Any]


def spoiled(reply: Reply, fault: Fault) -> Reply:
    """The answer as it arrives; most faults leave it alone, having struck before."""
    match fault.kind:
        case "lost_answer":
            return HANG_UP
        case "slow":
            return reply.slower(fault.delay_s)
        case "drip":
            return replace(reply, drip_s=fault.delay_s)
        case "cut":
            return replace(reply, cut=True)
        case "throttle":
            asked = {"Retry-After": str(fault.retry_after_s)}
            return replace(reply, headers={**reply.headers, **asked})
        case "wrong_account":
            return replace(reply, body=_ACCOUNT.sub(fault.account.encode(), reply.body))
        case "huge":
            return replace(reply, body=_padded(reply.body))
    change = _CHANGES.get(fault.kind)
    return reply if change is None else _changed(reply, *change)


def _padded(body: bytes) -> bytes:
    """The same JSON object with one more, very long member; anything else with blanks behind it."""
    if body.startswith(b'{"'):
        return b'{"padding":"' + _PADDING + b'",' + body[1:]
    return body + _PADDING.replace(b"a", b" ")


def _changed(reply: Reply, change: Change, in_xml: bytes) -> Reply:
    """Every value within JSON changed, or every text within XML replaced."""
    try:
        content = json.loads(reply.body)
    except ValueError:
        return replace(reply, body=_XML_TEXT.sub(in_xml, reply.body))
    return replace(reply, body=json.dumps(_each(content, change)).encode())


def _each(value: Any, change: Change) -> Any:
    if isinstance(value, dict):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, change) for inner in value]
    return change(value)


def _other_type(value: Any) -> Any:
    if isinstance(value, str):
        return len(value)
    return [value] if isinstance(value, bool | None) else f"about {value}"


def _no_number(value: Any) -> Any:
    """Booleans are numbers here, so that no vendor's answer stays as it was for want of one."""
    return math.nan if isinstance(value, int | float) else value


def _half_a_pair(value: Any) -> Any:
    return f"{value}\ud83d" if isinstance(value, str) else value


_CHANGES: dict[str, tuple[Change, bytes]] = {
    "wrong_types": (_other_type, b"><odd/><"),
    "nan": (_no_number, b">NaN<"),
    "surrogates": (_half_a_pair, rb">\1&#xD83D;<"),
}
