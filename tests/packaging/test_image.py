"""The container image: built from the project's Dockerfile, and run as a cluster would run it."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.clock import SystemClock
from tests.packaging.container import (
    IMAGE,
    Container,
    alive,
    beside,
    build,
    inspected,
    once,
    podman,
    program,
    run,
    running,
    simulated,
    version,
    volume,
    wait_for,
)
from tests.tooling import ROOT

LIMIT_MB = 185
"""What docs/container.md gives the reason for."""
OWN_MB = 75
"""Of that, guardian and its dependencies."""
SPEED = 200
STATE = "/var/lib/guardian"
CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  fn-0:
    router: {type: lambda_alias, function: fn-0, alias: live}
    rules: ["preset:lambda"]
    steps:
      - {weight: 10%, bake: 30m}
      - {weight: 50%, bake: 30m}
      - {weight: 100%, bake: 10m}
notify: [{to: console, on: all}]
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session", autouse=True)
def _built(tmp_path_factory: pytest.TempPathFactory) -> None:
    build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def mounted(tmp_path: Path) -> str:
    """A configuration, where the image looks for it."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "production.yaml").write_text(CONFIG, encoding="utf-8")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return f"--volume={tmp_path}:/etc/guardian:ro"


# --- what it is --------------------------------------------------------------------------------


def test_the_dockerfile_is_clean() -> None:
    """Hadolint has nothing to say."""
    ran = run(program("hadolint"), ROOT / "Dockerfile")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_an_engine_is_told() -> None:
    """User, command, health, stop signal and labels."""
    config = inspected()["Config"]
    assert config["User"] == "65532:65532"
    assert (config["Entrypoint"], config["Cmd"]) == (["guardian"], ["run"])
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["Volumes"]) == {STATE, "/tmp"}  # noqa: S108 - the image's own
    assert inspected()["Healthcheck"]["Test"] == ["CMD", "guardian", "healthcheck"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["licenses"]) == ("guardian", "Apache-2.0")
    assert labels["version"] == version()


def test_its_size() -> None:
    """An image that grows is noticed."""
    own = once("-sm", "/opt/guardian", options=["--entrypoint=du", IMAGE])
    assert int(own.stdout.split()[0]) <= OWN_MB, own.stderr
    assert inspected()["Size"] / 1e6 <= LIMIT_MB


def test_nothing_in_it_installs_or_builds_software() -> None:
    """No pip, no compiler, no package manager, and nothing that raises privileges."""
    look = (
        "for program in pip pip3 gcc cc make apt-get perl; do command -v $program; done;"
        " find / -xdev -type f -perm /6000;"
        " find / -xdev \\( -name 'pip-*' -o -name ensurepip -o -name 'setuptools*' \\);"
        " python -m pip --version; python -m ensurepip --version"
    )
    found = once("-c", look, options=["--entrypoint=sh", IMAGE])
    assert found.stdout == ""
    assert re.findall(r"No module named \S+", found.stderr) == [
        "No module named pip",
        "No module named ensurepip",
    ]


def test_every_module_is_compiled_already() -> None:
    """Python's own too: a read-only root would compile them again at each start."""
    look = (
        "import sys, os, boto3, guardian.engine.daemon;"
        "found = [getattr(module, '__cached__', None) for module in sys.modules.values()];"
        "print(len(found) > 300, [path for path in found if path and not os.path.exists(path)])"
    )
    assert once("-c", look, options=["--entrypoint=python", IMAGE]).stdout == "True []\n"


def test_it_runs_as_nobody_with_nothing() -> None:
    """User 65532, no capability, a root that cannot be written, and /tmp that can."""
    look = "id -u; grep CapEff /proc/self/status; touch /x /opt/guardian/x; touch /tmp/x && echo ok"
    found = once("-c", look, options=["--entrypoint=sh", IMAGE])
    assert found.stdout.split() == ["65532", "CapEff:", "0000000000000000", "ok"]
    assert found.stderr.count("Read-only file system") == 2


# --- what it does ------------------------------------------------------------------------------


def test_it_says_its_version() -> None:
    """The version of the code that it was built from."""
    assert once(IMAGE, "version").stdout.startswith(f"guardian {version()} (Python ")


def test_it_shows_the_demo() -> None:
    """The whole story, without a network."""
    shown = once(IMAGE, "demo", "--speed", "300")
    assert shown.returncode == 0, shown.stderr
    assert "rolled back" in shown.stdout


def test_a_killed_daemon_goes_on_from_its_volume(mounted: str) -> None:
    """SIGKILL in the middle of a rollout; another container takes it to its end, once."""
    with simulated(SPEED) as aws, volume() as state:
        options = [*beside(aws), mounted, f"--volume={state}:{STATE}"]
        network = f"container:{aws.name}"
        with running(IMAGE, options=options, network=network) as first:
            wait_for(lambda: alive(first), 60, first.logs)
            began = first.run("guardian", "rollout", "start", "fn-0", "--to", "42")
            assert began.returncode == 0, began.stdout + began.stderr
            wait_for(lambda: "'42': 0.5" in aws.logs(), 120, lambda: aws.logs() + first.logs())
            first.signal("KILL")
            assert first.wait(30) == 137
        assert "42 {}" not in aws.logs()
        with running(IMAGE, options=options, network=network) as second:
            wait_for(lambda: "42 {}" in aws.logs(), 120, lambda: aws.logs() + second.logs())
            wait_for(lambda: completed(second), 60, second.logs)
            leaves_in_time(second)
        assert moves(aws) == [
            "41 {}",
            "41 {'42': 0.1}",
            "41 {'42': 0.5}",
            "41 {'42': 1.0}",
            "42 {}",
        ]


def completed(container: Container) -> bool:
    """Whether the newest rollout of all is over, and went live."""
    listed = container.run("guardian", "rollout", "list", "--all").stdout
    return "completed" in listed


def moves(aws: Container) -> list[str]:
    """Every change of the alias, in order."""
    return aws.logs().splitlines()[1:]


def leaves_in_time(container: Container) -> None:
    """SIGTERM: exit code 0 in under 10 seconds."""
    clock = SystemClock()
    began = clock.monotonic()
    container.signal("TERM")
    assert container.wait(20) == 0, container.logs()
    assert clock.monotonic() - began < 10


def test_without_a_configuration_it_says_what_to_mount() -> None:
    """`docker run IMAGE` alone ends with exit code 3, and no traceback."""
    ended = once(IMAGE)
    assert ended.returncode == 3
    assert "config/production.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_volume_of_somebody_else_is_no_riddle(mounted: str, tmp_path: Path) -> None:
    """A journal's folder that this user may not write is named, with exit code 8."""
    taken = tmp_path / "taken"
    taken.mkdir(mode=0o755)
    ended = once(IMAGE, "rollout", "list", options=[mounted, f"--volume={taken}:{STATE}"])
    assert ended.returncode == 8, ended.stdout + ended.stderr
    assert STATE in ended.stderr


# --- what the documents tell people to type ----------------------------------------------------

DOCKER = f"""\
#!/bin/sh
# What Docker would do, by podman and without a network; the image is built already.
podman="{{podman}} --cgroup-manager=cgroupfs --runtime=runc"
for word in "$@"; do
    shift
    case $word in
    guardian:dev) word={IMAGE} ;;
    guardian:{STATE}) word=$NAME:{STATE} ;;
    guardian) [ "$before" != --name ] || word=$NAME ;;
    esac
    before=$word
    set -- "$@" "$word"
done
case $1 in
build) [ -f Dockerfile ] || [ -f "$CLONE/Dockerfile" ] ;;
run)
    shift
    limits="--ulimit=nofile=1024:4096 --ulimit=nproc=1024:4096"
    exec $podman run --no-healthcheck --network=none $limits "$@"
    ;;
*) exec $podman "$@" ;;
esac
"""


def typed() -> list[str]:
    """Each line of the documents by which somebody with only Docker begins, once, in order."""
    begins = (ROOT / "docs" / "container.md").read_text("utf-8").partition("## What it expects")[0]
    text = (ROOT / "README.md").read_text("utf-8") + begins
    return list(dict.fromkeys(re.findall(r"^docker .+$", text, flags=re.MULTILINE)))


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which `docker` is podman; what was started there is away afterwards.

    It runs under a name of its own: a container called `guardian` may be somebody's.
    """
    shim = tmp_path / "bin" / "docker"
    shim.parent.mkdir()
    shim.write_text(DOCKER.replace("{podman}", str(program("podman"))), encoding="utf-8")
    shim.chmod(0o755)
    path, name = f"{shim.parent}:{os.environ['PATH']}", f"guardian-test-{uuid.uuid4().hex}"
    yield {**os.environ, "PATH": path, "CLONE": str(ROOT), "NAME": name}
    podman("rm", "--force", "--time=0", name)
    podman("volume", "rm", "--force", name)


def test_the_commands_of_the_documents_work(docker: dict[str, str], tmp_path: Path) -> None:
    """One after the other, from an empty folder; the daemon is alive at the end."""
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    for line in typed():
        ended = subprocess.run(
            ["sh", "-c", line.replace(" demo", " demo --speed 300")],  # noqa: S607 - any shell
            cwd=folder,
            env=docker,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
    assert (folder / "config" / "production.yaml").exists()
    asked = ("exec", docker["NAME"], "guardian", "healthcheck")
    wait_for(
        lambda: podman(*asked).stdout == "ok\n",
        60,
        lambda: podman("logs", docker["NAME"]).stdout,
    )
