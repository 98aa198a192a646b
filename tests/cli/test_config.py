"""`guardian config`: what the files come to, where each value stands, and the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardian.cli.main import guardian
from guardian.files.yaml import parse
from guardian.ports import ConfigError
from guardian.wiring.config_schema import config_schema
from tests.recorded import checked

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(guardian, ["config", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def files(folder: Path) -> str:
    """A configuration in two files."""
    (folder / "config").mkdir()
    (folder / "config" / "base.yaml").write_text(
        "version: 1\nenvironment: production\n"
        'aws: {account_id: "333333333333", region: us-east-1}\n'
        "services:\n  api:\n    router: {type: none}\n    rules: [preset:lambda]\n",
        encoding="utf-8",
    )
    path = folder / "config" / "production.yaml"
    path.write_text(
        "extends: base.yaml\ndefaults: {max_hold: 2h}\n"
        "notify:\n  - {to: slack, channel: '#x', token: {env: HIDDEN}}\n",
        encoding="utf-8",
    )
    return str(path)


def test_show_prints_each_value_with_its_file_and_line(tmp_path: Path) -> None:
    """The merged result, guardian's own values among it, as YAML that reads back."""
    shown = run("show", "-c", files(tmp_path))
    lines = {line.split("#")[0].strip(): line.partition("# ")[2] for line in shown.splitlines()}
    assert lines["type: none"].endswith("config/base.yaml:6")
    assert lines["max_hold: 2h"].endswith("config/production.yaml:2")
    assert lines["max_blind: 10m"] == "default"
    data = parse(shown.encode(), "shown").data
    assert data["services"]["api"]["router"] == {"type": "none"}
    assert data["notify"][0]["token"] == {"env": "HIDDEN"}
    assert data["aws"]["account_id"] == "333333333333"


def test_show_of_one_service_says_nothing_of_the_others(tmp_path: Path) -> None:
    """And a service that is not there is an error that names those that are."""
    record = checked(run("show", "api", "-c", files(tmp_path), "-o", "json"))
    assert {value["path"][1] for value in record["values"]} == {"api"}
    with pytest.raises(Exception, match="known are api"):
        run("show", "apo", "-c", str(tmp_path / "config" / "production.yaml"))


def test_lint_finds_every_fault_of_every_part_in_one_run(tmp_path: Path) -> None:
    """Routers, rule files, receivers, the journal, and names that no rollout could fill in."""
    path = tmp_path / "config" / "production.yaml"
    path.parent.mkdir()
    path.write_text(
        "version: 1\nenvironment: production\n"
        'aws: {account_id: "333333333333", region: us-east-1}\n'
        "services:\n"
        "  a: {router: {type: none}, rules: [preset:lambda]}\n"
        "  b: {router: {type: nonee}, rules: [preset:lambda]}\n"
        "  c: {router: {type: none}, rules: [preset:lambdo]}\n"
        "notify:\n  - {to: slck}\n  - {to: pagerduty, routing_key: {env: NOWHERE}}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(
        guardian,
        ["config", "lint", str(path), "-o", "json"],
        standalone_mode=False,
        env={"GUARDIAN_JOURNAL": "sqlite::memory:"},
    )
    record = checked(result.output)
    assert result.return_value == 3
    errors = "\n".join(record["errors"])
    for said in (
        "service a: criterion 'lambda-crash-rate' uses ${router.function}",
        "no router called 'nonee'",
        "no preset 'lambdo'",
        "no notifier called 'slck'",
        "has to outlive the process",
    ):
        assert said in errors, said
    assert "NOWHERE" not in errors, "the secret is only wanted where guardian runs"
    assert any("NOWHERE is not set" in warning for warning in record["warnings"])


def test_lint_counts_what_it_shows(tmp_path: Path) -> None:
    """Each mistake is one, also where several are in one adapter's options or in a whole file."""
    files(tmp_path)
    path = tmp_path / "config" / "base.yaml"
    whole = path.read_text("utf-8")
    options = whole.replace("{type: none}", "{type: lambda_alias, aliass: live, colour: red}")
    for text in (options, whole.replace("version: 1", "version: 1\ncolour: red\nshape: round")):
        path.write_text(text, "utf-8")
        result = CliRunner().invoke(guardian, ["config", "lint", str(path)], standalone_mode=False)
        shown = [line for line in result.output.splitlines() if line.startswith(f"{path}:")]
        assert len(shown) > 1, result.output
        assert f": {len(shown)} errors, " in result.output


SHOP = """\
version: 1
name: shop
criteria:
  - name: queue-age
    gauge: {source: prometheus, query: max(queue_seconds), unit: Seconds}
    fail_if: {above: 10m}
"""


@pytest.mark.parametrize(
    ("written", "variables", "places"),
    [
        ("", {}, [6, 7]),
        ("sources: {prometheus: {user: ada}}\n", {}, [8]),
        ("sources: {prometheus: {url: 'https://prometheus.example.com'}}\n", {}, []),
        ("", {"GUARDIAN_PROMETHEUS_URL": "https://prometheus.example.com"}, []),
    ],
    ids=["no entry", "an entry without it", "in the file", "in a variable"],
)
def test_lint_warns_where_nothing_here_says_what_a_source_needs(
    tmp_path: Path, written: str, variables: dict[str, str], places: list[int]
) -> None:
    """The process that guards may have the variable: both ways are told, once for each place."""
    path = tmp_path / "config" / "production.yaml"
    path.parent.mkdir()
    (path.parent / "shop.yaml").write_text(SHOP, encoding="utf-8")
    path.write_text(
        "version: 1\nenvironment: production\n"
        'aws: {account_id: "333333333333", region: us-east-1}\n'
        "notify: [{to: console}]\nservices:\n"
        "  a: {router: {type: none}, rules: [shop.yaml]}\n"
        "  b: {router: {type: none}, rules: [shop.yaml]}\n" + written,
        encoding="utf-8",
    )
    result = CliRunner().invoke(
        guardian,
        ["config", "lint", str(path), "-o", "json"],
        standalone_mode=False,
        env={"GUARDIAN_PROMETHEUS_URL": None, **variables},
    )
    record = checked(result.output)
    assert (result.return_value, record["errors"]) == (0, [])
    warnings = record["warnings"]
    assert [int(w.split(":")[1]) for w in warnings] == places, warnings
    for warning in warnings:
        assert "write sources: {prometheus: {url: ...}}" in warning
        assert "or set GUARDIAN_PROMETHEUS_URL" in warning


@pytest.mark.parametrize(
    "again",
    [
        "router: {type: lambda_alias, function: agents, alias: live}",
        "router: {type: lambda_alias, function: agents, alias: live, stamp: true}",
        "router: {alias: live, function: agents, stamp: no, type: lambda_alias}",
        (
            "router: {type: lambda_alias, function: agents, alias: live}\n"
            "    aws: {role_arn: 'arn:aws:iam::333333333333:role/other'}"
        ),
    ],
    ids=["the same words", "a default spelled out", "another option", "another role"],
)
def test_one_target_for_two_services_is_refused_whatever_its_spelling(
    tmp_path: Path, again: str
) -> None:
    """They would fight over the traffic: what the router moves is compared, not its options."""
    path = tmp_path / "config" / "production.yaml"
    path.parent.mkdir()
    path.write_text(
        "version: 1\nenvironment: production\n"
        'aws: {account_id: "333333333333", region: us-east-1}\n'
        "services:\n"
        "  a:\n    router: {type: lambda_alias, function: agents, alias: live}\n"
        "    rules: [preset:lambda]\n"
        f"  b:\n    {again}\n    rules: [preset:lambda]\n"
        "  c:\n    router: {type: lambda_alias, function: agents, alias: test}\n"
        "    rules: [preset:lambda]\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(
        guardian, ["config", "lint", str(path), "-o", "json"], standalone_mode=False
    )
    errors = checked(result.output)["errors"]
    assert result.return_value == 3
    assert ["move the same target" in error for error in errors] == [True, True], errors
    assert "lambda_alias:333333333333:us-east-1:agents:live" in errors[0]


def test_what_names_an_adapter_that_does_not_exist_is_not_shown(tmp_path: Path) -> None:
    """It would look as if it were in force."""
    path = Path(files(tmp_path))
    path.write_text(path.read_text("utf-8").replace("slack", "slck"), "utf-8")
    with pytest.raises(Exception, match="no notifier called 'slck'"):
        run("show", "-c", str(path))


def test_a_journal_that_does_not_exist_is_neither_shown_nor_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a variable names another one: whoever has it not reads that file."""
    path = Path(files(tmp_path))
    path.write_text(path.read_text("utf-8") + "journal: sqlight:guardian.db\n", "utf-8")
    monkeypatch.setenv("GUARDIAN_JOURNAL", f"sqlite:{tmp_path / 'guardian.db'}")
    for command in (["config", "show"], ["iam"]):
        result = CliRunner().invoke(guardian, [*command, "-c", str(path)], standalone_mode=False)
        assert isinstance(result.exception, ConfigError), result.output
        assert re.match(
            r"\S+production.yaml:\d+:10: there is no journal called 'sqlight'",
            str(result.exception),
        )


def test_an_address_is_shown_without_what_may_be_its_token(tmp_path: Path) -> None:
    """Host and scheme are enough to know it by; the rest often lets one in."""
    path = Path(files(tmp_path))
    url = "https://ada:hush@hooks.example:8443/T0/hush?k=hush"
    hook = f'  - {{to: webhook, url: "{url}", secret: {{env: K}}}}\n'
    path.write_text(path.read_text("utf-8") + hook, "utf-8")
    for form in ("text", "json"):
        shown = run("show", "-c", str(path), "-o", form)
        assert "https://hooks.example:8443/***" in shown
        assert "hush" not in shown


def test_a_secret_that_is_written_out_is_not_shown_but_refused(tmp_path: Path) -> None:
    """As every other command refuses it."""
    path = Path(files(tmp_path))
    path.write_text(path.read_text("utf-8") + "  - {to: pagerduty, routing_key: hush}\n", "utf-8")
    with pytest.raises(ConfigError, match="a secret must not stand in a file") as caught:
        run("show", "-c", str(path))
    assert "hush" not in str(caught.value)


def walk(schema: Any) -> Any:
    """Every mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from walk(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from walk(inner)


def test_the_schema_describes_every_key_and_allows_no_other() -> None:
    """Objects are closed; each property has a description, so that an editor has one to show."""
    schema = json.loads(run("schema"))
    assert schema == config_schema()
    for part in walk(schema):
        properties = part.get("properties")
        if not isinstance(properties, dict) or "oneOf" in properties:
            continue
        assert part.get("additionalProperties") is False, part
        for key, value in properties.items():
            reference = key in ("env", "file") and value == {"type": "string"}
            assert value.get("description") or reference, key


def test_every_adapter_can_be_chosen_in_the_schema() -> None:
    """A new adapter is in the schema without an edit there."""
    schema = config_schema()
    routers = schema["definitions"]["Service"]["properties"]["router"]["oneOf"]
    assert {r["properties"]["type"]["const"] for r in routers} >= {"lambda_alias", "none"}
    receivers = schema["properties"]["notify"]["items"]["oneOf"]
    assert {n["properties"]["to"]["const"] for n in receivers} >= {"slack", "pagerduty", "console"}
