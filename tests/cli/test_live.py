"""The live view draws in place, fits every terminal, and leaves it as it was found."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import click
import pytest

from guardian.cli.live import HIDE, SHOW, Screen, Stopped, cut, screen
from guardian.clock import SystemClock
from tests.cli.journaled import Desk
from tests.cli.stage import ROOT


@pytest.mark.parametrize(
    ("line", "columns", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab..."),
        ("abcdef", 3, "..."),
        ("abcdef", 1, "."),
        ("abcdef", 0, ""),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字..."),
        ("a\tb\x07c", 9, "a b c"),
    ],
)
def test_a_line_never_takes_more_columns_than_there_are(
    line: str, columns: int, shown: str
) -> None:
    """Wide characters count twice, and what would move the cursor is a space."""
    assert cut(line, columns) == shown


def test_a_line_that_fits_keeps_its_colours() -> None:
    """One that is cut loses them, so that none is left open."""
    red = click.style("breach", fg="red")
    assert cut(red, 6) == red
    assert cut(red, 5) == "br..."


def test_lines_are_drawn_over_those_before() -> None:
    """Up by as many as there were, each cleared to its end, and what is left below too."""
    stream = StringIO()
    drawn = Screen(stream, lambda: (20, 10))
    drawn.draw(["one", "two"])
    stream.truncate(0)
    stream.seek(0)
    drawn.draw(["three"])
    assert stream.getvalue() == "\x1b[2A\rthree\x1b[K\n\x1b[J"


def test_a_line_that_is_too_long_is_broken_between_words() -> None:
    """What a verdict says is read to its end, and no word is cut."""
    stream = StringIO()
    Screen(stream, lambda: (40, 10)).draw(["  judged  error-rate fail: 31.2% over the limit of 5%"])
    shown = stream.getvalue().replace("\x1b[K", "").splitlines()
    assert shown[:2] == ["  judged  error-rate fail: 31.2% over", "      the limit of 5%"]


def test_more_lines_than_rows_are_cut() -> None:
    """Whatever scrolls away could not be drawn over."""
    stream = StringIO()
    Screen(stream, lambda: (20, 4)).draw([str(n) for n in range(10)])
    shown = [line.replace("\x1b[K", "") for line in stream.getvalue().splitlines()]
    assert shown == ["0", "1", "...", "\x1b[J"]


def test_another_width_starts_from_an_empty_terminal() -> None:
    """The old lines may take more rows than they did."""
    stream, sizes = StringIO(), [(20, 10), (8, 10)]
    drawn = Screen(stream, lambda: sizes.pop(0))
    drawn.draw(["0123456789"])
    drawn.draw(["0123456789"])
    assert stream.getvalue().endswith("\x1b[2J\x1b[H0123...\x1b[K\n\x1b[J")


def test_the_cursor_comes_back_after_an_error() -> None:
    """And so do the handlers of the signals."""
    before = signal.getsignal(signal.SIGTERM)
    stream = StringIO()
    with pytest.raises(ZeroDivisionError), screen(stream):
        raise ZeroDivisionError
    assert stream.getvalue() == f"{HIDE}\x1b[0m{SHOW}"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_ends_the_view_as_no_error() -> None:
    """It is told apart from every error, by its number."""
    with pytest.raises(Stopped) as stopped, screen(StringIO()):
        signal.raise_signal(signal.SIGHUP)
    assert stopped.value.number == signal.SIGHUP


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_terminal_is_left_with_its_cursor(tmp_path: Path, number: int, code: int) -> None:
    """Whatever ends `guardian rollout status -w`, on a real terminal."""
    desk = Desk(tmp_path)
    desk.begin()
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "guardian", "rollout", "status", "-w"],
        cwd=tmp_path,
        env={
            **os.environ,
            "GUARDIAN_JOURNAL": f"sqlite:{desk.path}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "40",
            "LINES": "12",
        },
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    text = read_until(leader, "agents-api: baking")
    assert text.startswith(HIDE)
    process.send_signal(number)
    text += read_until(leader, SHOW)
    assert process.wait(timeout=20) == code
    assert all(len(line) < 60 for line in click.unstyle(text).splitlines())
    os.close(leader)
    desk.journal.close()


def read_until(terminal: int, wanted: str) -> str:
    """What a terminal shows up to some text; fails after 20 s without it."""
    clock, text = SystemClock(), ""
    ends_at = clock.monotonic() + 20
    while wanted not in text:
        assert clock.monotonic() < ends_at, text
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode()
    return text
