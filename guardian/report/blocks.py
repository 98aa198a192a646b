"""What a report is made of, whatever it is written as: headings, paragraphs, tables, plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from guardian.core.model import Instant


@dataclass(frozen=True, slots=True)
class Heading:
    """The beginning of a section; level 1 is the report's own title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences; `alert` for what must not be overlooked."""

    text: str
    alert: bool = False
    tone: Literal["", "good", "bad", "unsure"] = ""
    """How what it says ended, where it says that; shown as a colour beside the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a head; without a head, pairs of a name and what it is."""

    caption: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...]
    folds: bool = False
    """Long and for reference: may be folded away, and cut to its last rows."""

    def cut(self, most: int) -> tuple[tuple[tuple[str, ...], ...], str]:
        """The rows to show, the last `most` of what folds; and for the caption, how many of all."""
        rows = self.rows[-most:] if self.folds else self.rows
        all_ = len(rows) == len(self.rows)
        return rows, "" if all_ else f", the last {len(rows)} of {len(self.rows)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series of a plot; a None interrupts it."""

    label: str
    look: str
    """`value`, `stable`, `weight` or `recorded`: how it is drawn."""
    points: tuple[tuple[Instant, float | None], ...]
    stepped: bool = False
    """Each value holds until the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Values over time, with a limit and what happened meanwhile."""

    name: str
    """Unique in the report."""
    title: str
    text: str
    """What it shows, for whoever cannot see it."""
    since: Instant
    until: Instant
    lines: tuple[Line, ...]
    limit: float | None = None
    limit_text: str = ""
    events: tuple[tuple[Instant, str], ...] = ()
    shown: Callable[[float], str] = str
    """A value as it is written at the axis."""


Block: TypeAlias = Heading | Paragraph | Table | Plot
"""One part of a report."""
