"""What tells people."""

from __future__ import annotations

from typing import Protocol

from guardian.core.notices import Notice


class Notifier(Protocol):
    """Tells people. Has its own time-outs; may be called again with the same notice."""

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Deliver; returns the handle for the rollout's next notice (Slack's thread).

        `handle` is what the last delivery of this rollout on this receiver returned.
        Raises NotifyError; its text never holds a secret.
        """
        ...
