"""Every outside call over HTTP, gone wrong in every way, over real sockets."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.faults.call import Call
from tests.faults.calls import CALLS
from tests.faults.ground import Ground, ground
from tests.faults.kinds import WRONGS, Wrong
from tests.faults.matrix import tried

LATE = {"timeout", "done", "told", "unknown"}
"""How a call that hangs may end: late, done all the same, told as advice, or unproven."""


@pytest.fixture(scope="module")
def world() -> Iterator[Ground]:
    """One world for all cells: a call that went wrong leaves nothing behind for the next."""
    with ground() as found:
        yield found


# botocore leaves the connection of an answer that it refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_that_goes_wrong_ends_with_a_reason_and_the_next_one_goes_through(
    world: Ground, call: Call, wrong: Wrong, caplog: pytest.LogCaptureFixture
) -> None:
    """No wrong traffic, no success that is none, no secret, and nobody followed elsewhere."""
    caplog.set_level(logging.INFO)
    word = tried(world, call, wrong)
    if wrong.hangs:
        assert word in LATE
    assert not [secret for secret in world.secrets if secret in caplog.text]
