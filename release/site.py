"""Gathers the pages of the documentation site: docs/, the README and its like, links in place.

`python release/site.py FOLDER` writes `FOLDER/docs` and `FOLDER/mkdocs.yml`, of which Zensical
makes the site. Links lead to pages where there is one; where there is none, to a copy of the file
or to the list of the folder.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
ITEM = re.compile(r"(?:[-*]|\d+\.) ")
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")
FENCE = re.compile(r"^( *```[a-z]+) [a-z ]+$", re.MULTILINE)
"""A block that says to tests what it is; highlighters know the first word alone."""
FOLDER = re.compile(r"^( *)- (.+): ([\w/-]+)/$", re.MULTILINE)


def pages(root: Path) -> dict[str, str]:
    """The place in the site of each file that is a page of it."""
    found = {"README.md": "index.md"}
    for path in sorted(root.glob("[A-Z]*.md")):
        found.setdefault(path.name, path.name.lower())
    for path in sorted((root / "docs").rglob("*.md")):
        found[path.relative_to(root).as_posix()] = path.relative_to(root / "docs").as_posix()
    for path in sorted([*root.glob("examples/*/README.md"), *root.glob("helm/*/README.md")]):
        folder = path.parent.relative_to(root).as_posix()
        found[f"{folder}/README.md"] = f"{folder}.md"
    return found


def moved(text: str, source: str, places: Mapping[str, str], file: Callable[[str], str]) -> str:
    """A page's text with its links as they are in the site; `file` gives the place of any other."""
    here = PurePosixPath(places[source]).parent

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        place = places.get(target) or places.get(f"{target}/README.md") or file(target)
        return os.path.relpath(place, here)

    return spelled(FENCE.sub(r"\1", LINK.sub(link, text)))


def title(path: Path) -> str:
    """A page's first heading."""
    found = re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return found[1].replace("`", "") if found else path.stem


def spelled(text: str) -> str:
    """A page as Python's Markdown reads what forges read.

    It wants an empty line around a table and before a list, and what belongs to an item of a list
    indented by four.
    """
    found: list[str] = []
    fenced, apart, more = False, False, ""
    for line in text.split("\n"):
        item = ITEM.match(line)
        before = found[-1] if found else ""
        if not fenced and before.strip() and line.strip():
            kinds = {_kind(before), _kind(line)}
            if (item and apart) or (len(kinds) > 1 and "deeper" not in kinds):
                found.append("")
        if not fenced and (item or line[:1].strip()):
            more, apart = " " * (4 - len(item[0])) if item else "", False
        apart = apart or (bool(more) and not line)
        fenced ^= line.lstrip().startswith("```")
        found.append(more + line if line[:1] == " " else line)
    return "\n".join(found)


def _kind(line: str) -> str:
    """What a line needs distance from: tables from all else, lists from paragraphs."""
    text = line.lstrip()
    if text.startswith("|"):
        return "table"
    if ITEM.match(text):
        return "list"
    return "deeper" if line[:1] == " " and not text.startswith("```") else "text"


class Site:
    """The gathered pages, in a folder of their own."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._docs = folder / "docs"
        self._places = pages(root)

    def gather(self) -> None:
        """Write every page, and what pages link to."""
        shutil.rmtree(self._docs, ignore_errors=True)
        for source, place in self._places.items():
            text = (self._root / source).read_text("utf-8")
            self._write(place, moved(text, source, self._places, self._file))

    def nav(self, config: str) -> str:
        """The configuration with each folder's pages in the place of its name."""
        return FOLDER.sub(lambda m: "\n".join(self._section(m[1], m[2], m[3])), config)

    def _section(self, indent: str, name: str, folder: str) -> Iterator[str]:
        yield f"{indent}- {name}:"
        for path in sorted((self._root / "docs" / folder).glob("*.md")):
            yield f"{indent}    - {title(path)}: {folder}/{path.name}"

    def _file(self, target: str) -> str:
        """The place of what is no page: a file's copy, or a list of what a folder has."""
        source = self._root / target
        if source.is_dir():
            place = f"{target.removeprefix('docs/')}/index.md"
            self._write(place, self._listed(source, place))
            return place
        place = f"files/{target}"
        (self._docs / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self._docs / place)
        return place

    def _listed(self, folder: Path, place: str) -> str:
        lines = [f"# {folder.relative_to(self._root).as_posix().removeprefix('docs/')}", ""]
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            source = path.relative_to(self._root).as_posix()
            to = self._places.get(source) or self._file(source)
            name = title(path) if source in self._places else path.name
            lines.append(f"- [{name}]({os.path.relpath(to, PurePosixPath(place).parent)})")
        return "\n".join(lines) + "\n"

    def _write(self, place: str, text: str) -> None:
        path = self._docs / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    to = Path(sys.argv[1])
    site = Site(ROOT, to)
    site.gather()
    (to / "mkdocs.yml").write_text(
        site.nav((ROOT / "mkdocs.yml").read_text("utf-8")), encoding="utf-8"
    )
