"""One configuration out of several files: what it extends, what it includes, what is the default.

Maps merge, lists and scalars replace, `null` removes; every value keeps its own file and line.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from guardian.files.findings import Document, Finding, Marks, Node, Place, overlaid
from guardian.files.regular import nothing_to_read
from guardian.files.yaml import read

MAX_INCLUDED: Final = 200
"""Files that one configuration may include."""
_ALONE: Final = ("extends", "include")
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The merged document, and every file that it was read from."""

    document: Document
    files: tuple[Path, ...]


def composed(path: Path) -> Composed:
    """Read a configuration with its base and its parts; what is wrong is among the findings."""
    document = read(path)
    if not document.whole or not isinstance(document.data, dict):
        return Composed(document=document, files=(path,))
    composer = _Composer(path)
    whole = composer.extended(document)
    whole = composer.included(whole)
    whole = _defaulted(whole)
    return Composed(
        document=replace(whole, findings=(*whole.findings, *composer.findings)),
        files=tuple(composer.files),
    )


def folder_of(node: Node) -> Path:
    """What a relative path at a value starts from: the folder of the file that says it."""
    return Path(node.document.mark(node.place).source.path).parent


class _Composer:
    """Collects files, and what is wrong with naming them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = path.resolve().parent.parent
        self.files = [path]
        self.findings: list[Finding] = []

    def extended(self, document: Document) -> Document:
        """The file over the base that it names; one level."""
        given = document.data.get("extends")
        if given is None:
            return document
        if not isinstance(given, str):
            return self._wrong(document, ("extends",), "extends takes the path of one file")
        base = self._read(document, ("extends",), given)
        if base is None:
            return document
        for key in _ALONE:
            if key in base.data:
                say = f"a file that is extended cannot have {key} itself: one level is all"
                self.findings.append(base.finding((key,), say, key=True))
        merged = overlaid(base, (), Node(document))
        # What is missing is missing here, not in the base.
        own = {at: mark for at, mark in document.marks.items() if not at}
        return replace(merged, source=document.source, marks={**merged.marks, **own})

    def included(self, document: Document) -> Document:
        """The services and groups of every file that is included, beside the file's own."""
        given = document.data.get("include")
        if given is None:
            return document
        patterns = [given] if isinstance(given, str) else given
        if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
            return self._wrong(document, ("include",), "include takes paths of files: a list")
        data = copy.deepcopy(document.data)
        data.setdefault("services", {})
        merged = replace(document, data=data, marks=dict(document.marks))
        for index, pattern in enumerate(patterns):
            place: Place = ("include", index) if isinstance(given, list) else ("include",)
            for file in self._matching(document, place, pattern):
                self._add(merged, document, place, file)
        return merged

    def _matching(self, document: Document, place: Place, pattern: str) -> list[str]:
        folder = Path(document.mark(place).source.path).parent
        if Path(pattern).is_absolute() or not pattern:
            self._wrong(document, place, "write a path that starts from this file's folder")
            return []
        if not _WILD & set(pattern):
            return [pattern]
        above = Path(pattern).parent
        if not (folder / above).resolve().is_relative_to(self._root):
            self._outside(document, place, pattern)
            return []
        if _WILD & set(str(above)) or "**" in pattern:
            say = "a wildcard (* or ?) stands for names of files in one folder: services.d/*.yaml"
            self._wrong(document, place, say)
            return []
        found = sorted(os.path.relpath(p, folder) for p in folder.glob(pattern) if p.is_file())
        if not found:
            self._wrong(document, place, f"no file matches {pattern}")
        if len(found) > MAX_INCLUDED:
            self._wrong(document, place, f"{len(found)} files match, at most {MAX_INCLUDED} may")
        return found[:MAX_INCLUDED]

    def _add(self, merged: Document, document: Document, place: Place, reference: str) -> None:
        part = self._read(document, place, reference)
        if part is None:
            return
        for key in part.data:
            if key not in ("version", "services", "groups"):
                say = f"a file that is included holds services and groups, not {key}"
                self.findings.append(part.finding((key,), say, key=True))
        for group in ("services", "groups"):
            inside = part.data.get(group)
            if isinstance(inside, dict):
                self._take(merged, part, group, inside)

    def _take(self, merged: Document, part: Document, group: str, inside: dict[str, Any]) -> None:
        into = merged.data.setdefault(group, {})
        marks = merged.marks
        assert isinstance(marks, dict)  # noqa: S101 - included() made it
        for name, value in inside.items():
            if not isinstance(into, dict) or name in into:
                first = merged.mark((group, name), key=True)
                say = f"'{name}' stands in {first.source.path}:{first.line} already"
                self.findings.append(part.finding((group, name), say, key=True))
                continue
            into[name] = copy.deepcopy(value)
        for at, mark in part.marks.items():
            if at[:1] == (group,) and len(at) > 1:
                marks.setdefault(at, mark)

    def _read(self, document: Document, place: Place, reference: str) -> Document | None:
        """Another file, which must be there, below the root, and a mapping."""
        folder = Path(document.mark(place).source.path).parent
        path = folder / reference
        shown = os.path.normpath(path)
        if not path.resolve().is_relative_to(self._root):
            self._outside(document, place, reference)
            return None
        if not path.is_file():
            self._wrong(document, place, f"{nothing_to_read(path)}: {shown}")
            return None
        if path.resolve() in [file.resolve() for file in self.files]:
            self._wrong(document, place, f"{shown} is part of this configuration already")
            return None
        self.files.append(Path(shown))
        other = read(path, shown=shown)
        self.findings.extend(other.findings)
        if not other.whole:
            return None
        if not isinstance(other.data, dict):
            self.findings.append(other.finding((), "a configuration is a mapping of keys"))
            return None
        return other

    def _outside(self, document: Document, place: Place, reference: str) -> None:
        say = f"'{reference}' lies outside the configuration's folder {self._root}"
        self._wrong(document, place, say)

    def _wrong(self, document: Document, place: Place, message: str) -> Document:
        self.findings.append(document.finding(place, message))
        return document


def _defaulted(document: Document) -> Document:
    """Every service over the file's `defaults`."""
    defaults, services = document.at(("defaults",)), document.at(("services",))
    if not isinstance(defaults, dict) or not isinstance(services, dict) or not defaults:
        return document
    data = {**document.data, "services": dict(services)}
    parts = _marks_by_service(document)
    usual = _rebased(document, ("defaults",))
    for name, service in services.items():
        if not isinstance(service, dict):
            continue
        own = Document(source=document.source, data=service, marks=parts.get(name, {}))
        bare = Document(source=document.source, data=defaults, marks=usual)
        merged = overlaid(bare, (), Node(own))
        data["services"][name] = merged.data
        # A key that is missing is missing from the service.
        parts[name] = {**merged.marks, **({(): own.marks[()]} if () in own.marks else {})}
    marks = {at: mark for at, mark in document.marks.items() if at[:1] != ("services",)}
    marks |= {at: m for at, m in document.marks.items() if at == ("services",)}
    marks |= {("services", name, *at): m for name, part in parts.items() for at, m in part.items()}
    return replace(document, data=data, marks=marks)


def _marks_by_service(document: Document) -> dict[Any, dict[Place, Marks]]:
    """In one pass, each service's marks, with places that start at the service."""
    parts: dict[Any, dict[Place, Marks]] = {}
    for at, mark in document.marks.items():
        if at[:1] == ("services",) and len(at) > 1:
            parts.setdefault(at[1], {})[at[2:]] = mark
    return parts


def _rebased(document: Document, place: Place) -> dict[Place, Marks]:
    """The marks below a place, with places that start there."""
    length = len(place)
    return {at[length:]: mark for at, mark in document.marks.items() if at[:length] == place}
