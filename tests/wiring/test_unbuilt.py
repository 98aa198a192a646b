"""A source that the files no longer describe must not leave a live rollout alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.binding import swapped
from guardian.core.model import Query
from guardian.engine.task import Task
from guardian.ports import Ask, ConfigError, SourceError
from guardian.wiring import open_wiring
from tests.simulation.scheduler import plan

CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api:
    router: {type: none}
    rules: [preset:lambda]
"""
QUERY = Query(source="prometheus", name="up", words=(("query", "up"), ("values", ())))


def test_a_live_rollout_is_taken_up_without_a_source_of_its_own(tmp_path: Path) -> None:
    """It is blind and says why, while a new one does not begin."""
    path = tmp_path / "production.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with open_wiring(path, environ={"GUARDIAN_JOURNAL": f"sqlite:{tmp_path / 'j.db'}"}) as wiring:
        service = wiring.service("agents-api")
        usual = plan(wiring.clock.now())
        criterion = usual.criteria[0]
        swaps = dict.fromkeys(criterion.queries(), QUERY)
        asked = replace(criterion, measure=swapped(criterion.measure, swaps))
        fresh = Task(
            plan=replace(usual, criteria=(asked,)),
            router=service.router,
            plane=wiring.plane("agents-api"),
        )
        with pytest.raises(ConfigError, match="nothing says where Prometheus is"):
            wiring.sources([fresh])
        source = wiring.sources([replace(fresh, resume=True)])[fresh.plane]["prometheus"]
        with pytest.raises(SourceError, match="nothing says where Prometheus is"):
            source.read([Ask(query=QUERY, start=0.0, end=60.0, settle_s=0.0)], now=60.0)
        with pytest.raises(SourceError, match="GUARDIAN_PROMETHEUS_URL"):
            source.unknown([QUERY], now=60.0)
        assert (source.corrected_s(QUERY), source.percentile(QUERY, 95.0)) == (0.0, None)
