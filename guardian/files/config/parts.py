"""One configuration out of several files: its base, the parts that it includes, its defaults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from guardian.files.compose import LINKS, Linker, over, with_findings
from guardian.files.findings import Document, Finding, Node, Place, combined, overlaid
from guardian.files.references import Found, Links
from guardian.files.yaml import read

MAX_INCLUDED: Final = 200
"""Files that one wildcard may stand for."""
_LINKS: Final = Links(
    noun="configuration",
    most=MAX_INCLUDED,
    wildcard="of files in one folder: services.d/*.yaml",
    none="no file matches {}",
    relative="write a path that starts from this file's folder",
    single=frozenset({"extends"}),
)
_GROUPS: Final = ("services", "groups")


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
    file = Found(path=path, shown=str(path), root=path.resolve().parent.parent)
    linker = Linker(file, _LINKS)
    document = _defaulted(_included(_extended(document, linker), linker))
    whole = with_findings(document, *linker.findings)
    return Composed(document=whole, files=tuple(linker.files))


def _extended(document: Document, linker: Linker) -> Document:
    """The file over the base that it names; one level."""
    given = document.data.get("extends")
    if given is not None and not isinstance(given, str):
        say = "extends takes the path of one file"
        return with_findings(document, document.finding(("extends",), say))
    base = next(linker.linked(document, "extends"), None)
    if base is None:
        return document
    for key in LINKS:
        if key in base.document.data:
            say = f"a file that is extended cannot have {key} itself: one level is all"
            linker.findings.append(base.document.finding((key,), say, key=True))
    return over(base.document, document, overlaid(base.document, (), Node(document)))


def _included(document: Document, linker: Linker) -> Document:
    """The services and groups of every file that is included, beside the file's own."""
    given = document.data.get("include")
    if given is None:
        return document
    if not isinstance(given, str | list) or not all(isinstance(path, str) for path in given):
        say = "include takes paths of files: a list"
        return with_findings(document, document.finding(("include",), say))
    document = replace(
        document, data={**document.data, "services": document.data.get("services", {})}
    )
    changes: list[tuple[Place, Node]] = []
    taken: dict[Place, Document] = {}
    for inner in linker.linked(document, "include"):
        part = inner.document
        linker.findings.extend(part.findings)
        for key in part.data:
            if key not in ("version", *_GROUPS):
                say = f"a file that is included holds services and groups, not {key}"
                linker.findings.append(part.finding((key,), say, key=True))
        changes += _added(document, part, taken, linker.findings)
    return combined(document, changes, whole=frozenset())


def _added(
    document: Document, part: Document, taken: dict[Place, Document], findings: list[Finding]
) -> Iterator[tuple[Place, Node]]:
    """What a part brings, each where it goes; a name that is there already is a finding."""
    for group in _GROUPS:
        theirs, ours = part.data.get(group), document.data.get(group, {})
        if isinstance(theirs, dict) and group not in document.data and (group,) not in taken:
            taken[(group,)] = part
            yield (group,), Node(replace(part, data={group: {}}), (group,))
        for name in theirs if isinstance(theirs, dict) else ():
            place: Place = (group, name)
            if not isinstance(ours, dict) or name in ours or place in taken:
                first = taken.get(place, document).mark(place, key=True)
                say = f"'{name}' stands in {first} already"
                findings.append(part.finding(place, say, key=True))
            else:
                taken[place] = part
                yield place, Node(part, place)


def _defaulted(document: Document) -> Document:
    """Every service over the file's `defaults`."""
    defaults, services = document.at(("defaults",)), document.at(("services",))
    if not isinstance(defaults, dict) or not isinstance(services, dict) or not defaults:
        return document
    named = [name for name, service in services.items() if isinstance(service, dict)]
    bare: dict[str, Any] = {**services, **{name: {} for name in named}}
    places: list[Place] = [("services", name) for name in named]
    changes = [(place, Node(document, ("defaults",))) for place in places]
    changes += [(place, Node(document, place)) for place in places]
    below = replace(document, data={**document.data, "services": bare})
    return combined(below, changes, whole=frozenset())
