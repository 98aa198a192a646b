"""Ratios: a share of events, of which either the bad or the good ones are counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

from pydantic import Field

from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Direction, Judge
from guardian.files.findings import Finding
from guardian.files.rules.measure_form import MIN_BAD, MeasureForm, MeasurePart, MeasureSpec, Placed
from guardian.files.rules.model import Dimensions
from guardian.files.rules.query import BuildContext, names_canary
from guardian.files.rules.source_form import no_part
from guardian.files.rules.sources import Metric, form_of_metric, form_of_query
from guardian.files.units import exact_share
from guardian.files.validation import Strict


class RatioModel(Strict):
    """A share of events."""

    bad: Metric | None = Field(default=None, description="Counts the events that hurt.")
    good: Metric | None = Field(default=None, description="Counts the events that went well.")
    total: Metric = Field(description="Counts all events.")
    dimensions: Dimensions = Field(default_factory=dict, description="Dimensions of both metrics.")


class _RatioForm(MeasureForm[RatioModel, Ratio]):
    written = RatioModel
    description = "A share of events."
    makes = (Ratio,)

    def spec(self, of: RatioModel, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        del judge
        counted = of.good or of.bad
        if counted is None or (of.bad is not None and of.good is not None):
            context.say(
                ("ratio",), "a ratio counts either bad or good events: give exactly one of them"
            )
            return None
        side, beside = "bad" if of.good is None else "good", of.dimensions
        part, total = (
            form_of_metric(metric).counts(metric, ("ratio", key), beside, context, "a ratio")
            for key, metric in ((side, counted), ("total", of.total))
        )
        no_part(of.total, ("ratio", "total"), context)
        measure = Ratio(
            part=part, total=total, good=side == "good", absent_zero=counted.absent == "zero"
        )
        if not context.findings:
            _alike(measure, context)

        def rate(share: Decimal) -> Decimal:
            return 1 - share if side == "good" else share

        def refused(direction: Direction) -> str | None:
            upward = direction.rising
            if upward == (side == "bad"):
                return None
            better = "below" if upward else "above"
            return f"{side} with {direction.value} would fail healthy releases: write {better}"

        def impossible(share: Decimal) -> str | None:
            if 0 < rate(share) < 1:
                return None
            never = "it can never be breached"
            rng = "one failure would break it; allow a small share, like"
            example = "99.9%" if side == "good" else "0.1%"
            return never if rate(share) else f"{rng} {example}"

        return MeasureSpec(
            read=exact_share,
            refused=refused,
            measure=lambda _: measure,
            floor=lambda share: math.ceil(MIN_BAD / rate(share)),
            impossible=impossible,
        )

    def subject(self, measure: Ratio, than: str) -> str:
        return f"{than} of the events are {_side(measure)}"

    def parts(self, measure: Ratio) -> Sequence[MeasurePart]:
        side, beside = _side(measure), ("ratio", "dimensions")
        absent = "zero" if measure.absent_zero else "not known"
        return (
            MeasurePart(side, measure.part, ("ratio", side), beside, absent),
            MeasurePart("total", measure.total, ("ratio", "total"), beside),
        )

    def silence(self, measure: Ratio) -> Iterator[str]:
        side, form = _side(measure), form_of_query(measure.part)
        name = form.called(measure.part)
        if measure.absent_zero:
            yield f"Where {name} is silent beside a total, none were {side}: absent: zero says so."
        else:
            yield (
                f"Where {name} is silent beside a total, none were {side}, if {form.title} knows it"
                " (had a datapoint of it, for any version); else the verdict is no_data."
            )

    def doubts(self, placed: Placed, measure: Ratio) -> Iterator[Finding]:
        sparse = form_of_query(measure.part).sparse(measure.part)
        if sparse and not measure.absent_zero:
            yield placed.warn(
                "ratio",
                f"{sparse}: a service that never had one gets no verdict. Add absent: zero to that"
                " metric",
            )

    def doubts_of_all(self, placed: Sequence[Placed]) -> Iterator[Finding]:
        """A service of which no criterion counts all failures."""
        measures = ((p, p.criterion.measure) for p in placed)
        bad = [(p, m.part) for p, m in measures if isinstance(m, Ratio) and not m.good]
        blind = [form_of_query(part).blind_spot(part) for _, part in bad]
        if bad and all(blind):
            yield bad[0][0].warn("name", blind[0])


def _side(measure: Ratio) -> str:
    return "good" if measure.good else "bad"


def _alike(measure: Ratio, context: BuildContext) -> None:
    """Both parts cover the same requests and the same minutes."""
    place = ("ratio", "total")
    if measure.part.period_s != measure.total.period_s:
        context.say((*place, "period"), "both metrics of a ratio need the same period")
    if names_canary(measure.part) != names_canary(measure.total):
        context.say(
            place,
            "one metric counts the canary's events and the other everybody's: give both the"
            " dimension that names ${canary}",
        )


FORM = _RatioForm()
