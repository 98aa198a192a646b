"""An account is asked for where an adapter acts in one, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.files import config
from guardian.settings import load
from guardian.wiring import Wiring
from guardian.wiring.config_lint import lint_file
from guardian.wiring.iam import policies

RULES = """\
version: 1
name: errors
criteria:
  - name: errors
    ratio:
      bad: {source: prometheus, query: 'sum(increase(failed[1m]))', absent: zero}
      total: {source: prometheus, query: 'sum(increase(requests[1m]))'}
    fail_if: {above: 5%}
"""
CONFIG = """\
version: 1
environment: production
sources:
  prometheus: {url: "https://prometheus.example.com"}
services:
  search:
    router: {type: none}
    rules: [../rules/errors.yaml]
notify:
  - {to: console}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration without a word of AWS."""
    for name, text in (("rules/errors.yaml", RULES), ("config/production.yaml", CONFIG)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "config" / "production.yaml"


def test_what_asks_aws_for_nothing_needs_no_account(path: Path) -> None:
    """A gate that Prometheus judges; nobody's permission is needed for it either."""
    assert lint_file(path, {}).errors == ()
    wiring = Wiring(load({}), config.load(path, environ={}), {})
    assert wiring.service("search").router.target == "none:::search"
    wiring.check_account("search")
    assert policies(wiring, ["search"], "act") == {}


@pytest.mark.parametrize(
    ("was", "now", "name"),
    [
        ("{type: none}", "{type: lambda_alias, function: search, alias: live}", "lambda_alias"),
        ("../rules/errors.yaml", "preset:lambda", "cloudwatch"),
        ('.com"}', '.com", sigv4: true}', "prometheus"),
    ],
)
def test_what_asks_aws_says_that_it_needs_an_account(
    path: Path, was: str, now: str, name: str
) -> None:
    """A router, a source, and a source that asks AWS by one of its options alone."""
    path.write_text(path.read_text(encoding="utf-8").replace(was, now), encoding="utf-8")
    said = "\n".join(lint_file(path, {}).errors)
    assert f"{name} asks AWS, and nothing says in which account: write account_id and" in said
    named = {"AWS_ACCOUNT_ID": "333333333333", "AWS_REGION": "us-east-1"}
    assert "in which account" not in "\n".join(lint_file(path, named).errors)


def test_half_an_account_is_none(path: Path) -> None:
    """What is written is meant."""
    text = 'aws: {account_id: "333333333333"}\n'
    path.write_text(text + path.read_text(encoding="utf-8"), encoding="utf-8")
    (said,) = lint_file(path, {}).errors
    assert "aws.region is not known here: write it under aws, or set AWS_REGION" in said
