"""Counts: events a minute, with no count of all events to hold them against."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.judging.kinds.rate import Rate
from guardian.core.model import Criterion, Judge
from guardian.files.rules.measure_form import (
    CANARY_SHARE,
    MeasureForm,
    MeasurePart,
    MeasureSpec,
    either,
)
from guardian.files.rules.query import BuildContext
from guardian.files.rules.source_form import no_part
from guardian.files.rules.sources import Metric, form_of_metric
from guardian.files.units import exact_rate, plain


class _CountForm(MeasureForm[Metric, Rate]):
    written = Metric
    description = "Events a minute, with no count of all events beside them."
    makes = (Rate,)

    def spec(self, of: Metric, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        del judge
        events = form_of_metric(of).counts(of, ("count",), {}, context, "a count")
        no_part(of, ("count",), context)
        return MeasureSpec(
            read=exact_rate,
            refused=either,
            measure=lambda _: Rate(events=events),
            floor=lambda _: 1,
            text=lambda written: f"{plain(exact_rate(written))}/min",
        )

    def subject(self, measure: Rate, than: str) -> str:
        del measure
        return f"there are {than.replace('/min', '').replace('less', 'fewer')} events a minute"

    def parts(self, measure: Rate) -> Sequence[MeasurePart]:
        return (MeasurePart("events", measure.events, ("count",), ("count", "dimensions")),)

    def pooled(self, criterion: Criterion) -> str:
        del criterion
        return (
            f"at {CANARY_SHARE:.0%} weight a canary causes {CANARY_SHARE:.0%} of what it will cause"
            " later, beside what stable causes"
        )


FORM = _CountForm()
