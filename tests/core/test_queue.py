"""Pages overtake what only informs, and nothing else overtakes anything."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.notices import Notice, Page, Severity
from guardian.core.queue import leaving
from guardian.messages.about_guardian import journal_wrong
from tests.core.builders import T0

MESSAGE = replace(journal_wrong("production", "full", T0), rollout="r1", pages=())


def page(key: str) -> Notice:
    """One that opens this page."""
    return replace(MESSAGE, pages=(Page(key=key, severity=Severity.ERROR),))


def test_a_page_waits_for_no_message_and_a_message_for_everything() -> None:
    """Of one receiver and rollout."""
    waiting = [("slack", MESSAGE), ("slack", page("blind")), ("slack", MESSAGE)]
    assert leaving(waiting) == [True, True, False]


def test_a_page_is_not_closed_before_it_is_opened() -> None:
    """Those of one key keep their order, and another key's go ahead."""
    closing = replace(MESSAGE, resolves=("blind",))
    waiting = [("pager", n) for n in (page("blind"), closing, page("stuck"), page("blind"))]
    assert leaving(waiting) == [True, False, True, False]


def test_lanes_and_rollouts_do_not_wait_for_each_other() -> None:
    """A delay is that of one of them."""
    other = replace(MESSAGE, rollout="r2")
    assert leaving([("slack", MESSAGE), ("mail", MESSAGE), ("slack", other)]) == [True] * 3
