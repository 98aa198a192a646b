"""PagerDuty: Events API v2, change events, and the little of the REST API that is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from guardian.core.model import Instant
from guardian.sim.faults import Fault
from guardian.sim.wire import Refusals, Refused, Reply, Request, as_json
from guardian.sim.world import World

_SEVERITIES = ("critical", "error", "warning", "info")
_ACTIONS = ("trigger", "acknowledge", "resolve")
_MAX_KEY = 255
_PAGE = 100
_TOLD_OF_S = 30 * 86_400.0
"""How far back incidents are listed by default: a month."""


@dataclass(slots=True, kw_only=True)
class Incident:
    """One incident; `status` is triggered, acknowledged or resolved."""

    id: str
    key: str
    status: str
    summary: str
    severity: str
    opened_at: Instant
    service: str
    priority: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    triggers: int = 1
    """How many trigger events it took in."""
    alerts: list[str] = field(default_factory=list)
    """The keys of its alerts, where the account groups them; else it has one, under its own key."""


_REFUSALS: Refusals = {
    "throttle": ("throttled", "Too Many Requests", 429),
    "server_error": ("internal error", "Internal Server Error", 500),
    "access_denied": ("unauthorized", "Unauthorized", 401),
    "not_found": ("not found", "Not Found", 404),
    "other": ("invalid event", "Event object is invalid", 400),
}


_EVENT_REFUSALS: Refusals = {
    **_REFUSALS,
    "access_denied": ("invalid event", "Invalid routing key", 400),
}


class PagerDuty:
    """The account, and its `v2/enqueue` and `v2/change/enqueue`. One routing key is right."""

    name = "pagerduty"
    refusals = _EVENT_REFUSALS

    def __init__(self, world: World) -> None:
        self._world = world
        self.routing_key = "R0SIMULATEDSIMULATEDSIMULATED000"
        self.api_token = "simulated-api-token"
        self.service = "PABC123"
        """The service that the routing key belongs to."""
        self.services = {self.service, "PXYZ789"}
        """The ids of all services of the account."""
        self.priorities: tuple[str, ...] = ("P0", "P1", "P2")
        self._incidents: list[Incident] = []

    @property
    def incidents(self) -> list[Incident]:
        """All incidents, oldest first; the list is a copy."""
        with self._world.lock:
            return list(self._incidents)

    def open_incident(
        self, summary: str, *, priority: str | None = None, service: str | None = None
    ) -> Incident:
        """An incident that somebody else opened."""
        with self._world.lock:
            key = f"other-{len(self._incidents) + 1}"
            self.services.add(service or self.service)
            incident = self._open(key, summary, "critical", {}, service or self.service)
            incident.priority = priority
            self._world.log("pagerduty.open", {"summary": summary, "priority": priority})
            return incident

    def resolve(self, incident: Incident) -> None:
        """Resolve an incident by hand."""
        with self._world.lock:
            incident.status = "resolved"

    def operation(self, request: Request) -> str:
        """`enqueue` or `change`."""
        match request.path.removeprefix("/pagerduty/events"):
            case "/v2/enqueue":
                return "enqueue"
            case "/v2/change/enqueue":
                return "change"
        return "Unknown"

    def error(self, refused: Refused) -> Reply:
        """An error of the Events API."""
        body = {"status": refused.code, "message": refused.message, "errors": [refused.message]}
        return as_json(body, status=refused.status)

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        if request.method != "POST" or operation == "Unknown":
            raise Refused("not found", "Not Found", 404)
        event = request.mapping()
        if event.get("routing_key") != self.routing_key:
            raise Refused("invalid event", "Invalid routing key")
        if operation == "change":
            return self._change(event)
        return self._enqueue(event)

    def _enqueue(self, event: dict[str, Any]) -> Reply:
        action, key = event.get("event_action"), event.get("dedup_key")
        if action not in _ACTIONS:
            raise Refused("invalid event", "'event_action' must be trigger, acknowledge or resolve")
        if key is not None and len(str(key)) > _MAX_KEY:
            raise Refused("invalid event", f"'dedup_key' must not exceed {_MAX_KEY} characters")
        if key is None and action != "trigger":
            raise Refused("invalid event", "'dedup_key' is missing or blank")
        payload = event.get("payload") or {}
        if action == "trigger":
            _check_payload(payload)
        key = str(key or f"generated-{len(self._incidents) + 1}")
        data = {"key": key, "summary": payload.get("summary"), "severity": payload.get("severity")}
        self._world.log(f"pagerduty.{action}", data)
        self._apply(str(action), key, payload)
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return as_json(body, status=202)

    def _apply(self, action: str, key: str, payload: dict[str, Any]) -> None:
        """One key has one open incident; after it is resolved, a trigger opens the next."""
        current = next(
            (i for i in self._incidents if i.key == key and i.status != "resolved"), None
        )
        if current is None and action == "trigger":
            self._open(key, payload["summary"], payload["severity"], payload, self.service)
        elif current is not None and action == "trigger":
            current.triggers += 1
            current.payload = payload
        elif current is not None:
            current.status = "acknowledged" if action == "acknowledge" else "resolved"

    def _open(
        self, key: str, summary: str, severity: str, payload: dict[str, Any], service: str
    ) -> Incident:
        incident = Incident(
            id=f"Q{len(self._incidents) + 1:06d}",
            key=key,
            status="triggered",
            summary=summary,
            severity=severity,
            opened_at=self._world.clock.now(),
            service=service,
            payload=payload,
        )
        self._incidents.append(incident)
        return incident

    def _change(self, event: dict[str, Any]) -> Reply:
        payload = event.get("payload") or {}
        if not payload.get("summary"):
            raise Refused("invalid event", "'payload.summary' is missing or blank")
        data = {"summary": payload["summary"], "details": payload.get("custom_details")}
        self._world.log("pagerduty.change", data)
        return as_json({"status": "success", "message": "Change event processed"}, status=202)


def _check_payload(payload: dict[str, Any]) -> None:
    for name in ("summary", "source", "severity"):
        if not payload.get(name):
            raise Refused("invalid event", f"'payload.{name}' is missing or blank")
    if payload["severity"] not in _SEVERITIES:
        raise Refused("invalid event", "'payload.severity' is invalid")
    if len(payload["summary"]) > 1024:
        raise Refused("invalid event", "'payload.summary' must not exceed 1024 characters")


class PagerDutyApi:
    """The REST API: `incidents`, `incidents/ID/alerts`, `priorities`, `services/ID`, read-only.

    As the real one, it tells of the last 30 days alone, unless asked for `date_range=all` or for
    times of one's own.
    """

    name = "pagerduty_api"
    refusals = _REFUSALS

    def __init__(self, world: World, account: PagerDuty) -> None:
        self._world = world
        self._account = account

    def operation(self, request: Request) -> str:
        """The resource's name; `services` for one of them, `alerts` for those of an incident."""
        resource, _, rest = request.path.removeprefix("/pagerduty/api/").partition("/")
        return "alerts" if rest.endswith("/alerts") else resource

    def error(self, refused: Refused) -> Reply:
        """An error of the REST API."""
        inner = {"message": refused.message, "code": 2000 + refused.status}
        return as_json({"error": inner}, status=refused.status)

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        if request.headers.get("authorization") != f"Token token={self._account.api_token}":
            raise Refused("unauthorized", "Unauthorized", 401)
        offset = int(request.one("offset") or 0)
        limit = min(int(request.one("limit") or 25), _PAGE)
        if operation == "priorities":
            found = [{"id": f"PRI{name}", "name": name} for name in self._account.priorities]
        elif operation == "services":
            return self._service(request.path.rpartition("/")[2])
        elif operation == "alerts":
            found = self._alerts(request.path.split("/")[-2])
        elif operation == "incidents":
            found = [_shown(incident) for incident in self._wanted(request)]
        else:
            raise Refused("not found", "Not Found", 404)
        page = found[offset : offset + limit]
        more = offset + limit < len(found)
        body = {operation: page, "limit": limit, "offset": offset, "more": more, "total": None}
        return as_json(body)

    def _alerts(self, id_: str) -> list[dict[str, Any]]:
        for incident in self._account.incidents:
            if incident.id == id_:
                return [{"alert_key": key} for key in incident.alerts or [incident.key]]
        raise Refused("not found", "Not Found", 404)

    def _service(self, id_: str) -> Reply:
        if id_ not in self._account.services:
            raise Refused("not found", "Not Found", 404)
        return as_json({"service": {"id": id_, "type": "service", "name": f"service {id_}"}})

    def _wanted(self, request: Request) -> list[Incident]:
        statuses = request.query.get("statuses[]")
        services = request.query.get("service_ids[]")
        since, until = _time(request.one("since")), _time(request.one("until"))
        if request.one("date_range") == "all":
            since = until = None
        elif since is None and until is None:
            since = self._world.clock.now() - _TOLD_OF_S
        return [
            incident
            for incident in self._account.incidents
            if (not statuses or incident.status in statuses)
            and (not services or incident.service in services)
            and (since is None or incident.opened_at >= since)
            and (until is None or incident.opened_at < until)
        ]


def _shown(incident: Incident) -> dict[str, Any]:
    name = incident.priority
    return {
        "id": incident.id,
        "type": "incident",
        "incident_key": incident.key,
        "status": incident.status,
        "title": incident.summary,
        "summary": incident.summary,
        "created_at": datetime.fromtimestamp(incident.opened_at, UTC).isoformat(),
        "service": {"id": incident.service, "type": "service_reference"},
        "priority": None if name is None else {"id": f"PRI{name}", "name": name},
        "urgency": "high" if incident.severity in ("critical", "error") else "low",
        "html_url": f"https://simulated.pagerduty.com/incidents/{incident.id}",
    }


def _time(text: str | None) -> Instant | None:
    return None if not text else datetime.fromisoformat(text).timestamp()
