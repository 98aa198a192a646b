"""Owns the threads: every stepper runs until told to stop; what breaks in one turn is tried again.

The first death stops them all: of what no thread can catch, or of the schedule.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from guardian.core.scrub import scrub
from guardian.engine.tick import Plane
from guardian.ports import Clock, Fenced, Journal, JournalError, Lease

AGAIN_S = (1.0, 30.0)
"""How soon a stepper that broke takes its next turn, in real seconds: at first, and at most."""
BEAT_S = 10.0
"""How often a lease beats; it lives for 30 s."""
STALL_S = 45.0
"""How late a tick may be before the watchdog speaks: longer than any deadline of a tick."""


class Beat:
    """Keeps this process's lease alive."""

    def __init__(self, journal: Journal, lease: Lease, *, on_lost: Callable[[], None]) -> None:
        self._journal = journal
        self.lease = lease
        """Another one may take its place, when this one was lost."""
        self._on_lost = on_lost
        self.trouble = ""
        """Why the last one could not be written: a journal that is only read looks healthy."""

    def step(self) -> float:
        """One heartbeat; returns the real seconds until the next."""
        try:
            self._journal.beat(self.lease)
        except Fenced:
            self._on_lost()
        except JournalError as error:
            self.trouble = str(error)
            return BEAT_S / 5
        self.trouble = ""
        return BEAT_S


class Watchdog:
    """Notices that ticks no longer end, and wakes a plane whose timer was lost."""

    def __init__(
        self,
        planes: Callable[[], Sequence[Plane]],
        clock: Clock,
        *,
        wake: Callable[[], None],
        alarm: Callable[[str], None],
    ) -> None:
        self._planes = planes
        self._clock = clock
        self._wake = wake
        self._alarm = alarm
        self._barked = False
        self._since = clock.monotonic()

    def step(self) -> float:
        """One look; returns the real seconds until the next."""
        now = self._clock.monotonic()
        due = (self._since if p.due_by is None else p.due_by for p in self._planes())
        late_s = max((now - at for at in due), default=0.0)
        if late_s > 1.0:
            self._wake()
        if late_s > STALL_S and not self._barked:
            self._alarm(f"no tick has ended for {late_s:.0f} s: guardian is not watching")
        self._barked = late_s > STALL_S
        return 1.0


class Supervisor:
    """Runs steppers in threads of their own; `step()` returns real seconds until its next turn."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._broken: dict[str, str] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._wakes: dict[str, threading.Event] = {}
        self._started = False
        self.death: BaseException | None = None
        self.changed = threading.Event()
        """Set after every step and every death: what the main thread waits on."""

    @property
    def trouble(self) -> str:
        """What broke in the last turn of a stepper; empty where every last turn went well."""
        return "; ".join(self._broken.copy().values())

    def add(self, name: str, step: Callable[[], float]) -> None:
        """Run `step` for ever in a thread called `name`, from `start` on; a known name stays."""
        if name in self._wakes:
            return
        self._wakes = {**self._wakes, name: threading.Event()}
        thread = threading.Thread(target=self._loop, args=(name, step), name=name, daemon=True)
        self._threads.append(thread)
        if self._started:
            thread.start()

    def start(self) -> None:
        """Start every thread."""
        self._started = True
        for thread in self._threads:
            thread.start()

    def wake(self, name: str) -> None:
        """Let a stepper take its turn now."""
        self._wakes[name].set()

    def pause(self, timeout_s: float) -> None:
        """Wait for a step or a death, real seconds."""
        self.changed.wait(timeout=timeout_s)
        self.changed.clear()

    def died(self, error: BaseException) -> None:
        """A stepper ended by an exception: remember the first, and stop them all."""
        self.death = self.death or error
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()
        self.changed.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask every thread to end, and wait for it at most `timeout_s` in all but the last call."""
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=timeout_s)
            if thread.is_alive():
                timeout_s = 0.0  # What hangs is left behind, and costs its time but once.

    def _loop(self, name: str, step: Callable[[], float]) -> None:
        wake = self._wakes[name]
        broke = 0
        try:
            while not self._stop.is_set():
                try:
                    delay_s = step()
                    broke = 0
                    self._broken.pop(name, None)
                except Exception as error:  # noqa: BLE001 - one bad turn must not end the guarding
                    first, most = AGAIN_S
                    delay_s = min(most, first * 2.0 ** min(broke, 10))
                    broke += 1
                    self._stumbled(name, error)
                self.changed.set()
                wake.wait(timeout=delay_s)
                wake.clear()
        except BaseException as error:  # noqa: BLE001 - whatever kills a loop stops the process
            self.died(error)

    def _stumbled(self, name: str, error: Exception) -> None:
        trouble = broken(f"the thread {name}", error)
        if self._broken.get(name) != trouble:
            self._say(f"{trouble}; it is tried again")
        self._broken[name] = trouble


def broken(what: str, error: Exception) -> str:
    """A bug in words that a log can take."""
    return f"{what} broke ({type(error).__name__}: {scrub(str(error), 300)})"
