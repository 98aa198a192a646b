"""What earlier guardians wrote into journals is read as it is written now."""

from __future__ import annotations

import pytest

from guardian.core.codec import CodecError, decode, encode
from guardian.core.model import Query
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Order
from guardian.core.traffic import Weight


@pytest.mark.parametrize(
    ("options", "again", "fixes"),
    [
        ('{"again":"yes","fixes":"PQ1,PQ2"}', True, ("PQ1", "PQ2")),
        ('{"fixes":""}', False, ()),
        ("{}", False, ()),
    ],
)
def test_what_the_first_orders_said_in_options_is_read(
    options: str, again: bool, fixes: tuple[str, ...]
) -> None:
    """A journal of the first guardian may hold one that waits."""
    text = (
        '{"actor":"ada","at":"2026-11-23T19:30:00.000Z","expect_step":null,"full":false,'
        f'"id":"o1","kind":"start","options":{options},"reason":"","rollout":"@api","subject":"42"}}'
    )
    order = decode(Order, text)
    assert (order.again, order.fixes, order.subject) == (again, fixes, "42")


@pytest.mark.parametrize(
    ("weight", "step", "read"),
    [
        ("10%", "2 of 3", (Weight.percent(10), 2, 3)),
        ("12.5%", "", (Weight.percent(12.5), 0, 0)),
        ("", "", (None, 0, 0)),
    ],
)
def test_what_the_first_notices_said_in_texts_is_read(
    weight: str, step: str, read: tuple[Weight | None, int, int]
) -> None:
    """A journal whose outbox an earlier guardian left full is delivered."""
    text = (
        '{"at":"2026-11-23T19:30:00.000Z","beside":"","canary":"42","change":false,"did":"d",'
        '"environment":"e","event":"held","final":false,"pages":[],"phase":"held","resolves":[],'
        f'"rollout":"r","seq":1,"service":"s","stable":"41","step":"{step}","title":"t","todo":"",'
        f'"verdicts":[],"weight":"{weight}"}}'
    )
    found = decode(Notice, text)
    assert (found.weight, found.step, found.steps) == read
    assert decode(Notice, encode(found)) == found


def test_a_word_of_a_query_is_text_or_names_with_values() -> None:
    """Anything else was written by nobody."""
    with pytest.raises(CodecError, match="text, null or a list of names and values is wanted"):
        decode(Query, '{"name":"n","source":"s","metric":5}')
