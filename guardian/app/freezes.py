"""Freezes: no advances for a while, of one service or of all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from guardian.app.remembered import Records
from guardian.core.rollout.entries import EVERYTHING, Freeze
from guardian.ports import ConfigError, JournalError, UsageError


def freeze(
    records: Records,
    services: Sequence[str],
    *,
    for_s: float,
    actor: str,
    reason: str,
    rollbacks_too: bool = False,
) -> None:
    """Stop the advances of these services, or of all where EVERYTHING is the only name."""
    if not reason.strip():
        raise UsageError("say how long and why (--until 2h --reason WHY)")
    now = records.clock.now()
    for scope in _scopes(records, services):
        records.journal.freeze(
            Freeze(
                scope=scope,
                until=now + for_s,
                actor=actor,
                reason=reason,
                at=now,
                rollbacks_too=rollbacks_too,
            )
        )


def unfreeze(records: Records, services: Sequence[str]) -> list[str]:
    """End these freezes; the names that were not frozen."""
    return [s for s in _scopes(records, services) if not records.journal.unfreeze(s)]


def _scopes(records: Records, services: Sequence[str]) -> list[str]:
    """What is meant; ConfigError for a name that nothing knows, which would freeze nothing."""
    if list(services) == [EVERYTHING]:
        return [EVERYTHING]
    configured = records.configured_names
    known = set(configured)
    with suppress(JournalError):  # A damaged record of freezes can still be ended.
        known |= {freeze.scope for freeze in records.journal.freezes()}
    for name in services:
        if name not in known and not records.journal.history(name, limit=1):
            there = f": there are {', '.join(sorted(configured))}" if configured else ""
            raise ConfigError(f"no service is called {name}{there}")
    return list(dict.fromkeys(services))
