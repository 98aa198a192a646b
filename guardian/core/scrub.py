"""Other people's text, made harmless: the one place where it is cleaned, at the door and at sight.

Names, titles, reasons and vendors' errors are other people's text. Whoever reads one from outside
scrubs it before anything else sees it, so that it can be stored, logged and shown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SHORTENED: Final = " … (shortened)"
_SPACES: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode categories that become a space: controls, line separators, lone surrogates."""
_LAYOUT: Final = re.compile(r"(\n|\t|\x1b\[[0-9;]*m)")


def scrub(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters (at least 20), without what hides in it.

    Reads no more of an endless text than can be shown.
    """
    read = 4 * limit
    safe = clean(text[:read])
    return shortened(safe if len(text) <= read else safe + SHORTENED, limit)


def clean(text: str) -> str:
    """The text on one line, without characters that hide, reorder or end it.

    Line ends and control characters (C0 with escape, C1) and lone surrogates become spaces;
    bidirectional marks and zero-width characters (category Cf) are dropped.
    """
    return " ".join(_seen(text).split())


def visible(text: str) -> str:
    """Lines for a terminal or a log: of what is not seen, only line ends, tabs and colours stay.

    For what guardian itself has put together: foreign text in it was scrubbed at its door.
    """
    parts = _LAYOUT.split(text)
    return "".join(part if number % 2 else _seen(part) for number, part in enumerate(parts))


def _seen(text: str) -> str:
    if text.isprintable():
        return text
    kinds = ((c, unicodedata.category(c)) for c in text)
    return "".join(" " if kind in _SPACES else c for c, kind in kinds if kind != "Cf")


def shortened(text: str, limit: int) -> str:
    """The text in at most `limit` characters (at least 20), saying so when something was cut."""
    if len(text) <= limit:
        return text
    return text[: limit - len(SHORTENED)].rstrip() + SHORTENED
