"""Files that guardian writes at a user's word: whole or not at all, and never in a device's place.

A regular file is replaced at once, so that a reader never sees half of one. What is not a regular
file (a device, a pipe, `/dev/stdout`) is written to: a rename would put a file where it was. A
symbolic link stays, and what it leads to is replaced.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from guardian.ports import UsageError


def writable(path: Path, option: str) -> Path:
    """The path, when a file can be written there; UsageError, which names the option, otherwise."""
    try:
        if not _special(path):
            beside = _beside(path)
            beside.touch(exist_ok=False)
            beside.unlink()
    except OSError as error:
        raise refusal(path, option, error) from None
    return path


def put(path: Path, content: bytes) -> None:
    """Write the content in the path's place; OSError, and then nothing is left beside it."""
    if _special(path):
        path.write_bytes(content)
        return
    beside = _beside(path)
    try:
        beside.write_bytes(content)
        beside.replace(path.resolve())
    finally:
        beside.unlink(missing_ok=True)


def refusal(path: Path, option: str, error: OSError) -> UsageError:
    """What to tell a user whose file cannot be written."""
    return UsageError(
        f"{option} {path}: no file can be written there: {error.strerror or error}; name one in"
        " a folder that exists"
    )


def _special(path: Path) -> bool:
    """Whether something is there that is not a regular file; OSError for a folder."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    return path.exists() and not path.is_file()


def _beside(path: Path) -> Path:
    return path.resolve().with_name(f".guardian-{os.getpid()}-{secrets.token_hex(4)}")
