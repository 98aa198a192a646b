"""The DynamoDB journal keeps every promise of the port, against moto's server.

moto runs what several threads send it side by side without keeping their transactions apart; the
server here takes one request after the other, as DynamoDB's own order makes it appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from guardian.aws import Account, Sessions
from tests.contracts.adapters import account_for, use_endpoint
from tests.contracts.journal_claim_contract import JournalStore
from tests.contracts.journal_contract import JournalContract
from tests.contracts.journal_model import agrees_with_a_model
from tests.journals.dynamodb_store import DynamoDbStore
from tests.moto.emulator import ACCOUNT, emulator


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """One server and one account in it, for this module."""
    with emulator(serial=True) as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.reset()
        use_endpoint(patch, cloud.url)
        yield account_for(Sessions(), account_id=ACCOUNT)


class TestDynamoDbJournal(JournalContract):
    """The contract."""

    @pytest.fixture
    def stores(self, account: Account) -> Callable[[], JournalStore]:
        """Tables of their own."""
        return lambda: DynamoDbStore(account)

    def test_it_agrees_with_a_model(self, stores: Callable[[], JournalStore]) -> None:
        """Fewer histories: each call is a request."""
        agrees_with_a_model(stores, examples=4)
