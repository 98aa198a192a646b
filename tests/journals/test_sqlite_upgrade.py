"""A file that guardian wrote with the first schema is upgraded in place, whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.codec import encode, encode_entry, rfc3339
from guardian.core.rollout.entries import Answer
from guardian.journals import _chain as stored
from guardian.journals._sqlite_schema import SCHEMA_VERSION
from guardian.ports import ConfigError, Unavailable
from tests.contracts.journal_claim_contract import claimed
from tests.contracts.journal_contract import kept, put
from tests.contracts.journal_values import (
    HOLD,
    START,
    TARGET,
    freeze,
    look,
    notice,
    order,
    snapshot,
    started,
)
from tests.journals.sqlite_store import SqliteStore, altered

FIRST_SCHEMA = """
CREATE TABLE leases (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
  boot TEXT NOT NULL, beat REAL NOT NULL) STRICT;
CREATE TABLE claims (
  target TEXT PRIMARY KEY, epoch INTEGER NOT NULL CHECK (epoch > 0), lease TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE TRIGGER claims_stay BEFORE DELETE ON claims
  BEGIN SELECT RAISE(ABORT, 'a claim keeps its epoch for ever'); END;
CREATE TRIGGER epochs_grow BEFORE UPDATE ON claims WHEN NEW.epoch < OLD.epoch
  BEGIN SELECT RAISE(ABORT, 'an epoch never goes back'); END;
CREATE TABLE rollouts (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL,
  target TEXT NOT NULL, live INTEGER NOT NULL CHECK (live IN (0, 1)), seq INTEGER NOT NULL,
  hash TEXT NOT NULL, started_at TEXT NOT NULL, last_at TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX one_live_rollout ON rollouts (target) WHERE live = 1;
CREATE INDEX rollouts_of_service ON rollouts (service, n);
CREATE TABLE entries (
  rollout TEXT NOT NULL REFERENCES rollouts (id), seq INTEGER NOT NULL CHECK (seq > 0),
  epoch INTEGER NOT NULL, txid TEXT NOT NULL, body TEXT NOT NULL, sha256 TEXT NOT NULL,
  prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (rollout, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX entries_of_txid ON entries (rollout, txid);
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'a journal only grows'); END;
CREATE TRIGGER entries_hold BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'a journal only grows'); END;
CREATE TABLE orders (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, rollout TEXT NOT NULL,
  body TEXT NOT NULL, sha256 TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX orders_waiting ON orders (rollout) WHERE done = 0;
CREATE TABLE outbox (
  n INTEGER PRIMARY KEY AUTOINCREMENT, rollout TEXT NOT NULL, seq INTEGER NOT NULL,
  lane TEXT NOT NULL, body TEXT NOT NULL, sha256 TEXT NOT NULL, state TEXT NOT NULL
  DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')), attempts INTEGER NOT NULL
  DEFAULT 0, due_at TEXT NOT NULL DEFAULT '', error TEXT, UNIQUE (rollout, seq, lane)) STRICT;
CREATE INDEX outbox_pending ON outbox (lane, rollout, n) WHERE state = 'pending';
CREATE TABLE handles (
  lane TEXT NOT NULL, rollout TEXT NOT NULL, handle TEXT, PRIMARY KEY (lane, rollout)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
  n INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, taken_at TEXT NOT NULL,
  body TEXT NOT NULL, sha256 TEXT NOT NULL, UNIQUE (service, sha256)) STRICT;
PRAGMA application_id = 1735745906;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
"""


def written_by_the_first(path: Path) -> None:
    """A file of the first schema: a live rollout, a finished order, a waiting one, a snapshot."""
    db = sqlite3.connect(path)
    db.executescript(FIRST_SCHEMA)
    body = encode_entry(started("r1"))
    row = {"prev": stored.GENESIS, "seq": 1, "epoch": 3, "txid": "t1", "sha256": sha(body)}
    last = stored.link("r1", row)
    at = rfc3339(START)
    db.execute("INSERT INTO claims VALUES (?, 3, '')", (TARGET,))
    db.execute(
        "INSERT INTO rollouts (id, service, target, live, seq, hash, started_at, last_at)"
        " VALUES ('r1', 'agents-api', ?, 1, 1, ?, ?, ?)",
        (TARGET, last, at, at),
    )
    db.execute(
        "INSERT INTO entries VALUES ('r1', 1, 3, 't1', ?, ?, ?, ?)",
        (body, sha(body), stored.GENESIS, last),
    )
    for id_, done in (("o1", 1), ("o2", 0)):
        body = encode(order(id_, "r1"))
        db.execute(
            "INSERT INTO orders (id, rollout, body, sha256, done) VALUES (?, 'r1', ?, ?, ?)",
            (id_, body, sha(body), done),
        )
    body = encode(snapshot())
    db.execute(
        "INSERT INTO snapshots (service, taken_at, body, sha256) VALUES ('agents-api', ?, ?, ?)",
        (at, body, sha(body)),
    )
    body = encode(notice("r1", 1))
    db.execute(
        "INSERT INTO outbox (rollout, seq, lane, body, sha256, attempts) VALUES"
        " ('r1', 1, 'slack', ?, ?, 3)",
        (body, sha(body)),
    )
    db.commit()
    db.close()


def sha(text: str) -> str:
    """The hash that is stored beside a body."""
    return stored.sha256(text)


def version(path: Path) -> int:
    """The schema that the file says it has."""
    db = sqlite3.connect(path)
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    db.close()
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store whose file the first guardian wrote."""
    written_by_the_first(tmp_path / "guardian.db")
    made = SqliteStore(tmp_path / "guardian.db")
    yield made
    made.close()


def test_everything_in_it_stays(store: SqliteStore) -> None:
    """Rollouts with their hashes, epochs, orders, notices and snapshots."""
    journal = store.open()
    assert version(store.path) == SCHEMA_VERSION
    assert kept(journal) == [started("r1")]
    assert [o.id for o in journal.orders(["r1"])] == ["o2"]
    assert journal.snapshots("agents-api") == [snapshot()]
    assert [(p.notice, p.attempts) for p in journal.due(START)] == [(notice("r1", 1), 3)]
    assert claimed(journal, journal.open_lease("a")).epoch == 4


def test_what_is_new_works_in_it(store: SqliteStore) -> None:
    """Orders are answered, freezes kept, entries appended."""
    journal = store.open()
    claim = claimed(journal, journal.open_lease("a"))
    assert put(journal, claim, 1, HOLD) == 2
    journal.answer(Answer(order="o2"))
    journal.freeze(freeze("*"))
    journal.show([look("r1")])
    again = store.open()
    assert (again.answered("o2"), again.freezes()) == (Answer(order="o2"), [freeze("*")])
    assert again.shown("r1") == look("r1")


def test_an_order_finished_before_stays_finished(store: SqliteStore) -> None:
    """What became of it was not recorded then, and is not made up now."""
    journal = store.open()
    journal.answer(Answer(order="o1"))
    journal.order(replace(order("o1", "r1"), reason="again"))
    assert journal.answered("o1") is None
    assert [o.id for o in journal.orders(["r1"])] == ["o2"]


def test_it_is_upgraded_once_by_many(store: SqliteStore) -> None:
    """Processes that start at the same time do not disturb each other."""
    with ThreadPoolExecutor(4) as pool:
        journals = list(pool.map(lambda _: store.open(), range(8)))
    assert [len(journal.read("r1")) for journal in journals] == [1] * 8
    assert version(store.path) == SCHEMA_VERSION


def test_an_upgrade_that_fails_changes_nothing(store: SqliteStore) -> None:
    """All of it or none of it: the file can still be used by whoever wrote it."""
    altered(store.path, "CREATE TABLE freezes (mine TEXT)")
    with pytest.raises(Unavailable, match="could not be opened"):
        store.open()
    assert version(store.path) == 1
    altered(store.path, "DROP TABLE freezes")
    assert len(store.open().read("r1")) == 1


def test_a_schema_of_nobody_is_refused(store: SqliteStore) -> None:
    """There never was a schema 0."""
    altered(store.path, "PRAGMA user_version = 0")
    with pytest.raises(ConfigError, match="has schema 0"):
        store.open()
