"""Plots as inline SVG: values against a limit over time, with the shifts marked; no script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TypeGuard

from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.scrub import clean
from guardian.report.blocks import Line, Plot

WIDTH, HEIGHT = 760.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 84.0, 14.0, 34.0, 30.0
MOST_POINTS = 480
"""A line of more points is thinned: of each stretch, the lowest and the highest are kept."""
MOST_LABELS = 12
"""Of more events than these only the lines are drawn: their names are in the tables."""
_TICKS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
_DAY_S = 86_400.0


def svg(plot: Plot) -> str:
    """The plot as one `svg` element with a title and a description; everything is escaped."""
    scale = _Scale(plot)
    title, text = escape(clean(plot.title)), escape(clean(plot.text))
    named = f'aria-labelledby="{plot.name}-t {plot.name}-d"'
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" {named}>',
        f'<title id="{plot.name}-t">{title}</title>',
        f'<desc id="{plot.name}-d">{text}</desc>',
        *_axes(plot, scale),
        *_events(plot, scale),
        *_limit(plot, scale),
        *(_line(line, scale) for line in plot.lines),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


class _Scale:
    """From instants and values to the picture's coordinates."""

    def __init__(self, plot: Plot) -> None:
        known = [v for line in plot.lines for _, v in line.points if _drawable(v)]
        if _drawable(plot.limit):
            known.append(plot.limit)
        self.low = min([0.0, *known])
        top = max([0.0, *known])
        self.high = top + 0.08 * (top - self.low) if top > self.low else self.low + 1.0
        self.since, self.until = plot.since, max(plot.until, plot.since + 1.0)

    def x(self, at: Instant) -> float:
        """Held inside the plot: what is outside its time is drawn at its edge."""
        share = (at - self.since) / (self.until - self.since)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The height of a value."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _drawable(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


# --- the frame ---------------------------------------------------------------------------------


def _axes(plot: Plot, scale: _Scale) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in _nice(scale.low, scale.high):
        y = scale.y(value)
        yield f'<line class="grid" x1="{LEFT:g}" y1="{y:.1f}" x2="{right:g}" y2="{y:.1f}"/>'
        label = escape(clean(plot.shown(value)))
        yield f'<text class="y" x="{LEFT - 6:g}" y="{y + 4:.1f}">{label}</text>'
    for at in _times(scale.since, scale.until):
        x = scale.x(at)
        yield f'<line class="tick" x1="{x:.1f}" y1="{bottom:g}" x2="{x:.1f}" y2="{bottom + 4:g}"/>'
        yield f'<text class="x" x="{x:.1f}" y="{bottom + 17:g}">{_time(at, scale)}</text>'
    yield f'<line class="axis" x1="{LEFT:g}" y1="{bottom:g}" x2="{right:g}" y2="{bottom:g}"/>'


def _nice(low: float, high: float) -> list[float]:
    """Round values from `low` to `high`, about four."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * size >= rough)
    first = math.ceil(low / step)
    return [index * step for index in range(first, math.floor(high / step) + 1)]


def _times(since: Instant, until: Instant) -> list[Instant]:
    """Round times in the span, at most eight."""
    step = next((s for s in _TICKS_S if (until - since) / s <= 8), None)
    if step is None:
        step = math.ceil((until - since) / 8 / _DAY_S) * int(_DAY_S)
    first = math.ceil(since / step)
    return [float(i * step) for i in range(first, math.floor(until / step) + 1)]


def _time(at: Instant, scale: _Scale) -> str:
    text = rfc3339(at)
    return text[5:16].replace("T", " ") if scale.until - scale.since > _DAY_S else text[11:16]


# --- what is drawn -----------------------------------------------------------------------------


def _events(plot: Plot, scale: _Scale) -> Iterator[str]:
    bottom, labelled = HEIGHT - BOTTOM, len(plot.events) <= MOST_LABELS
    for index, (at, label) in enumerate(plot.events):
        x = scale.x(at)
        yield f'<line class="event" x1="{x:.1f}" y1="{TOP:g}" x2="{x:.1f}" y2="{bottom:g}"/>'
        if labelled:
            # Two rows of labels, so that neighbours do not cover each other.
            y, side = TOP - 4 - 13 * (index % 2), "end" if x > WIDTH * 0.8 else "start"
            text = escape(clean(label))
            yield f'<text class="e" text-anchor="{side}" x="{x:.1f}" y="{y:g}">{text}</text>'


def _limit(plot: Plot, scale: _Scale) -> Iterator[str]:
    if not _drawable(plot.limit):
        return
    y, right = scale.y(plot.limit), WIDTH - RIGHT
    yield f'<line class="limit" x1="{LEFT:g}" y1="{y:.1f}" x2="{right:g}" y2="{y:.1f}"/>'
    label = escape(clean(plot.limit_text))
    yield f'<text class="l" x="{right - 2:g}" y="{y - 5:.1f}">{label}</text>'


def _line(line: Line, scale: _Scale) -> str:
    """A path through the points, broken where there is no value; a lone point is a dot."""
    if line.stepped:
        return _steps(line, scale)
    path, alone = [], []
    for stretch in _stretches(thinned(line.points)):
        if len(stretch) == 1:
            (at, value) = stretch[0]
            alone.append(f'<circle cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="2"/>')
        else:
            path.append("M" + "L".join(f"{scale.x(at):.1f} {scale.y(v):.1f}" for at, v in stretch))
    drawn = f'<path d="{"".join(path)}"/>' if path else ""
    return f'<g class="{line.look}">{drawn}{"".join(alone)}</g>' if drawn or alone else ""


def _steps(line: Line, scale: _Scale) -> str:
    known = [(at, value) for at, value in line.points if value is not None]
    if not known:
        return ""
    parts = [f"M{scale.x(known[0][0]):.1f} {scale.y(known[0][1]):.1f}"]
    for at, value in known[1:]:
        parts.append(f"H{scale.x(at):.1f}V{scale.y(value):.1f}")
    parts.append(f"H{scale.x(scale.until):.1f}")
    return f'<g class="{line.look}"><path d="{"".join(parts)}"/></g>'


def _stretches(
    points: Sequence[tuple[Instant, float | None]],
) -> Iterator[list[tuple[Instant, float]]]:
    """Runs of points that have a value."""
    run: list[tuple[Instant, float]] = []
    for at, value in points:
        if _drawable(value):
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def thinned(
    points: Sequence[tuple[Instant, float | None]],
) -> Sequence[tuple[Instant, float | None]]:
    """At most about `MOST_POINTS` of the points; no extreme is lost."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / MOST_POINTS)
    kept: list[tuple[Instant, float | None]] = []
    for begin in range(0, len(points), size):
        stretch = points[begin : begin + size]
        heard = [(v, at) for at, v in stretch if _drawable(v)]
        if len(heard) < len(stretch):
            kept.append((stretch[0][0], None))
        if heard:
            extremes = {min(heard), max(heard)}
            kept += sorted((at, v) for v, at in extremes)
    return kept
