"""Vendors' calls side by side, in threads with a deadline."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.ports import Clock, EdgeError

MOST_BESIDE = 3
"""Calls of one key that may be under way at once where one may be begun beside a hanging one."""
_INTERRUPT = object()
BUG_CHARS: Final = 300
"""What is shown of an error that no adapter expected: its text may be anybody's."""


class ThreadCallPool:
    """Runs each call in a daemon thread of its own and waits until the deadline at most.

    A vendor's call that outlives its deadline is left behind: its time-outs end it, and until
    then its key is not called again, or only a few times beside it where the caller says so.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._waiting: list[queue.SimpleQueue[tuple[str, object]]] = []

    def run(
        self,
        calls: Mapping[str, Callable[[], object]],
        *,
        deadline_s: float,
        interruptible: bool = False,
        beside: bool = False,
    ) -> Mapping[str, object]:
        """Each call's result, or its EdgeError; late, busy and interrupted ones are TIMEOUT."""
        done: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        results: dict[str, object] = {}
        if interruptible:
            with self._lock:
                self._waiting.append(done)
        most = MOST_BESIDE if beside else 1
        started = [key for key, call in calls.items() if self._start(key, call, done, most)]
        ends_at = self._clock.monotonic() + deadline_s
        while len(results) < len(started):
            try:
                key, result = done.get(timeout=max(0.0, ends_at - self._clock.monotonic()))
            except queue.Empty:
                break
            if result is _INTERRUPT:
                break
            results[key] = result
        if interruptible:
            with self._lock:
                self._waiting.remove(done)
        late = EdgeError(Reason.TIMEOUT, "no answer in time")
        return {key: results.get(key, late) for key in calls}

    def interrupt(self) -> None:
        """End the interruptible runs under way, if any.

        A signal handler may call it, in a thread that holds the lock: it takes none.
        """
        for waiting in tuple(self._waiting):
            waiting.put(("", _INTERRUPT))

    def _start(
        self,
        key: str,
        call: Callable[[], object],
        done: queue.SimpleQueue[tuple[str, object]],
        most: int,
    ) -> bool:
        with self._lock:
            if self._busy[key] >= most:
                return False
            self._busy[key] += 1

        def work() -> None:
            result = outcome_of(call)
            self._ended(key)
            done.put((key, result))

        try:
            threading.Thread(target=work, name=f"call-{key}", daemon=True).start()
        except RuntimeError as error:
            self._ended(key)
            done.put((key, EdgeError(Reason.UNAVAILABLE, f"no thread for this call: {error}")))
        return True

    def _ended(self, key: str) -> None:
        with self._lock:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]


def outcome_of(call: Callable[[], object]) -> object:
    """What a call brought: its result, or an EdgeError."""
    try:
        return call()
    except EdgeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - an adapter's bug is an unreadable answer, not a crash
        detail = scrub(f"unexpected {type(error).__name__}: {error}", BUG_CHARS)
        return EdgeError(Reason.UNKNOWN, detail)
