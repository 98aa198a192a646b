"""The glossary has every public noun of the rooms that all others speak of.

`python -m tests.test_glossary` writes the table anew from the docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "glossary.md"
HEADING = "## Names in the code\n"
SHARED_ROOMS = ("app", "core", "engine", "messages", "ports")
RECORDS = re.compile(r"messages/v1\w*\.py")
"""The shapes of JSON: docs/schemas explains them."""


def names() -> Iterator[tuple[str, str, str]]:
    """Each public class: its name, its module, and the first sentence of its docstring."""
    for room in SHARED_ROOMS:
        for path in sorted((ROOT / "guardian" / room).rglob("*.py")):
            where = path.relative_to(ROOT / "guardian").as_posix()
            if RECORDS.fullmatch(where):
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    said = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                    yield node.name, where, said.removesuffix(".")


def table() -> str:
    """The section of the glossary, from the code."""
    rows = sorted(names(), key=lambda row: row[0].lower())
    lines = [f"| `{name}` | {said} | `{where}` |" for name, where, said in rows]
    head = ["", "| name | meaning | where |", "|---|---|---|"]
    return HEADING + "\n".join([*head, *lines]) + "\n"


def test_every_public_noun_is_in_the_glossary() -> None:
    """Each with the sentence that stands at its class, and none that there no longer is."""
    _, heading, rest = PAGE.read_text(encoding="utf-8").partition(HEADING)
    assert heading + rest == table()


if __name__ == "__main__":
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    PAGE.write_text(before.rstrip("\n") + "\n\n" + table(), encoding="utf-8")
