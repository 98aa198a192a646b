"""CloudWatch's words: what identifies a series of it, as a query of the core and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from guardian.core.model import Query, Word

SOURCE: Final = "cloudwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricStat:
    """A series of CloudWatch: names, exact set of dimensions, statistic, and whose it is."""

    namespace: str
    metric: str
    stat: str
    dimensions: tuple[tuple[str, str], ...] = ()
    """Sorted by name."""
    region: str | None = None
    account_id: str | None = None

    @classmethod
    def of(cls, query: Query) -> MetricStat:
        """What a query of CloudWatch asks for."""
        words: dict[str, Any] = {k: word for k, word in query.words if k in cls.__slots__}
        return cls(**words)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.namespace} {self.metric}"

    @property
    def words(self) -> tuple[tuple[str, Any], ...]:
        """Those of its query."""
        return tuple(sorted(asdict(self).items()))


def metric_query(*, period_s: int = 60, unit: str | None = None, **words: Any) -> Query:
    """The query for a `MetricStat` of these words; its unit is never sent, for it would filter."""
    asked = MetricStat(**words)
    return Query(source=SOURCE, name=asked.name, words=asked.words, period_s=period_s, unit=unit)


def changed(before: Query, **words: Any) -> Query:
    """The query with other words in the place of some."""
    asked = replace(MetricStat.of(before), **words)
    return replace(before, name=asked.name, words=asked.words)


def metric_of(query: Query) -> tuple[Word, Word]:
    """Namespace and metric, by which tables know it; nothing of another source's query."""
    return query.word("namespace"), query.word("metric")
