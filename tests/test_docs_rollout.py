"""docs/rollout.md shows the state machine: diagram and table are made from `TRANSITIONS`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from guardian.core.rollout.machine import REMEMBERED, TRANSITIONS, Phase

PAGE = Path(__file__).parent.parent / "docs" / "rollout.md"
WRITE = "GUARDIAN_WRITE_DOCS"
"""Set to 1, the test rewrites the page's generated blocks instead of comparing them."""
BACK = "where_it_was"
ROWS = sorted(TRANSITIONS.items(), key=lambda row: list(Phase).index(row[0][0]))


def diagram() -> str:
    """The table as a Mermaid state diagram, one arrow for each pair of states."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> pending: RolloutStarted"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (phase, entry), after in ROWS:
        to = BACK if after is REMEMBERED else after.value
        arrows.setdefault((phase.value, to), []).append(entry.__name__)
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return "\n".join([*lines, "```"])


def table() -> str:
    """The table row by row: the state, the entry, and the state that follows."""
    lines = ["| in | entry | leads to |", "|---|---|---|"]
    for (phase, entry), after in ROWS:
        to = f"`{BACK}`" if after is REMEMBERED else f"`{after.value}`"
        lines.append(f"| `{phase.value}` | `{entry.__name__}` | {to} |")
    return "\n".join(lines)


def _block(page: str, name: str) -> re.Match[str]:
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    found = re.search(f"{begin}\n(.*?)\n{end}", page, flags=re.DOTALL)
    assert found is not None, f"docs/rollout.md has no block between {begin} and {end}"
    return found


@pytest.mark.parametrize(("name", "made"), [("diagram", diagram()), ("table", table())])
def test_the_page_shows_the_table_of_the_code(name: str, made: str) -> None:
    """Each generated block is exactly what the code says; GUARDIAN_WRITE_DOCS=1 rewrites it."""
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get(WRITE) == "1":
        start, end = _block(page, name).span(1)
        page = page[:start] + made + page[end:]
        PAGE.write_text(page, encoding="utf-8")
    assert _block(page, name)[1] == made


def test_the_page_explains_every_state() -> None:
    """Each state has one row: what it means, what the traffic is, and who ends it."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
                      PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)  # fmt: skip
    assert [name for name, *_ in rows] == [phase.value for phase in Phase]
    assert all(cell.strip() for row in rows for cell in row)
