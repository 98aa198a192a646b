"""The simulator: one loopback HTTP server that speaks for all simulated services."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from guardian.core.model import Instant
from guardian.ports import Clock
from guardian.sim.aliases import Aliases
from guardian.sim.cloudwatch import TARGET, CloudWatch
from guardian.sim.faults import Fault, Faults
from guardian.sim.lambda_ import Lambda
from guardian.sim.listener import Listener
from guardian.sim.metric_store import Metrics, dimensions
from guardian.sim.pagerduty import PagerDuty, PagerDutyApi
from guardian.sim.publication import Publication
from guardian.sim.simulated_traffic import Traffics
from guardian.sim.slack import Slack
from guardian.sim.spoiling import spoiled
from guardian.sim.statistic import Bag
from guardian.sim.sts import Sts
from guardian.sim.wire import HANG_UP, Refusals, Refused, Reply, Request
from guardian.sim.world import DEFAULT_ACCOUNT, DEFAULT_REGION, Event, World

_KEY = re.compile(r"Credential=([^/,\s]+)/")
_EXPIRED = Refused(
    "ExpiredTokenException", "The security token included in the request is expired", 403
)
_GARBAGE = Reply(body=b"<html>bad gateway</htm", content_type="text/html")
_REFUSING = frozenset(
    {"throttle", "access_denied", "server_error", "conflict", "not_found", "bad_request"}
)


class Service(Protocol):
    """One simulated vendor's API. Its methods are called with the world's lock held."""

    name: str
    refusals: Refusals
    """What it says for a refusing fault, by its kind or for any `other`: code, message, status."""

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        ...

    def error(self, refused: Refused) -> Reply:
        """An error as the vendor puts it on the wire."""
        ...

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        ...


class Part(Service, Protocol):
    """A service that is found by its module, which names its class `PART`."""

    def __init__(self, world: World, metrics: Metrics, publication: Publication) -> None: ...

    def asked(self, request: Request) -> bool:
        """Whether a request is this service's."""
        ...

    def advance(self, now: Instant) -> None:
        """Let happen what happens by itself until now."""
        ...


P = TypeVar("P", bound=Part)


def _parts() -> list[type[Part]]:
    """Every module of this room that is such a service."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = (importlib.import_module(f"guardian.sim.{name}") for name in names)
    return [module.PART for module in modules if hasattr(module, "PART")]


class Simulator:
    """A simulated AWS account, Slack workspace and PagerDuty account behind one address.

    `url` serves AWS (`AWS_ENDPOINT_URL`), `slack_url` and `pagerduty_events_url`,
    `pagerduty_api_url` the others. Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 1,
        account_id: str = DEFAULT_ACCOUNT,
    ) -> None:
        self.world = World(clock=clock, seed=seed, account_id=account_id, region=DEFAULT_REGION)
        self.faults = Faults(self.world.lock)
        self.aliases = Aliases(self.world)
        self.metrics = Metrics()
        self.publication = Publication(seed)
        self.traffic = Traffics(
            self.world,
            aliases=self.aliases,
            metrics=self.metrics,
            publication=self.publication,
        )
        self.cloudwatch = CloudWatch(
            self.world,
            metrics=self.metrics,
            traffics=self.traffic,
            faults=self.faults,
            publication=self.publication,
        )
        self.slack = Slack(self.world)
        self.pagerduty = PagerDuty(self.world)
        self._lambda = Lambda(self.world, self.aliases)
        self._sts = Sts(self.world)
        self._pagerduty_api = PagerDutyApi(self.world, self.pagerduty)
        self._server: Listener | None = None
        self._parts = [part(self.world, self.metrics, self.publication) for part in _parts()]
        self._guests: list[tuple[Callable[[Request], bool], Service]] = []

    @property
    def events(self) -> list[Event]:
        """Alias writes, Slack and PagerDuty calls in the order they took effect; a copy."""
        return self.world.events

    @property
    def url(self) -> str:
        """The address for AWS clients; known once started."""
        if self._server is None:
            raise RuntimeError("the simulator has no address before it is started")
        return self._server.url

    @property
    def slack_url(self) -> str:
        """What slack_sdk's WebClient takes as `base_url`."""
        return f"{self.url}/slack/api/"

    @property
    def pagerduty_events_url(self) -> str:
        """What pdpyras's event sessions take as `url`."""
        return f"{self.url}/pagerduty/events"

    @property
    def pagerduty_api_url(self) -> str:
        """What pdpyras's APISession takes as `url`."""
        return f"{self.url}/pagerduty/api"

    def calls(self, service: str, operation: str) -> int:
        """How often an operation was called, refused and unanswered calls included."""
        with self.world.lock:
            return self.world.requests[service, operation]

    def part(self, kind: type[P]) -> P:
        """The one service of that class."""
        return next(part for part in self._parts if isinstance(part, kind))

    def host(self, service: Service, asked: Callable[[Request], bool]) -> None:
        """Let one more service answer what is `asked` of it, with faults like all others."""
        self._guests.append((asked, service))

    def expire(self, access_key: str) -> None:
        """From now on AWS refuses what is signed with that key, as it does once it has expired."""
        with self.world.lock:
            self.world.expired.add(access_key)

    def feed(
        self,
        namespace: str,
        metric: str,
        values: Mapping[float, float],
        *,
        dims: Mapping[str, str] | None = None,
        at: Instant | None = None,
        visible_at: Instant | None = None,
        unit: str = "None",
    ) -> None:
        """Put `{value: count}` of the instant `at` (now) into any series, visible at once.

        Unlike PutMetricData it may write to AWS's own namespaces and at any time.
        """
        with self.world.lock:
            now = self.world.clock.now()
            self.metrics.put(
                (namespace, metric, dimensions(dims or {})),
                at=now if at is None else at,
                visible_at=now if visible_at is None else visible_at,
                bag=Bag.of(values),
                unit=unit,
            )

    def start(self) -> Self:
        """Listen on a free loopback port."""
        self._server = Listener(self.handle)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the listener and every open connection, and wait for their threads to end."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def handle(self, request: Request) -> Reply:
        """Answer one request; faults strike here. Any thread may call it."""
        with self.world.lock:
            self.aliases.settle()
            for part in self._parts:
                part.advance(self.world.clock.now())
            service = self._service(request)
            if service is None:
                return Reply(status=404, body=b"no simulated service lives here\n")
            operation = _operation(service, request)
            self.world.requests[service.name, operation] += 1
            signed = _KEY.search(request.headers.get("authorization", ""))
            if signed is not None and signed[1] in self.world.expired:
                return service.error(_EXPIRED)
            fault = self.faults.take(service.name, operation)
            return _answer(service, request, operation, fault)

    def _service(self, request: Request) -> Service | None:
        for asked, guest in self._guests:
            if asked(request):
                return guest
        for part in self._parts:
            if part.asked(request):
                return part
        path = request.path
        for prefix, service in (
            ("/slack/api/", self.slack),
            ("/pagerduty/events/", self.pagerduty),
            ("/pagerduty/api/", self._pagerduty_api),
            ("/2015-03-31/functions/", self._lambda),
            ("/2019-09-30/functions/", self._lambda),
        ):
            if path.startswith(prefix):
                return service
        if request.headers.get("x-amz-target", "").startswith(TARGET):
            return self.cloudwatch
        return self._sts if path == "/" and request.method == "POST" else None


def _operation(service: Service, request: Request) -> str:
    try:
        return service.operation(request)
    except ValueError:
        return "Unknown"


def _answer(service: Service, request: Request, operation: str, fault: Fault | None) -> Reply:
    kind = fault.kind if fault is not None else ""
    if kind == "unreachable":
        return HANG_UP
    if kind == "garbage":
        return _GARBAGE
    if fault is not None and kind == "redirect":
        return Reply(status=307, headers={"Location": fault.location})
    if fault is not None and kind in _REFUSING:
        code, message, status = service.refusals.get(kind, service.refusals["other"])
        refused = Refused(code, message.format(operation=operation), status)
        return spoiled(service.error(refused), fault)
    try:
        reply = service.answer(request, operation, fault)
    except Refused as refused:
        reply = service.error(refused)
    except (ValueError, KeyError, TypeError, AttributeError) as malformed:
        message = f"The request could not be read: {malformed!r}"
        reply = service.error(Refused("SerializationException", message, 400))
    return reply if fault is None else spoiled(reply, fault)
