"""What the daemon writes to stderr: a line for each thing that happened, as text or as JSON."""

from __future__ import annotations

import re

from guardian.cli.streams import write_line
from guardian.core.codec import rfc3339
from guardian.core.status import RolloutStatus
from guardian.engine.tick_result import Recorded, TickResult
from guardian.messages import records
from guardian.messages.entry_lines import event_of
from guardian.messages.v1 import LogRecord
from guardian.ports import Clock

_LINE = re.compile(r"\n(?! )")


class Log:
    """A log in one of the two forms; safe to use in any thread, a line at a time."""

    def __init__(self, form: str, clock: Clock, *, level: str = "info") -> None:
        self._json = form == "json"
        self._clock = clock
        self._silent = level in ("warning", "error")
        """Only what went wrong is written."""
        self._trouble = ""

    def say(self, text: str) -> None:
        """A remark: always worth a line."""
        time = rfc3339(self._clock.now())
        record: LogRecord = {
            "schema": "guardian/v1/log",
            "time": time,
            "event": "remark",
            "message": text,
        }
        self._write(record, f"{time} {text}")

    def report(self, report: TickResult) -> None:
        """One tick: a line for each entry, and for a journal that cannot be used."""
        for item, status in () if self._silent else report.news:
            self._recorded(item, status)
        if report.trouble and report.trouble != self._trouble:
            self.say(report.trouble)
        if report.statuses:
            self._trouble = report.trouble

    def _recorded(self, item: Recorded, status: RolloutStatus) -> None:
        event, service = event_of(item.entry), status.plan.service
        phase, weight = status.rollout.phase.value, str(status.weight)
        told = item.notice
        title = told.title if told is not None else event.replace("_", " ")
        time = rfc3339(self._clock.now())
        record: LogRecord = {
            "schema": "guardian/v1/log",
            "time": time,
            "event": event,
            "service": service,
            "rollout": item.rollout,
            "phase": phase,
            "weight": status.weight.ratio,
            "message": title,
        }
        if told is not None and told.did:
            record["did"] = told.did
        said = f"{service}: {event} ({phase}, {weight}) {item.rollout}: {title}"
        self._write(record, f"{time} {said}")

    def _write(self, record: LogRecord, text: str) -> None:
        # What goes on in the next line is set in: none of it is taken for a record of its own.
        line = records.text(record) if self._json else _LINE.sub("\n  ", text)
        write_line(line, err=True, fit=False)
