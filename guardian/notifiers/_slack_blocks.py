"""A notice as Slack blocks: harmless text, within Slack's limits, in words before symbols."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

from guardian.core.codec import rfc3339
from guardian.core.notices import Event, Notice
from guardian.core.scrub import SHORTENED, scrub
from guardian.messages.notice_lines import step, versions
from guardian.messages.verdict_lines import VerdictLine, lines

# Slack's limits: docs.slack.dev, Block Kit reference ("header", "section", "context", "blocks").
HEADER_CHARS: Final = 150
SECTION_CHARS: Final = 3000
FIELD_CHARS: Final = 2000
FIELDS_EACH: Final = 10
CRITERIA_SHOWN: Final = 40
"""Four sections of fields, far below 50 blocks a message, and still readable."""
TEXT_CHARS: Final = 3000
_SYMBOL: Final = {
    Event.STARTED: "🚀",
    Event.BAKING: "⏳",
    Event.HELD: "⏸️",
    Event.BLIND: "🙈",
    Event.WARNING: "⚠️",
    Event.RESUMED: "▶️",
    Event.ROLLING_BACK: "↩️",
    Event.STUCK: "🚨",
    Event.ROLLED_BACK: "↩️",
    Event.GATE_FAILED: "❌",
    Event.COMPLETED: "✅",
    Event.UNPROVEN: "❔",
    Event.SUPERSEDED: "⚠️",
    Event.CANCELLED: "⏹️",
}
"""An ornament: the title beside it says the same in words."""


def plainly(notice: Notice) -> dict[str, Any]:
    """What every message carries: text for notifications and screen readers, and no linking."""
    text = fit(f"{notice.title}. {notice.did}", TEXT_CHARS)
    return {"text": text, "parse": "none", "link_names": False}


def fit(text: str, limit: int) -> str:
    """Other people's text, made harmless, in at most `limit` characters after escaping.

    `&`, `<` and `>` are the characters with which Slack builds mentions and links.
    """
    safe = scrub(text, limit)
    if len(_escaped(safe)) <= limit:
        return _escaped(safe)
    pieces = [_escaped(character) for character in safe.removesuffix(SHORTENED)]
    ends = accumulate(map(len, pieces))
    room = limit - len(SHORTENED)
    kept = (piece for piece, end in zip(pieces, ends, strict=True) if end <= room)
    return "".join(kept) + SHORTENED


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(text: str) -> dict[str, Any]:
    """Formatted text in which Slack must not look for names and links by itself (`verbatim`)."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def live(notice: Notice) -> list[dict[str, Any]]:
    """The live message: what, where, each criterion, the last decision and the next step."""
    title = f"{_SYMBOL[notice.event]} {notice.title}"
    header = {"type": "plain_text", "text": fit(title, HEADER_CHARS), "emoji": False}
    blocks = [{"type": "header", "text": header}, _context(_place(notice))]
    blocks += _criteria(notice)
    blocks.append(_context("*What guardian did:* ", notice.did))
    if notice.todo:
        blocks.append(_context("*What you can do:* ", notice.todo))
    return blocks


def reply(notice: Notice) -> list[dict[str, Any]]:
    """The thread's message about one change."""
    blocks = [_section(f"{_SYMBOL[notice.event]} *", notice.title, "*")]
    blocks.append(_section("*What guardian did:* ", notice.did))
    blocks += _criteria(notice)
    if notice.todo:
        blocks.append(_section("*What you can do:* ", notice.todo))
    blocks.append(_context(_place(notice)))
    return blocks


def _context(lead: str, text: str = "") -> dict[str, Any]:
    text = lead + fit(text, SECTION_CHARS - len(lead))
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _section(lead: str, text: str, tail: str = "") -> dict[str, Any]:
    room = SECTION_CHARS - len(lead) - len(tail)
    return {"type": "section", "text": _mrkdwn(f"{lead}{fit(text, room)}{tail}")}


def _place(notice: Notice) -> str:
    """Environment, versions, weight, step, phase, rollout and time."""
    parts = (
        notice.environment,
        versions(notice),
        f"step {step(notice)}" if notice.step else "",
        notice.phase.replace("_", " "),
        "" if notice.own else f"rollout {notice.rollout}",
        rfc3339(notice.at),
    )
    return fit(" · ".join(part for part in parts if part), FIELD_CHARS)


def _criteria(notice: Notice) -> list[dict[str, Any]]:
    """A field for each criterion, failures first; those beyond the limit are counted."""
    told, more = lines(notice.verdicts, CRITERIA_SHOWN)
    shown = [_mrkdwn(_field(line)) for line in told]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "fields": shown[i : i + FIELDS_EACH]}
        for i in range(0, len(shown), FIELDS_EACH)
    ]
    return [*blocks, _context(more)] if more else blocks


def _field(line: VerdictLine) -> str:
    value = f"{line.value} · limit {line.limit or 'none'}"
    counted = ", ".join(part for part in (line.samples, line.window) if part)
    rest = (fit(text, 400) for text in (value, counted, line.why))
    return "\n".join((f"*{fit(line.criterion, 200)}*: {line.word}", *rest))
