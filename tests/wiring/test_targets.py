"""What a file asks of a service's router is checked when it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.core.traffic import Traffic, Weight, Weights
from guardian.files import config
from guardian.ports import Capabilities, ConfigError, Guard
from guardian.wiring.targets import check_steps
from tests.app.shop import Shop

TEXT = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [preset:lambda]
    steps:
      - {weight: 10%, bake: 10m}
      - {weight: 50%, bake: 10m}
      - {weight: 100%, bake: 30m}
"""


def test_a_step_that_the_router_cannot_give_is_refused_at_its_place(tmp_path: Path) -> None:
    """With the router's name, and what it can do instead."""
    path = tmp_path / "config" / "production.yaml"
    path.parent.mkdir()
    path.write_text(TEXT, encoding="utf-8")
    given = config.load(path, environ={}).service("agents-api")
    router = Shop(Traffic(primary="41")).target
    check_steps(given, router)
    router.capabilities = Capabilities(guard=Guard.HARD, weights=Weights(most=Weight.percent(15)))
    with pytest.raises(ConfigError) as refused:
        check_steps(given, router)
    assert "production.yaml:10:" in str(refused.value)
    assert "the router lambda_alias cannot do this: a canary can have at most 15%" in str(
        refused.value
    )
