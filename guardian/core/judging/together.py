"""What the verdicts of one rollout tell about each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from guardian.core.model import Criterion, Measurement, Query, Scope
from guardian.core.verdict import Outcome, Verdict

MANY = 100
"""So many samples of another criterion make silence since the first shift odd."""


def together(
    criteria: Iterable[Criterion],
    verdicts: Sequence[Verdict],
    measurements: Mapping[Query, Measurement],
) -> tuple[Verdict, ...]:
    """The verdicts; one that has never heard of a request says which others have.

    Traffic that one metric counts and another does not is no lack of traffic: the name of the
    silent one may be wrong.
    """
    by_name = {criterion.name: criterion for criterion in criteria}
    counting = [
        f"{verdict.criterion} counts {verdict.evidence.all_samples} samples"
        for verdict in verdicts
        if _counts(by_name[verdict.criterion]) and verdict.evidence.all_samples >= MANY
    ]
    if not counting:
        return tuple(verdicts)
    return tuple(
        _beside(v, silent, counting)
        if v.outcome is Outcome.NO_DATA and (silent := _silent(by_name[v.criterion], measurements))
        else v
        for v in verdicts
    )


def _counts(criterion: Criterion) -> bool:
    """Whether its samples are the canary's requests."""
    return criterion.scope is Scope.CANARY and criterion.measure.shares


def _silent(criterion: Criterion, measurements: Mapping[Query, Measurement]) -> Query | None:
    """The metric that should count them too, and has no datapoint at all."""
    if not _counts(criterion):
        return None
    query = criterion.measure.heard_by
    return None if measurements[query].points else query


def _beside(verdict: Verdict, silent: Query, counting: Sequence[str]) -> Verdict:
    others = ", ".join(counting)
    why = f"{silent.name} has been silent since the first shift while {others}"
    return replace(verdict, why=f"{verdict.why}; {why}: its name may be wrong")
