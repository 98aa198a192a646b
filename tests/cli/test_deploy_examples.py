"""What examples/ deploys guardian with says of guardian what guardian says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.forks import started

ROOT = Path(__file__).resolve().parents[2]
CDK = ROOT / "examples" / "cdk"
CONFIG = CDK / "guardian" / "config" / "production.yaml"
COMPOSE = ROOT / "examples" / "compose"
BOTH = ("cdk", "compose")


def guardian(*arguments: str | Path) -> tuple[int, str, str]:
    """A command run to its end, with no variable of AWS or guardian: exit code, output, errors."""
    environ = {"PATH": "", "PYTHONPATH": str(ROOT)}
    process = started(*map(str, arguments), cwd=ROOT, env=environ, to=None)
    out, err = process.communicate(timeout=60)
    return process.wait(), out, err


def test_the_policy_of_the_cdk_example_is_printed_by_guardian_iam() -> None:
    """To the byte: `guardian iam -c guardian/config/production.yaml > policies/act.json`."""
    code, out, err = guardian("iam", "-c", CONFIG)
    assert code == 0, err
    assert (CDK / "policies" / "act.json").read_text("utf-8") == out
    assert json.loads(out)["Statement"]


@pytest.mark.parametrize("config", [CONFIG, COMPOSE / "config" / "production.yaml"], ids=BOTH)
def test_the_configuration_of_an_example_is_right(config: Path) -> None:
    """Only the secrets are missing, which no file holds."""
    code, out, err = guardian("config", "lint", config)
    assert code == 0, out + err
    assert "0 errors" in out + err


@pytest.mark.parametrize("folder", [CDK / "guardian", COMPOSE], ids=BOTH)
def test_the_rules_of_an_example_are_the_shipped_ones(folder: Path) -> None:
    """A copy, because a container can only be given what lies beside its own files."""
    shipped = (ROOT / "rules" / "production.yaml").read_bytes()
    assert (folder / "rules" / "production.yaml").read_bytes() == shipped
