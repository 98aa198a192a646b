"""Which of stable's series tell whether a broken limit is an outage that hits both versions."""

from __future__ import annotations

from collections.abc import Iterable

from guardian.core.measure import Measure
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.pre_existing import of_stable
from guardian.core.traffic import FULL
from guardian.core.verdict import Basis, Outcome, Verdict


def beside(rollout: Rollout, verdicts: Iterable[Verdict]) -> dict[str, Measure]:
    """By criterion, the same measure of stable, where a broken limit depends on it.

    Nothing where stable never had traffic, or is compared with all the time.
    """
    if all(weight == FULL for _, weight in rollout.weights):
        return {}
    broken = {
        v.criterion
        for v in verdicts
        if v.outcome is Outcome.FAIL and v.evidence.basis is Basis.LIMIT
    }
    found = {
        c.name: of_stable(c.measure, rollout.plan)
        for c in rollout.plan.criteria
        if c.name in broken and c.compare is None
    }
    return {name: other for name, other in found.items() if other is not None and other.shares}
