"""Where an SQLite file may lie, and in which journal mode: what its file system can give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from guardian.ports import ConfigError

_NEIGHBOURS: Final = ("-wal", "-shm", "-journal", ".leases")
"""What SQLite and guardian make beside the file."""
SHARED_TYPES: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "gpfs"}
    | {"beegfs", "efs", "ocfs2", "gfs2", "autofs", "virtiofs", "9p", "fakeowner", "drvfs"}
    | {"vboxsf", "prl_fs", "vmhgfs", "fuse", "fuseblk"}
)
"""File systems that several machines may share: other machines, or a virtual one and its host.

SQLite's write-ahead log needs memory that all its users share (sqlite.org/wal.html, 1), and its
rollback journal needs locks that all of them see (sqlite.org/howtocorrupt.html, 2.1): neither is
given there, nor by the file systems of user space (`fuse.*`), whatever they are built on.
"""


def refuse_link(path: Path) -> None:
    """Raise ConfigError for a link: what it leads to may be anybody's, and would be changed."""
    for name in (path, *(path.with_name(f"{path.name}{end}") for end in _NEIGHBOURS)):
        if name.is_symlink():
            raise ConfigError(
                f"the journal's {name} is a link: name the file itself, so that guardian writes to"
                " no file that is somebody else's"
            )


def refuse_network(path: Path, mounts: Path) -> None:
    """Raise ConfigError when `path` lies on a shared file system, by Linux's table of mounts."""
    point, kind = _mount_of(path, mounts)
    if _is_shared(kind) and point != Path("/"):
        raise ConfigError(
            f"the journal {path} would lie on {point}, a network file system or a folder shared "
            f"with a host ({kind}; EFS is one too), where SQLite can lose or damage what it wrote:"
            " choose a path on a local disk, on a block volume such as EBS, or on a named volume "
            "of the container runtime"
        )


def mode_for(path: Path, mounts: Path) -> str:
    """The journal mode of SQLite that is safe there.

    The root of a sandbox (gVisor, Kata, rootless containers) is shared with nobody, so that locks
    hold; its shared memory is not to be relied on all the same.
    """
    return "truncate" if _is_shared(_mount_of(path, mounts)[1]) else "wal"


def _is_shared(kind: str) -> bool:
    return kind in SHARED_TYPES or kind.startswith("fuse.")


def _mount_of(path: Path, mounts: Path) -> tuple[Path, str]:
    """The innermost mount that a path lies on, and its type; empty where there is no table."""
    best, kind = Path(), ""
    try:
        table = mounts.read_bytes()
    except OSError:
        return best, kind  # Only Linux has the table; elsewhere the operator knows.
    for line in table.splitlines():
        _, point, found, *_ = line.split(b" ")
        where = Path(os.fsdecode(point.decode("unicode_escape").encode("latin-1")))
        if path.is_relative_to(where) and len(where.parts) >= len(best.parts):
            best, kind = where, found.decode()
    return best, kind
