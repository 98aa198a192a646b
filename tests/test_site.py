"""What the documentation site is made of: every page in its navigation, spelled as it has to be."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from release.site import Site, pages, spelled
from tests.tooling import ROOT

PARTS = ["Getting started", "How-to guides", "Reference", "Explanation"]


def nav() -> dict[str, list[str]]:
    """The pages of each part, in order, with those of its folders."""
    text = Site(ROOT, ROOT / "nowhere").nav((ROOT / "mkdocs.yml").read_text("utf-8"))
    loaded = YAML(typ="safe", pure=True).load(text)
    return {part: leaves(tree) for entry in loaded["nav"] for part, tree in entry.items()}


def leaves(tree: str | list[dict[str, object]]) -> list[str]:
    """The pages below a title."""
    if isinstance(tree, str):
        return [tree]
    return [leaf for entry in tree for below in entry.values() for leaf in leaves(below)]  # type: ignore[arg-type]


def test_every_page_is_in_the_navigation_once() -> None:
    """Whoever writes a page in docs/ says in mkdocs.yml which part it is of."""
    named = [page for part in nav().values() for page in part]
    assert sorted(named) == sorted(pages(ROOT).values())


def test_a_newcomers_path_comes_first() -> None:
    """What it is, then an afternoon with it; four parts."""
    found = nav()
    assert list(found) == PARTS
    assert found["Getting started"] == ["index.md", "tutorial.md"]


def test_the_configuration_loads_nothing_from_elsewhere() -> None:
    """No web font, no analytics, no address at all."""
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "font: false" in text
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize(
    ("forge", "markdown"),
    [
        ("so:\n- a\n- b\nend", "so:\n\n- a\n- b\n\nend"),
        ("so:\n| a |\n|---|\nend", "so:\n\n| a |\n|---|\n\nend"),
        ("1. a\n   more\n2. b", "1. a\n    more\n2. b"),
        ("1. a\n\n   | t |\n2. b", "1. a\n\n    | t |\n\n2. b"),
        ("- a\n  more\n- b", "- a\n    more\n- b"),
        ("```\n- a\nb\n| c |\n```", "```\n- a\nb\n| c |\n```"),
        (
            "1. a\n   ```\n   x\n   ```\n\n   more\n2. b",
            "1. a\n\n    ```\n    x\n    ```\n\n    more\n\n2. b",
        ),
    ],
)
def test_pages_are_spelled_for_the_site(forge: str, markdown: str) -> None:
    """Distance around tables and lists, and what is in an item indented by four."""
    assert spelled(forge) == markdown
