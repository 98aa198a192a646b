"""CloudWatch's alarms: put, described, set to a state and muted by hand; nothing evaluates them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from guardian.core.model import Instant
from guardian.sim.cloudwatch import TARGET, CloudWatchWire
from guardian.sim.faults import Fault
from guardian.sim.metric_store import Metrics
from guardian.sim.publication import Publication
from guardian.sim.wire import Refused, Reply, Request, as_json
from guardian.sim.world import World

_JSON = "application/x-amz-json-1.0"
_PAGE = 100
"""Alarms in one answer at most, and names in one request (API reference)."""
_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm as DescribeAlarms tells of it."""

    name: str
    kind: str
    since: Instant
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    enabled: bool = True
    suppressor: str = ""
    """Of a composite alarm, the alarm that suppresses its actions now."""


class Alarms(CloudWatchWire):
    """Serves the alarm operations."""

    def __init__(self, world: World, metrics: Metrics, publication: Publication) -> None:
        del metrics, publication
        self._world = world
        self._alarms: dict[str, Alarm] = {}
        self._operations = {
            "DescribeAlarms": self._describe,
            "PutMetricAlarm": self._put,
            "PutCompositeAlarm": self._put_composite,
            "SetAlarmState": self._set,
            "DisableAlarmActions": self._disable,
            "DeleteAlarms": self._delete,
        }

    def asked(self, request: Request) -> bool:
        """Whether a request is for an alarm operation."""
        target = request.headers.get("x-amz-target", "")
        return target.removeprefix(TARGET) in self._operations

    def advance(self, now: Instant) -> None:
        """Nothing: no alarm changes by itself."""
        del now

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        return as_json(self._operations[operation](request.mapping()), content_type=_JSON)

    def suppress(self, name: str, by: str) -> None:
        """From now on another alarm suppresses a composite alarm's actions."""
        with self._world.lock:
            self._alarms[name] = replace(self._alarms[name], suppressor=by)

    # --- operations ------------------------------------------------------------------------------

    def _describe(self, body: dict[str, Any]) -> dict[str, Any]:
        names, prefix = body.get("AlarmNames") or (), body.get("AlarmNamePrefix", "")
        if len(names) > _PAGE or (names and prefix):
            raise Refused("ValidationError", "AlarmNames: at most 100, and no AlarmNamePrefix")
        kinds = body.get("AlarmTypes") or _TYPES[:1]
        wanted = [
            alarm
            for name, alarm in sorted(self._alarms.items())
            if (not names or name in names) and name.startswith(prefix) and alarm.kind in kinds
        ]
        first, most = int(body.get("NextToken") or 0), int(body.get("MaxRecords") or 50)
        page = wanted[first : first + most]
        answer: dict[str, Any] = {
            f"{kind}s": [_shown(alarm) for alarm in page if alarm.kind == kind] for kind in _TYPES
        }
        if first + most < len(wanted):
            answer["NextToken"] = str(first + most)
        return answer

    def _put(self, body: dict[str, Any], kind: str = "MetricAlarm") -> dict[str, Any]:
        name = str(body["AlarmName"])
        known = self._alarms.get(name) or Alarm(name=name, kind=kind, since=self._world.clock.now())
        self._alarms[name] = replace(known, enabled=bool(body.get("ActionsEnabled", True)))
        return {}

    def _put_composite(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._put(body, "CompositeAlarm")

    def _set(self, body: dict[str, Any]) -> dict[str, Any]:
        alarm, state = self._known(str(body["AlarmName"])), str(body["StateValue"])
        if state not in _STATES:
            raise Refused("ValidationError", f"StateValue: one of {', '.join(_STATES)}")
        since = alarm.since if alarm.state == state else self._world.clock.now()
        self._alarms[alarm.name] = replace(
            alarm, state=state, since=since, reason=str(body["StateReason"])
        )
        return {}

    def _disable(self, body: dict[str, Any]) -> dict[str, Any]:
        for name in body["AlarmNames"]:
            self._alarms[name] = replace(self._known(name), enabled=False)
        return {}

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        for name in body["AlarmNames"]:
            del self._alarms[self._known(name).name]
        return {}

    def _known(self, name: str) -> Alarm:
        if name not in self._alarms:
            raise Refused("ResourceNotFound", f"Alarm {name} does not exist", 404)
        return self._alarms[name]


def _shown(alarm: Alarm) -> dict[str, Any]:
    shown = {
        "AlarmName": alarm.name,
        "ActionsEnabled": alarm.enabled,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": alarm.since,
        "StateTransitionedTimestamp": alarm.since,
    }
    if alarm.suppressor:
        shown |= {"ActionsSuppressedBy": "Alarm", "ActionsSuppressor": alarm.suppressor}
    return shown


PART = Alarms
