"""What is said while something is guarded: whoever stops reading it stops nothing else.

A terminal that Ctrl-S has halted, or a log shipper that hangs, leaves a pipe full and a write to it
waiting for ever. So these lines are written by a thread of their own for each stream.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

import click

from guardian.cli.lines import encodable, fitting

PATIENCE_S = 0.5
"""So long a line waits to be read, once; while its stream is not read, the next wait no more."""
LAST_PATIENCE_S = 5.0
"""So long the last lines of a command wait for a reader that does not read."""
CHUNK_BYTES = 4096
"""Written at once, so that a slow reader of a long record is seen to go on reading it."""
MOST_BYTES = 1_000_000
"""What is kept for a reader that does not read; what comes on top is only counted."""


def write_line(text: str, *, err: bool = False, fit: bool = True) -> None:
    """Print a line, and wait for no reader; one that went away is told nothing more.

    `fit`: broken between words at a terminal's edge.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return  # It was closed before guardian began.
    text = fitting(text, stream) if fit else encodable(text, stream)
    try:
        fd = stream.fileno()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            click.echo(text, err=err)  # No file of the system's: it never waits.
        return
    plain = _Styled(stream)
    click.echo(text, file=plain)
    _at(fd, stream).write(plain.getvalue().encode(stream.encoding or "utf-8", "replace"))


def drain() -> int:
    """Wait for what was said to be read, a while; how many lines nobody ever reads."""
    return sum(stream.end() for stream in tuple(_STREAMS.values()))


class _Styled(io.StringIO):
    """Takes a line as click would print it: coloured for a terminal alone."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._terminal = stream.isatty()

    def isatty(self) -> bool:
        """Whether the line goes to a terminal in the end."""
        return self._terminal


class _Stream:
    """A file of the system's and the thread that writes to it, in the order of what was said."""

    def __init__(self, fd: int, stream: TextIO) -> None:
        self._fd, self._stream = fd, stream
        self._waiting: deque[bytes] = deque()
        self._unread = False
        self._lost = 0
        self._sent = 0
        """Bytes that were taken so far."""
        # A signal may interrupt a word of the same thread: the lock has to let it in again.
        self._changed = threading.Condition(threading.RLock())
        threading.Thread(target=self._run, name=f"output-{fd}", daemon=True).start()

    def write(self, line: bytes) -> None:
        """Hand a line to the thread, and wait a moment where the last ones were read."""
        with self._changed:
            if sum(map(len, self._waiting)) > MOST_BYTES:
                self._lost += 1
                return
            self._waiting.append(line)
            self._changed.notify_all()
            if not self._unread:
                self._unread = not self._changed.wait_for(self._is_read, PATIENCE_S)

    def end(self) -> int:
        """Wait for the rest as long as it goes on; how many lines were or are not written."""
        with self._changed:
            sent = self._sent
            while not self._changed.wait_for(self._is_read, LAST_PATIENCE_S):
                if sent == (sent := self._sent):
                    break
            lost, self._lost = self._lost + len(self._waiting), 0
            return lost

    def _is_read(self) -> bool:
        return not self._waiting

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                line = self._waiting[0]
            try:
                while line:
                    taken = os.write(self._fd, line[:CHUNK_BYTES])
                    self._sent += taken
                    line = line[taken:]
            except OSError:
                silence(self._stream)
            with self._changed:
                self._waiting.popleft()
                self._unread = self._unread and bool(self._waiting)
                self._changed.notify_all()


_STREAMS: dict[int, _Stream] = {}


def _at(fd: int, stream: TextIO) -> _Stream:
    return _STREAMS.get(fd) or _STREAMS.setdefault(fd, _Stream(fd, stream))


def silence(stream: TextIO) -> None:
    """Send the rest of a broken stream nowhere, also what the interpreter flushes at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return  # Closed for good: there is nothing left to flush.
