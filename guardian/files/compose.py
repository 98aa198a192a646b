"""`extends` and `include`: a file that is made of others, one level deep.

Maps merge, lists and scalars replace, `null` removes; every value keeps its own file and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from guardian.files.findings import Document, Finding, Node, Place
from guardian.files.references import Found, Links, Lost, matched
from guardian.files.yaml import read

LINKS: Final = ("extends", "include")


def folder_of(node: Node) -> Path:
    """What a relative path at a value starts from: the folder of the file that says it."""
    return Path(node.document.mark(node.place).source.path).parent


def with_findings(document: Document, *found: Finding) -> Document:
    """The document with more that is wrong with it."""
    return replace(document, findings=(*document.findings, *found))


def over(base: Document, document: Document, merged: Document) -> Document:
    """A file's document laid over its base: what is missing is missing there, not in the base."""
    own = {at: mark for at, mark in document.marks.items() if not at}
    found = (*document.findings, *base.findings)
    marks = {**merged.marks, **own}
    return replace(merged, source=document.source, marks=marks, findings=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A file that another one names, and where."""

    place: Place
    document: Document
    link: str | None
    """The key by which it names others itself, which is one level too much."""


class Linker:
    """Reads the files that one names, each once; what is wrong with that is among the findings."""

    def __init__(self, file: Found, links: Links) -> None:
        self._file = file
        self._links = links
        self._seen = {file.path.resolve()}
        self.files = [Path(file.shown)]
        self.findings: list[Finding] = []

    def linked(self, document: Document, key: str) -> Iterator[Linked]:
        """The files that stand under a key, as one reference or as a list of them."""
        given = document.at((key,))
        for index, reference in enumerate(given if isinstance(given, list) else [given]):
            place: Place = (key, index) if isinstance(given, list) else (key,)
            file = replace(self._file, shown=document.mark(place).source.path)
            if isinstance(reference, str):
                for found in matched(reference, file, self._links, key):
                    yield from self._read(document, place, found)

    def _read(self, document: Document, place: Place, found: Found | Lost) -> Iterator[Linked]:
        why = found.why if isinstance(found, Lost) else self._refused(place, found)
        if isinstance(found, Lost) or why:
            self.findings.append(document.finding(place, why))
            return
        self._seen.add(found.path.resolve())
        self.files.append(Path(found.shown))
        other = read(found.path, shown=found.shown)
        if other.whole and isinstance(other.data, dict):
            link = next((key for key in LINKS if key in other.data), None)
            yield Linked(place=place, document=other, link=link)
        else:
            say = f"'{found.shown}' is no {self._links.noun}: it must be a mapping (key: value)"
            self.findings += other.findings or [document.finding(place, say)]

    def _refused(self, place: Place, found: Found) -> str:
        """Why a file cannot be a part of the one that names it; empty when it can."""
        path = found.path.resolve()
        if path == self._file.path.resolve():
            return f"a file cannot {str(place[0]).removesuffix('s')} itself"
        return f"'{found.shown}' is included twice" if path in self._seen else ""
