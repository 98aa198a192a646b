"""SQLite journals for tests: a file, a clock set by hand, as many processes as a test wants."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from guardian.clock import SystemClock, SystemRandom
from guardian.journals.sqlite import Options, build
from guardian.ports import Context, Journal
from tests.contracts.journal_values import CountedRandom, ManualClock


def nobody(name: str) -> object:
    """The journal asks no vendor for anything."""
    raise AssertionError(name)


def context(clock: ManualClock | SystemClock) -> Context:
    """What a journal is built with."""
    return Context(
        clock=clock,
        rng=CountedRandom() if isinstance(clock, ManualClock) else SystemRandom(),
        client=nobody,
        check_account=lambda: None,
        account_id="333333333333",
        region="us-east-1",
        environment="test",
        secret=lambda _: None,
        base_url=lambda _: None,
    )


class SqliteStore:
    """One file, opened as often as a test wants."""

    def __init__(self, path: Path, *, locks: bool = True) -> None:
        self.clock = ManualClock()
        self.path = path
        self._locks = locks
        self._opened: list[Journal] = []

    def open(self) -> Journal:
        """Another process's view of the file."""
        options = Options(path=self.path, locks=self._locks)
        self._opened.append(build(options, context(self.clock)))
        return self._opened[-1]

    def pass_s(self, seconds: float) -> None:
        """Let time pass; all read one machine's clock."""
        self.clock.pass_s(seconds)

    def close(self) -> None:
        """Close every view."""
        for journal in self._opened:
            journal.close()


def altered(path: Path, *statements: str) -> None:
    """Change a file behind guardian's back, past its triggers."""
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    for (name,) in triggers.fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
