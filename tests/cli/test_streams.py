"""Lines that are written for a reader who may stop reading, or go away."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import IO

import pytest

from guardian.cli import streams
from guardian.core.rollout.entries import RollbackConfirmed
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, finish, interrupt, stage
from tests.cli.test_attacks import at_stable, shifted
from tests.cli.theatre import theatre

LINE = "x" * 1000
PAUSE = threading.Event()
BAD = Behaviour(failure_rate=0.3)


class Pipe:
    """What standard output is, and its other end."""

    def __init__(self) -> None:
        self.end, writes = os.pipe()
        self.stream = os.fdopen(writes, "w", encoding="utf-8")

    def say(self, text: str, times: int = 1) -> None:
        """Lines that guardian says."""
        with redirect_stdout(self.stream):
            for _ in range(times):
                streams.write_line(text)

    def read(self, size: int) -> str:
        """So many bytes out of it."""
        found = b""
        while len(found) < size:
            found += os.read(self.end, size - len(found))
        return found.decode()

    def close_the_end(self) -> None:
        """The reader goes away."""
        os.close(self.end)
        self.end = os.open(os.devnull, os.O_RDONLY)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """A standard output of its own, with little patience."""
    monkeypatch.setattr(streams, "_STREAMS", {})
    monkeypatch.setattr(streams, "PATIENCE_S", 0.05)
    monkeypatch.setattr(streams, "LAST_PATIENCE_S", 0.2)
    made = Pipe()
    yield made
    os.close(made.end)
    made.stream.close()


def test_what_is_read_is_there_when_the_line_was_written(pipe: Pipe) -> None:
    """In the order of what was said, without colours where no terminal is."""
    pipe.say("\x1b[31mone\x1b[0m")
    pipe.say("two")
    assert streams.drain() == 0
    assert pipe.read(8) == "one\ntwo\n"


def test_what_nobody_reads_is_kept_and_read_later(pipe: Pipe) -> None:
    """A full pipe holds nothing up; whoever reads again misses nothing."""
    pipe.say(LINE, times=200)
    assert streams.drain() > 0
    assert pipe.read(200 * 1001) == f"{LINE}\n" * 200
    assert streams.drain() == 0


def test_a_slow_reader_gets_the_whole_of_a_long_record(pipe: Pipe) -> None:
    """As long as it reads, however little at a time, the last line is waited for."""
    pipe.say("x" * 300_000)
    read: list[str] = []

    def slowly() -> None:
        for _ in range(30):
            read.append(pipe.read(10_000))
            PAUSE.wait(0.03)

    reader = threading.Thread(target=slowly)
    reader.start()
    assert streams.drain() == 0
    reader.join()
    assert "".join(read) == "x" * 300_000


@pytest.mark.parametrize("err", [False, True])
def test_a_stream_that_was_closed_from_the_start_is_no_error(
    monkeypatch: pytest.MonkeyPatch, *, err: bool
) -> None:
    """As under `>&-`, where Python has none at all."""
    monkeypatch.setattr(sys, "stderr" if err else "stdout", None)
    streams.write_line("said to nobody", err=err)


def test_what_is_kept_for_nobody_is_bounded(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes on top is dropped, whole lines of it, and counted."""
    monkeypatch.setattr(streams, "MOST_BYTES", 10_000)
    pipe.say(LINE, times=200)
    kept = 200 - streams.drain()
    assert 0 < kept < 200
    assert pipe.read(kept * 1001) == f"{LINE}\n" * kept
    pipe.read(10 * 1001)


def test_a_reader_that_went_away_is_told_nothing_more(pipe: Pipe) -> None:
    """The rest goes nowhere, and no line waits."""
    pipe.close_the_end()
    pipe.say(LINE, times=200)
    assert streams.drain() == 0


# --- whole processes ---------------------------------------------------------------------------


def stuff(pipe: IO[str] | None) -> None:
    """Fill a pipe from its other end, so that whoever writes to it next has to wait."""
    assert pipe is not None
    end = os.open(f"/proc/self/fd/{pipe.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(end, b"." * 4095 + b"\n")
    os.close(end)


@pytest.mark.skipif(sys.platform != "linux", reason="fills a pipe from its other end")
@pytest.mark.parametrize("form", ["text", "jsonl", "github"])
def test_a_reader_that_stops_reading_stops_no_guarding(tmp_path: Path, form: str) -> None:
    """Ctrl-S, or a log shipper that hangs: it is rolled back, and the last words can be read."""
    with stage(tmp_path, speed=100.0) as s:
        s.behave("42", BAD)
        process = s.start("rollout", "start", SERVICE, "--wait", "--to", "42", "-o", form)
        s.wait_for("the first shift", lambda: shifted(s))
        stuff(process.stdout)
        stuff(process.stderr)
        s.wait_entry(RollbackConfirmed)
        ended = finish(process)
        assert ended.code == 4, ended.err
        assert at_stable(s)
        assert "rolled back" in ended.out or '"exit_code":4' in ended.out


@pytest.mark.skipif(sys.platform != "linux", reason="fills a pipe from its other end")
def test_a_log_that_nobody_reads_stops_no_daemon(tmp_path: Path) -> None:
    """A daemon whose log is stuck takes orders, guards, and leaves when it is told to."""
    with theatre(tmp_path) as t:
        t.stage.behave("42", BAD)
        daemon = t.stage.start("run", "--metrics-listen", "127.0.0.1:0")
        t.serves(SERVICE)
        stuff(daemon.stderr)
        t.begin(SERVICE)
        t.wait_phase(SERVICE, "rolled_back")
        interrupt(daemon, signal.SIGTERM)
        assert daemon.wait(timeout=20) == 0
        assert at_stable(t.stage)
        finish(daemon)
