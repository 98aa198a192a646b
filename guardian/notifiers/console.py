"""Prints each notice as one readable block: for a CI log, a demo, or a person at a terminal."""

from __future__ import annotations

import sys
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from guardian.core.codec import rfc3339
from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.core.scrub import scrub
from guardian.messages.notice_lines import step, versions
from guardian.messages.verdict_lines import lines
from guardian.ports import Context, Notifier, NotifyError

PERMISSIONS: tuple[str, ...] = ()

LINE_CHARS = 2000
"""One text of a block; a CI log cuts far longer lines without saying so."""


class Options(BaseModel):
    """Where the blocks are printed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    stream: Literal["stdout", "stderr"] = Field(
        default="stderr", description="Standard output or standard error."
    )


def build(options: Options, context: Context) -> Notifier:  # noqa: ARG001 - every adapter's form
    """A notifier that prints; needs nothing of the context."""
    return Console(options.stream)


class Console:
    """Writes to the process's stream as it is at that moment, so that redirection works."""

    def __init__(self, stream: Literal["stdout", "stderr"]) -> None:
        self._stream = stream

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Print the block; NotifyError when the stream is closed or cannot be written."""
        stream = sys.stdout if self._stream == "stdout" else sys.stderr
        if stream is None:
            raise self._closed()
        text = block(notice)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            # One write keeps the blocks of several threads apart.
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except (OSError, ValueError):
            raise self._closed() from None
        return handle

    def _closed(self) -> NotifyError:
        return NotifyError(
            Reason.UNAVAILABLE,
            f"the notice could not be printed: {self._stream} is closed or broken",
            retryable=False,
        )


def block(notice: Notice) -> str:
    """The notice as lines of text, without colour, with a line end last."""
    where = [notice.environment, versions(notice), f"step {step(notice)}" if notice.step else ""]
    head = f"{rfc3339(notice.at)} {notice.event.value} {notice.title}"
    where.append("" if notice.own else f"rollout {notice.rollout}")
    told, _ = lines(notice.verdicts, len(notice.verdicts))
    rows = [
        ("where", ", ".join(part for part in where if part)),
        *(
            (line.outcome.replace("_", " "), f"{line.criterion}: {line.measured}; {line.why}")
            for line in told
        ),
        ("guardian", notice.did),
        ("you", notice.todo),
    ]
    shown = [f"  {label:<13}{scrub(text, LINE_CHARS)}" for label, text in rows if text]
    return "\n".join((scrub(head, LINE_CHARS), *shown)) + "\n"
