"""The documentation site: every page in it, no link broken, nothing fetched from anywhere."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.packaging.test_dist import run
from tests.tooling import ROOT, tool

BASE = "http://site.invalid/"
RESOURCES = {"img", "script", "iframe", "source", "video", "audio", "embed", "object"}
NAVIGATES = {"canonical", "next", "prev"}
"""Kinds of <link> that nothing is loaded by."""


@dataclass
class Seen(HTMLParser):
    """What one page has: names that can be linked to, links, and what a browser loads for it."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and not NAVIGATES & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag in RESOURCES:
            self.loads += [given[name] for name in ("src", "data", "srcset") if name in given]


@dataclass(frozen=True)
class Built:
    """The site as it was built."""

    folder: Path

    @cached_property
    def pages(self) -> dict[str, Seen]:
        """Each page by its address in the site."""
        found = {}
        for path in sorted(self.folder.rglob("*.html")):
            seen = Seen()
            seen.feed(path.read_text("utf-8"))
            found[path.relative_to(self.folder).as_posix()] = seen
        return found

    def at(self, page: str, link: str) -> tuple[str, str]:
        """The file that a link of a page leads to, and the name in it."""
        split = urlsplit(urljoin(BASE + page, link))
        path = unquote(split.path).lstrip("/")
        if not path or path.endswith("/") or (self.folder / path).is_dir():
            path = f"{path.rstrip('/')}/index.html".lstrip("/")
        return path, unquote(split.fragment)

    def broken(self) -> list[str]:
        """Links that lead nowhere, by their pages; of 404.html, which is shown anywhere, none."""
        found = []
        for page, seen in self.pages.items():
            for link in seen.links if page != "404.html" else ():
                if urlsplit(link).scheme:
                    continue
                path, name = self.at(page, link)
                other = self.pages.get(path)
                lost = name and other is not None and name not in other.ids
                if lost or not (self.folder / path).is_file():
                    found.append(f"{page}: {link}")
        return found

    def foreign(self) -> list[str]:
        """What pages and their styles load from elsewhere."""
        found = [
            f"{page}: {url}"
            for page, seen in self.pages.items()
            for url in seen.loads
            if urlsplit(url).netloc
        ]
        for path in sorted(self.folder.rglob("*.css")):
            text = path.read_text("utf-8")
            found += [
                f"{path.name}: {url}"
                for url in re.findall(r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')]+)", text)
            ]
        return found


def build(folder: Path, *, root: Path = ROOT) -> Built:
    """The site of a tree, strictly: a warning of Zensical's is a failure."""
    zensical = tool("zensical", by="make packaging")
    run(sys.executable, root / "release" / "site.py", folder)
    run(zensical, "build", "--strict", "-f", folder / "mkdocs.yml", folder=folder)
    return Built(folder / "site")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The site of what is checked out."""
    return build(tmp_path_factory.mktemp("site"))


def test_no_link_is_broken(site: Built) -> None:
    """Pages, files and headings."""
    assert len(site.pages) > 25
    assert sum(len(seen.links) for seen in site.pages.values()) > 500
    assert site.broken() == []


def test_nothing_is_loaded_from_elsewhere(site: Built) -> None:
    """No font, script, style or picture of anybody's: it reads the same without a network."""
    assert sum(len(seen.loads) for seen in site.pages.values()) > 50
    assert site.foreign() == []
    text = "".join(path.read_text("utf-8") for path in sorted(site.folder.rglob("*.html")))
    assert 'class="mermaid"' not in text  # the one thing for which the theme asks the network


def test_no_page_shows_markdown(site: Built) -> None:
    """No table, list, block or link of which the reader sees the source."""
    found = []
    for path in sorted(site.folder.rglob("*.html")):
        article = re.search(r"<article.*?</article>", path.read_text("utf-8"), re.DOTALL)
        shown = re.sub(
            r"<(pre|code|h\d).*?</\1>", "code", article[0] if article else "", flags=re.DOTALL
        )
        lines = re.sub(r"<[^>]+>", "", shown).splitlines()
        found += [
            f"{path.parent.name}: {line}"
            for line in lines
            if re.match(r"\s*(\||[-*] |\d+\. |```)", line) or "](" in line or "**" in line
        ]
    assert found == []


def test_what_is_broken_would_be_found(tmp_path: Path) -> None:
    """A crawler that reads nothing must not look like one that finds nothing."""
    (tmp_path / "style.css").write_text("@import '//fonts.invalid/x.css'", encoding="utf-8")
    (tmp_path / "index.html").write_text(
        "<h1 id=there>x</h1><a href=#there>a</a><a href=#gone>b</a><a href=no/page/>c</a>"
        "<a href=https://other.invalid/>d</a><script src=https://cdn.invalid/x.js></script>",
        encoding="utf-8",
    )
    found = Built(tmp_path)
    assert found.broken() == ["index.html: #gone", "index.html: no/page/"]
    assert found.foreign() == [
        "index.html: https://cdn.invalid/x.js",
        "style.css: //fonts.invalid/x.css",
    ]
