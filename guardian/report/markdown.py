"""A report as Markdown, for tickets and wikis; other people's text is shown, never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guardian.core.scrub import clean
from guardian.report.blocks import Block, Heading, Paragraph, Plot, Table
from guardian.report.facts import Facts
from guardian.report.sections import blocks

LAST_ROWS = 60
_SPECIAL = re.compile(r"([\\`*_\[\]{}|~#$!])")
_AT = re.compile(r"@(?=\w)")


def as_markdown(facts: Facts) -> str:
    """The report, with a line end at its end."""
    return "\n".join(line for part in blocks(facts) for line in _lines(part)).strip("\n") + "\n"


def escaped(text: str) -> str:
    """Text that means nothing to Markdown: no markup, no HTML, no mention, no link."""
    shown = clean(text).replace("&", "&amp;").replace("<", "&lt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    return _AT.sub("&#64;", shown).replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def _lines(part: Block) -> Iterator[str]:
    match part:
        case Heading(level=level, text=text):
            yield f"\n{'#' * level} {escaped(text)}\n"
        case Paragraph(text=text, alert=alert):
            # The first characters of a paragraph begin no list, no heading and no quotation.
            opened = re.sub(r"^(\d*)([-+=>.)])", r"\1\\\2", escaped(text))
            yield f"**Note:** {escaped(text)}\n" if alert else f"{opened}\n"
        case Table():
            yield from _table(part)
        case Plot():
            yield f"{escaped(part.title)}: {escaped(part.text)}\n"


def _table(table: Table) -> Iterator[str]:
    rows, cut = table.cut(LAST_ROWS)
    yield f"{escaped(table.caption)}{cut}:\n"
    if not rows:
        yield "none\n"
        return
    head = table.head or ("",) * len(rows[0])
    yield f"| {' | '.join(escaped(cell) for cell in head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
    yield ""
