"""One cell: a call goes wrong in one way, and then goes through."""

from __future__ import annotations

import traceback
from typing import Final

from guardian.answers import LONGEST_WAIT_S
from guardian.ports import EdgeError, NotifyError
from tests.faults.call import DONE, Asking, Call
from tests.faults.ground import Ground
from tests.faults.kinds import Wrong

ATTEMPTS: Final = 20
"""How often a call with a very short deadline is repeated until it goes through."""


def tried(ground: Ground, call: Call, wrong: Wrong) -> str:
    """What came of the call, in one word; fails when the promises of an adapter do not hold.

    It ends with a value or with an EdgeError and nothing else; a success is one; version 42 never
    has more than it was to get, and no other version has anything; nothing follows a redirect; no
    text holds a secret; and once the fault is over the same adapter does what it is asked.
    """
    ground.reset(call.weight)
    asking = call.begin(ground, wrong.hangs)
    fault = ground.simulator.faults.add(
        service=call.service,
        operation=call.operation,
        kind=wrong.kind,
        skip=call.skip,
        location=f"{ground.elsewhere.url}/",
        **wrong.options,
    )
    for _ in range(ATTEMPTS if wrong.hangs else 1):
        word = _asked(ground, call, asking)
        if fault.hits:
            break
    else:
        raise AssertionError("the fault struck nothing")
    ground.simulator.faults.remove(fault)
    ends = (_asked(ground, call, asking) for _ in range(ATTEMPTS if wrong.hangs else 1))
    assert DONE in ends, "the adapter did not recover"
    assert ground.astray == []
    return word


def _asked(ground: Ground, call: Call, asking: Asking) -> str:
    try:
        word = asking()
    except EdgeError as error:
        _keeps_secrets(ground, error)
        word = error.reason.value
        after_s = error.after_s if isinstance(error, NotifyError) else None
        assert after_s is None or 0.0 <= after_s <= LONGEST_WAIT_S
    now = ground.alias
    assert {now.version, *now.weights} <= {"41", "42"}
    share = 1.0 if now.version == "42" else now.weights.get("42", 0.0)
    assert share <= call.most
    return word


def _keeps_secrets(ground: Ground, error: EdgeError) -> None:
    shown = "".join(traceback.format_exception(error))
    for text in (error.detail, repr(error), shown):
        text.encode()
        assert not [secret for secret in ground.secrets if secret in text]
