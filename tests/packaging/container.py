"""The image as `make image` makes it, without Docker and without a registry, and containers of it.

The base is made of Debian's packages, and stands in for the official image that the Dockerfile
names: the same operating system, another build of Python.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import SystemClock
from tests.tooling import ROOT, tool

IMAGE = "localhost/guardian:dev"
BASE = (
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    "--aptopt=APT::Install-Recommends false",
    "--include=usr-is-merged,ca-certificates,python3-minimal,python3-venv,libpython3-stdlib,tzdata",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--format=tar",
)
"""What mmdebstrap is told."""
PATH = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HARDENED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    # Limits below those of the machine: who may not raise them can still set them.
    "--ulimit=nofile=1024:4096",
    "--ulimit=nproc=1024:4096",
)
_PIP = ("index-url", "extra-index-url", "trusted-host", "cert", "proxy")


def program(name: str) -> Path:
    """Where one is that `make image` brings."""
    return tool(name, by="make image")


def run(*command: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """A program's end, with what it printed."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )


def podman(*words: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Podman with what works without systemd, in a container too."""
    program("runc")
    return run(
        program("podman"), "--cgroup-manager=cgroupfs", "--runtime=runc", *words, timeout=timeout
    )


def base(folder: Path) -> str:
    """The stand-in for the official image; skips where this machine can make none."""
    system = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text("utf-8").splitlines()
        if "=" in line
    )
    release = system.get("VERSION_CODENAME", "").strip('"')
    recipe = hashlib.sha256(repr((BASE, release)).encode()).hexdigest()[:12]
    name = f"localhost/guardian-base:{recipe}"
    mmdebstrap = program("mmdebstrap")
    if podman("image", "exists", name).returncode:
        _possible(run(mmdebstrap, *BASE, release, folder / "base.tar"), "make a base image")
        _possible(podman("import", "--change", PATH, folder / "base.tar", name), "keep an image")
    # Before anything of ours is in it: what fails here is the machine's.
    _possible(once(name, "true"), "run a container")
    return name


def _possible(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no word"])[-1]
        pytest.skip(f"image: this machine cannot {what}: {why}")


def build(folder: Path) -> str:
    """The project's own Dockerfile, on that base; the image's name."""
    mounts = []
    settings = folder / "pip.conf"
    settings.write_text(pip_settings(), encoding="utf-8")
    for there, here in ((settings, "/etc/pip.conf"), (Path("/etc/ssl/certs"), "/etc/ssl/certs")):
        if there.exists():
            mounts += ["-v", f"{there}:{here}:ro"]
    made = run(
        *(program("buildah"), "bud", "--format=docker", "--isolation=chroot", "--network=host"),
        *("--pull-never", "--layers", "--build-arg", f"PYTHON_IMAGE={base(folder)}"),
        *("--build-arg", f"VERSION={version()}", *mounts, "-t", IMAGE, "."),
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    return IMAGE


def version() -> str:
    """Of the code that is built."""
    from guardian import __version__

    return __version__


def pip_settings() -> str:
    """This machine's way to a package index, for the build: nothing else of its settings."""
    listed = run(sys.executable, "-m", "pip", "config", "list").stdout.splitlines()
    pairs = (line.partition("=") for line in listed)
    found = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in pairs}
    wanted = {
        name: value
        for name, value in found.items()
        if name in _PIP and not value.startswith("file:")
    }
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in wanted.items())


@cache
def inspected() -> Mapping[str, Any]:
    """What the image says of itself."""
    found = json.loads(podman("image", "inspect", IMAGE).stdout)[0]
    assert isinstance(found, dict)
    return found


def once(*words: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """A hardened container without any network, run to its end."""
    return podman("run", "--rm", "--no-healthcheck", "--network=none", *HARDENED, *options, *words)


class Container:
    """One that runs in the background, hardened."""

    def __init__(self, *words: str, options: Sequence[str], network: str = "none") -> None:
        self.name = f"guardian-test-{uuid.uuid4().hex[:12]}"
        began = podman(
            *("run", "--detach", "--no-healthcheck", "--name", self.name),
            *(f"--network={network}", *HARDENED, *options, *words),
        )
        assert began.returncode == 0, began.stderr

    def run(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """A command inside."""
        return podman("exec", self.name, *command, timeout=timeout)

    def logs(self) -> str:
        """All that it has written."""
        found = podman("logs", self.name)
        return found.stdout + found.stderr

    def state(self, key: str = "Status") -> Any:
        """A key of the engine's view of it."""
        return json.loads(podman("container", "inspect", self.name).stdout)[0]["State"][key]

    def signal(self, name: str) -> None:
        """Send one, and wait for nothing."""
        podman("kill", "--signal", name, self.name)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it is over."""
        wait_for(lambda: self.state() == "exited", seconds, self.logs)
        return int(self.state("ExitCode"))

    def remove(self) -> None:
        """Away with it, running or not; named volumes stay."""
        podman("rm", "--force", "--time=0", "--volumes", self.name)


@contextmanager
def running(*words: str, options: Sequence[str] = (), network: str = "none") -> Iterator[Container]:
    """A container for the time of a test."""
    container = Container(*words, options=options, network=network)
    try:
        yield container
    finally:
        container.remove()


@contextmanager
def volume() -> Iterator[str]:
    """A named volume for the time of a test."""
    name = f"guardian-test-{uuid.uuid4().hex[:12]}"
    podman("volume", "create", name)
    try:
        yield name
    finally:
        podman("volume", "rm", "--force", name)


def wait_for(seen: Callable[[], object], seconds: float, instead: Callable[[], str]) -> None:
    """Wait until something is so; fails with what is there instead."""
    clock = SystemClock()
    ends_at = clock.monotonic() + seconds
    while not seen():
        assert clock.monotonic() < ends_at, f"waited {seconds} s in vain; {instead()}"
        clock.sleep(0.2)


@contextmanager
def simulated(speed: float, functions: int = 1, rate: float = 20) -> Iterator[Container]:
    """AWS in a container that has nothing but its own loopback."""
    script = ROOT / "tests" / "packaging" / "simulated.py"
    words = (IMAGE, "/simulated.py", str(speed), str(functions), str(rate))
    options = ("--entrypoint=python", f"--volume={script}:/simulated.py:ro")
    with running(*words, options=options) as aws:
        wait_for(lambda: "{}" in aws.logs(), 60, aws.logs)
        yield aws


def beside(aws: Container) -> list[str]:
    """The variables by which guardian finds it on the shared loopback."""
    environ = json.loads(aws.logs().splitlines()[0])
    return [f"--env={name}={value}" for name, value in environ.items()]


def alive(container: Container) -> bool:
    """What the engine's health check finds."""
    return container.run("guardian", "healthcheck").stdout == "ok\n"
