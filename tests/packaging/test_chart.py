"""The chart: what it makes is what Kubernetes takes, and what cannot be is refused by its key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.packaging.chart import (
    BY,
    EXAMPLES,
    FILES,
    NAMESPACE,
    command_lines,
    helm,
    loaded,
    of_example,
    one,
    pods,
    rendered,
    template,
)
from tests.packaging.values_table import CHART
from tests.tooling import ROOT, judged, tool

KUBERNETES: Final = ("1.31", "1.34", "1.37")
PROMETHEUS: Final[Mapping[str, Any]] = {"networkPolicy.ingressFrom": [{"podSelector": {}}]}
FEATURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "the least": {},
    "other names": {"nameOverride": "canaries", "fullnameOverride": "watch"},
    "a tag": {"image.tag": "1.2.3"},
    "more files": {"configFiles": {"base": "version: 1\n"}},
    "no service account": {"serviceAccount.create": False, "aws.identity": "none"},
    "a claim that is there": {"journal.persistence.existingClaim": "old"},
    "another place": {"journal.address": "sqlite:/data/releases/journal.db"},
    "a claim that goes": {"journal.persistence.keep": False},
    "nobody": {"replicas": 0},
    "a shared journal": {"journal.address": "dynamodb:guardian", "replicas": 3},
    "IPv6": {"metrics.ipv6": True, "metrics.port": 8080, "metrics.hosts": ["guardian.internal"]},
    "scraped": {**PROMETHEUS, "serviceMonitor.enabled": True},
    "scraped with no policy": {"networkPolicy.enabled": False, "serviceMonitor.enabled": True},
    "a budget for several": {"podDisruptionBudget": {"enabled": True, "maxUnavailable": 2}},
    "text": {"log": {"level": "debug", "format": "text"}},
}
EXTRA: Final = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "ky": "b"}}}
REFUSED: Final[Sequence[tuple[Mapping[str, Any], str]]] = [
    ({"replica": 1}, "replica"),
    ({"replicas": -1}, "/replicas"),
    ({"replicas": 2}, "replicas"),
    ({"image.tags": "x"}, "tags"),
    ({"image.digest": "1234"}, "/image/digest"),
    ({"image.repository": "https://registry/guardian"}, "/image/repository"),
    ({"image.pullPolicy": "Sometimes"}, "/image/pullPolicy"),
    ({"config": ""}, "config"),
    ({"config": {"version": 1}}, "/config"),
    ({"rules": {"../a": "x"}}, "../a"),
    ({"configFiles": {"guardian": "x"}}, "configFiles.guardian"),
    ({"existingConfigMap": "mine"}, "existingConfigMap"),
    ({"observe": "yes"}, "/observe"),
    ({"aws.accountId": 333333333333}, "/aws/accountId"),
    ({"aws.region": "Frankfurt"}, "/aws/region"),
    ({"aws.roleArn": "guardian"}, "/aws/roleArn"),
    ({"aws.identity": "kiam"}, "/aws/identity"),
    (
        {"aws.roleArn": "arn:aws:iam::333333333333:role/g", "serviceAccount.create": False},
        "aws.roleArn",
    ),
    ({"aws.roleArn": "arn:aws:iam::333333333333:role/guardian"}, "aws.roleArn"),
    ({"journal.address": "sqlite:guardian.db"}, "/journal/address"),
    ({"journal.address": "sqlite:/guardian.db"}, "/journal/address"),
    ({"journal.address": "guardian.db"}, "/journal/address"),
    ({"journal.persistence.size": "1"}, "/journal/persistence/size"),
    (
        {"journal.persistence": {"enabled": False, "existingClaim": "a"}},
        "journal.persistence.existingClaim",
    ),
    ({"secrets.existingSecrets": "a"}, "existingSecrets"),
    ({"log.level": "trace"}, "/log/level"),
    ({"metrics.port": 80}, "/metrics/port"),
    ({"serviceMonitor.enabled": True}, "networkPolicy.ingressFrom"),
    ({"serviceMonitor.intervall": "15s"}, "intervall"),
    ({"networkPolicy.ingressFrom": [{"pods": {}}]}, "/networkPolicy/ingressFrom/0"),
    ({"podDisruptionBudget.minAvailable": 1}, "minAvailable"),
    ({"podDisruptionBudget.maxUnavailable": 0}, "/podDisruptionBudget/maxUnavailable"),
    ({"resources.limits.memory": "1"}, "/resources/limits/memory"),
    ({"terminationGracePeriodSeconds": 5}, "/terminationGracePeriodSeconds"),
    ({"tolerations": [{"effect": "Never"}]}, "/tolerations/0/effect"),
    ({"affinity.podAfinity": {}}, "podAfinity"),
    ({"extraEnv": [EXTRA]}, "ky"),
    ({"extraVolumes": [{"emptyDir": {}}]}, "/extraVolumes/0"),
    ({"extraVolumeMounts": [{"name": "a", "path": "/a"}]}, "/extraVolumeMounts/0"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Everything that the chart can be asked for, rendered: each in a file of its own."""
    folder = tmp_path_factory.mktemp("rendered")
    texts = {name: rendered(values, *FILES) for name, values in FEATURES.items()}
    texts |= {path.stem: rendered({}, *of_example(path)) for path in EXAMPLES}
    files = {name: folder / f"{name.replace(' ', '-')}.yaml" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    return files


def test_the_chart_and_each_example_are_lint_free() -> None:
    """As `helm lint --strict` sees it, with the values that a user would give."""
    for words in (FILES, *map(of_example, EXAMPLES)):
        ended = helm("lint", "--strict", CHART, *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_without_a_configuration_it_says_what_to_give() -> None:
    """A guardian that guards nothing would be believed to guard something."""
    ended = template({})
    assert ended.returncode != 0
    assert "config: there is none, so nothing would be guarded" in ended.stderr
    assert "--set-file config=config/production.yaml" in ended.stderr


@pytest.mark.parametrize(("values", "key"), REFUSED, ids=[json.dumps(v) for v, _ in REFUSED])
def test_what_cannot_be_is_refused_by_its_key(values: Mapping[str, Any], key: str) -> None:
    """Misspelt, out of range, or not together: rendering fails, and the message names the key."""
    given = FILES[2:] if "config" in values else FILES
    ended = template(values, *given)
    assert ended.returncode != 0, ended.stdout
    said = ended.stderr.partition("Error:")[2]
    assert f"'{key}'" in said or f"\n{key}: " in said, said


def test_all_that_does_not_go_together_is_said_at_once() -> None:
    """Not one after the other, each after another try."""
    values = {"replicas": 2, "serviceMonitor.enabled": True, "existingConfigMap": "mine"}
    said = template(values, *FILES).stderr
    assert all(
        f"\n{key}: " in said
        for key in ("existingConfigMap", "replicas", "networkPolicy.ingressFrom")
    )


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_what_is_made(made: Mapping[str, Path], version: str) -> None:
    """By the schemas of its oldest, a middle and its newest version, and no field is unknown."""
    validate = tool("kubernetes-validate", by=BY)
    ended = judged(validate, "--strict", "--quiet", "-k", version, *made.values())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # Definitions that a cluster gets with the Prometheus operator are in no schema of Kubernetes.
    unknown = [line for line in (ended.stdout + ended.stderr).splitlines() if "WARN" in line]
    assert all("monitoring.coreos.com/v1" in line for line in unknown), unknown


def test_each_pod_meets_the_restricted_standard(made: Mapping[str, Path]) -> None:
    """Kubernetes' pod security standard of this name, field by field."""
    for name, path in made.items():
        found = list(pods(loaded(path.read_text())))
        assert len(found) == 2, name
        for pod in found:
            assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod)
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["securityContext"]["runAsUser"] == 65532
            assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            assert not pod["automountServiceAccountToken"]
            allowed = {"name", "configMap", "csi", "emptyDir", "persistentVolumeClaim"}
            assert {key for volume in pod["volumes"] for key in volume} <= allowed
            for container in pod["containers"]:
                context = container["securityContext"]
                assert not context["allowPrivilegeEscalation"]
                assert context["readOnlyRootFilesystem"]
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert all("hostPort" not in port for port in container.get("ports", ()))


def test_the_daemon_is_asked_whether_it_lives_and_whether_it_is_ready() -> None:
    """By the paths that guardian has, within its start, and with time to leave in."""
    spec = one(loaded(rendered({}, *FILES)), "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in container if "Probe" in name}
    assert asked == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    assert spec["terminationGracePeriodSeconds"] >= 15


def test_a_journal_in_a_file_is_for_one_guardian_and_a_shared_one_for_several() -> None:
    """One replica that goes before the next one comes, on a claim; or several, and no claim."""
    documents = loaded(rendered({}, *FILES))
    spec = one(documents, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert one(documents, "PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteOnce"]
    shared = loaded(rendered(FEATURES["a shared journal"], *FILES))
    spec = one(shared, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (3, {"type": "RollingUpdate"})
    assert "PersistentVolumeClaim" not in {d["kind"] for d in shared}
    assert "journal" not in {volume["name"] for volume in spec["template"]["spec"]["volumes"]}


def test_a_digest_wins_over_a_tag() -> None:
    """What was built and looked at is what runs."""
    digest = "sha256:" + "0" * 64
    documents = loaded(rendered({"image": {"digest": digest, "tag": "1"}}, *FILES))
    images = {c["image"] for pod in pods(documents) for c in pod["containers"]}
    assert images == {f"localhost/guardian@{digest}"}


def test_each_way_to_a_role_has_what_it_needs() -> None:
    """IRSA an annotation, Pod Identity a way to its agent and a command in the notes."""
    role = "arn:aws:iam::333333333333:role/guardian"
    irsa = loaded(rendered({"aws.roleArn": f"{role}-pod"}, *FILES))
    annotations = one(irsa, "ServiceAccount")["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": f"{role}-pod"}
    assert "169.254.170.23" not in json.dumps(one(irsa, "NetworkPolicy"))
    (example,) = [path for path in EXAMPLES if path.stem == "pod-identity"]
    agents = loaded(rendered({}, *of_example(example)))
    assert "annotations" not in one(agents, "ServiceAccount")["metadata"]
    assert "169.254.170.23/32" in json.dumps(one(agents, "NetworkPolicy"))
    assert f"--role-arn {role}" in notes(*of_example(example))


def notes(*words: str | Path) -> str:
    """What is said after an installation."""
    command = ("install", "guardian", CHART, "--namespace", NAMESPACE, "--dry-run=client")
    ended = helm(*command, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.partition("\nNOTES:\n")[2]


def test_the_notes_say_the_next_command_and_what_is_amiss() -> None:
    """`helm test` comes first; each thing that a newcomer forgets is said where it is so."""
    plain = notes(*FILES)
    assert "    helm test guardian --namespace guardian --logs" in plain
    assert "exec deploy/guardian -- guardian rollout start SERVICE --to VERSION" in plain
    assert "is in no registry" in plain
    assert "aws.roleArn is empty" in plain
    trial = notes(*of_example(CHART / "examples" / "observe.yaml"))
    assert "only observes" in trial
    assert "goes with its pod" in trial
    assert "rollout start" not in trial
    assert "is in no registry" not in notes(*of_example(CHART / "examples" / "irsa.yaml"))


def test_prometheus_takes_the_alerts_and_they_do_what_they_did(tmp_path: Path) -> None:
    """Promtool checks them as they come out of the chart, and runs the shipped tests on them."""
    documents = loaded(
        rendered({"prometheusRule": {"enabled": True, "labels": {"release": "m"}}}, *FILES)
    )
    rule = one(documents, "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "m"
    (tmp_path / "alerts.yaml").write_text(json.dumps(rule["spec"]))
    tests = (ROOT / "examples" / "prometheus" / "alerts.test.yaml").read_text()
    (tmp_path / "alerts.test.yaml").write_text(tests)
    for what, name in (("check", "alerts.yaml"), ("test", "alerts.test.yaml")):
        ended = judged(tool("promtool"), what, "rules", name, folder=tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_dashboard_is_the_one_that_ships() -> None:
    """Whole, and with the label by which Grafana's sidecar finds it."""
    documents = loaded(rendered({"dashboard.enabled": True}, *FILES))
    found = one(documents, "ConfigMap", "guardian-dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    shipped = json.loads((ROOT / "examples" / "grafana" / "guardian.json").read_text())
    assert json.loads(found["data"]["guardian.json"]) == shipped


def test_a_packed_chart_makes_the_same(tmp_path: Path) -> None:
    """What `helm package` writes has every file that is needed, and no example."""
    ended = helm("package", CHART, "--destination", tmp_path)
    assert ended.returncode == 0, ended.stderr
    (packed,) = tmp_path.iterdir()
    enabled = {"prometheusRule.enabled": True, "dashboard.enabled": True}
    words = [word for key in enabled for word in ("--set", f"{key}=true")]
    from_pack = helm("template", "guardian", packed, "--namespace", NAMESPACE, *FILES, *words)
    assert from_pack.stdout == rendered(enabled, *FILES)
    listing = judged("tar", "tzf", packed).stdout
    assert "examples" not in listing
    assert "guardian/values.schema.json" in listing


def test_checkov_finds_nothing_that_is_not_explained(made: Mapping[str, Path]) -> None:
    """Every exception stands with its reason in checkov.yaml."""
    checkov = tool("checkov", by=f"CHECKOV=1 {BY}")
    config = Path(__file__).parent / "checkov.yaml"
    folder = next(iter(made.values())).parent
    ended = judged(checkov, "--config-file", config, "--directory", folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/helm.md"])
def test_the_commands_of_a_page_do_what_they_say(page: str) -> None:
    """As far as it goes without a cluster: what is installed renders, and `helm test` is known."""
    commands = command_lines((ROOT / page).read_text())
    assert commands
    for _, verb, *words in commands:
        if verb == "test":
            assert "--logs" in helm("test", "--help").stdout
            continue
        # An upgrade asks the cluster first; what it would install is what `template` renders.
        offline = ("template", *words[1:]) if verb == "upgrade" else (verb, *words)
        ended = helm(*offline)
        assert ended.returncode == 0, f"{verb} {words}\n{ended.stderr}"


def test_each_example_is_told_of() -> None:
    """docs/helm.md says what each is for."""
    page = (ROOT / "docs" / "helm.md").read_text()
    assert [path.name for path in EXAMPLES if path.name not in page] == []
