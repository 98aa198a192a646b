"""Existing alarms of CloudWatch, by name or by how their names begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from guardian.core.judging.kinds.alarms import Alarms, alarm_query
from guardian.files.rules.measure_form import MeasureForm, listed
from guardian.files.rules.query import BuildContext, filled
from guardian.files.units import pattern, told
from guardian.files.validation import Strict

SOURCE: Final = "cloudwatch_alarms"
_NAME: Final = re.compile(r"[^*]{1,255}|[^*]{1,254}\*")


def _alarm_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{told(text)} names no alarm: write a name of up to 255 characters, or how names"
            " begin and one * behind it"
        )
    return text


AlarmName = Annotated[
    str,
    AfterValidator(_alarm_name),
    WithJsonSchema({"type": "string", "pattern": pattern(_NAME), "examples": ["payments-*"]}),
]
State = Literal["ALARM", "INSUFFICIENT_DATA"]


class AlarmsModel(Strict):
    """Alarms that exist already."""

    names: Annotated[list[AlarmName], Field(min_length=1, max_length=100)] = Field(
        description="Their names, or how those begin and a * behind it; composite alarms too."
    )
    states: Annotated[list[State], Field(min_length=1)] = Field(
        default=["ALARM"], description="The states in which an alarm fires."
    )


class _AlarmsForm(MeasureForm[AlarmsModel, Alarms]):
    written = AlarmsModel
    description = "Alarms of CloudWatch that exist already."
    makes = (Alarms,)

    def present(self, of: AlarmsModel, context: BuildContext) -> Alarms:
        places = (("alarms", "names", n) for n in range(len(of.names)))
        each = zip(of.names, places, strict=True)
        names, states = tuple(filled(*one, context) for one in each), tuple(of.states)
        return Alarms(
            firing=alarm_query(SOURCE, "firing", names, states),
            doubtful=alarm_query(SOURCE, "doubtful", names, states),
            names=names,
            states=states,
        )

    def subject(self, measure: Alarms, than: str) -> str:
        del than
        names, states = listed(measure.names), listed(measure.states)
        return f"an alarm of {names} is in state {states}, and it began after the first shift"

    def own_keys(self, measure: Alarms) -> Iterator[tuple[str, str]]:
        yield "states", ", ".join(measure.states)

    def silence(self, measure: Alarms) -> Iterator[str]:
        del measure
        yield (
            "An alarm without data, or one whose actions are disabled or suppressed, shows no"
            " health: while it is quiet no step is taken for it. One that does not exist is an"
            " error."
        )


FORM = _AlarmsForm()
