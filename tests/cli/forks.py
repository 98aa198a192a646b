"""`guardian` processes that are spared their start: forked from one that has imported everything.

A process takes over a second of CPU to start, and a trial needs several. The forked ones have a
process id, an environment and files of their own, and end as any other does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ctypes import CDLL
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
VENDORS: Final = ("boto3", "botocore.client", "botocore.endpoint", "slack_sdk", "pdpyras")

QUIET: Final = ("-W", "ignore::UserWarning:pdpyras")


class Forked:
    """One of them, as the process that asked for it sees it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._file = line.makefile("r")
        self.pid = int(self._file.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        return self._ended(0.0)

    def wait(self, timeout: float) -> int:
        """Its exit code, within so many seconds; raises AssertionError when it does not end."""
        code = self._ended(timeout)
        assert code is not None, f"process {self.pid} did not end"
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, while it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._line], [], [], timeout)[0]:
            self.returncode = int(self._file.readline())
            self._file.close()
            self._line.close()
        return self.returncode


class Nursery:
    """Where they come from."""

    def __init__(self, address: Path) -> None:
        self._address = address
        self._forked: list[Forked] = []

    def start(self, *arguments: str, folder: Path, environ: Mapping[str, str], to: Path) -> Forked:
        """A `guardian` process in that folder, whose output goes into a file."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self._address))
        asked = {"arguments": arguments, "folder": str(folder), "environ": environ, "to": str(to)}
        line.sendall(json.dumps(asked).encode() + b"\n")
        forked = Forked(line)
        self._forked.append(forked)
        return forked

    def clear(self) -> None:
        """End what is still running."""
        for forked in self._forked:
            forked.send_signal(signal.SIGKILL)
            forked.wait(30)
        self._forked.clear()


@contextmanager
def nursery(folder: Path, **environ: str) -> Iterator[Nursery]:
    """With this in the environment from the start, such as what is to be preloaded."""
    address = folder / "nursery"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
    with subprocess.Popen(
        [sys.executable, *QUIET, "-m", "tests.cli.forks", str(address)],
        cwd=ROOT,
        env={**kept, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as mother:
        assert mother.stdin is not None
        assert mother.stdout is not None
        assert mother.stdout.readline() == b"ready\n"
        found = Nursery(address)
        try:
            yield found
        finally:
            found.clear()
            mother.stdin.close()


# --- the other side ------------------------------------------------------------------------------


def _import_everything() -> None:
    import guardian

    for found in pkgutil.walk_packages(guardian.__path__, "guardian."):
        if not found.name.startswith(("guardian.sim", "guardian.__main__")):
            importlib.import_module(found.name)
    for name in VENDORS:
        importlib.import_module(name)


def _serve(address: str) -> None:
    """Fork whatever is asked for, until the input ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        _import_everything()
        gc.freeze()
        os.write(1, b"ready\n")
        while 0 not in select.select([listener.fileno(), 0], [], [])[0]:
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _attend(line)
                return
            line.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass


def _attend(line: socket.socket) -> None:
    """Fork one, and say how it ends; only that one returns."""
    asked = json.loads(line.makefile().readline())
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(asked)
        return
    line.sendall(f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        line.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(asked: Mapping[str, Any]) -> None:
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(asked["to"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for fd, own in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(fd, own)
    sys.argv = ["guardian", *asked["arguments"]]
    with suppress(AttributeError):
        CDLL(None).kill_begin()


if __name__ == "__main__":
    _serve(sys.argv[1])
    if sys.argv[0] == "guardian":
        from guardian.cli.main import run

        run()
