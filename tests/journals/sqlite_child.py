"""A process of its own that works on an SQLite journal until it is told to stop, or killed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from guardian.clock import SystemClock
from guardian.journals.sqlite import Options, build
from guardian.ports import Claim, Conflict, Journal
from tests.contracts.journal_values import HOLD, TARGET, started
from tests.journals.sqlite_store import context


def say(text: object) -> None:
    """One line to the parent, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def append_for_ever(journal: Journal) -> None:
    """Start a rollout and, once a line is read, append to it, saying each acknowledged number."""
    lease = journal.open_lease("child")
    claim = journal.claim(lease, TARGET)
    assert claim is not None
    say(f"epoch {claim.epoch}")
    sys.stdin.readline()
    seq = 0
    for number in range(100_000):
        entry = replace(HOLD, detail=str(number)) if seq else started("r1")
        entries = [entry]
        seq = journal.append(
            claim, "r1", expected=seq, entries=entries, live=True, txid=f"t{number}"
        )
        say(seq)


def contend(journal: Journal, *, epoch: int, lease: str, rounds: int) -> None:
    """Append under a claim that others use as well, saying each number that was won."""
    claim = Claim(target=TARGET, epoch=epoch, lease=lease)
    say("ready")
    sys.stdin.readline()
    for number in range(rounds):
        seq = len(journal.read("r1"))
        entry = replace(HOLD, detail=f"{sys.argv[-1]} {number}")
        try:
            won = journal.append(
                claim,
                "r1",
                expected=seq,
                entries=[entry],
                live=True,
                txid=f"{sys.argv[-1]}-{number}",
            )
        except Conflict:
            continue
        say(won)


def main(path: str, task: str, *rest: str) -> None:
    """Do one task on the journal at `path`."""
    journal = build(Options(path=Path(path)), context(SystemClock()))
    if task == "append":
        append_for_ever(journal)
    else:
        contend(journal, epoch=int(rest[0]), lease=rest[1], rounds=int(rest[2]))
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
