"""Programs read the figures that people are told, in base units and under the same keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.notices import Page, Severity
from guardian.core.rollout.entries import (
    Freeze,
    Held,
    HoldReason,
    Order,
    OrderKind,
    RolloutStarted,
    Waived,
)
from guardian.core.status import RolloutStatus
from guardian.core.traffic import Traffic, Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.messages import records
from guardian.messages.v1 import VerdictRecord
from tests.core.builders import COMPARED, ERRORS, compared, read, verdict
from tests.core.test_threshold import CPU, GAUGE, cpu, of
from tests.messages.tellings import AT_TEN, PLAN, STEP_0, T0, a_verdict, state
from tests.recorded import checked

HELD = Held(at=T0 + 3, why=HoldReason.PERSON, detail="hold by bob", actor="bob")
ORDER = Order(id="o", rollout="r", kind=OrderKind.PROMOTE, actor="bob", reason="", at=T0)
BLANK = {
    "value": None,
    "limit": "",
    "number": None,
    "limit_number": None,
    "unit": None,
    "bad": 0,
    "samples": 0,
    "minutes": 0.0,
    "unsettled": None,
    "stable": None,
    "datapoints": None,
    "min_samples": 0,
    "log_e": 0.0,
    "log_e_limit": 0.0,
    "window_start": None,
    "window_end": None,
}


def some(found: VerdictRecord, *keys: str) -> list[Any]:
    """The values of these keys."""
    return [dict(found)[key] for key in keys]


def test_without_evidence_every_number_is_null() -> None:
    """The keys are always there."""
    nothing = Verdict(criterion="errors", outcome=Outcome.NO_DATA, why="new", evidence=Evidence())
    assert records.verdict(nothing) == {
        "criterion": "errors",
        "verdict": "no_data",
        "why": "new",
        "test": "limit",
        **BLANK,
    }


def test_without_samples_the_limit_is_there_with_its_unit() -> None:
    """A program knows what is waited for."""
    found = records.verdict(verdict(ERRORS, read([(None, None)])))
    assert some(found, "number", "limit_number", "unit") == [None, 0.05, "ratio"]


def test_what_may_still_grow_stands_apart() -> None:
    """180 of 270 are what the source has; 300 are what they may come to."""
    rows = [(1.0, 100.0)] * 5 + [(60.0, 90.0)] * 3
    found = records.verdict(verdict(ERRORS, read(rows, settled=5)))
    assert some(found, "bad", "samples", "minutes") == [180, 270, 0.0]
    assert found["number"] == 180 / 270
    assert found["unsettled"] == {
        "bad": 180,
        "samples": 270,
        "minutes": 3.0,
        "samples_at_most": 300,
        "number_at_least": 0.6,
    }


def test_the_other_side_of_a_comparison_is_there() -> None:
    """With its own counts; the limit is the one that was not broken, and `test` says so."""
    found = records.verdict(verdict(COMPARED, compared([(12, 300)] * 8, [(27, 2700)] * 8)))
    assert some(found, "test", "number", "limit_number") == ["compare", 0.04, 0.05]
    assert found["stable"] == {"number": 0.01, "bad": 216, "samples": 21600}


def test_a_gauge_is_told_in_base_units_with_its_datapoints() -> None:
    """Percent as a share, kilobytes as bytes."""
    found = records.verdict(cpu(90, 90, 90))
    assert some(found, "test", "number", "limit_number", "unit") == ["threshold", 0.9, 0.8, "ratio"]
    assert found["datapoints"] == {"over": 3, "of": 3, "needed": [3, 5]}
    query = replace(CPU, unit="Kilobytes")
    sized = verdict(replace(GAUGE, measure=Gauge(series=query)), of(query, [512]))
    assert some(records.verdict(sized), "number", "unit") == [512_000.0, "bytes"]


def test_how_a_rollout_stands_is_as_the_schema_says() -> None:
    """Held, frozen, waited for and judged; with its last entries, or with all of them whole."""
    told = (STEP_0, AT_TEN, Waived(at=T0, criterion="error-rate", actor="bob"), HELD)
    entries = (RolloutStarted(at=T0, plan=PLAN), *told)
    freeze = Freeze(scope="*", until=T0 + 600, actor="carol", reason="fair", at=T0)
    status = RolloutStatus(
        at=T0 + 60,
        rollout=state(*told),
        entries=entries,
        verdicts=(a_verdict(),),
        judged_at=T0,
        freeze=freeze,
        orders=(replace(ORDER, expect_step=0),),
    )
    for whole in (False, True):
        record = records.rollout(status, exit_code=None, whole=whole)
        document = {"schema": "guardian/v1/rollout", "time": record["started_at"], **record}
        found = checked(records.text(document))
        assert (found["weight"], found["wanted"]) == (0.1, 0.1)
        assert found["held"]["why"] == "person"
        assert found["freeze"]["in_force"] is True
        assert found["waived"] == ["error-rate"]
        assert found["orders"][0]["expect_step"] == 1
        assert ("entry" in found["entries"][0]) is whole
    assert records.freeze(freeze, T0 + 600)["in_force"] is False


def test_what_is_recorded_as_stable_has_its_weight_as_a_share() -> None:
    """As every weight for programs, and a step's."""
    split = Traffic(primary="41", secondary="42", weight=Weight.percent(10))
    found = records.snapshot(replace(PLAN.snapshot, traffic=split))
    assert found["traffic"] == {"primary": "41", "secondary": "42", "weight": 0.1}
    assert records.step(PLAN.steps[0]) == {"weight": 0.1, "bake_s": 600, "max_bake_s": 1800}
    page = Page(key="k", severity=Severity.ERROR)
    assert records.page(page) == {"key": "k", "severity": "error"}
