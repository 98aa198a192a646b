"""The tables of the SQLite journal, and how an older file gets them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

SCHEMA_VERSION: Final = 4
APPLICATION_ID: Final = 0x67756172
"""The letters "guar", in SQLite's header field for the owner of a file's format."""

SCHEMA: Final = """
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
  body TEXT NOT NULL, sha256 TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0,
  answer TEXT, answer_sha256 TEXT) STRICT;
CREATE INDEX orders_waiting ON orders (rollout) WHERE done = 0;
CREATE TABLE freezes (
  scope TEXT PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE looks (
  rollout TEXT PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
  n INTEGER PRIMARY KEY AUTOINCREMENT, rollout TEXT NOT NULL, seq INTEGER NOT NULL,
  beside TEXT NOT NULL, lane TEXT NOT NULL, body TEXT NOT NULL, sha256 TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0, due_at TEXT NOT NULL DEFAULT '', error TEXT,
  UNIQUE (rollout, seq, beside, lane)) STRICT;
CREATE INDEX outbox_pending ON outbox (lane, rollout, n) WHERE state = 'pending';
CREATE TABLE handles (
  lane TEXT NOT NULL, rollout TEXT NOT NULL, handle TEXT, PRIMARY KEY (lane, rollout)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
  n INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, taken_at TEXT NOT NULL,
  body TEXT NOT NULL, sha256 TEXT NOT NULL, UNIQUE (service, sha256)) STRICT;
"""

UPGRADES: Final = {
    1: """
ALTER TABLE orders ADD COLUMN answer TEXT;
ALTER TABLE orders ADD COLUMN answer_sha256 TEXT;
CREATE TABLE freezes (
  scope TEXT PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
""",
    2: """
DROP INDEX outbox_pending;
ALTER TABLE outbox RENAME TO outbox_2;
CREATE TABLE outbox (
  n INTEGER PRIMARY KEY AUTOINCREMENT, rollout TEXT NOT NULL, seq INTEGER NOT NULL,
  beside TEXT NOT NULL, lane TEXT NOT NULL, body TEXT NOT NULL, sha256 TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0, due_at TEXT NOT NULL DEFAULT '', error TEXT,
  UNIQUE (rollout, seq, beside, lane)) STRICT;
CREATE INDEX outbox_pending ON outbox (lane, rollout, n) WHERE state = 'pending';
INSERT INTO outbox (n, rollout, seq, beside, lane, body, sha256, state, attempts, due_at, error)
  SELECT n, rollout, seq, '', lane, body, sha256, state, attempts, due_at, error FROM outbox_2;
DROP TABLE outbox_2;
""",
    3: """
CREATE TABLE looks (
  rollout TEXT PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
""",
}
"""What leads from a schema to the one after it."""


def create(connection: sqlite3.Connection) -> None:
    """Make every table in an empty file; inside the caller's transaction."""
    _run(connection, SCHEMA)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Lead a file of an older schema to this one; inside the caller's transaction."""
    for older in range(version, SCHEMA_VERSION):
        _run(connection, UPGRADES[older])
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Execute a script's statements; sqlite3's own `executescript` would commit first."""
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
