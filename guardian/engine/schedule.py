"""The APScheduler binding: one date job a plane, armed again from each tick's own answer.

Interval jobs drop polls without a word (a late or overlapping run is skipped), so there are none:
a job runs once, and its tick says when the next one is due. Nothing is ever missed, only late.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from guardian.clock import SystemClock


class Schedule:
    """Runs each plane's tick when it wants to run; never two of one plane at once."""

    def __init__(self, *, on_death: Callable[[BaseException], None]) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(8)},
            # A tick arms its successor before APScheduler has booked its own end; with one instance
            # allowed the successor would be dropped. `_running` keeps ticks of a plane apart.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1000},
        )
        self._clock = SystemClock()
        self._on_death = on_death
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._steps: dict[str, Callable[[], float]] = {}
        self._running: set[str] = set()
        self._woken: set[str] = set()
        self._started = self._stopped = False

    def add(self, name: str, step: Callable[[], float]) -> None:
        """A plane's tick; it runs first when the schedule starts, or now if that has begun."""
        self._steps = {**self._steps, name: step}
        if self._started:
            self._arm(name, 0.0)

    def start(self) -> None:
        """Begin: every plane ticks at once."""
        self._scheduler.start()
        self._started = True
        for name in self._steps:
            self._arm(name, 0.0)

    def wake(self, name: str) -> None:
        """Tick now, or right after the tick under way."""
        with self._lock:
            if name in self._running:
                self._woken.add(name)
                return
        self._arm(name, 0.0)

    def wake_all(self) -> None:
        """Wake every plane."""
        for name in self._steps:
            self.wake(name)

    def stop(self) -> None:
        """Start no further tick; does not wait for one under way."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        # Waits until no job is being handed out: APScheduler's own thread would trip over the end.
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no tick is under way, real seconds; whether none is."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout=timeout_s)

    def _arm(self, name: str, delay_s: float) -> None:
        with self._lock:
            if self._stopped:
                return
            at = datetime.fromtimestamp(self._clock.now() + delay_s, tz=UTC)
            self._scheduler.add_job(
                self._run, "date", run_date=at, args=(name,), id=name, replace_existing=True
            )

    def _run(self, name: str) -> None:
        with self._lock:
            if self._stopped or name in self._running:
                return
            self._running.add(name)
        try:
            delay_s = self._steps[name]()
        except BaseException as error:  # noqa: BLE001 - a dead loop must stop the process
            self._on_death(error)
            return
        finally:
            with self._lock:
                self._running.discard(name)
                self._idle.notify_all()
                woken = name in self._woken
                self._woken.discard(name)
        self._arm(name, 0.0 if woken else delay_s)
