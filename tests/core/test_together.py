"""What the verdicts of one rollout tell about each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from guardian.core.judging.together import MANY, together
from guardian.core.model import Criterion, Measurement, Query, Scope
from tests.core.builders import COUNT, ERRORS, P95, PROBLEM, WITHIN, read, verdict
from tests.core.rollouts import PAGED

BUSY = replace(P95, name="latency")
COUNTING = read([(100, 100)] * 30, part=WITHIN, total=COUNT)
NOTHING = read([(None, None)] * 30)


def beside(
    criterion: Criterion,
    found: Mapping[Query, Measurement],
    other: Mapping[Query, Measurement] = COUNTING,
) -> tuple[str, str]:
    """What is said of a criterion alone, and beside one that counts."""
    alone, busy = verdict(criterion, found), verdict(BUSY, other)
    first, second = together([criterion, BUSY], [alone, busy], {**found, **other})
    assert second == busy
    return alone.why, first.why


def test_a_silent_metric_is_named_beside_what_others_count() -> None:
    """Traffic that one counts and the other does not is no lack of traffic."""
    alone, said = beside(ERRORS, NOTHING)
    assert said == (
        f"{alone}; Shop/Api Requests has been silent since the first shift while latency counts"
        " 3000 samples: its name may be wrong"
    )


def test_what_is_no_lack_of_traffic_stays_as_it_is() -> None:
    """A series that fell silent, one that is not known, another scope, an error, incidents."""
    unread = {q: replace(m, problem=PROBLEM) for q, m in read([(0, 1)] * 3).items()}
    for criterion, found in (
        (ERRORS, read([(0, 100), *[(None, None)] * 29])),
        (ERRORS, read([(None, 100)] * 30, known=False)),
        (ERRORS, unread),
        (replace(ERRORS, scope=Scope.SERVICE), NOTHING),
        (PAGED, {}),
        (replace(PAGED, scope=Scope.CANARY), {}),
    ):
        alone, said = beside(criterion, found)
        assert said == alone


def test_few_samples_of_another_criterion_say_nothing() -> None:
    """Nor does one without any."""
    few = read([(1, 1)] * 30, part=WITHIN, total=COUNT)
    assert verdict(BUSY, few).evidence.all_samples < MANY
    alone, said = beside(ERRORS, NOTHING, few)
    assert said == alone
