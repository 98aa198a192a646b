"""Where references of files lead: paths, wildcards and presets, below one root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.files.findings import did_you_mean
from guardian.files.regular import nothing_to_read
from guardian.shipped import presets

PRESET: Final = "preset:"
TESTS: Final = ".test.yaml"
MOST_ENTRIES: Final = 10_000
"""How many files and folders are looked through for rule files; the whole disk is a mistake."""
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A rule file, and how errors name it."""

    path: Path
    shown: str
    root: Path
    """What its own references must stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A reference that leads nowhere, how errors name it, and why."""

    shown: str
    why: str


def located(reference: str, base: Path, root: Path | None) -> Found | Lost:
    """Where a reference leads from `base`; without a root, it gets one of its own.

    That is the folder that holds the file's folder, as for configurations: `rules/` may name what
    is in `shared/` beside it.
    """
    if reference.startswith(PRESET):
        name, known = reference.removeprefix(PRESET), presets()
        if name in known:
            path = known[name]
            return Found(path=path, shown=reference, root=path.parent)
        meant = did_you_mean(name, known)
        why = f"there is no preset '{name}'{meant}; known: {', '.join(known)}"
        return Lost(shown=reference, why=why)
    path = base / reference
    shown = os.path.normpath(path)
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        why = f"'{reference}' lies outside the configuration's folder {root.resolve()}"
        return Lost(shown=shown, why=why)
    if not _is_file(path):
        return Lost(shown=shown, why=f"{nothing_to_read(path)}: {shown}")
    return Found(path=path, shown=shown, root=root or path.resolve().parent.parent)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is longer than any file's
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # as above
        return False


def _below(folder: Path) -> list[Path] | None:
    """The rule files below a folder; None where there is too much to look through."""
    found, entries = [], 0
    for root, folders, names in os.walk(folder):
        entries += len(folders) + len(names)
        if entries > MOST_ENTRIES:
            return None
        found += [Path(root, n) for n in names if n.endswith(".yaml") and not n.endswith(TESTS)]
    return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """How one kind of files names others of its kind."""

    noun: str
    """What the others are."""
    most: int
    """Files that one wildcard may stand for."""
    wildcard: str
    """Where a wildcard may stand."""
    none: str
    """That no file is called so: `{}` is how."""
    left_out: tuple[str, ...] = ()
    """Endings of names that no wildcard stands for."""
    relative: str = ""
    """Why a path of several must not be absolute, where it must not."""
    single: frozenset[str] = frozenset()
    """The keys whose reference is the path of one file, whatever characters are in it."""


def matched(reference: str, file: Found, links: Links, key: str) -> list[Found | Lost]:
    """What a reference below a key leads to: one file, or all that a wildcard stands for."""
    folder = Path(file.shown).parent if not file.shown.startswith(PRESET) else file.path.parent
    above = Path(reference).parent
    if key in links.single:
        return [located(reference, folder, file.root)]
    if links.relative and (not reference or above.is_absolute()):
        return [Lost(shown=reference, why=links.relative)]
    outside = not (folder / above).resolve().is_relative_to(file.root.resolve())
    if reference.startswith(PRESET) or outside or not _WILD & set(reference):
        return [located(reference, folder, file.root)]
    if "**" in reference or _WILD & set(str(above)):
        why = f"a wildcard (* or ?) stands for names {links.wildcard}"
        return [Lost(shown=reference, why=why)]
    names = sorted(
        os.path.relpath(path, folder)
        for path in folder.glob(reference)
        if path.is_file() and not path.name.endswith(links.left_out)
    )
    found = [located(name, folder, file.root) for name in names[: links.most]]
    if not names:
        found.append(Lost(shown=reference, why=links.none.format(reference)))
    if len(names) > links.most:
        why = f"{len(names)} files match, at most {links.most} may"
        found.append(Lost(shown=reference, why=why))
    return found


def walked(paths: Sequence[str | Path]) -> Iterator[Found | Lost]:
    """Files and presets as given, and every rule file below a folder; tests of rules left out."""
    for given in map(str, paths):
        if not _is_folder(Path(given)):
            yield located(given, Path(), None)
            continue
        files = _below(Path(given))
        if files is None:
            why = f"there are more than {MOST_ENTRIES} files and folders in it: name the rules' own"
            yield Lost(shown=given, why=why)
        elif not files:
            yield Lost(shown=given, why="there is no rule file (*.yaml) in this folder")
        for file in files or ():
            yield Found(path=file, shown=str(file), root=file.resolve().parent.parent)
