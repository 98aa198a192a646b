"""Open incidents of an incident tracker; their priorities and services may hold variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.files.rules.measure_form import MeasureForm, listed
from guardian.files.rules.model import Text
from guardian.files.rules.query import BuildContext, filled
from guardian.files.units import pattern
from guardian.files.validation import Strict

_SOURCE: Final = re.compile(r"[a-z][a-z0-9_]*")


class IncidentsModel(Strict):
    """Open incidents of an incident tracker."""

    source: Annotated[str, Field(pattern=pattern(_SOURCE))] = Field(
        default="pagerduty", description="The tracker: pagerduty."
    )
    priorities: Annotated[list[Text], Field(min_length=1, max_length=10)] = Field(
        description="By name, like P0; the others are passed over."
    )
    services: Annotated[list[Text], Field(min_length=1, max_length=50)] = Field(
        description="The tracker's ids of the services whose incidents count."
    )


class _IncidentsForm(MeasureForm[IncidentsModel, Incidents]):
    written = IncidentsModel
    description = "What people are paged for."
    makes = (Incidents,)
    never = "guardian's own incidents never count."

    def present(self, of: IncidentsModel, context: BuildContext) -> Incidents:
        def each(key: str, texts: list[str]) -> tuple[str, ...]:
            return tuple(
                filled(text, ("incidents", key, n), context) for n, text in enumerate(texts)
            )

        priorities, services = each("priorities", of.priorities), each("services", of.services)
        return Incidents(
            open=incident_query(of.source, priorities, services),
            priorities=priorities,
            services=services,
        )

    def subject(self, measure: Incidents, than: str) -> str:
        del than
        names, on = listed(measure.priorities), listed(measure.services)
        return (
            f"an incident of priority {names} is open in {measure.open.source} on {on}, and it"
            " began after the first shift"
        )

    def own_keys(self, measure: Incidents) -> Iterator[tuple[str, str]]:
        yield "source", measure.open.source


FORM = _IncidentsForm()
