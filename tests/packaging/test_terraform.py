"""The Terraform example: parsed, and held to the permissions and the table of guardian itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_deploy_examples import CONFIG, guardian
from tests.packaging.policies import by_action
from tests.tooling import ROOT, judged, tool

FOLDER = ROOT / "examples" / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))


def parsed(path: Path) -> dict[str, Any]:
    """A file's blocks by kind; strings without their quotes."""
    ran = judged(tool("hcl2tojson", by="make examples"), path)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = unquoted(json.loads(ran.stdout))
    return found


def unquoted(node: Any) -> Any:
    """The parser marks what is a string by quotes; an expression stands in `${}`."""
    if isinstance(node, dict):
        return {unquoted(k): unquoted(v) for k, v in node.items() if k != "__is_block__"}
    if isinstance(node, list):
        return [unquoted(one) for one in node]
    if isinstance(node, str) and len(node) > 1 and node[0] == node[-1] == '"':
        return node[1:-1]
    return node


@pytest.fixture(scope="module")
def blocks() -> dict[str, dict[str, Any]]:
    """Each file's blocks, by its name."""
    return {path.name: parsed(path) for path in FILES}


@pytest.fixture(scope="module")
def known(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """What an expression may name: variables by their defaults, and locals made of them."""
    variables = {name: v for one in blocks["variables.tf"]["variable"] for name, v in one.items()}
    known = {f"var.{name}": v["default"] for name, v in variables.items() if "default" in v}
    (stated,) = blocks["roles.tf"]["locals"]
    for name in ("functions", "table"):
        known[f"local.{name}"] = resolved(stated[name], known)
    return known


def resolved(node: Any, known: Mapping[str, Any]) -> Any:
    """Expressions replaced by what they name."""
    if isinstance(node, list):
        return [resolved(one, known) for one in node]
    whole = re.fullmatch(r"\$\{([a-z_.]+)\}", node)
    if whole:
        return known[whole[1]]
    return re.sub(r"\$\{([a-z_.]+)\}", lambda found: str(known[found[1]]), node)


@pytest.mark.parametrize("role", ["act", "read", "break-glass"])
def test_a_role_may_do_what_guardian_iam_prints_for_it(
    blocks: Mapping[str, Any], known: Mapping[str, Any], role: str
) -> None:
    """No action and no resource more or less."""
    code, out, err = guardian("iam", "-c", CONFIG, "--role", role)
    assert code == 0, err
    documents = {
        name: document
        for one in blocks["roles.tf"]["data"]
        for name, document in one["aws_iam_policy_document"].items()
    }
    name = role.replace("-", "_")
    statements = [
        {
            "Effect": "Allow",
            "Action": resolved(statement.pop("actions"), known),
            "Resource": resolved(statement.pop("resources"), known),
        }
        | statement
        for statement in map(dict, documents[name]["statement"])
    ]
    assert by_action({"Statement": statements}) == by_action(json.loads(out))
    (stated,) = blocks["roles.tf"]["locals"]
    assert stated["policies"][name] == f"${{data.aws_iam_policy_document.{name}.json}}"


def test_the_table_is_the_journal_that_guardian_documents(
    blocks: Mapping[str, Any], known: Mapping[str, Any]
) -> None:
    """Its keys, on demand, restorable, and protected from deletion."""
    page = (ROOT / "docs" / "journals" / "dynamodb.md").read_text("utf-8")
    documented = json.loads(page.split("```json\n")[1].split("```")[0])["GuardianJournal"]
    wanted = documented["Properties"]
    (found,) = blocks["table.tf"]["resource"]
    table = found["aws_dynamodb_table"]["journal"]
    assert resolved(table["name"], known) == wanted["TableName"]
    assert table["billing_mode"] == wanted["BillingMode"]
    keys = {one["KeyType"]: one["AttributeName"] for one in wanted["KeySchema"]}
    assert {"HASH": table["hash_key"], "RANGE": table["range_key"]} == keys
    attributes = {
        one["AttributeName"]: one["AttributeType"] for one in wanted["AttributeDefinitions"]
    }
    assert {one["name"]: one["type"] for one in table["attribute"]} == attributes
    assert table["deletion_protection_enabled"] is wanted["DeletionProtectionEnabled"] is True
    assert table["point_in_time_recovery"] == [{"enabled": True}]
    assert table["lifecycle"] == [{"prevent_destroy": True}]


def test_every_expression_names_what_is_there(blocks: Mapping[str, Any]) -> None:
    """Variables and locals are declared; nobody is trusted who was not named."""
    declared = {f"var.{name}" for one in blocks["variables.tf"]["variable"] for name in one}
    declared |= {f"local.{name}" for one in blocks["roles.tf"]["locals"] for name in one}
    text = "".join(path.read_text("utf-8") for path in FILES)
    named = set(re.findall(r"\b(?:var|local)\.[a-z_]+", text))
    assert named == declared
    (trusted,) = (
        v for one in blocks["variables.tf"]["variable"] for n, v in one.items() if n == "trusted"
    )
    assert "default" not in trusted
