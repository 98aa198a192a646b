"""What notices, orders, details and limits say of themselves, wherever they are shown."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.reasons import limit
from guardian.core.rollout.entries import Order, OrderKind, for_service, service_of
from guardian.core.verdict import Basis, Evidence
from guardian.core.wording import because
from tests.contracts.journal_values import notice
from tests.core.builders import FIVE_PERCENT


def test_a_notice_knows_its_name_and_whom_it_concerns() -> None:
    """Beside an entry, about guardian itself, and whether somebody has to be woken."""
    held = notice("r1", 3)
    beside = replace(held, beside="unguarded", pages=(), canary="")
    assert (held.id, beside.id) == ("r1/3", "r1/3/unguarded")
    assert (held.vital, beside.vital) == (True, False)
    assert (held.own, beside.own) == (False, True)
    assert replace(beside, resolves=("key",)).vital


def test_an_order_to_start_names_its_service() -> None:
    """In place of a rollout, which there is none of yet."""
    asked = for_service("agents-api")
    order = Order(id="o", rollout=asked, kind=OrderKind.START, actor="me", reason="", at=0.0)
    assert service_of(order) == "agents-api"


def test_a_recorded_detail_becomes_one_sentence() -> None:
    """It ends once, and where nothing was recorded nothing is said."""
    assert because(" too slow ") == "Reason: too slow."
    assert because("who knows?") == "Reason: who knows?"
    assert because(" ") == ""


def test_of_what_is_open_any_is_over_the_limit() -> None:
    """Whatever number stands there; without a limit there is none."""
    assert limit(Evidence(basis=Basis.INCIDENTS, limit=FIVE_PERCENT)) == "any"
    assert limit(Evidence()) == ""
