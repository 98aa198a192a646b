"""What can go wrong at the edges, as sentences for people; each carries an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from guardian.core.model import Reason

PERMANENT: Final = frozenset({Reason.AUTH, Reason.NOT_FOUND, Reason.INVALID})
"""Reasons for which the same call would be refused again."""


class GuardianError(Exception):
    """Something a person can act on: what happened, where, why, what to do."""

    exit_code = 1


class UsageError(GuardianError):
    """The command was used wrongly."""

    exit_code = 2


class ConfigError(GuardianError):
    """A file, a setting or a start condition is wrong."""

    exit_code = 3

    def __init__(self, detail: str, *, each: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.each = tuple(each) or (detail,)
        """Where several things are wrong, a sentence of each."""


class EdgeError(GuardianError):
    """A vendor could not do what it was asked."""

    exit_code = 8

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        retryable: bool | None = None,
        after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.retryable = reason not in PERMANENT if retryable is None else retryable
        """Whether the same again may come to something: by the reason, where nobody says it."""
        self.after_s = after_s
        """How long the vendor asked to wait, in seconds (Retry-After)."""
        if reason in (Reason.NOT_FOUND, Reason.INVALID):
            self.exit_code = ConfigError.exit_code  # what was named is not there: no outage


class SourceError(EdgeError):
    """A whole read failed; the failure of a single query is a Measurement with a problem."""


class RouterError(EdgeError):
    """Traffic could not be read or written. After a write, `UNKNOWN`/`TIMEOUT`: read to learn."""


class WrongAccount(RouterError):
    """The credentials are another account's than the configured one; nothing else was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.AUTH, detail)
        self.exit_code = ConfigError.exit_code


class NotYet(RouterError):
    """A version is still being made: it can take traffic soon, without anybody's doing."""


class NotifyError(EdgeError):
    """A notice was not delivered."""


class JournalError(GuardianError):
    """The journal did not do what it was asked."""

    exit_code = 8


class Fenced(JournalError):
    """A newer epoch, or no living lease: this process must stop acting on the target."""


class Conflict(JournalError):
    """The rollout has entries beyond `expected`."""


class Unavailable(JournalError):
    """The journal cannot be reached or is full; nothing was written."""


class Damaged(Unavailable):
    """The entries of one rollout are not what was written; those of others can be used."""


class OutcomeUnknown(JournalError):
    """The write may or may not have happened."""
