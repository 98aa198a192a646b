"""A report as text for a terminal: sections, and tables in columns; plots are left out."""

from __future__ import annotations

from collections.abc import Iterator

from guardian.core.scrub import clean
from guardian.report.blocks import Block, Heading, Paragraph, Plot, Table
from guardian.report.facts import Facts
from guardian.report.sections import blocks

LAST_ROWS = 20
"""Of a table for reference, this many rows are shown."""


def as_text(facts: Facts) -> str:
    """The report, with a line end at its end."""
    lines = [line.rstrip() for part in blocks(facts) for line in _lines(part)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(part: Block) -> Iterator[str]:
    match part:
        case Heading(level=level, text=text):
            shown = clean(text)
            yield ""
            yield shown
            yield {1: "=", 2: "-"}.get(level, ".") * len(shown)
        case Paragraph(text=text, alert=alert):
            yield f"{'! ' if alert else ''}{clean(text)}"
        case Table():
            yield from _table(part)
        case Plot():
            return


def _table(table: Table) -> Iterator[str]:
    rows, cut = table.cut(LAST_ROWS)
    shown = [tuple(clean(cell) for cell in row) for row in rows]
    yield ""
    yield f"{clean(table.caption)}{cut}:"
    if table.head:
        shown = [table.head, *shown]
    widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))] if shown else []
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells)
