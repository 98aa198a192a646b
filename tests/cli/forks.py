"""`guardian` processes that are spared their start: forked from one that has imported it all.

A start costs most of a second, nearly all of it imports, and the tests start hundreds of processes.
A nursery (`python -m tests.cli.forks`) is a process without threads that has imported guardian and
its vendors, and called nobody. For each start it forks a warden, which forks the program and waits
for it. The program is a process like any other: own pid, arguments, environment, folder and files,
default signals, `python -m guardian`'s own entry point and the interpreter's own end. What an
interpreter reads before any import (`EARLY`) cannot be given to it: with other values of these a
real one is started. The tutorial, the commands and the terminal's tests always start that.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ctypes import CDLL
from pathlib import Path
from threading import Thread
from typing import Final, TextIO

ROOT: Final = Path(__file__).resolve().parents[2]
EARLY: Final = ("DYLD_", "LANG", "LC_", "LD_", "OPENSSL_", "PYTHON", "TZ")
"""How variables begin that the loader, the interpreter and C libraries read as they start."""
VENDORS: Final = (
    "boto3",
    "botocore.session",
    "pdpyras",
    "prometheus_client",
    "slack_sdk.web",
)


class Forked:
    """A running process; the part of `subprocess.Popen` that the tests use."""

    def __init__(
        self, wire: socket.socket, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.stdout = out
        self.stderr = err
        self.returncode: int | None = None
        self._wire = wire
        self._told = wire.makefile("r")
        self.pid = int(self._told.readline())
        self._readers: dict[str, Thread] = {}
        self._read: dict[str, str] = {}

    def poll(self) -> int | None:
        """How it ended, if it has."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("guardian", timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it wrote, and its end. Raises TimeoutExpired; may be called again then."""
        for name in ("stdout", "stderr"):
            if name not in self._readers:
                reader = Thread(target=self._take, args=(name,), daemon=True)
                self._readers[name] = reader
                reader.start()
        self.wait(timeout)
        for reader in self._readers.values():
            reader.join()
        return self._read["stdout"], self._read["stderr"]

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._wire], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
            self._wire.close()
        return self.returncode

    def _take(self, name: str) -> None:
        pipe: TextIO | None = getattr(self, name)
        self._read[name] = ""
        if pipe is not None and not pipe.closed:
            with pipe:
                self._read[name] = pipe.read()


class Nursery:
    """Where they come from."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._forked: list[Forked] = []

    def start(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], to: TextIO | None = None
    ) -> Forked:
        """A `guardian` process in that folder, that writes into pipes or into that file."""
        ours: list[TextIO] = []
        files = [os.open(os.devnull, os.O_RDONLY)]
        for _ in ("stdout", "stderr"):
            if to is None:
                reads, writes = os.pipe()
                ours.append(os.fdopen(reads))
                files.append(writes)
            else:
                files.append(os.dup(to.fileno()))
        wire, far = socket.socketpair()
        with far:
            socket.send_fds(self._orders, [b"."], [*files, far.fileno()])
        for file in files:
            os.close(file)
        job = {"arguments": arguments, "cwd": str(cwd), "environ": dict(env)}
        wire.sendall(json.dumps(job).encode() + b"\n")
        forked = Forked(wire, *ours)
        self._forked = [*(f for f in self._forked if f.returncode is None), forked]
        return forked

    def clear(self) -> None:
        """End what is still running."""
        for forked in self._forked:
            forked.kill()
            forked.wait(30)
        self._forked.clear()


@contextmanager
def nursery(**variables: str) -> Iterator[Nursery]:
    """With this in the environment from the start, such as what is to be preloaded."""
    near, far = socket.socketpair()
    with far:
        mother = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forks", str(far.fileno())],
            cwd=ROOT,
            env={**environ(), **variables},
            pass_fds=[far.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    found = Nursery(near)
    try:
        yield found
    finally:
        found.clear()
        near.close()  # it ends when nobody can ask it any more
        mother.wait()


@functools.cache
def _usual() -> Nursery:
    """The one of this test process, that ends with it."""
    opened = nursery()
    atexit.register(opened.__exit__, None, None, None)
    return opened.__enter__()


Process = subprocess.Popen[str] | Forked


def started(
    *arguments: str, cwd: Path, env: Mapping[str, str], to: TextIO | None = None
) -> Process:
    """A running `guardian`, that writes into pipes or into that file."""
    if early(env) == early(environ()):
        return _usual().start(*arguments, cwd=cwd, env=env, to=to)
    out = subprocess.PIPE if to is None else to
    return subprocess.Popen(
        [sys.executable, "-m", "guardian", *arguments],
        cwd=cwd,
        env=env,
        stdout=out,
        stderr=out,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def early(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that have worked before the first import."""
    return {name: value for name, value in variables.items() if name.startswith(EARLY)}


def environ() -> dict[str, str]:
    """The variables of this process, without AWS's and guardian's: those of its nursery."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


# --- the other side ------------------------------------------------------------------------------


def _prepared() -> None:
    """Import what any command may import, and read what botocore reads for any client."""
    import guardian
    from guardian.aws import Sessions
    from guardian.pagerduty import load

    load()
    for module in pkgutil.walk_packages(guardian.__path__, "guardian."):
        if module.name != "guardian.__main__":
            importlib.import_module(module.name)
    for name in VENDORS:
        importlib.import_module(name)
    secret = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    for service in ("cloudwatch", "lambda", "sts"):  # read what describes them
        Sessions().session().client(service, region_name="us-east-1", **secret)
    gc.collect()
    gc.freeze()  # what all share is looked through by none


def _ordered(orders: socket.socket) -> list[int]:
    """Fork a warden for each order that comes; returns in these, and ends with the last order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a warden
    while True:
        order, files, _, _ = socket.recv_fds(orders, 1, 4)
        if not order:
            sys.exit()
        if os.fork() == 0:
            orders.close()
            return files
        for file in files:
            os.close(file)


def _begun(files: list[int]) -> list[str]:
    """Fork the program, and tell of its life; returns in it, with its arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, wire = files
    with os.fdopen(wire, "r+b", buffering=0) as told:
        job = json.loads(b"".join(iter(functools.partial(told.read, 1), b"\n")))
        pid = os.fork()
        if pid:
            for file in standard:
                os.close(file)
            told.write(b"%d\n" % pid)
            _, status = os.waitpid(pid, 0)
            with suppress(BrokenPipeError):  # nobody wants to know any more
                told.write(b"%d\n" % os.waitstatus_to_exitcode(status))
            os._exit(0)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["environ"])
    sys.path[0] = job["cwd"]  # where `python -m` looks first
    with suppress(AttributeError):
        CDLL(None).kill_begin()
    return list(job["arguments"])


if __name__ == "__main__":
    _prepared()
    sys.argv[1:] = _begun(_ordered(socket.socket(fileno=int(sys.argv[1]))))
    runpy.run_module("guardian", run_name="__main__", alter_sys=True)
