"""A report as one HTML file that needs nothing else: no script, no font, no image from outside.

Everything that comes from outside is escaped, and the page forbids itself to load or run anything
(Content-Security-Policy), so that a hostile name in it stays a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from guardian.core.scrub import clean
from guardian.report.blocks import Block, Heading, Paragraph, Plot, Table
from guardian.report.facts import Facts
from guardian.report.plots import svg
from guardian.report.sections import blocks

LAST_ROWS = 240
"""Of a table for reference, this many rows: the file stays small; `-o json` has all."""
STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--soft:#f6f8fa;
--value:#0550ae;--stable:#57606a;--limit:#b3261e;--event:#8250df;--alert:#fff4e5;--good:#1a7f37;--unsure:#9a6700}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9da7b1;--line:#30363d;
--soft:#161b22;--value:#79c0ff;--stable:#9da7b1;--limit:#ff7b72;--event:#d2a8ff;--alert:#3a2a10;--good:#3fb950;--unsure:#d29922}}
body{margin:0 auto;max-width:70rem;padding:1.5rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25}
h2{font-size:1.3rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin-top:1.8rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;margin:.4rem 0 1rem;overflow-wrap:normal}
caption,summary{text-align:left;color:var(--dim);padding:.3rem 0}
summary{cursor:pointer}
th,td{text-align:left;vertical-align:top;padding:.25rem .7rem .25rem 0;
border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
tbody th{font-weight:600;white-space:nowrap}
.alert{background:var(--alert);border-left:4px solid var(--limit);padding:.6rem .8rem}
figure{margin:1rem 0;padding:.6rem;background:var(--soft);border:1px solid var(--line)}
figcaption{font-size:.9rem;color:var(--dim)}
figcaption strong{color:var(--fg)}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--dim)}
svg .y{text-anchor:end}svg .x{text-anchor:middle}
svg .l{text-anchor:end;fill:var(--limit)}svg .e{fill:var(--event)}
svg line{stroke:var(--line)}svg .axis,svg .tick{stroke:var(--dim)}
svg .limit{stroke:var(--limit);stroke-width:1.5;stroke-dasharray:7 4}
svg .event{stroke:var(--event);stroke-dasharray:2 3}
svg path{fill:none;stroke-width:2;stroke-linejoin:round}
svg .value path,svg .weight path{stroke:var(--value)}svg .value circle{fill:var(--value)}
svg .stable path{stroke:var(--stable);stroke-dasharray:4 3}svg .stable circle{fill:var(--stable)}
svg .recorded circle{fill:var(--event);r:4px}
.end{border-left:6px solid var(--dim);padding:.4rem .8rem;background:var(--soft);font-weight:600}
.good{border-color:var(--good)}.bad{border-color:var(--limit)}.unsure{border-color:var(--unsure)}
@media (max-width:44rem){body{padding:.8rem}thead{display:none}tr,td,tbody th{display:block}
tr{border-bottom:1px solid var(--line);padding:.4rem 0}td,tbody th{border:0;padding:.1rem 0;
overflow-wrap:anywhere;white-space:normal}td[data-of]::before{content:attr(data-of) ": ";
color:var(--dim)}svg text{font-size:16px}}
@media print{body{max-width:none}figure{break-inside:avoid}}
"""
_DRAWN = {
    "value": "solid line",
    "weight": "solid line",
    "stable": "dashed line",
    "recorded": "dots",
}


def as_html(facts: Facts) -> str:
    """The file's text."""
    parts = list(blocks(facts))
    title = next((p.text for p in parts if isinstance(p, Heading)), "guardian report")
    body = "\n".join(piece for part in parts for piece in _piece(part))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _safe(text: str) -> str:
    return escape(clean(text), quote=True)


def _piece(part: Block) -> Iterator[str]:
    match part:
        case Heading(level=level, text=text):
            yield f"<h{level}>{_safe(text)}</h{level}>"
        case Paragraph(text=text, alert=alert, tone=tone):
            # A role tells a screen reader what the colour tells the eye.
            kind = ' class="alert" role="note"' if alert else ""
            kind = f' class="end {tone}"' if tone else kind
            yield f"<p{kind}>{_safe(text)}</p>"
        case Table():
            yield from _table(part)
        case Plot():
            yield _figure(part)


def _table(table: Table) -> Iterator[str]:
    rows, cut = table.cut(LAST_ROWS)
    caption = f"{_safe(table.caption)}{cut}"
    if table.folds:
        yield f"<details><summary>{caption}</summary>"
    yield '<div class="scroll"><table>'
    if not table.folds:
        yield f"<caption>{caption}</caption>"
    if table.head:
        cells = "".join(f'<th scope="col">{_safe(cell)}</th>' for cell in table.head)
        yield f"<thead><tr>{cells}</tr></thead>"
    yield "<tbody>"
    for row in rows:
        yield f"<tr>{_row(row, table.head)}</tr>"
    yield "</tbody></table></div>"
    if table.folds:
        yield "</details>"


def _row(row: tuple[str, ...], head: tuple[str, ...]) -> str:
    """The cells, each with its column's name for narrow pages; the first of a pair names both."""
    if not head:
        first, *rest = row
        cells = "".join(f"<td>{_safe(cell)}</td>" for cell in rest)
        return f'<th scope="row">{_safe(first)}</th>{cells}'
    named = zip(head, row, strict=True)
    return "".join(f'<td data-of="{_safe(name)}">{_safe(cell)}</td>' for name, cell in named)


def _figure(plot: Plot) -> str:
    several = plot.lines if len(plot.lines) > 1 else ()
    legend = [f"{_safe(line.label)}: {_DRAWN[line.look]}." for line in several]
    words = " ".join([f"<strong>{_safe(plot.title)}.</strong>", _safe(plot.text), *legend])
    return f"<figure>\n{svg(plot)}\n<figcaption>{words}</figcaption>\n</figure>"
