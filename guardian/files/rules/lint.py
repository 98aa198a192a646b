"""What is allowed in a rule file and yet is probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardian.core.model import Criterion
from guardian.files.findings import Finding
from guardian.files.rules.durations import plain_minutes
from guardian.files.rules.kinds import FORMS, form_of, key_of
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.query import names_canary
from guardian.files.rules.sources import form_of_query


def warnings(placed: Placed) -> Iterator[Finding]:
    """What a criterion alone gives reason to doubt."""
    criterion, form = placed.criterion, form_of(placed.criterion.measure)
    if criterion.measure.any_of:
        return
    together = not any(map(names_canary, criterion.queries()))
    if together and not placed.pooled_on_purpose and (hides := form.pooled(criterion)):
        yield placed.warn("name", pooled(criterion, hides))
    yield from form.doubts(placed, criterion.measure)
    slowest = max(criterion.queries(), key=lambda q: form_of_query(q).settle_s(q))
    source = form_of_query(slowest)
    final = source.settle_s(slowest)
    if criterion.settle_s < final:
        yield placed.warn(
            "settle",
            f"{source.title} still changes these datapoints for {plain_minutes(final)}: a shorter"
            " settle judges numbers that are not final",
        )


def warnings_of_all(criteria: Sequence[Placed]) -> Iterator[Finding]:
    """What the criteria of a service together give reason to doubt, kind by kind."""
    for key, form in FORMS.items():
        yield from form.doubts_of_all([p for p in criteria if key_of(p.criterion.measure) == key])


def pooled(criterion: Criterion, hides: str) -> str:
    """What a metric of both versions together hides."""
    return (
        f"'{criterion.name}' reads both versions together (no dimension names ${{canary}}):"
        f" {hides}; and a step does not wait for it. Use a metric by version, or say which with"
        " scope: service or scope: canary"
    )
