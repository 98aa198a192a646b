"""A simulated PagerDuty account, a source that reads it, and a clock that tests move."""

from __future__ import annotations

import pytest

from guardian.core.judging.kinds.incidents import incident_query
from guardian.core.model import Measurement, Query
from guardian.ports import Ask, Context, SourceError
from guardian.sim.server import Simulator
from guardian.sources import pagerduty
from tests.contracts.adapters import StillClock

NOW = 1_700_000_115.0
OURS, OTHER = "PABC123", "PXYZ789"


class MovedClock(StillClock):
    """A clock whose monotonic time a test moves as well."""

    moved_s = 0.0

    def monotonic(self) -> float:
        """The machine's, and what was added."""
        return super().monotonic() + self.moved_s


def of(*services: str, priorities: tuple[str, ...] = ("P0",)) -> Query:
    """Open incidents of these priorities on these services."""
    return incident_query("pagerduty", priorities, services or (OURS,))


class World:
    """A simulated account and a source that reads it."""

    now = NOW
    busy = of()
    quiet = of(OTHER)
    settle_s = 0.0
    minutes = 5

    def __init__(self, simulator: Simulator, clock: MovedClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.account = simulator.pagerduty
        self.token: str | None = self.account.api_token
        self.url = simulator.pagerduty_api_url
        self._source: pagerduty.PagerDuty | None = None

    def source(self, options: pagerduty.Options | None = None) -> pagerduty.PagerDuty:
        """The source, built once."""
        if self._source is None:
            context = Context(
                clock=self.clock,
                rng=_NoRandom(),
                client=lambda _: None,
                check_account=lambda: None,
                account_id="",
                region="",
                environment="test",
                secret=lambda name: self.token if name == "pagerduty_api_token" else None,
                base_url=lambda name: self.url if name == "pagerduty_api_url" else None,
            )
            self._source = pagerduty.build(options or pagerduty.Options(), context)
        return self._source

    def read(self, *queries: Query) -> dict[Query, Measurement]:
        """What the source tells of these queries."""
        asks = [Ask(query=q, start=NOW - 60, end=NOW, settle_s=0.0) for q in queries]
        return dict(self.source().read(asks, now=NOW))

    def refused(self, *queries: Query) -> SourceError:
        """Why nothing could be read."""
        with pytest.raises(SourceError) as caught:
            self.read(*queries or (of(),))
        return caught.value

    def calls(self, operation: str) -> int:
        """How often PagerDuty was asked for it."""
        return self.simulator.calls("pagerduty_api", operation)

    def break_down(self) -> None:
        """HTTP 500 for every call."""
        self.simulator.faults.add(kind="server_error", service="pagerduty_api")

    def lock_out(self) -> None:
        """HTTP 401 for every call."""
        self.simulator.faults.add(kind="access_denied", service="pagerduty_api")


class _NoRandom:
    def uniform(self) -> float:
        """Nothing random is needed."""
        return 0.5

    def token(self) -> str:
        """Nor an id."""
        return "abcdefgh"
