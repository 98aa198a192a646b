"""Rows that are not what was written, and leases whose process is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.journals._chain import GENESIS, link, sha256
from guardian.ports import Answer, Damaged, Unavailable
from tests.contracts.journal_contract import begun, put
from tests.contracts.journal_values import (
    HOLD,
    LATER,
    START,
    TARGET,
    freeze,
    order,
    outgoing,
    snapshot,
)
from tests.journals.sqlite_store import SqliteStore, altered


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """One file."""
    store = SqliteStore(tmp_path / "guardian.db")
    yield store
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = replace(body, 'wait', 'gone') WHERE seq = 2",
        "UPDATE entries SET epoch = 7 WHERE seq = 2",
        "UPDATE entries SET txid = 'x' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 3",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 1",
        "DELETE FROM entries",
        "UPDATE rollouts SET seq = 4",
        "UPDATE entries SET (body, sha256) = (SELECT body, sha256 FROM entries WHERE seq = 3)",
    ],
)
def test_a_changed_history_is_not_believed(store: SqliteStore, statement: str) -> None:
    """An entry changed, moved or lost is found when the rollout is read."""
    journal = store.open()
    put(journal, begun(journal), 1, HOLD, LATER[3])
    altered(store.path, statement)
    with pytest.raises(Damaged, match=r"r1 .* cannot be trusted: entry \d"):
        journal.read("r1")


def test_an_entry_of_a_newer_guardian_is_named(store: SqliteStore) -> None:
    """It is whole, and still cannot be understood."""
    journal = store.open()
    begun(journal)
    text = '{"kind":"rollout_started","v":2}'
    altered(store.path)
    connection = sqlite3.connect(store.path, isolation_level=None)
    row = {"prev": GENESIS, "seq": 1, "epoch": 1, "txid": "t1", "sha256": sha256(text)}
    hash_ = link("r1", row)
    connection.execute(
        "UPDATE entries SET body = ?, sha256 = ?, hash = ?", (text, row["sha256"], hash_)
    )
    connection.execute("UPDATE rollouts SET hash = ?", (hash_,))
    connection.close()
    with pytest.raises(Damaged, match=r"entry 1: Entry\.v: this guardian reads schema 1"):
        journal.read("r1")


def test_the_tables_refuse_to_forget(store: SqliteStore) -> None:
    """Entries and claims cannot be changed or deleted by an ordinary statement."""
    journal = store.open()
    begun(journal)
    connection = sqlite3.connect(store.path, isolation_level=None)
    for statement in (
        "DELETE FROM entries",
        "UPDATE entries SET body = ''",
        "DELETE FROM claims",
        "UPDATE claims SET epoch = epoch - 1",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


def test_a_damaged_notice_does_not_stop_the_others(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as dead and is logged; the next one of its lane leaves."""
    journal = store.open()
    claim = begun(journal)
    journal.append(
        claim,
        "r1",
        expected=1,
        entries=[HOLD],
        live=True,
        outgoing=[*outgoing("r1", 1, 2), *outgoing("r1", 1, receiver="pagerduty")],
        txid="t2",
    )
    altered(store.path, "UPDATE outbox SET body = '{}' WHERE seq = 1 AND lane = 'slack'")
    for _ in range(2):
        assert [pending.receiver for pending in journal.due(START + 60)] == ["slack", "pagerduty"]
    assert journal.pending() == 2
    assert "cannot be read" in caplog.text


def test_an_order_that_cannot_be_understood_is_passed_over(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer command line must not stop an older daemon; it is logged once."""
    journal = store.open()
    journal.order(order("o1", "r1"))
    journal.order(order("o2", "r1"))
    altered(store.path, "UPDATE orders SET body = '{}' WHERE id = 'o1'")
    for _ in range(3):
        assert [left.id for left in journal.orders(["r1"])] == ["o2"]
    assert caplog.text.count("order o1 cannot be read") == 1


def test_a_damaged_answer_is_not_told(store: SqliteStore) -> None:
    """The order stays finished; the entries say what happened."""
    journal = store.open()
    journal.order(order("o1", "r1"))
    journal.answer(Answer(order="o1"))
    altered(store.path, "UPDATE orders SET answer = replace(answer, 'o1', 'o2')")
    with pytest.raises(Unavailable, match=r"answer to order o1.*cannot be trusted"):
        journal.answered("o1")
    assert journal.orders(["r1"]) == []


def test_a_damaged_freeze_lets_nothing_go_on(store: SqliteStore) -> None:
    """It is no freeze and no permission either, until a person ends it."""
    journal = store.open()
    journal.freeze(freeze("*"))
    altered(store.path, "UPDATE freezes SET body = '{}'")
    with pytest.raises(Unavailable, match="guardian unfreeze"):
        journal.freezes()
    assert journal.unfreeze("*")
    assert journal.freezes() == []


def test_a_damaged_snapshot_is_not_restored(store: SqliteStore) -> None:
    """Traffic is never moved to what nobody recorded."""
    journal = store.open()
    journal.save_snapshot(snapshot())
    altered(store.path, "UPDATE snapshots SET body = replace(body, '41', '40')")
    with pytest.raises(Unavailable, match=r"cannot be trusted.*--to"):
        journal.snapshots("agents-api")


# --- leases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE leases SET boot = 'another'",
        "UPDATE leases SET beat = beat + 86400",
    ],
)
def test_a_beat_of_another_boot_proves_nothing(store: SqliteStore, change: str) -> None:
    """Monotonic times of different boots cannot be compared, so such a lease is dead."""
    journal = store.open()
    lease = journal.open_lease("a")
    journal.claim(lease, TARGET)
    altered(store.path, change)
    assert journal.holder(TARGET) is None
    other = store.open()
    assert other.claim(other.open_lease("b"), TARGET) is not None


def test_a_lease_without_its_lock_file_is_dead_to_others(store: SqliteStore) -> None:
    """The file is gone with its process."""
    journal, other = store.open(), store.open()
    journal.claim(journal.open_lease("a"), TARGET)
    for lock in store.path.with_name("guardian.db.leases").iterdir():
        lock.unlink()
    assert other.holder(TARGET) is None


def test_a_process_that_ended_frees_its_claims_at_once(store: SqliteStore) -> None:
    """The lock tells without waiting for 30 s of silence."""
    journal, other = store.open(), store.open()
    journal.claim(journal.open_lease("a"), TARGET)
    assert other.holder(TARGET) == "a"
    journal.close()
    assert other.holder(TARGET) is None
    assert other.claim(other.open_lease("b"), TARGET) is not None


def test_an_owner_in_another_encoding_can_be_written(store: SqliteStore) -> None:
    """A host name that is no Unicode is written out."""
    journal = store.open()
    owner = b"caf\xe9".decode("utf-8", "surrogateescape")
    journal.claim(journal.open_lease(owner), TARGET)
    assert journal.holder(TARGET) == "caf\\udce9"
