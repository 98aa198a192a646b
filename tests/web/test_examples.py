"""The alerts and the dashboard ask only for what guardian exports, and promtool agrees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from guardian.cli.main import COMMANDS
from guardian.core.rollout.entries import HoldReason
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Outcome
from guardian.web.metrics import DELIVERIES, FAMILIES, OUTCOMES
from tests.tooling import ROOT, judged, tool

FOLDER = ROOT / "examples" / "prometheus"
DASHBOARD = ROOT / "examples" / "grafana" / "guardian.json"
BUILT_IN = {"job", "instance", "le"}


def alerts() -> list[dict[str, Any]]:
    """Every alert of the example."""
    loaded = YAML(typ="safe").load(FOLDER / "alerts.yaml")
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def expressions() -> Iterator[tuple[str, str]]:
    """(where, what) of every query of both."""
    yield from ((alert["alert"], alert["expr"]) for alert in alerts())
    for panel in dashboard()["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


def exported() -> dict[str, set[str]]:
    """Every name that a scrape can hold, with its labels."""
    found: dict[str, set[str]] = {}
    for family in FAMILIES:
        suffixes = ("_bucket", "_count", "_sum") if family.kind == "histogram" else ("",)
        found |= {family.name + suffix: set(family.labels) for suffix in suffixes}
    return found


@pytest.mark.parametrize(("where", "expr"), [pytest.param(w, e, id=w) for w, e in expressions()])
def test_a_query_names_only_metrics_and_labels_that_are_exported(where: str, expr: str) -> None:
    """A misspelt name is no error to Prometheus: the alert would just never fire."""
    known = exported()
    names = re.findall(r"\bguardian_\w+", expr)
    assert names, where
    assert [name for name in names if name not in known] == []
    used = {m for name in names for m in known[name]} | BUILT_IN
    written = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expr)
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
        written += listed.split(", ")
    assert [label for label in written if label not in used] == []


def test_labels_are_compared_with_values_that_exist() -> None:
    """A phase, a reason, a verdict, an outcome of this version."""
    known = {
        "phase": {p.value for p in Phase},
        "reason": {r.value for r in HoldReason},
        "verdict": {o.value for o in Outcome},
        "outcome": {*OUTCOMES, *DELIVERIES, "ok"},
    }
    compared = re.findall(
        r"\b(phase|reason|verdict|outcome)(?:=|!=)\"(\w+)\"",
        " ".join(expr for _, expr in expressions()),
    )
    assert {label for label, _ in compared} == {"phase", "verdict", "outcome"}
    assert [(label, value) for label, value in compared if value not in known[label]] == []


def test_every_metric_is_shown_or_watched() -> None:
    """What nobody would look at is not exported."""
    everything = " ".join(expr for _, expr in expressions())
    assert [f.name for f in FAMILIES if f.name not in everything] == []


# --- promtool ----------------------------------------------------------------------------------


def passes(*command: str | Path) -> str:
    """What promtool printed, having found nothing wrong."""
    found = judged(tool("promtool"), *command, folder=FOLDER)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


def test_the_alerts_are_valid() -> None:
    """By promtool, with its lint."""
    assert f"{len(alerts())} rules found" in passes("check", "rules", "alerts.yaml")


def test_the_alerts_fire_when_they_should_and_are_silent_when_not() -> None:
    """By promtool, on the series of alerts.test.yaml."""
    assert "SUCCESS" in passes("test", "rules", "alerts.test.yaml")


def test_the_scrape_configuration_is_valid() -> None:
    """With the alerts that it names."""
    assert "is valid" in passes("check", "config", "prometheus.yaml")


def test_every_query_of_the_dashboard_parses(tmp_path: Path) -> None:
    """As a recording rule, with Grafana's variables filled in."""
    queries = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    filled = [q.replace("$__rate_interval", "1m").replace("$service", "a") for q in queries]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(filled)]
    file = tmp_path / "dashboard.yaml"
    YAML(typ="safe").dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
    assert f"{len(queries)} rules found" in passes("check", "rules", file)
    assert not [expr for expr in filled if "$" in expr]


# --- what people read --------------------------------------------------------------------------


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    """Who is told, a summary, a description; and a name in the test file."""
    tested = (FOLDER / "alerts.test.yaml").read_text(encoding="utf-8")
    for alert in alerts():
        assert alert["labels"]["severity"] in ("page", "notify")
        assert all(len(alert["annotations"][key]) > 20 for key in ("summary", "description"))
        assert alert["alert"] in tested


def test_alerts_name_only_commands_that_exist() -> None:
    """Somebody reads them at night."""
    said = (FOLDER / "alerts.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"`guardian ([a-z]+)", said)) <= set(COMMANDS)


def test_the_document_lists_every_alert() -> None:
    """Name and severity, in the order of the file."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    written = re.findall(r"^\| `(Guardian\w+)` \| (\w+) \|", page, flags=re.MULTILINE)
    assert written == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]


def test_the_panels_have_places_of_their_own() -> None:
    """No two overlap or share an id, all fit Grafana's 24 columns, and each has a title."""
    panels = dashboard()["panels"]
    assert (
        len({panel["id"] for panel in panels}) == len({p["title"] for p in panels}) == len(panels)
    )
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [(a, b) for a, b in combinations(places, 2) if _overlap(a, b)] == []


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def test_every_panel_reads_the_chosen_data_source() -> None:
    """The dashboard works in any Grafana without an edit."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    assert variables == {"datasource", "service"}
    assert [p["title"] for p in dashboard()["panels"] if p["datasource"] != chosen] == []
