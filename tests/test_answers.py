"""How long an answer may ask to wait, and how much of one is read."""

from __future__ import annotations

import socket

import pytest

from guardian.answers import LONGEST_WAIT_S, BoundedReader, TooLong, asked_wait_s
from guardian.clock import SystemClock

NOON = "Sat, 28 Nov 2026 12:00:00 GMT"
LATER = "Sat, 28 Nov 2026 12:00:20 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"RETRY-AFTER": " 0.5 "}, 0.5),
        ({"ratelimit-reset": "9"}, 9.0),
        ({"Retry-After": "86400"}, LONGEST_WAIT_S),
        ({"Retry-After": "1893456000000"}, LONGEST_WAIT_S),
        ({"Retry-After": "9" * 5000}, LONGEST_WAIT_S),
        ({"Retry-After": LATER, "Date": NOON}, 20.0),
        ({"Retry-After": "Sat, 28 Nov 9999 12:00:00 GMT", "Date": NOON}, LONGEST_WAIT_S),
        ({"Retry-After": NOON, "Date": LATER}, None),
        ({"Retry-After": LATER}, None),
        ({"Retry-After": "Sat, 28 Nov 2026 12:00:20 -0000", "Date": NOON}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "Infinity"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "\u0667"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_a_wish_to_wait_is_a_bounded_number_of_seconds(
    headers: dict[str, str], seconds: float | None
) -> None:
    """In any form that there is; what is none is no wish."""
    assert asked_wait_s(headers.items()) == seconds


def test_a_socket_is_read_up_to_a_bound() -> None:
    """What is within it is there; the next byte is too much."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"x" * 50)
        clock = SystemClock()
        reader = BoundedReader(here, clock, deadline=clock.monotonic() + 5.0, most_bytes=20)
        assert reader.read(30) == b"x" * 20
        with pytest.raises(TooLong):
            reader.read(1)
        reader.close()


def test_a_socket_is_read_until_a_deadline() -> None:
    """Also where nothing comes, and where its time is over already."""
    here, there = socket.socketpair()
    with here, there:
        clock = SystemClock()
        reader = BoundedReader(here, clock, deadline=clock.monotonic() + 0.05)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                reader.read(1)
        reader.close()
