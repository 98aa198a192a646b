"""Where an SQLite file may lie, by the table of mounts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from guardian.journals._sqlite_file import SqliteFile
from guardian.journals._sqlite_places import refuse_network
from guardian.ports import ConfigError

MOUNTS = r"""
proc /proc proc rw 0 0
/dev/root / ext4 rw 0 0
fs-1.efs.us-east-1.amazonaws.com:/ /var/lib/guardian nfs4 rw 0 0
/dev/sdb /var/lib/guardian/local ext4 rw 0 0
//server/share /mnt/two\040words cifs rw 0 0
C:\134 /mnt/c 9p rw,aname=drvfs 0 0
host /mnt/host virtiofs rw 0 0
host /mnt/grpc fuse.grpcfuse rw 0 0
host /mnt/box vboxsf rw 0 0
ceph /mnt/ceph fuse.ceph rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/guardian/guardian.db", "nfs4"),
        ("/var/lib/guardian/a/b.db", "nfs4"),
        ("/mnt/two words/guardian.db", "cifs"),
        ("/mnt/c/guardian.db", "9p"),
        ("/mnt/host/guardian.db", "virtiofs"),
        ("/mnt/grpc/guardian.db", r"fuse\.grpcfuse"),
        ("/mnt/box/guardian.db", "vboxsf"),
        ("/mnt/ceph/guardian.db", r"fuse\.ceph"),
        ("/var/lib/guardian/local/guardian.db", None),
        ("/var/lib/guardian2/guardian.db", None),
        ("/home/ada/guardian.db", None),
    ],
)
def test_a_network_file_system_is_refused(tmp_path: Path, path: str, kind: str | None) -> None:
    """By the innermost mount; the sentence names it and what to choose instead."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.lstrip())
    if kind is None:
        refuse_network(Path(path), mounts)
        return
    with pytest.raises(ConfigError, match=rf"a network file system.*\({kind};.*EBS"):
        refuse_network(Path(path), mounts)


def test_a_journal_on_a_network_file_system_is_not_made(tmp_path: Path) -> None:
    """It is refused before anything is written there; without the table nothing is refused."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    with pytest.raises(ConfigError):
        SqliteFile(tmp_path / "a" / "guardian.db", mounts=mounts)
    assert list(tmp_path.iterdir()) == [mounts]
    SqliteFile(tmp_path / "a" / "guardian.db", mounts=tmp_path / "absent").close()


@pytest.mark.parametrize("kind", ["virtiofs", "9p", "fuse.fuse-overlayfs"])
def test_the_root_of_a_sandbox_is_used_without_the_log(tmp_path: Path, kind: str) -> None:
    """Nobody else uses it, so that its locks hold; its shared memory may not."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"none / {kind} rw 0 0\n")
    file = SqliteFile(tmp_path / "guardian.db", mounts=mounts)
    with file.write("try") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "truncate"
    file.close()
    assert not (tmp_path / "guardian.db-wal").exists()


@pytest.mark.parametrize("name", ["guardian.db", "guardian.db-wal", "guardian.db.leases"])
def test_a_link_is_no_journal(tmp_path: Path, name: str) -> None:
    """What it leads to may be anybody's: neither its content nor its mode is changed."""
    victim = tmp_path / "victim"
    victim.touch(mode=0o644)
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(ConfigError, match="is a link: name the file itself"):
        SqliteFile(tmp_path / "guardian.db")
    assert (victim.stat().st_size, stat.S_IMODE(victim.stat().st_mode)) == (0, 0o644)


def test_a_folder_may_be_reached_by_a_link(tmp_path: Path) -> None:
    """Volumes are mounted that way."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    SqliteFile(tmp_path / "link" / "guardian.db").close()
    assert (tmp_path / "real" / "guardian.db").is_file()
