"""Many rollouts behind a slow CloudWatch: when a restart sees, what polls cost, how many go."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench import edges, examples, slow
from bench.table import Row
from guardian.clock import SystemClock, SystemRandom
from guardian.cloudwatch import changed
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Instant
from guardian.core.plan import Plan
from guardian.core.rollout.entries import Entry, RolloutStarted, StepEntered, WeightConfirmed
from guardian.core.rollout.machine import fold
from guardian.core.traffic import Reading, Step, Traffic, Weight
from guardian.core.verdict import Outcome
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.dependencies import Dependencies
from guardian.engine.outbox import Outbox
from guardian.engine.runner import RolloutRunner
from guardian.engine.tick import POLL_S, Plane
from guardian.engine.tick_result import TickResult
from guardian.journals import sqlite
from guardian.ports import Claim, Guard
from guardian.routers.none import Gate, Options
from guardian.sources import cloudwatch

CLOCK, PAUSE = SystemClock(), threading.Event()
ROLLOUTS = 200
CRITERIA = 4
BAKED_S = 86_400.0
STEP = Step(weight=Weight.percent(10), bake_s=2 * BAKED_S, max_bake_s=3 * BAKED_S)
PATIENCE_S = 180.0
POLLS = 2
YOUNG_S = 1800.0
MANY = (15_000, 30_000)
"""Series in steady state."""
MANY_POLLS = 3
SEEN, FIRST, ALL = "nothing is `error`", "the first passes", "all pass"


class _Split(Gate):
    """A target at its first step."""

    guard = Guard.HARD

    def read(self) -> Reading:
        """10 % on the canary."""
        return Reading(
            traffic=Traffic(primary="41", secondary="42", weight=STEP.weight), revision="1"
        )


def rows() -> list[Row]:
    """A plane of 200 rollouts, four ratios each, that have baked for a day and are begun anew."""
    with slow.slow() as url, edges.environment(url):
        return [*_day_old(), *(_many(series) for series in MANY)]


def _day_old() -> list[Row]:
    with _plane(ROLLOUTS, BAKED_S) as plane:
        began_s = time.process_time()
        passed_s = _restart(plane)
        restart_cpu_s = time.process_time() - began_s
        cpu_s = _poll_cpu_s(plane, POLLS)
    how = f"{ROLLOUTS} rollouts, {2 * CRITERIA} series each over a day, {slow.CALL_S} s a call"
    return [
        *(Row(f"A restart until {what}", _seconds(at), how) for what, at in passed_s.items()),
        Row("CPU of that restart", f"{restart_cpu_s:.0f} s", f"all threads, {_load()}"),
        Row("CPU of a poll of those", f"{cpu_s:.1f} s", f"mean of {POLLS} polls, all threads"),
    ]


def _many(series: int) -> Row:
    """How many polls a minute, and whether each of them sees."""
    polls: list[int] = []

    def observed(report: TickResult) -> None:
        if report.polled:
            verdicts = [v for p in report.statuses for v in p.verdicts]
            polls.append(sum(v.outcome is Outcome.ERROR for v in verdicts))

    with _plane(series // (2 * CRITERIA), YOUNG_S, observed) as plane:
        plane.step()
        polls.clear()
        began = CLOCK.monotonic()
        cpu_s = _poll_cpu_s(plane, MANY_POLLS)
        minutes = (CLOCK.monotonic() - began) / 60.0
    how = f"{len(polls)} polls, {cpu_s:.1f} s of CPU each, {slow.CALL_S} s a call, {_load()}"
    seen = f"{len(polls) / minutes:.1f} polls a minute, {sum(polls)} verdicts `error`"
    return Row(f"{series} series in steady state", seen, how)


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"


def _restart(plane: Plane) -> dict[str, float | None]:
    """Seconds until a breach would be seen, until one may pass, and until all have their history.

    Nothing passes while older minutes are still being read.
    """
    reached: dict[str, float | None] = dict.fromkeys((SEEN, FIRST, ALL))
    began = CLOCK.monotonic()
    while reached[ALL] is None and CLOCK.monotonic() - began < PATIENCE_S:
        delay_s = plane.step()
        outcomes = {verdict.outcome for runner in plane.runners for verdict in runner.verdicts}
        there = {
            SEEN: bool(outcomes) and Outcome.ERROR not in outcomes,
            FIRST: Outcome.PASS in outcomes,
            ALL: outcomes == {Outcome.PASS},
        }
        for what in (what for what, at in reached.items() if at is None and there[what]):
            reached[what] = CLOCK.monotonic() - began
        PAUSE.wait(delay_s)
    return reached


def _poll_cpu_s(plane: Plane, polls: int) -> float:
    """CPU of a poll, what follows it included."""
    ends_at, cpu_s = CLOCK.monotonic() + polls * POLL_S, time.process_time()
    while CLOCK.monotonic() < ends_at:
        PAUSE.wait(min(plane.step(), max(0.0, ends_at - CLOCK.monotonic())))
    return (time.process_time() - cpu_s) / polls


def _seconds(at: float | None) -> str:
    return f"not within {PATIENCE_S:.0f} s" if at is None else f"{at:.0f} s"


@contextmanager
def _plane(
    rollouts: int, baked_s: float, observer: Callable[[TickResult], None] = lambda _: None
) -> Iterator[Plane]:
    """As a process has it that was just started."""
    pool = ThreadCallPool(CLOCK)
    context = edges.context()
    with tempfile.TemporaryDirectory() as folder:
        options = sqlite.Options(path=Path(folder) / "guardian.db")
        journal = sqlite.build(options, context)
        dependencies = Dependencies(
            journal=journal, clock=CLOCK, rng=SystemRandom(), owner="bench", observer=observer
        )
        plane = Plane(
            dependencies,
            sources={"cloudwatch": cloudwatch.build(cloudwatch.Options(), context)},
            pool=pool,
            outbox=Outbox(dependencies, receivers=[], pool=pool),
        )
        lease = journal.open_lease("bench")
        for number in range(rollouts):
            plan = _plan(f"service-{number}")
            claim = journal.claim(lease, plan.target)
            assert claim is not None  # noqa: S101 - the journal is new, so nobody holds it
            plane.take(_charge(plan, claim, CLOCK.now() - baked_s))
        yield plane
        journal.close()


def _charge(plan: Plan, claim: Claim, at: Instant) -> RolloutRunner:
    entries: tuple[Entry, ...] = (
        RolloutStarted(at=at, plan=plan),
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=STEP.weight),
    )
    router = _Split(Options(), replace(edges.context(), service=plan.service))
    return RolloutRunner(rollout=fold(entries), claim=claim, router=router)


def _plan(service: str) -> Plan:
    return replace(
        examples.plan(f"r-{service}"),
        service=service,
        target=f"lambda_alias:333333333333:us-east-1:{service}:live",
        steps=(STEP,),
        criteria=tuple(_criterion(service, number) for number in range(CRITERIA)),
    )


def _criterion(service: str, number: int) -> Criterion:
    """Bad ones of all, in two series of its own."""
    like = examples.crash_rate()
    assert isinstance(like.measure, Ratio)  # noqa: S101 - the example is a ratio
    total = changed(
        like.measure.total, namespace="Shop", metric=f"{number}", dimensions=(("Service", service),)
    )
    part = changed(total, metric=f"{number}{slow.BAD_SUFFIX}")
    return replace(
        like, name=f"criterion-{number}", measure=Ratio(part=part, total=total, good=False)
    )
