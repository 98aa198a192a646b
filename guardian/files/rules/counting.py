"""What holds for metrics whose values are counts."""

from __future__ import annotations

from typing import Final

from guardian.files.findings import Place
from guardian.files.rules.model import Metric
from guardian.files.rules.query import BuildContext
from guardian.files.units import told
from guardian.namespaces import unit

COUNT_UNITS: Final = ("Count", "None")
COUNTING_STATS: Final = ("Sum", "SampleCount")


def counts(metric: Metric, place: Place, context: BuildContext, who: str) -> None:
    """The metrics of a ratio and of a count hold counts."""
    if metric.stat not in (None, *COUNTING_STATS):
        context.say(
            (*place, "stat"),
            f"{who} counts events: its stat is {' or '.join(COUNTING_STATS)}, not"
            f" {told(metric.stat)}",
        )
    known = unit(metric.namespace, metric.metric)
    stated = metric.unit or known
    if stated not in (None, *COUNT_UNITS) and metric.stat != "SampleCount":
        where = (*place, "unit") if metric.unit else place
        context.say(
            where,
            f"{who} counts events, and {metric.namespace} {metric.metric} holds {stated}:"
            " use a metric that counts, or stat: SampleCount",
        )
