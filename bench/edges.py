"""What the edges cost: an append to the journal, and a poll of one rollout."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench import examples
from bench.table import Row
from guardian.aws import Sessions
from guardian.clock import SystemClock, SystemRandom
from guardian.cloudwatch import MetricStat
from guardian.core.judging.judge import judge
from guardian.core.model import Criterion, Instant, floor_to
from guardian.core.rollout.entries import Held, HoldReason, Resumed, RolloutStarted
from guardian.journals import sqlite
from guardian.ports import Ask, Context
from guardian.sim.server import Simulator
from guardian.sources import cloudwatch

APPENDS = 300
POLLS = 30
REGION = "us-east-1"


def rows() -> list[Row]:
    """The journal on this machine's temporary folder, and CloudWatch on loopback."""
    return [_appends(), *_polls()]


def context(simulator: Simulator | None = None) -> Context:
    """What adapters are built with."""
    account = Sessions().account(region=REGION)
    return Context(
        clock=SystemClock(),
        rng=SystemRandom(),
        client=account.client,
        check_account=account.check_account,
        account_id=simulator.world.account_id if simulator else "333333333333",
        region=REGION,
        environment="bench",
        secret=lambda _: None,
        base_url=lambda _: None,
    )


def _appends() -> Row:
    """One entry a transaction, durable, as a tick writes it."""
    with tempfile.TemporaryDirectory() as folder:
        options = sqlite.Options(path=Path(folder) / "guardian.db")
        journal = sqlite.build(options, context())
        lease = journal.open_lease("bench")
        claim = journal.claim(lease, examples.TARGET)
        assert claim is not None  # noqa: S101 - the journal is new, so nobody holds it
        plan, at = examples.plan(), examples.ORIGIN
        first = RolloutStarted(at=at, plan=plan)
        journal.append(claim, plan.rollout, expected=0, entries=[first], live=True, txid="t0")
        held = Held(at=at, why=HoldReason.PERSON, detail="bench", actor="bench")
        resumed = Resumed(at=at, detail="bench", actor="bench")
        begin = time.perf_counter()
        for seq in range(1, APPENDS + 1):
            entry = held if seq % 2 else resumed
            journal.append(
                claim, plan.rollout, expected=seq, entries=[entry], live=True, txid=f"t{seq}"
            )
        taken = time.perf_counter() - begin
        journal.close_lease(lease)
        journal.close()
    how = f"{APPENDS} appends of one entry, each its own durable transaction"
    return Row("SQLite journal", f"{APPENDS / taken:.0f} appends/s", how)


def _polls() -> list[Row]:
    """Read and judge one rollout of one criterion; CPU time of the calling thread alone."""
    clock = SystemClock()
    with Simulator(clock) as simulator, environment(simulator.url):
        source = cloudwatch.build(cloudwatch.Options(), context(simulator))
        criterion, judge_state = examples.crash_rate(), None
        end = floor_to(clock.now(), 60.0)
        start = end - 3600.0
        _publish(simulator, criterion, start)
        window = replace(examples.window(), first_shift_at=start, step_confirmed_at=start)
        asks = [
            Ask(query=query, start=start, end=end, settle_s=criterion.settle_s)
            for query in criterion.queries()
        ]
        cpu_s = []
        for _ in range(POLLS):
            now = clock.now()
            begin = time.thread_time()
            found = source.read(asks, now=now)
            _, judge_state = judge(criterion, found, window, now=now, judge_state=judge_state)
            cpu_s.append(time.thread_time() - begin)
        calls = simulator.calls("cloudwatch", "GetMetricData") / POLLS
        points = sum(len(measurement.points) for measurement in found.values())
    cpu_ms = sorted(cpu_s)[POLLS // 2] * 1e3
    how = f"one criterion, an hour of minutes, median of {POLLS} polls against the simulator"
    return [
        Row("`GetMetricData` calls for a poll of one rollout", f"{calls:g}", how),
        Row("CPU for that poll", f"{cpu_ms:.1f} ms", f"client side, {points} datapoints"),
    ]


def _publish(simulator: Simulator, criterion: Criterion, start: Instant) -> None:
    """An hour of a healthy release: one failed request of 300 in each minute."""
    for query in criterion.queries():
        counted = 1 if MetricStat.of(query).metric == "Errors" else 300
        for minute in range(60):
            at, dims = start + 60.0 * minute, dict(MetricStat.of(query).dimensions)
            simulator.feed(
                MetricStat.of(query).namespace,
                MetricStat.of(query).metric,
                {1.0: counted},
                dims=dims,
                at=at,
            )


@contextmanager
def environment(url: str) -> Iterator[None]:
    """AWS clients made in here talk to the simulator, with keys of nobody."""
    wanted = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIASIMULATED",
        "AWS_SECRET_ACCESS_KEY": "of-nobody",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
