"""Lines of text on a terminal: how wide they are, where they break, and tables of them."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TextIO

from click import unstyle

from guardian.core.scrub import visible

_QUOTED = re.compile(r"\s*\d* \| ")
"""A line of somebody's file, or the caret below it: it is shown as it stands."""
HANGING = "    "
NARROWEST = 20
"""Below so many columns nothing is broken: there would be a word a line."""


def columns(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in unstyle(text)
    )


def encodable(text: str, stream: TextIO) -> str:
    """The text without what could hide in it, and with question marks for what cannot be sent."""
    encoding = stream.encoding or "utf-8"
    return visible(text).encode(encoding, "replace").decode(encoding)


def fitting(text: str, stream: TextIO) -> str:
    """The text as the stream can take it, broken between words for a terminal."""
    text = encodable(text, stream)
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in broken(line, width))


def broken(line: str, width: int) -> Iterator[str]:
    """One line as several of at most `width` columns; a longer word stands alone."""
    if width < NARROWEST or columns(line) <= width or _QUOTED.match(line):
        yield line
        return
    body = line.lstrip(" ")
    indent = line[: len(line) - len(body)]
    shown, room = indent, width - len(indent)
    left = room
    for number, word in enumerate(body.split(" ")):
        needed = columns(word) + (number > 0 and left < room)
        if needed > left and shown.strip():
            yield shown
            shown, room = indent + HANGING + word, width - len(indent) - len(HANGING)
            left = room - columns(word)
            continue
        shown += f" {word}" if number else word
        left -= needed
    yield shown


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows below their names, in columns; the last one is as wide as it likes."""
    widths = [max(columns(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]
