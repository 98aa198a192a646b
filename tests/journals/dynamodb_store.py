"""DynamoDB journals for tests: a table in moto's server, a clock set by hand, many processes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from guardian.aws import Account
from guardian.journals.dynamodb import DynamoDbJournal, Options, build, make
from guardian.ports import Context, Journal
from tests.contracts.adapters import context_for
from tests.contracts.journal_values import CountedRandom, ManualClock

_NUMBERS = count(1)


def context(account: Account, clock: ManualClock) -> Context:
    """What a journal is built with, in the emulator's account."""
    return replace(context_for(account), clock=clock, rng=CountedRandom())


class DynamoDbStore:
    """One table, opened as often as a test wants."""

    def __init__(self, account: Account) -> None:
        self.clock = ManualClock()
        self.options = Options(table=f"guardian-{next(_NUMBERS)}")
        self._account = account
        self._opened: list[DynamoDbJournal] = []
        assert make(self.options, context(account, self.clock))

    def open(self) -> Journal:
        """Another process's view of the table."""
        journal = build(self.options, context(self._account, self.clock))
        assert isinstance(journal, DynamoDbJournal)
        self._opened.append(journal)
        return journal

    def pass_s(self, seconds: float) -> None:
        """Let time pass, every process having seen who lives."""
        for journal in self._opened:
            journal.look()
        self.clock.pass_s(seconds)

    def close(self) -> None:
        """Close every view."""
        for journal in self._opened:
            journal.close()
