"""What a daemon takes on while its files are wrong."""

from __future__ import annotations

from guardian.core.rollout.entries import Answer
from tests.engine.house import House


def test_a_start_waits_while_the_files_are_wrong() -> None:
    """It is said once, and begins when they are right; too late it is refused as any other."""
    house = House()
    house.catalog.trouble = "rules/production.yaml:1:1: unknown key"
    order = house.order()
    house.step()
    house.step()
    assert house.journal.answered(order) is None
    assert [text for text in house.said if "waits for files that are right" in text] == house.said
    house.catalog.trouble = ""
    house.step()
    assert house.journal.answered(order) == Answer(order=order, rollout=house.host.runners[0].id)


def test_files_that_cannot_be_read_name_no_service_and_the_journal_does() -> None:
    """What is live is taken up without them; what belongs to another environment is not."""
    house = House()
    left = house.left(*house.shifted())
    house.catalog.trouble, house.catalog.names = "there is no such file", ()
    house.admission.step(house.catalog, {})
    assert [runner.id for runner in house.host.runners] == [left]
    other = House()
    other.left(*other.shifted(), environment="staging")
    other.catalog.trouble, other.catalog.names = "there is no such file", ()
    other.admission.step(other.catalog, {})
    assert other.host.runners == []
    assert "it belongs to the environment staging" in other.said[0]
