"""In which order the notices that wait leave a receiver."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.notices import Notice


def leaving(waiting: Sequence[tuple[str, Notice]]) -> list[bool]:
    """Whether each of these, receivers and notices, the oldest first, waits for none before it.

    What informs waits for everything before it of its receiver and rollout. A page waits only for
    what opens or closes a page of the same key: it must not be held up by a message that is
    delayed, and a page must not be opened after it was closed.
    """
    before: dict[tuple[str, str], set[str]] = {}
    free = []
    for receiver, notice in waiting:
        keys = {*(page.key for page in notice.pages), *notice.resolves}
        earlier = before.get((receiver, notice.rollout))
        free.append(earlier is None or (bool(keys) and not keys & earlier))
        before[receiver, notice.rollout] = keys | (earlier or set())
    return free
