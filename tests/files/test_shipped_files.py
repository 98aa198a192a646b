"""What comes with guardian loads, is free of doubts, and says what the pipeline promises."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from guardian import shipped
from guardian.cloudwatch import MetricStat
from guardian.files import config, rules
from guardian.files.rules import lint
from guardian.wiring import services

ROOT = Path(__file__).parent.parent.parent
ENVIRON = {"GUARDIAN_PAGERDUTY_ROUTING_KEY": "k" * 32}


def limits(*references: str) -> dict[str, str]:
    """Each criterion's limit in words."""
    found = rules.load(references, base=ROOT).criteria
    return {c.name: str(c.fail_if) for c in found}


def test_every_shipped_rule_file_is_without_a_finding() -> None:
    """`guardian rules lint rules/` has nothing to say."""
    report = lint([ROOT / "rules"])
    assert report.findings == ()
    assert (report.files, report.criteria) == (8, 20)


def test_production_rolls_back_by_the_pipelines_criteria() -> None:
    """Error rate, p95 latency, agent success and any P0, as the pipeline's document has them."""
    assert limits("rules/production.yaml") == {
        "error-rate": "above 5%",
        "crash-rate": "above 5%",
        "api-latency-p95": "above 10s",
        "agent-success-rate": "below 80%",
        "p0-incident": "above 0",
    }


def test_staging_is_gated_by_the_pipelines_targets() -> None:
    """Its metrics are the canary's, so that the gate waits for evidence."""
    assert limits("rules/staging.yaml") == {
        "error-rate": "above 1%",
        "api-latency-p95": "above 5s",
        "agent-response-p95": "above 30s",
        "artifact-generation-p95": "above 60s",
    }
    assert all(c.gating for c in rules.load(["rules/staging.yaml"], base=ROOT).criteria)


def test_the_lambda_preset_needs_nothing_but_an_alias() -> None:
    """Crashes and durations by version, as Lambda reports them."""
    found = rules.load(["preset:lambda"])
    assert {c.name: str(c.fail_if) for c in found.criteria} == {
        "lambda-crash-rate": "above 5%",
        "lambda-duration-p95": "above 10s",
    }
    assert {MetricStat.of(q).namespace for c in found.criteria for q in c.queries()} == {
        "AWS/Lambda"
    }
    assert "status 500" in found.warnings[0].message


@pytest.mark.parametrize(
    ("preset", "limits_of_it"),
    [
        (
            "alb",
            {
                "alb-error-rate": "above 5%",
                "alb-latency-p95": "above 10s",
                "alb-unhealthy-targets": "above 0",
            },
        ),
        (
            "api-gateway",
            {"api-gateway-error-rate": "above 5%", "api-gateway-latency-p95": "above 10s"},
        ),
        ("agents", {"agent-success-rate": "below 80%", "agent-response-p95": "above 30s"}),
        ("incidents", {"p0-incident": "above 0"}),
    ],
)
def test_presets_are_usable_by_name(preset: str, limits_of_it: dict[str, str]) -> None:
    """With nothing but their variables set."""
    found = rules.load([f"preset:{preset}"])
    assert limits(f"preset:{preset}") == limits_of_it
    assert found.warnings == ()


@pytest.mark.parametrize("name", ["development", "staging", "production", "demo"])
def test_every_shipped_configuration_loads_with_its_adapters_options(name: str) -> None:
    """Also its rules, and what its routers and notifiers take."""
    loaded = config.load(ROOT / "config" / f"{name}.yaml", environ=ENVIRON)
    assert loaded.environment == name
    for service in loaded.services.values():
        assert services.service_criteria(loaded, service.name).warnings == ()
        assert service.router.options(options("routers", service.router.name), environ=ENVIRON)
    for receiver in loaded.receivers:
        assert receiver.to.options(options("notifiers", receiver.to.name), environ=ENVIRON)


def options(room: str, name: str) -> type:
    """An adapter's model of its options."""
    found = importlib.import_module(f"guardian.{room}.{name}").Options
    assert isinstance(found, type)
    return found


def test_the_environments_have_an_account_each() -> None:
    """One credential cannot act in two of them."""
    accounts = {
        name: config.load(ROOT / "config" / f"{name}.yaml", environ=ENVIRON).aws
        for name in ("development", "staging", "production")
    }
    assert len({aws.account_id for aws in accounts.values() if aws}) == 3


def test_the_demo_is_found_beside_the_rules_that_it_names() -> None:
    """In a checkout as in an installed wheel `../rules` is the same folder."""
    path = shipped.demo_config()
    loaded = config.load(path, environ=ENVIRON)
    assert services.service_criteria(loaded, "agents-api").criteria
    assert (path.parent.parent / "rules").samefile(shipped.folder("rules"))


def test_checking_rules_imports_no_sdk_no_settings_and_no_configuration() -> None:
    """`rules lint` starts fast."""
    code = (
        "import sys; from guardian.files.rules import lint; lint(['rules']);"
        "print([m for m in ('boto3', 'botocore', 'slack_sdk', 'pydantic_settings', 'click',"
        " 'guardian.files.config', 'guardian.settings') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
