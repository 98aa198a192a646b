"""The chart's files say what the rest of the repository says, and its schema knows each value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from guardian import __version__
from guardian.settings import load
from guardian.wiring import adapters
from tests.packaging.values_table import BEGIN, CHART, END, README, described, table
from tests.tooling import ROOT

OPEN = {"kubernetes", "words"}
"""Definitions of what holds keys that are not the chart's own."""


def read(name: str) -> Any:
    """A YAML or JSON file of the chart."""
    return YAML(typ="safe", pure=True).load((CHART / name).read_text())


def maps(node: Any, at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema of a map in a schema, with where it stands."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield at, node
        for key, inner in node.items():
            yield from maps(inner, f"{at}/{key}")


def leaves(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """The whole keys that a schema knows of the chart's own."""
    for key, inner in schema.get("properties", {}).items():
        whole = f"{at}.{key}".lstrip(".")
        yield whole
        yield from leaves(inner, whole)


def test_alerts_and_dashboard_are_those_that_ship() -> None:
    """A chart holds its files; these are copies, byte for byte."""
    examples = ROOT / "examples"
    assert (CHART / "files" / "alerts.yaml").read_bytes() == (
        examples / "prometheus" / "alerts.yaml"
    ).read_bytes(), "cp examples/prometheus/alerts.yaml helm/guardian/files/"
    assert (CHART / "files" / "dashboard.json").read_bytes() == (
        examples / "grafana" / "guardian.json"
    ).read_bytes(), "cp examples/grafana/guardian.json helm/guardian/files/dashboard.json"


def test_the_chart_has_guardians_version() -> None:
    """Its image's tag is the version, unless somebody says otherwise."""
    chart = read("Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_table_of_values_is_current() -> None:
    """It is made of values.yaml."""
    shown = README.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), "python -m tests.packaging.values_table"


def test_values_and_schema_know_the_same_keys() -> None:
    """Each value is described and has a schema; what the schema knows has a default."""
    values, schema = read("values.yaml"), read("values.schema.json")

    def keys(node: Mapping[str, Any], below: Mapping[str, Any], at: str = "") -> Iterator[str]:
        for key, value in node.items():
            whole = f"{at}.{key}".lstrip(".")
            yield whole
            inner = below["properties"][key]
            if isinstance(value, dict) and "properties" in inner:
                yield from keys(value, inner, whole)

    written = set(keys(values, schema))
    quantities = {"resources.requests", "resources.limits"}
    empty = tuple(f"{key}." for key, value in values.items() if value == {})
    assert {key for key in leaves(schema) if not key.startswith(empty)} == written
    told = described((CHART / "values.yaml").read_text())
    groups = {key.rpartition(".")[0] for key in told}
    assert {key for key in written if key not in told} - groups == quantities


def test_no_map_of_the_chart_takes_a_key_it_does_not_know() -> None:
    """But those that are Kubernetes' own words, or names that people choose."""
    schema = read("values.schema.json")
    taken = [at for at, node in maps(schema) if node.get("additionalProperties") is not False]
    own = [at for at in taken if at.removeprefix("/definitions/") not in OPEN]
    assert own == ["/properties/extraVolumes/items"]
    assert json.dumps(schema).count('"#/definitions/kubernetes"') > 0


def test_what_the_chart_takes_for_a_file_is_what_guardian_does() -> None:
    """One address, where guardian's journals are local."""
    address = read("values.yaml")["journal"]["address"]
    assert load({"GUARDIAN_JOURNAL": address}).journal == address
    journals = {name: adapters.adapter("journals", name) for name in adapters.adapters("journals")}
    local = [name for name, module in journals.items() if getattr(module, "LOCAL", False)]
    assert local == [address.partition(":")[0]]
