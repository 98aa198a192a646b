"""A kind of criterion is two modules: a measure in the core, and its form among the rule files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MEASURE = '''
from dataclasses import dataclass

from guardian.core.figures import Figure, Unit
from guardian.core.judging.counts import Counts, Uncounted, heard
from guardian.core.measure import Measure
from guardian.core.model import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse(Measure):
    """Beats of a heart."""

    beats: Query

    sampled = False

    @property
    def queries(self) -> tuple[Query, ...]:
        return (self.beats,)

    @property
    def heard_by(self) -> Query:
        return self.beats

    @property
    def computed(self) -> Query:
        return self.beats

    def counted(self, rest: Uncounted) -> Counts:
        return heard({p.start: 1.0 for p in rest.points(self.beats)}, rest)

    def figure(self, value: float) -> Figure:
        return Figure(value, Unit.PER_MINUTE)
'''
FORM = """
from guardian.core.judging.kinds.pulse import Pulse
from guardian.files.rules.measure_form import MeasureForm, MeasurePart, MeasureSpec, either
from guardian.files.rules.sources import Metric, form_of_metric
from guardian.files.units import exact_number


class PulseForm(MeasureForm):
    written = Metric
    description = "Beats of a heart."
    makes = (Pulse,)

    def spec(self, of, judge, context):
        beats = form_of_metric(of).value(of, ("pulse",), context)
        return MeasureSpec(
            read=exact_number,
            refused=either,
            measure=lambda _: Pulse(beats=beats),
            floor=lambda _: 1,
        )

    def subject(self, measure, than):
        return f"there are {than} beats"

    def unheard(self, criterion):
        return "a heart that is not heard has stopped"

    def parts(self, measure):
        return (MeasurePart("beats", measure.beats, ("pulse",), ("pulse", "dimensions")),)


FORM = PulseForm()
"""
RULES = """
version: 1
name: heart
criteria:
  - name: pulse
    pulse: {namespace: Heart, metric: Beats, dimensions: {Version: "${canary}"}}
    fail_if: {above: 180}
    datapoints: 2 of 3
"""
PROGRAM = """
import json

from guardian.core.codec import decode, encode
from guardian.core.judging.judge import Window, judge
from guardian.core.model import Criterion, Datapoint, Measurement
from guardian.core.traffic import Weight
from guardian.files import rules
from guardian.files.rules.explain import explain, in_words
from guardian.files.rules.rule_schema import rule_schema

found = rules.load(["heart.yaml"])
criterion = found.criteria[0]
points = tuple(Datapoint(60.0 * n, 200.0) for n in range(5))
read = {criterion.measure.beats: Measurement(points=points, settled_before=300.0)}
window = Window(
    moving_since=0.0, first_shift_at=0.0, step_confirmed_at=0.0,
    confirmed=((0.0, Weight.percent(10)),), alpha=0.05, horizon=60,
)
print(json.dumps({
    "same": decode(Criterion, encode(criterion)) == criterion,
    "kind": json.loads(encode(criterion))["measure"]["kind"],
    "why": judge(criterion, read, window, now=300.0 + criterion.settle_s)[0].why,
    "explained": in_words(explain(found)),
    "lint": [finding.message for finding in rules.lint(["heart.yaml"]).findings],
    "schema": rule_schema()["definitions"]["CriterionModel"]["properties"]["pulse"],
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a guardian says that has one kind more in its folders."""
    folder = tmp_path_factory.mktemp("heart")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "guardian", folder / "guardian", ignore=ignored)
    for name, text in (
        ("guardian/core/judging/kinds/pulse.py", MEASURE),
        ("guardian/files/rules/kinds/pulse.py", FORM),
        ("heart.yaml", RULES),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_its_key_is_read_checked_and_offered_to_editors(told: dict[str, Any]) -> None:
    """By the name of its form's module."""
    assert told["lint"] == []
    assert told["schema"]["description"] == "Beats of a heart."


def test_it_is_judged_and_explained(told: dict[str, Any]) -> None:
    """By its own answers: what is heard, what a value is, what is said of it."""
    assert told["why"].startswith("3 of 3 datapoints over 180/min, a breach at 2 of 3")
    assert "Fails when there are more than 180 beats" in told["explained"]
    assert "a heart that is not heard has stopped." in told["explained"]
    assert "no_data," not in told["explained"]
    assert "as for every pulse" in told["explained"]


def test_journals_hold_it(told: dict[str, Any]) -> None:
    """By the name of its class."""
    assert (told["kind"], told["same"]) == ("pulse", True)
