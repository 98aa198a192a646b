"""`alarms` in a rule file: names, how names begin, and the states that fire."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.core.judging.kinds.alarms import Alarms, alarm_query
from guardian.core.model import Judge, Scope
from guardian.files import rules
from guardian.files.rules.explain import explain, in_words
from guardian.ports import ConfigError

TEXT = """\
version: 1
name: alarms
criteria:
  - name: alarms
    alarms: {{{alarms}}}
    fail_if: {{{limit}}}
"""


def loaded(folder: Path, alarms: str, limit: str = "any: true") -> rules.RuleSet:
    """A rule file with one criterion."""
    path = folder / "alarms.yaml"
    path.write_text(TEXT.format(alarms=alarms, limit=limit), encoding="utf-8")
    return rules.load([path])


def test_alarms_become_both_questions_of_their_source(tmp_path: Path) -> None:
    """ALARM alone fires unless the file says otherwise; a step waits for quiet."""
    found = loaded(tmp_path, "names: ['api-${canary}', payments-*]").criteria[0]
    names = ("api-${canary}", "payments-*")
    assert found.measure == Alarms(
        firing=alarm_query("cloudwatch_alarms", "firing", names, ("ALARM",)),
        doubtful=alarm_query("cloudwatch_alarms", "doubtful", names, ("ALARM",)),
        names=names,
        states=("ALARM",),
    )
    assert (found.judge, found.scope) == (Judge.PRESENCE, Scope.CANARY)
    both = loaded(tmp_path, "names: [a], states: [ALARM, INSUFFICIENT_DATA]").criteria[0]
    assert isinstance(both.measure, Alarms)
    assert both.measure.states == ("ALARM", "INSUFFICIENT_DATA")


@pytest.mark.parametrize(
    ("alarms", "limit", "said"),
    [
        ("names: []", "any: true", "at least 1 is needed"),
        ("names: ['*']", "any: true", "'*' names no alarm"),
        ("names: ['a*b']", "any: true", "how names begin and one * behind it"),
        ("names: [a], states: [OK]", "any: true", "use one of ALARM, INSUFFICIENT_DATA"),
        ("names: ['${vesion}']", "any: true", "${vesion} is not known here"),
        ("names: [a]", "above: 5%", "alarms are counted from the first on: write {any: true}"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, alarms: str, limit: str, said: str
) -> None:
    """With a sentence that says how to write it."""
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, alarms, limit)
    assert said in str(raised.value)


def test_alarms_are_explained(tmp_path: Path) -> None:
    """When they fail, and what their silence is."""
    text = in_words(explain(loaded(tmp_path, "names: [checkout-5xx, payments-*]")))
    words = " ".join(text.split())
    assert "an alarm of checkout-5xx or payments-* is in state ALARM" in words
    assert "shows no health" in words
    assert "alarms.states ALARM default" in words
