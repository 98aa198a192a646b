"""A notice as a mail: subject, text, simple HTML, and the headers that keep a thread together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Final

from guardian.core.codec import rfc3339
from guardian.core.notices import Notice
from guardian.core.scrub import scrub
from guardian.messages.notice_lines import step, versions
from guardian.messages.verdict_lines import lines

SUBJECT_CHARS: Final = 200
TEXT_CHARS: Final = 3000
NAME_CHARS: Final = 200
CRITERIA_SHOWN: Final = 40
_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,250}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail, ready for any carrier."""

    sender: str
    addresses: tuple[str, ...]
    subject: str
    text: str
    html: str
    message_id: str
    """The same whenever this notice is mailed, for carriers that keep it."""
    headers: Mapping[str, str]
    """Beside the usual ones: References, In-Reply-To, Auto-Submitted."""


def mail(notice: Notice, *, sender: str, addresses: tuple[str, ...], first: str | None) -> Mail:
    """The notice as a mail; `first` is the Message-ID of the rollout's first one.

    Whatever the notice holds, no text of it can begin a header or a tag.
    """
    domain = sender.rpartition("@")[2]
    root = f"<guardian.{_digest(notice.rollout)}@{domain}>"
    known = first if first and _MESSAGE_ID.fullmatch(first) else None
    # RFC 5322, 3.6.4; RFC 3834, 5: nothing that answers by itself shall answer this.
    headers = {"Auto-Submitted": "auto-generated", "References": root}
    if known:
        headers |= {"References": f"{root} {known}", "In-Reply-To": known}
    return Mail(
        sender=sender,
        addresses=addresses,
        subject=_subject(notice),
        text=_text(notice),
        html=_html(notice),
        message_id=f"<guardian.{_digest(notice.id)}@{domain}>",
        headers=headers,
    )


def _digest(name: str) -> str:
    return sha256(name.encode(errors="replace")).hexdigest()[:24]


def _subject(notice: Notice) -> str:
    return scrub(f"[{scrub(notice.environment, 60)}] {notice.title}", SUBJECT_CHARS)


def _rows(notice: Notice) -> list[tuple[str, str]]:
    """What stands in the mail beside the title and the criteria: a label and a line each."""
    rows = [
        ("What guardian did", scrub(notice.did, TEXT_CHARS)),
        ("What you can do", scrub(notice.todo, TEXT_CHARS)),
        ("Service", f"{_name(notice.service)} in {_name(notice.environment)}"),
        ("Versions", scrub(versions(notice), TEXT_CHARS)),
        ("Step", step(notice)),
        ("Phase", _name(notice.phase.replace("_", " "))),
        ("Rollout", "" if notice.own else _name(notice.rollout)),
        ("Time", rfc3339(notice.at)),
    ]
    return [(label, text) for label, text in rows if text]


def _criteria(notice: Notice) -> tuple[list[tuple[str, str, str, str]], str]:
    """Outcome, criterion, what was measured and why, failures first; and how many are not shown."""
    told, more = lines(notice.verdicts, CRITERIA_SHOWN)
    return [(one.word, one.criterion, one.measured, one.why) for one in told], more


def _name(text: str) -> str:
    return scrub(text, NAME_CHARS) if text else ""


# --- text --------------------------------------------------------------------------------------


def _text(notice: Notice) -> str:
    criteria, more = _criteria(notice)
    rows = [scrub(notice.title, TEXT_CHARS), ""]
    rows += [f"{label}: {text}" for label, text in _rows(notice)]
    if criteria:
        rows += ["", "Criteria:"]
        rows += [f"- {word}: {name}: {value}; {why}" for word, name, value, why in criteria]
    return "\n".join([*rows, *([more] if more else [])]) + "\n"


# --- HTML --------------------------------------------------------------------------------------


def _html(notice: Notice) -> str:
    """Headings and tables, no images, links, scripts or outside content."""
    criteria, more = _criteria(notice)
    parts = [f"<h2>{_safe(scrub(notice.title, TEXT_CHARS))}</h2>", _table(_rows(notice))]
    if criteria:
        parts += ["<h3>Criteria</h3>", _table([("Verdict", "Criterion", "Measured", "Why")], "th")]
        parts[-1] = parts[-1].removesuffix("</table>") + _table(criteria).removeprefix(_TABLE)
    if more:
        parts.append(f"<p>{_safe(more)}</p>")
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>'
        f'<body style="font-family: sans-serif">\n{"".join(parts)}</body></html>\n'
    )


_TABLE: Final = '<table cellpadding="4" style="border-collapse: collapse">\n'


def _table(rows: Iterable[tuple[str, ...]], cell: str = "td") -> str:
    body = "".join(
        "<tr>"
        + "".join(f'<{cell} align="left" valign="top">{_safe(c)}</{cell}>' for c in row)
        # Each row on a line of its own, far below the 998 characters of RFC 5322 before encoding.
        + "</tr>\n"
        for row in rows
    )
    return f"{_TABLE}{body}</table>\n"


def _safe(text: str) -> str:
    return escape(text, quote=True)
