"""Reads regular files alone, and a bounded part of each: beside files may lie pipes and devices."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotRegular(OSError):
    """A folder, a pipe, a socket or a device stands there."""


def head_of(path: Path, most: int) -> bytes:
    """The file's first `most` bytes. Raises OSError, and ValueError for an impossible path.

    Looked at before it is opened: to open a device can do something. Opened without blocking: a
    pipe may have taken its place meanwhile.
    """
    _check(path.stat())
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        _check(os.fstat(file.fileno()))
        return file.read(most)


def nothing_to_read(path: Path) -> str:
    """What stands in the place of a file that was to be read, in words."""
    try:
        there = path.exists()
    except OSError:  # a name that is longer than any file's
        there = False
    return "this is not a file that can be read" if there else "there is no such file"


def _check(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotRegular("it is no regular file")
