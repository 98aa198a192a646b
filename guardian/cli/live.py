"""A block of lines that is drawn again in place on a terminal, which is left as it was found."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from click import unstyle

from guardian.cli.lines import broken, columns

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
CLEAR_LINE, CLEAR_BELOW, CLEAR_ALL = "\x1b[K", "\x1b[J", "\x1b[2J\x1b[H"
MORE = "..."


class Stopped(BaseException):
    """A signal asks the view to end; no error, and nothing may take it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Screen:
    """Draws lines over those it drew before, broken to the terminal's size of that moment."""

    def __init__(self, stream: TextIO, size: Callable[[], tuple[int, int]] | None = None) -> None:
        self._stream = stream
        self._size = size or _size
        self._drawn = 0
        self._columns = 0

    def draw(self, lines: Sequence[str]) -> None:
        """Replace what stands there."""
        width, rows = self._size()
        shown = [cut(part, width - 1) for line in lines for part in broken(line, width - 1)]
        if len(shown) > rows - 1:
            shown = [*shown[: max(0, rows - 2)], cut(MORE, width - 1)]
        up = f"\x1b[{self._drawn}A\r" if self._drawn else ""
        if self._columns not in (0, width):
            # The terminal has wrapped the old lines anew: how many rows they take is not known.
            up = CLEAR_ALL
        text = "".join(f"{line}{CLEAR_LINE}\n" for line in shown)
        self._stream.write(up + text + CLEAR_BELOW)
        self._stream.flush()
        self._drawn, self._columns = len(shown), width


@contextmanager
def screen(stream: TextIO) -> Iterator[Screen]:
    """A screen without a cursor; the cursor and the signals come back however it ends."""
    before = {n: signal.signal(n, _stop) for n in (signal.SIGTERM, signal.SIGHUP)}
    stream.write(HIDE)
    try:
        yield Screen(stream)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stream.write(f"\x1b[0m{SHOW}")
        stream.flush()


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def _size() -> tuple[int, int]:
    found = shutil.get_terminal_size()
    return found.columns, found.lines


def cut(line: str, width: int) -> str:
    """A line that takes at most so many columns; one that is too long loses its colours."""
    plain = "".join(c if c.isprintable() else " " for c in unstyle(line))
    if columns(plain) <= width:
        return line if unstyle(line) == plain else plain
    if width <= len(MORE):
        return MORE[: max(0, width)]
    kept, left = "", width - len(MORE)
    for char in plain:
        left -= columns(char)
        if left < 0:
            break
        kept += char
    return kept + MORE
