"""A notice as one stable JSON object, `guardian/v1/notice`, for programs that listen.

Within v1 keys are only ever added. docs/notifiers/eventbridge.md describes each of them.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from guardian.core.codec import rfc3339
from guardian.core.notices import Notice
from guardian.core.scrub import scrub
from guardian.core.verdict import Verdict
from guardian.messages import records
from guardian.messages.v1 import NoticeRecord, VerdictRecord
from guardian.messages.verdict_lines import worst_first

TEXT_CHARS: Final = 4000
WHY_CHARS: Final = 500
NAME_CHARS: Final = 255
VERDICTS_SENT: Final = 100
MOST_BYTES: Final = 200_000
"""Below the 256 KB of an EventBridge entry (AWS, PutEvents), which counts source and type too."""


def delivery_id(notice: Notice) -> str:
    """The same for every delivery of one notice: 32 hexadecimal digits.

    A hash, because ids of rollouts hold names, and names may be other people's text.
    """
    return sha256(notice.id.encode(errors="replace")).hexdigest()[:32]


def encoded(notice: Notice) -> str:
    """The object as JSON text of at most MOST_BYTES bytes; verdicts beyond that are counted."""
    shown = VERDICTS_SENT
    text = _text(notice, shown)
    while len(text.encode()) > MOST_BYTES and shown:
        shown //= 2
        text = _text(notice, shown)
    return text


def _text(notice: Notice, shown: int) -> str:
    return json.dumps(_object(notice, shown), ensure_ascii=False, separators=(",", ":"))


def _object(notice: Notice, shown: int) -> NoticeRecord:
    verdicts = worst_first(notice.verdicts)
    return {
        "schema": "guardian/v1/notice",
        "id": delivery_id(notice),
        "time": rfc3339(notice.at),
        "event": notice.event.value,
        "environment": _name(notice.environment),
        "service": _name(notice.service),
        "rollout": _name(notice.rollout),
        "seq": notice.seq,
        "stable": _name(notice.stable),
        "canary": _name(notice.canary),
        "phase": _name(notice.phase),
        "weight": None if notice.weight is None else notice.weight.ratio,
        "step": notice.step,
        "steps": notice.steps,
        "title": scrub(notice.title, TEXT_CHARS),
        "did": scrub(notice.did, TEXT_CHARS),
        "todo": scrub(notice.todo, TEXT_CHARS),
        "change": notice.change,
        "final": notice.final,
        "pages": [{**records.page(page), "key": _name(page.key)} for page in notice.pages],
        "resolves": [_name(key) for key in notice.resolves],
        "verdicts": [_row(verdict) for verdict in verdicts[:shown]],
        "verdicts_not_shown": max(0, len(verdicts) - shown),
    }


def _row(judged: Verdict) -> VerdictRecord:
    shown = records.verdict(judged)
    shown["criterion"] = _name(judged.criterion)
    shown["why"] = scrub(judged.why, WHY_CHARS)
    return shown


def _name(text: str) -> str:
    return scrub(text, NAME_CHARS)
