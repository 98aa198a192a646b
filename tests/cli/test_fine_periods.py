"""A release judged by datapoints of 10 s: a bake of two minutes is enough, a breach soon seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.core.rollout.entries import RollbackStarted, StepEntered
from guardian.sim.simulated_traffic import API, Behaviour
from tests.cli.stage import Stage, stage

RULES = """\
version: 1
name: fine
criteria:
  - name: failed-requests
    description: At most 5 % of requests fail.
    ratio:
      bad:   {namespace: EnergyInsights/Api, metric: FailedRequests, period: 10s}
      total: {namespace: EnergyInsights/Api, metric: Requests, period: 10s}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
"""
CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [../rules/fine.yaml]
    steps:
      - {weight: 10%, bake: 2m}
      - {weight: 100%, bake: 2m}
"""
START = ("rollout", "start", "agents-api", "--to", "42", "--wait")


@pytest.fixture
def fine(tmp_path: Path) -> Iterator[Stage]:
    """A busy service whose own metrics are put with a resolution of a second."""
    with stage(tmp_path, rate=100.0, speed=60.0) as a_stage:
        a_stage.simulator.publication.fine.add(API)
        (tmp_path / "rules" / "fine.yaml").write_text(RULES)
        a_stage.config.write_text(CONFIG)
        yield a_stage


def test_a_healthy_release_passes_bakes_of_two_minutes(fine: Stage) -> None:
    """Which whole minutes could not fill: at least three are needed before a metric is believed."""
    ended = fine.run(*START, timeout_s=120)
    assert ended.code == 0, ended.out + ended.err
    assert fine.alias.version == "42"


def test_a_bad_release_is_back_within_two_minutes(fine: Stage) -> None:
    """Of its shift: seconds after its first datapoints, not minutes."""
    fine.behave("42", Behaviour(failure_rate=0.4))
    ended = fine.run(*START, timeout_s=120)
    assert ended.code == 4, ended.out + ended.err
    entries = fine.entries()
    shifted = next(e.at for e in entries if isinstance(e, StepEntered))
    back = next(e.at for e in entries if isinstance(e, RollbackStarted))
    assert back - shifted < 120, back - shifted
    assert fine.alias.version == "41"
