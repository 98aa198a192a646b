"""What is read to see how stable stands before the first shift."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Scope
from guardian.core.plan import Drive
from guardian.engine.needs import views
from tests.app.shop import Shop
from tests.core.rollouts import PLAN

TOTAL = replace(
    metric_query(
        namespace="Shop/Api", metric="Requests", stat="Sum", dimensions=(("Version", "42"),)
    ),
    versioned=("Version",),
)
ERRORS = replace(
    PLAN.criteria[0],
    measure=Ratio(part=changed(TOTAL, metric="Failed"), total=TOTAL, good=False),
    scope=Scope.CANARY,
)


@pytest.mark.parametrize(
    ("drive", "whole", "read"),
    [
        (Drive.ROLLOUT, True, [(("Version", "41"),), ()]),
        (Drive.ROLLOUT, False, [(("Version", "41"),)]),
        (Drive.WATCH, True, [(("Version", "41"),)]),
    ],
    ids=["whole target", "own series alone", "watch"],
)
def test_alone_on_its_target_stable_is_what_the_whole_target_shows(
    *, drive: Drive, whole: bool, read: list[tuple[tuple[str, str], ...]]
) -> None:
    """In a watch the canary is on it too: the whole target would speak for both."""
    target = Shop().target
    target.whole = whole
    plan = replace(PLAN, drive=drive, criteria=(ERRORS,))
    (shown,) = views(plan, target)
    assert [
        MetricStat.of(q).dimensions
        for c in shown
        for q in c.queries()
        if MetricStat.of(q).metric == "Requests"
    ] == read
