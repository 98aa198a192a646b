"""Where calls go wrong: a simulated world at noon, its guests, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

import pytest

from guardian.aws import Account, Sessions
from guardian.cloudwatch import metric_query
from guardian.core.notices import Notice, Page, Severity
from guardian.ports import Context
from guardian.sim.aliases import AliasState
from guardian.sim.hand import HandClock
from guardian.sim.listener import Listener
from guardian.sim.server import Simulator
from guardian.sim.wire import Reply, Request
from tests.contracts.adapters import SECRET_KEY, TOKEN, account_for, context_for, use_endpoint
from tests.faults import guests
from tests.notifiers.samples import NOTICE, SECRET

NOON: Final = 1_790_164_800.0
FUNCTION: Final = "agents-api"
HASTY_S: Final = 0.25
"""The deadline of calls that hang for as long as one waits."""
ROLE: Final = "arn:aws:iam::333333333333:role/guardian"
INVOCATIONS: Final = metric_query(
    namespace="AWS/Lambda",
    metric="Invocations",
    stat="Sum",
    dimensions=(("FunctionName", FUNCTION),),
)


@dataclass(kw_only=True)
class Ground:
    """One account, one function with an alias, and whoever is told."""

    simulator: Simulator
    elsewhere: Listener
    patient: Account
    hasty: Account
    sessions: Sessions
    hasty_sessions: Sessions
    astray: list[Request] = field(default_factory=list)
    """What followed a redirect."""
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        """Its guests."""
        self.bus = guests.bus(self.simulator)
        self.mail = guests.mail(self.simulator)
        self.hook = guests.hook(self.simulator)
        self.stacks = guests.stacks(self.simulator)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may hold."""
        sim = self.simulator
        ours = (SECRET, SECRET_KEY, TOKEN, "AKIAIOSFODNN7EXAMPLE")
        return (*ours, sim.slack.token, sim.pagerduty.routing_key, sim.pagerduty.api_token)

    @property
    def alias(self) -> AliasState:
        """The alias now."""
        return self.simulator.aliases.state(FUNCTION, "live")

    def reset(self, weight: float = 0.0) -> None:
        """No fault, nothing open, and so much for version 42."""
        self.simulator.faults.clear()
        self.astray.clear()
        for incident in self.simulator.pagerduty.incidents:
            self.simulator.pagerduty.resolve(incident)
        weights = {"42": weight} if weight else {}
        self.simulator.aliases.write_as_person(
            FUNCTION, "live", version="41", weights=weights, description=""
        )

    def context(self, *, hasty: bool) -> Context:
        """What an adapter is built with."""
        sim = self.simulator
        secrets = {
            "slack_token": sim.slack.token,
            "pagerduty_api_token": sim.pagerduty.api_token,
            "pagerduty_routing_key": sim.pagerduty.routing_key,
        }
        urls = {
            "slack_base_url": sim.slack_url,
            "pagerduty_events_url": sim.pagerduty_events_url,
            "pagerduty_api_url": sim.pagerduty_api_url,
        }
        plain = context_for(self.hasty if hasty else self.patient)
        return replace(plain, secret=secrets.get, base_url=urls.get)

    def notice(self) -> Notice:
        """A notice that was never told before, with a page."""
        rollout = f"r-{next(self.numbers)}"
        key = f"guardian/production/{FUNCTION}/{rollout}/rolled_back"
        pages = (Page(key=key, severity=Severity.CRITICAL),)
        return replace(NOTICE, rollout=rollout, pages=pages, resolves=())

    def opened(self, notice: Notice) -> bool:
        """Whether somebody is paged by it."""
        keys = {page.key for page in notice.pages}
        return keys <= {i.key for i in self.simulator.pagerduty.incidents}


@contextmanager
def ground() -> Iterator[Ground]:
    """A world of its own; version 41 is live and 42 published."""
    astray: list[Request] = []

    def believe(request: Request) -> Reply:
        astray.append(request)
        return simulator.handle(request)

    elsewhere = Listener(believe)
    elsewhere.start()
    with Simulator(HandClock(NOON)) as simulator, pytest.MonkeyPatch.context() as environ:
        use_endpoint(environ, simulator.url)
        simulator.aliases.create_function(FUNCTION, versions=("41", "42"))
        simulator.aliases.create_alias(FUNCTION, "live", version="41")
        simulator.traffic.send(FUNCTION, "live", rate=20.0, history_s=900.0)
        sessions, hasty = Sessions(), Sessions(call_s=lambda _: HASTY_S)
        found = Ground(
            simulator=simulator,
            elsewhere=elsewhere,
            patient=account_for(sessions),
            hasty=account_for(hasty),
            sessions=sessions,
            hasty_sessions=hasty,
            astray=astray,
        )
        try:
            yield found
        finally:
            elsewhere.stop()
