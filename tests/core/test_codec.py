"""Values survive their text: everything written is read back equal, and nothing else is taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.cloudwatch import metric_query
from guardian.core.codec import (
    CodecError,
    decode,
    decode_entry,
    encode,
    encode_entry,
    from_rfc3339,
    plain,
    rfc3339,
)
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.incidents import Incidents
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Datapoint, Direction, Instant, Limit, Measurement
from guardian.core.notices import Notice
from guardian.core.plan import Plan
from guardian.core.rollout.entries import Entry, Held, Order, RolloutStarted, WeightConfirmed
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.traffic import Reading, Snapshot, Traffic, Weight
from guardian.core.verdict import Outcome, Verdict
from tests.contracts.journal_values import HOLD, LATER, START, plan, snapshot, started, values

ENTRIES: tuple[Entry, ...] = (started("r1"), *LATER)
CRITERION = Criterion(
    name="error-rate",
    measure=Ratio(
        part=metric_query(namespace="AWS/Lambda", metric="Errors", stat="Sum"),
        total=metric_query(namespace="AWS/Lambda", metric="Invocations", stat="Sum"),
        good=False,
    ),
    fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
    min_samples=60,
)


def altered(entry: Entry, path: str, value: object) -> str:
    """An entry's text with one field, named by keys joined with dots, set to something else."""
    data = json.loads(encode_entry(entry))
    *outer, last = path.split(".")
    place: Any = data
    for key in outer:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return json.dumps(data)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_is_read_back_equal(entry: Entry) -> None:
    """Each kind of entry survives its text."""
    assert decode_entry(encode_entry(entry)) == entry


def test_the_samples_hold_every_kind_of_entry() -> None:
    """A new kind of entry must join the tests."""
    assert {type(entry) for entry in ENTRIES} == set(get_args(Entry))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(get_args(Entry)))
def test_any_entry_is_read_back_equal_and_has_one_text(data: st.DataObject, kind: Any) -> None:
    """Whatever an entry holds, its text gives it back, and writing that again changes nothing."""
    entry = data.draw(values(kind))
    text = encode_entry(entry)
    assert decode_entry(text) == entry
    assert encode_entry(decode_entry(text)) == text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    kind=st.sampled_from([Plan, Criterion, Notice, Snapshot, Verdict, Measurement, Order, Reading]),
)
def test_any_other_value_is_read_back_equal(data: st.DataObject, kind: Any) -> None:
    """Plans, notices, snapshots and the rest survive their text too."""
    value = data.draw(values(kind))
    assert decode(kind, encode(value)) == value


def test_the_state_of_a_rollout_has_a_text() -> None:
    """Tuples of a fixed length and entries inside a state are understood."""
    opened = Rollout(
        plan=plan("r1"),
        phase=Phase.BAKING,
        seq=3,
        started_at=START,
        last_at=START + 5,
        confirmed=((0, START + 1), (1, START + 2.5)),
        end=LATER[-1],
    )
    assert decode(Rollout, encode(opened)) == opened


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_an_instant_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    """Every millisecond of the years 1 to 9999 has one text."""
    at = milliseconds / 1000
    assert from_rfc3339(rfc3339(at)) == at
    assert len(rfc3339(at)) == 24


def test_instants_are_written_as_rfc_3339() -> None:
    """The text is UTC with milliseconds, as a person would look for it."""
    at = datetime(2026, 11, 23, 19, 30, tzinfo=UTC).timestamp()
    assert rfc3339(at) == "2026-11-23T19:30:00.000Z"
    assert rfc3339(at + 0.25) == "2026-11-23T19:30:00.250Z"
    assert json.loads(encode_entry(LATER[0]))["at"] == rfc3339(LATER[0].at)


def test_instants_sort_as_their_texts_do() -> None:
    """A database may compare the texts."""
    instants = [0.0, 0.001, 0.999, 1.0, 59.9, 60.0, START, START * 2]
    assert sorted(map(rfc3339, instants)) == [rfc3339(at) for at in instants]


@pytest.mark.parametrize("at", [float("inf"), float("nan"), 1e12, -1e12])
def test_an_instant_outside_the_calendar_is_refused(at: float) -> None:
    """No text is invented for a moment that has none."""
    with pytest.raises(CodecError, match="between the years 1 and 9999"):
        rfc3339(at)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-23T19:30:00Z",
        "2026-11-23T19:30:00.000",
        "2026-11-23T19:30:00.000+01:00",
        "2026-13-23T19:30:00.000Z",
        "2026-11-23T19:30:00.0000",
    ],
)
def test_another_form_of_time_is_refused(text: str) -> None:
    """Only the one form is read."""
    with pytest.raises(CodecError, match="a time like"):
        from_rfc3339(text)


def test_the_text_is_canonical() -> None:
    """Keys are sorted, nothing is spaced, weights are millionths, enums are their values."""
    text = encode(Traffic(primary="é", secondary="2", weight=Weight.percent(12.5)))
    assert text == '{"primary":"\\u00e9","secondary":"2","weight":125000}'
    assert encode(Direction.AT_OR_ABOVE) == '"at_or_above"'
    assert encode(Datapoint(START, 1)) == encode(Datapoint(START, 1.0))
    assert plain(Weight(7)) == 7


def test_an_entry_carries_its_kind_and_schema() -> None:
    """A reader learns from the text alone what it is."""
    data = json.loads(encode_entry(WeightConfirmed(at=START, weight=Weight(5))))
    assert (data["kind"], data["v"]) == ("weight_confirmed", 1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"absent_zero":false,"good":true,"kind":"ratio","part":Q,"total":Q}', Ratio),
        ('{"count":Q,"kind":"latency","percentile":95.0,"within":Q}', Latency),
        ('{"count":Q,"kind":"percentile","percentile":99.9,"series":Q}', Percentile),
        ('{"kind":"gauge","series":Q}', Gauge),
        ('{"events":Q,"kind":"rate"}', Rate),
        ('{"kind":"incidents","open":Q,"priorities":["P0"],"services":["S"]}', Incidents),
    ],
)
def test_a_measure_keeps_the_text_that_journals_hold(text: str, kind: type[Measure]) -> None:
    """Each kind carries its name, and is read and written as it has always been."""
    query = encode(CRITERION.measure.queries[0])
    written = encode(CRITERION)
    before, after = (
        written[: written.index('"measure":')],
        written[written.index('"min_samples"') :],
    )
    whole = f'{before}"measure":{text.replace("Q", query)},{after}'
    read = decode(Criterion, whole)
    assert type(read.measure) is kind
    assert encode(read) == whole


def test_bytes_that_are_no_unicode_survive() -> None:
    """A reason given on a command line in another encoding must not stop an order."""
    held = replace(HOLD, detail=b"caf\xe9".decode("utf-8", "surrogateescape"))
    assert decode_entry(encode_entry(held)) == held


def test_unknown_fields_are_passed_over() -> None:
    """A newer guardian may have added some."""
    assert decode_entry(altered(LATER[1], "colour", "red")) == LATER[1]
    assert decode_entry(altered(started("r1"), "plan.steps.0.colour", {})) == started("r1")


def test_a_missing_field_takes_its_default() -> None:
    """An older guardian may not have known it, be its default a value or made anew."""
    data = json.loads(encode_entry(HOLD))
    del data["actor"], data["verdicts"]
    assert decode_entry(json.dumps(data)) == HOLD
    taken = json.loads(encode(snapshot()))
    del taken["detail"]
    assert decode(Snapshot, json.dumps(taken)) == replace(snapshot(), detail={})


WRONG: list[tuple[str, object, str]] = [
    ("at", 5, r"Entry\.at: text is wanted, not a number"),
    ("at", "now", r"Entry\.at: a time like"),
    ("plan", [], r"Entry\.plan: an object with the fields of Plan is wanted, not a list"),
    ("plan.rollout", None, r"Entry\.plan\.rollout: text is wanted, not null"),
    ("plan.restores", 1, r"plan\.restores: true or false is wanted, not a number"),
    ("plan.found.weight", 1.5, r"found\.weight: a whole number is wanted, not a number"),
    ("plan.found.weight", True, r"found\.weight: a whole number is wanted, not true or false"),
    ("plan.found.weight", 1_000_001, r"found\.weight: a weight lies between"),
    ("plan.found.secondary", {}, r"found\.secondary: text is wanted, not an object"),
    ("plan.steps", "x", r"plan\.steps: a list is wanted, not text"),
    ("plan.steps.1.bake_s", "x", r"plan\.steps\[1\]\.bake_s: a number is wanted, not text"),
    ("plan.steps.0.bake_s", False, r"steps\[0\]\.bake_s: a number is wanted, not true"),
    ("plan.steps.0.bake_s", 10**400, r"steps\[0\]\.bake_s: a finite number"),
    ("plan.drive", "tow", r"plan\.drive: one of rollout, watch, rollback is wanted, not 'tow'"),
    ("plan.drive", ["tow"], r"plan\.drive: one of rollout, watch, rollback is wanted"),
    ("plan.snapshot.detail", [], r"snapshot\.detail: an object is wanted, not a list"),
    ("plan.snapshot.detail", {"a": 1}, r"snapshot\.detail\[0\]: text is wanted"),
    ("kind", "danced", r"Entry: an object whose kind is one of rollout_started.*'danced'"),
    ("kind", 7, r"Entry: an object whose kind is one of"),
    ("v", 2, r"Entry\.v: this guardian reads schema 1, and the entry has schema 2"),
    ("v", "1", r"Entry\.v: the schema number is missing"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG)
def test_a_wrong_field_is_named(path: str, value: object, said: str) -> None:
    """The error says which field of which type, what was wanted and what was there."""
    with pytest.raises(CodecError, match=said):
        decode_entry(altered(started("r1"), path, value))


def test_a_missing_field_without_default_is_named() -> None:
    """Nothing is made up."""
    data = json.loads(encode_entry(started("r1")))
    del data["plan"]["steps"][0]["bake_s"]
    with pytest.raises(CodecError, match=r"Entry\.plan\.steps\[0\]\.bake_s: this field is missing"):
        decode_entry(json.dumps(data))


@pytest.mark.parametrize(
    "text", ["", "{", "nul", '{"v":1,"x":NaN}', '{"v":1,"x":-Infinity}', "[" * 100_000, "9" * 5000]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Garbage ends in one kind of error, however it is broken."""
    with pytest.raises(CodecError, match="Entry: this is not JSON"):
        decode_entry(text)


def test_an_entry_that_is_no_object_is_refused() -> None:
    """A list is JSON and still no entry."""
    with pytest.raises(CodecError, match="Entry: an object is wanted, not a list"):
        decode_entry("[]")


def test_a_measure_that_is_no_object_is_refused() -> None:
    """A union needs its kind."""
    data = {**json.loads(encode(CRITERION)), "measure": 5}
    with pytest.raises(CodecError, match=r"Criterion\.measure: an object whose kind is one of"):
        decode(Criterion, json.dumps(data))


def test_numbers_that_overflow_are_refused() -> None:
    """A float too large to hold is not read as infinity."""
    with pytest.raises(CodecError, match=r"Datapoint\.value: a finite number"):
        decode(Datapoint, '{"start":"2026-11-23T19:30:00.000Z","value":1e999}')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_a_number_without_a_text_is_not_written(value: float) -> None:
    """What could not be read back is not written either."""
    with pytest.raises(CodecError, match=r"Datapoint\.value: a finite number"):
        encode(Datapoint(START, value))


WRONGLY_TYPED: list[tuple[object, str]] = [
    (Traffic(primary=5), r"Traffic\.primary: text is wanted, not a number"),  # type: ignore[arg-type]
    (Traffic(primary="1", weight=5), r"Traffic\.weight: a Weight is wanted"),  # type: ignore[arg-type]
    (
        replace(CRITERION, measure=5),  # type: ignore[arg-type]
        r"Criterion\.measure: one of .*Gauge.* is wanted",
    ),
    (
        replace(CRITERION, scope="canary"),  # type: ignore[arg-type]
        r"Criterion\.scope: a Scope is wanted, not text",
    ),
    (
        replace(CRITERION, fail_if=None),  # type: ignore[arg-type]
        r"Criterion\.fail_if: a Limit is wanted, not null",
    ),
    (
        replace(snapshot(), detail={1: "x"}),  # type: ignore[dict-item]
        r"Snapshot\.detail: text is wanted, not a number",
    ),
    (
        replace(snapshot(), detail=START),  # type: ignore[arg-type]
        r"Snapshot\.detail: an object is wanted, not a number",
    ),
    (
        metric_query(namespace="a", metric="b", stat="c", dimensions=(("x", "y", "z"),)),
        r"Query\.words\[1\]\[1\]\[0\]: a list of 2 is wanted, not of 3",
    ),
]


@pytest.mark.parametrize(("value", "said"), WRONGLY_TYPED)
def test_a_wrongly_typed_value_is_not_written(value: object, said: str) -> None:
    """A bug is caught when it is written, not when the journal is read after a crash."""
    with pytest.raises(CodecError, match=said):
        encode(value)


def test_only_entries_are_written_as_entries() -> None:
    """A value of another class is no entry."""
    wrong: Any = Outcome.PASS
    with pytest.raises(CodecError, match=r"Entry: one of RolloutStarted.*, not a Outcome"):
        encode_entry(wrong)
    held: Any = Held(at="now", why=1, detail="")  # type: ignore[arg-type]
    with pytest.raises(CodecError, match=r"Entry\.at: a number is wanted, not text"):
        encode_entry(held)


def test_a_type_without_a_form_is_refused() -> None:
    """Sets have no order, hence no canonical text."""
    with pytest.raises(CodecError, match="there is no JSON form for"):
        encode(frozenset({1}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Hints that the core does not use together."""

    label: str | None = None
    pairs: Mapping[str, float] = field(default_factory=dict)
    span: tuple[Instant, Instant | None] = (0.0, None)


def test_hints_may_be_combined() -> None:
    """Options, mappings and fixed tuples hold any other form."""
    odd = Odd(label="x", pairs={"b": 1.5, "a": 2.0}, span=(1.5, 2.25))
    assert decode(Odd, encode(odd)) == odd
    assert decode(Odd, "{}") == Odd()
    assert decode(RolloutStarted, encode(started("r1"))) == started("r1")
