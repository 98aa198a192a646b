"""Files that a user names: replaced whole, never in a device's place."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from guardian.cli import whole_file
from guardian.ports import UsageError


def test_a_file_that_cannot_be_placed_leaves_nothing_behind(tmp_path: Path) -> None:
    """The folder in its place stays, and no half of a file lies beside it."""
    (tmp_path / "report.xml").mkdir()
    with pytest.raises(OSError, match="it is a folder"):
        whole_file.put(tmp_path / "report.xml", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]


@pytest.mark.parametrize("place", ["missing/report.xml", ".", "file/report.xml", "x" * 300])
def test_a_place_where_nothing_can_be_written_is_said_at_once(tmp_path: Path, place: str) -> None:
    """The sentence names the option, and leaves nothing there."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--junit"):
        whole_file.writable(tmp_path / place, "--junit")
    with pytest.raises(OSError, match=r"\w"):
        whole_file.put(tmp_path / place, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_place_that_is_fine_is_left_as_it_was(tmp_path: Path) -> None:
    """Looking whether it can be written changes nothing."""
    place = tmp_path / "report.xml"
    assert whole_file.writable(place, "--junit") == place
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    """As `>` in a shell would do; a rename onto the link would have put a file there."""
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    whole_file.put(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """So is a device: as root, a rename would have replaced /dev/null for the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert whole_file.writable(pipe, "--junit") == pipe
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    whole_file.put(pipe, b"new")
    reader.join()
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
