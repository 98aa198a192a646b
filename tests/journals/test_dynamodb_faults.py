"""What the DynamoDB journal does when AWS or the table is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guardian.aws import Account, Sessions
from guardian.journals._dynamodb_table import TRIES
from guardian.journals.dynamodb import Options, build, make, resources
from guardian.ports import Answer, ConfigError, Damaged, OutcomeUnknown, Unavailable
from tests.contracts.adapters import account_for, use_endpoint
from tests.contracts.journal_claim_contract import claimed
from tests.contracts.journal_contract import begun, kept, put
from tests.contracts.journal_values import HOLD, START, TARGET, freeze, order, outgoing, started
from tests.journals.dynamodb_store import DynamoDbStore, context
from tests.moto.emulator import ACCOUNT, Emulator, Failure, emulator


def throttled(operation: str, times: int) -> list[Failure]:
    """So many requests that are too many."""
    code = "ProvisionedThroughputExceededException"
    return [Failure(operation=operation, code=code, status=400)] * times


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulator]:
    """One server for this module."""
    with emulator(serial=True) as found, pytest.MonkeyPatch.context() as patch:
        found.reset()
        use_endpoint(patch, found.url)
        yield found


@pytest.fixture
def account(cloud: Emulator) -> Iterator[Account]:
    """The emulator's account; no failure is left to a later test."""
    yield account_for(Sessions(), account_id=ACCOUNT)
    cloud.failures.clear()


@pytest.fixture
def store(account: Account) -> DynamoDbStore:
    """A table of its own."""
    return DynamoDbStore(account)


def altered(cloud: Emulator, store: DynamoDbStore, pk: str, sk: str, **values: str) -> None:
    """Change an item behind guardian's back."""
    cloud.client("dynamodb").update_item(
        TableName=store.options.table,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
    )


# --- answers -----------------------------------------------------------------------------------


def test_an_append_whose_answer_is_lost_is_once(cloud: Emulator, store: DynamoDbStore) -> None:
    """It is not known to have happened; the same transaction again finds that it has."""
    journal = store.open()
    claim = begun(journal)
    cloud.failures.append(Failure(operation="TransactWriteItems", done=True))
    with pytest.raises(OutcomeUnknown, match="failed on AWS's side"):
        put(journal, claim, 1, HOLD, txid="t2")
    assert put(journal, claim, 1, HOLD, txid="t2") == 2
    assert kept(journal) == [started("r1"), HOLD]


def test_an_append_that_did_not_happen_is_written_the_second_time(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """To the writer it looks the same as a lost answer."""
    journal = store.open()
    claim = begun(journal)
    cloud.failures.append(Failure(operation="TransactWriteItems"))
    with pytest.raises(OutcomeUnknown):
        put(journal, claim, 1, HOLD, txid="t2")
    assert len(kept(journal)) == 1
    assert put(journal, claim, 1, HOLD, txid="t2") == 2


@pytest.mark.parametrize("operation", ["TransactWriteItems", "BatchGetItem"])
def test_a_throttled_call_is_tried_again(
    cloud: Emulator, store: DynamoDbStore, operation: str
) -> None:
    """Nobody is told of it, and nothing is written twice."""
    journal = store.open()
    claim = begun(journal)
    cloud.failures.extend(throttled(operation, 3))
    assert put(journal, claim, 1, HOLD) == 2
    assert cloud.failures == []


def test_throttling_without_end_is_said_and_nothing_is_written(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """Unavailable means that nothing was written."""
    journal = store.open()
    claim = begun(journal)
    cloud.failures.extend(throttled("TransactWriteItems", TRIES))
    with pytest.raises(Unavailable, match=r"busy or throttled .*: nothing was written"):
        put(journal, claim, 1, HOLD)
    assert kept(journal) == [started("r1")]


def test_a_read_that_fails_is_unavailable(cloud: Emulator, store: DynamoDbStore) -> None:
    """In a sentence that names the table."""
    journal = store.open()
    cloud.failures.append(Failure(operation="Query"))
    with pytest.raises(Unavailable, match=f"on the journal's table {store.options.table}"):
        journal.read("r1")


def test_a_beat_whose_answer_is_lost_takes_nothing_from_its_lease(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """It beats again, and goes on holding what it holds."""
    journal = store.open()
    lease = journal.open_lease("a")
    claim = claimed(journal, lease)
    cloud.failures.append(Failure(operation="UpdateItem", done=True))
    with pytest.raises(Unavailable):
        journal.beat(lease)
    journal.beat(lease)
    assert journal.holds(claim)


# --- who lives ---------------------------------------------------------------------------------


def test_a_newcomer_watches_a_lease_that_beat_long_ago(store: DynamoDbStore) -> None:
    """It is dead when it does not beat for 30 s under its eyes."""
    claimed(store.open(), store.open().open_lease("gone"))
    store.clock.pass_s(3600)
    newcomer, before = store.open(), store.clock.monotonic()
    assert newcomer.holder(TARGET) is None
    assert 30 <= store.clock.monotonic() - before <= 32


def test_a_newcomer_sees_at_once_who_beat_just_now(store: DynamoDbStore) -> None:
    """Nobody waits for a living daemon."""
    claimed(store.open(), store.open().open_lease("daemon"))
    store.clock.pass_s(10)
    before = store.clock.monotonic()
    assert store.open().holder(TARGET) == "daemon"
    assert store.clock.monotonic() == before


def test_a_newcomer_does_not_believe_a_clock_that_was_ahead(store: DynamoDbStore) -> None:
    """Whoever died is dead, whatever its last beat says of the time."""
    claimed(store.open(), store.open().open_lease("gone"))
    store.clock.jump_s(-3600)
    newcomer, before = store.open(), store.clock.monotonic()
    assert newcomer.holder(TARGET) is None
    assert 30 <= store.clock.monotonic() - before <= 32


def test_a_beat_under_its_eyes_is_enough_for_a_newcomer(store: DynamoDbStore) -> None:
    """Also where the clocks do not agree."""
    daemon = store.open()
    lease = daemon.open_lease("daemon")
    claimed(daemon, lease)
    store.clock.jump_s(3600)
    beats = iter(range(10))
    store.clock.on_sleep = lambda: daemon.beat(lease) if next(beats) == 3 else None
    assert store.open().holder(TARGET) == "daemon"
    assert next(beats) == 4


# --- the table ---------------------------------------------------------------------------------


def test_a_table_that_is_not_there_is_named_with_what_makes_it(account: Account) -> None:
    """In the account and region that were meant."""
    options = Options(table="nobody-made-it")
    with pytest.raises(ConfigError, match=r"no table nobody-made-it .*guardian journal init"):
        build(options, context(account, DynamoDbStore(account).clock))


def test_a_table_that_is_gone_under_way_is_unavailable(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """As a journal that is away: what has to go back goes back."""
    journal = store.open()
    claim = begun(journal)
    client = cloud.client("dynamodb")
    client.update_table(TableName=store.options.table, DeletionProtectionEnabled=False)
    client.delete_table(TableName=store.options.table)
    for call in (journal.freezes, journal.live, lambda: put(journal, claim, 1, HOLD)):
        with pytest.raises(Unavailable, match="there is no table"):
            call()


def test_a_table_is_made_once(account: Account, cloud: Emulator, store: DynamoDbStore) -> None:
    """On demand, kept from deletion, with backups of each moment; again is no error."""
    assert not make(store.options, context(account, store.clock))
    client = cloud.client("dynamodb")
    found = client.describe_table(TableName=store.options.table)["Table"]
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["DeletionProtectionEnabled"]
    backups = client.describe_continuous_backups(TableName=store.options.table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_table_of_a_newer_guardian_is_refused(cloud: Emulator, store: DynamoDbStore) -> None:
    """Before anything is read or written."""
    store.open()
    altered(cloud, store, "SCHEMA", "SCHEMA", version="9")
    with pytest.raises(ConfigError, match="has schema 9, and this guardian knows 1"):
        store.open()


def test_the_policy_names_the_one_table() -> None:
    """Also in China's partition."""
    found = resources(Options(table="guardian"), account_id=ACCOUNT, region="cn-north-1")
    assert set(found.values()) == {(f"arn:aws-cn:dynamodb:cn-north-1:{ACCOUNT}:table/guardian",)}


def test_a_transaction_that_dynamodb_does_not_take_is_refused(store: DynamoDbStore) -> None:
    """With its size and the limit."""
    journal = store.open()
    claim = begun(journal)
    with pytest.raises(Unavailable, match=r"123 changes .* DynamoDB takes \(100\)"):
        put(journal, claim, 1, *[HOLD] * 120)
    assert len(kept(journal)) == 1


# --- what was changed behind guardian's back -----------------------------------------------------


def test_a_changed_entry_is_damage_of_its_rollout_alone(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """The others can be read."""
    journal = store.open()
    put(journal, begun(journal), 1, HOLD)
    put(
        journal,
        claimed(journal, journal.open_lease("a"), "t2"),
        0,
        started("r2", target="t2"),
        rollout="r2",
    )
    altered(cloud, store, "ROLLOUT#r1", "ENTRY#000000002", body="{}")
    with pytest.raises(Damaged, match="entry 2"):
        journal.read("r1")
    assert len(kept(journal, "r2")) == 1


def test_a_lost_entry_is_damage(cloud: Emulator, store: DynamoDbStore) -> None:
    """Also the last one, which no other entry names."""
    journal = store.open()
    put(journal, begun(journal), 1, HOLD)
    cloud.client("dynamodb").delete_item(
        TableName=store.options.table,
        Key={"pk": {"S": "ROLLOUT#r1"}, "sk": {"S": "ENTRY#000000002"}},
    )
    with pytest.raises(Damaged, match="entries after it were lost"):
        journal.read("r1")


def test_what_cannot_be_read_stops_nothing_else(
    cloud: Emulator, store: DynamoDbStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A notice is dead, an order is passed over, both are logged; the next ones come."""
    journal = store.open()
    claim = claimed(journal, journal.open_lease("a"))
    told = outgoing("r1", 1, 2)
    journal.append(
        claim, "r1", expected=0, entries=[started("r1")], live=True, outgoing=told, txid="t1"
    )
    journal.order(order("o1", "r1"))
    journal.order(order("o2", "r1"))
    altered(cloud, store, "OUTBOX", f"{1:012d}", body="{}")
    altered(cloud, store, "WAITING", f"{1:012d}", body="{}")
    assert [pending.notice.seq for pending in journal.due(START + 1000)] == [2]
    assert journal.pending() == 1
    for _ in range(2):
        assert [left.id for left in journal.orders(["r1"])] == ["o2"]
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(" cannot")[0] for text in said] == [
        f"notice {1:012d} of r1/1",
        "order o1",
    ]


@pytest.mark.parametrize(
    ("pk", "sk"),
    [("WAITING", "x"), ("OUTBOX", "x"), ("LEASE", "x"), ("ROLLOUT#r1", "ENTRY#000000002")],
)
def test_an_item_of_somebody_else_stops_nothing(
    cloud: Emulator, store: DynamoDbStore, pk: str, sk: str
) -> None:
    """Without one of its parts it is passed over."""
    journal = store.open()
    lease = journal.open_lease("a")
    claim = claimed(journal, lease)
    told = outgoing("r1", 1)
    journal.append(
        claim, "r1", expected=0, entries=[started("r1")], live=True, outgoing=told, txid="t1"
    )
    journal.order(order("o1", "r1"))
    altered(cloud, store, pk, sk, strange="1")
    journal.beat(lease)
    assert journal.holder(TARGET) == "a"
    assert [left.id for left in journal.orders(["r1"])] == ["o1"]
    assert [pending.notice.seq for pending in journal.due(START + 1000)] == [1]
    assert len(kept(journal)) == 1


def test_an_order_that_is_answered_twice_at_once_is_answered(store: DynamoDbStore) -> None:
    """By the first answer: a transaction takes an item once."""
    journal = store.open()
    claim = begun(journal)
    journal.order(order("o1", "r1"))
    both = [Answer(order="o1", refused="first"), Answer(order="o1", refused="second")]
    journal.append(claim, "r1", expected=1, entries=[], live=True, answers=both, txid="t2")
    assert journal.answered("o1") == both[0]


def test_a_freeze_that_cannot_be_read_stops_what_it_may_have_stopped(
    cloud: Emulator, store: DynamoDbStore
) -> None:
    """And says how to end it."""
    journal = store.open()
    journal.freeze(freeze("agents-api"))
    altered(cloud, store, "FREEZE", "agents-api", body="{}")
    with pytest.raises(Unavailable, match="guardian unfreeze"):
        journal.freezes()
    assert journal.unfreeze("agents-api")
