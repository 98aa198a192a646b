"""The Compose example: every file it mounts is there, and each says what the others expect."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from guardian.ports.daemon_status import METRICS_LISTEN
from tests.tooling import ROOT, judged, tool

FOLDER = ROOT / "examples" / "compose"


def loaded(path: Path) -> Any:
    """A YAML file."""
    return YAML(typ="safe").load(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the file, which declares each volume that they name."""
    found = loaded(FOLDER / "compose.yaml")
    named = {source for source, _, _ in mounts(found["services"]) if not source.startswith(".")}
    assert named == set(found["volumes"])
    services: dict[str, Any] = found["services"]
    return services


def mounts(services: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Source, target and mode of every mount."""
    parts = [line.split(":") for one in services.values() for line in one["volumes"]]
    return [(source, target, "".join(mode)) for source, target, *mode in parts]


def source_of(services: dict[str, Any], target: str) -> Path:
    """The file that a container finds at a path."""
    (source,) = (found for found, at, _ in mounts(services) if at == target)
    return (FOLDER / source).resolve()


def test_every_mounted_path_is_there_and_read_only(services: dict[str, Any]) -> None:
    """Docker makes a missing one as a folder, in silence."""
    for source, target, mode in mounts(services):
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
            assert mode == "ro", target


def test_every_image_is_named_by_a_variable(services: dict[str, Any]) -> None:
    """With one that works where it is not set."""
    for name, service in services.items():
        assert re.fullmatch(rf"\$\{{{name.upper()}_IMAGE:-[a-z/-]+:[a-z]+\}}", service["image"])


def test_guardian_is_hardened_and_has_time_to_leave(services: dict[str, Any]) -> None:
    """As docs/operations.md says of a container; the journal is what it may write to."""
    guardian = services["guardian"]
    assert guardian["read_only"] is True
    assert (guardian["cap_drop"], guardian["restart"]) == (["ALL"], "always")
    assert int(guardian["stop_grace_period"].removesuffix("s")) >= 15
    assert guardian["healthcheck"]["test"] == ["CMD", "guardian", "healthcheck"]
    folder = Path(guardian["environment"]["GUARDIAN_JOURNAL"].removeprefix("sqlite:")).parent
    assert ("journal", str(folder), "") in mounts(services)


def test_no_secret_is_written_down(services: dict[str, Any]) -> None:
    """Each is handed on by its name; those are the ones that the configuration needs."""
    environment = services["guardian"]["environment"]
    handed = {name for name, value in environment.items() if value is None}
    assert {name for name in handed if name.startswith("GUARDIAN_")} == {
        "GUARDIAN_SLACK_TOKEN",
        "GUARDIAN_PAGERDUTY_ROUTING_KEY",
        "GUARDIAN_PAGERDUTY_API_TOKEN",
    }


def test_nothing_is_open_to_the_network(services: dict[str, Any]) -> None:
    """Ports are published on loopback alone."""
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_scrapes_guardian_by_a_name_that_it_answers_to(services: dict[str, Any]) -> None:
    """Any other Host is refused."""
    config = loaded(source_of(services, "/etc/prometheus/prometheus.yml"))
    (job,) = config["scrape_configs"]
    ((target,),) = (static["targets"] for static in job["static_configs"])
    host, port = target.split(":")
    environment = services["guardian"]["environment"]
    assert host in services
    assert host == environment["GUARDIAN_METRICS_HOSTS"]
    assert port == environment["GUARDIAN_METRICS_LISTEN"].split(":")[1]
    assert port == METRICS_LISTEN.split(":")[1]


def test_promtool_takes_what_prometheus_is_given(services: dict[str, Any], tmp_path: Path) -> None:
    """The configuration with the alerts beside it, as they lie in the container."""
    for target in ("/etc/prometheus/prometheus.yml", "/etc/prometheus/alerts.yaml"):
        shutil.copy(source_of(services, target), tmp_path / Path(target).name)
    ran = judged(tool("promtool"), "check", "config", tmp_path / "prometheus.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "alerts.yaml" in ran.stdout


def test_grafana_finds_prometheus_and_the_shipped_dashboard(services: dict[str, Any]) -> None:
    """Where its provider looks, and with the kind of data source that the dashboard asks for."""
    sources = source_of(services, "/etc/grafana/provisioning/datasources")
    (found,) = loaded(sources / "prometheus.yaml")["datasources"]
    assert found["url"] == "http://prometheus:9090"
    assert found["isDefault"] is True
    boards = source_of(services, "/etc/grafana/provisioning/dashboards")
    (provider,) = loaded(boards / "guardian.yaml")["providers"]
    shipped = source_of(services, f"{provider['options']['path']}/guardian.json")
    assert shipped == ROOT / "examples" / "grafana" / "guardian.json"
    board = json.loads(shipped.read_text("utf-8"))
    (variable,) = (v for v in board["templating"]["list"] if v["type"] == "datasource")
    assert variable["query"] == found["type"]
