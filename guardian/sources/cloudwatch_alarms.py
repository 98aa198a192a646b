"""CloudWatch's own alarms, metric, composite and log ones: which fire, and which show no health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from guardian.aws_errors import talking
from guardian.core.model import Incident, Instant, Measurement, Problem, Query, Reason
from guardian.core.scrub import scrub
from guardian.ports import Ask, Context, EdgeError, SourceError
from guardian.sources._open_now import OpenNow

PERMISSIONS: tuple[str, ...] = ("cloudwatch:DescribeAlarms",)

NAMES: Final = 100
"""Names in one call, and alarms on one page (API reference)."""
MAX_PAGES: Final = 5
"""Pages that one beginning of names may take."""
LISTED_PAGES: Final = 10
"""Pages that are looked through for what resembles a name that does not exist."""
KEPT_S: Final = 600.0
"""How long what resembles a wrong name is taken as known, in seconds."""
NAMED: Final = 3
"""So many names that resemble a wrong one are told."""
_TYPES: Final = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
"""Without them it tells of metric alarms alone; its answers are called so in the plural."""
_NO_DATA: Final = "INSUFFICIENT_DATA"
_NAME_CHARS: Final = 255
_REASON_CHARS: Final = 300


class Options(BaseModel):
    """None: which alarms to look at stands in the rule files."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def build(options: Options, context: Context) -> CloudWatchAlarms:
    """The source of all alarm queries of one plane."""
    del options
    return CloudWatchAlarms(context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm:
    """What matters of one alarm."""

    name: str
    state: str
    since: Instant
    reason: str
    quiet: str
    """Why that it does not fire shows no health; empty where it does."""
    kind: str


class _Found(NamedTuple):
    """The alarms of a name, and whether those are all."""

    alarms: tuple[_Alarm, ...] = ()
    whole: bool = True


class CloudWatchAlarms(OpenNow):
    """Describes all alarms of a poll together: by name in hundreds, by beginning one by one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._near: dict[str, tuple[str, float]] = {}
        """By a name that does not exist: what resembles it, and until when that is believed."""

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """For each query the alarms that fire, or those that show no health, settled now.

        Of the latter, a name that no alarm has is a problem. Raises SourceError when CloudWatch
        could not be asked.
        """
        wanted = dict.fromkeys(ask.query for ask in asks)
        names = dict.fromkeys(name for query in wanted for name in _pairs(query, "name"))
        found = self._by_name([name for name in names if not name.endswith("*")])
        found |= {
            name: self._pages({"AlarmNamePrefix": name[:-1]}, MAX_PAGES)
            for name in names
            if name.endswith("*")
        }
        return {query: self._answer(query, found, now) for query in wanted}

    # --- answers ---------------------------------------------------------------------------------

    def _answer(self, query: Query, found: Mapping[str, _Found], now: Instant) -> Measurement:
        names, states = _pairs(query, "name"), _pairs(query, "state")
        alarms = {alarm.name: alarm for name in names for alarm in found[name].alarms}.values()
        firing = query.word("asked") == "firing"
        told = (
            _told(alarm, alarm.reason if firing else alarm.quiet)
            for alarm in alarms
            if (alarm.state in states if firing else alarm.quiet and alarm.state not in states)
        )
        problems = () if firing else (self._problem(name, found[name]) for name in names)
        return Measurement(
            incidents=tuple(sorted(told, key=lambda one: (one.opened_at, one.id))),
            settled_before=now,
            problem=next(filter(None, problems), None),
        )

    def _problem(self, name: str, found: _Found) -> Problem | None:
        """Why what was found under a name is not all that it stands for."""
        if not found.whole:
            many = f"more than {MAX_PAGES * NAMES} alarms begin with {name[:-1]}"
            detail = f"{many}: name fewer of them, or a composite alarm"
            return Problem(reason=Reason.INVALID, detail=detail)
        return None if found.alarms else self._missing(name)

    def _missing(self, name: str) -> Problem:
        """What there is instead of an alarm that does not exist."""
        where, monotonic = self._context.region, self._context.clock.monotonic()
        near, until = self._near.get(name, ("", 0.0))
        if monotonic >= until:
            there = [alarm.name for alarm in self._pages({}, LISTED_PAGES).alarms]
            matches = get_close_matches(name.rstrip("*"), there, n=NAMED)
            near = f": it has {', '.join(matches)}" if matches else ""
            self._near[name] = (near, monotonic + KEPT_S)
        what = f"whose name begins with {name[:-1]}" if name.endswith("*") else name
        return Problem(
            reason=Reason.NOT_FOUND, detail=f"CloudWatch in {where} has no alarm {what}{near}"
        )

    # --- calls -----------------------------------------------------------------------------------

    def _by_name(self, names: Sequence[str]) -> dict[str, _Found]:
        """Each name with the alarm that has it, where there is one."""
        found = dict.fromkeys(names, _Found())
        for first in range(0, len(names), NAMES):
            asked = {"AlarmNames": list(names[first : first + NAMES])}
            found |= {a.name: _Found((a,)) for a in self._pages(asked, MAX_PAGES).alarms}
        return found

    def _pages(self, asked: Mapping[str, Any], most: int) -> _Found:
        """All pages of an answer, as many as are bearable."""
        request = {**asked, "AlarmTypes": list(_TYPES), "MaxRecords": NAMES}
        try:
            client = self._context.client("cloudwatch")
        except EdgeError as error:
            raise SourceError(error.reason, error.detail) from None
        alarms: list[_Alarm] = []
        for _ in range(most):
            with talking(PERMISSIONS[0], f"in {self._context.region}", SourceError):
                answer = client.describe_alarms(**request)
                for kind in _TYPES:
                    alarms += (_alarm(entry, kind) for entry in answer.get(f"{kind}s", ()))
                token = answer.get("NextToken")
            if not token:
                return _Found(tuple(alarms))
            request["NextToken"] = token
        return _Found(tuple(alarms), whole=False)


def _pairs(query: Query, name: str) -> list[str]:
    return list(dict.fromkeys(value for each, value in query.pairs() if each == name))


def _told(alarm: _Alarm, title: str) -> Incident:
    return Incident(
        id=alarm.name, title=title, priority=alarm.state, service=alarm.kind, opened_at=alarm.since
    )


def _alarm(entry: Mapping[str, Any], kind: str) -> _Alarm:
    """One alarm; text that can be stored and shown."""
    # Moto has no time of the last change of state; CloudWatch has one since 2022.
    since = entry.get("StateTransitionedTimestamp") or entry["StateUpdatedTimestamp"]
    state = str(entry["StateValue"])
    return _Alarm(
        name=scrub(str(entry["AlarmName"]), _NAME_CHARS),
        state=state,
        since=float(since),
        reason=scrub(str(entry.get("StateReason") or ""), _REASON_CHARS),
        quiet="; ".join(_quiet(entry, state)),
        kind=kind,
    )


def _quiet(entry: Mapping[str, Any], state: str) -> Iterable[str]:
    """Why an alarm that does not fire shows no health."""
    if state == _NO_DATA:
        yield "has insufficient data"
    if entry.get("EvaluationState"):
        yield f"was not evaluated in full ({scrub(str(entry['EvaluationState']), 40)})"
    if entry.get("ActionsEnabled") is False:
        yield "is muted: its actions are disabled"
    elif entry.get("ActionsSuppressedBy"):
        why = scrub(str(entry.get("ActionsSuppressor") or entry["ActionsSuppressedBy"]), 255)
        yield f"is muted: its actions are suppressed by {why}"
