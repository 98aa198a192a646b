"""A rollout that a real Prometheus judges, by a rule file, from the first shift to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import cast

import pytest

from guardian.core.binding import bind
from guardian.core.rollout.entries import RolloutStarted
from guardian.core.rollout.machine import Phase, start
from guardian.core.traffic import Traffic
from guardian.engine.runner import RolloutRunner
from guardian.files import rules
from guardian.sources import prometheus
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import UndyingJournal, plane
from tests.notifiers.samples import context
from tests.simulation.scheduler import plan
from tests.simulation.world import Alias, Faults, VirtualClock
from tests.sources.prometheus_world import MINUTE, running

MOST_STEPS = 200
RULES = """\
version: 1
name: shop
defaults: {source: prometheus}
criteria:
  - name: failed-orders
    ratio:
      bad:   {query: 'sum(increase(shop_orders_total{version="${canary}", code="500"}[1m]))'}
      total: {query: 'sum(increase(shop_orders_total{version="${canary}"}[1m]))', name: orders}
    fail_if: {above: 5%}
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of one Prometheus, with an hour of orders of three versions."""
    with running(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.mark.parametrize(
    ("canary", "phase", "traffic"),
    [("42", Phase.ROLLED_BACK, "41"), ("43", Phase.COMPLETED, "43")],
    ids=["bad", "good"],
)
def test_prometheus_alone_decides(
    tmp_path: Path, port: int, canary: str, phase: Phase, traffic: str
) -> None:
    """Where two in five fail it goes back; where no failure was ever counted it goes live."""
    file = tmp_path / "shop.yaml"
    file.write_text(RULES, encoding="utf-8")
    (criterion,) = rules.load([file]).criteria
    clock = ManualClock(wall=MINUTE - 3000.0)
    options = prometheus.Options(url=f"http://127.0.0.1:{port}")
    source = prometheus.build(options, context())
    virtual = cast("VirtualClock", clock)
    alias = Alias(clock=virtual, faults=Faults(random=Random(1)), traffic=Traffic(primary="41"))
    usual = plan(clock.now(), canary=canary, bake_s=120.0, weights=(10, 100))
    bound = bind(criterion, {"canary": canary, "stable": "41"})
    entry = RolloutStarted(at=clock.now(), plan=replace(usual, criteria=(bound,)))
    journal = UndyingJournal(clock)
    claim = journal.claim(journal.open_lease("tests"), alias.target)
    assert claim is not None
    journal.append(claim, "r1", expected=0, entries=[entry], live=True, txid="r1")
    runner = RolloutRunner(rollout=start(entry), claim=claim, router=alias)
    mine = plane(clock, journal=journal)
    mine.reader.use({"prometheus": source})
    mine.take(runner)
    for _ in range(MOST_STEPS):
        clock.pass_s(max(0.5, min(mine.step(), 30.0)))
        if runner.rollout.phase in {Phase.ROLLED_BACK, Phase.COMPLETED}:
            break
    assert (runner.rollout.phase, alias.traffic) == (phase, Traffic(primary=traffic))
