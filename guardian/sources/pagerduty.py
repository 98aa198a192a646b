"""Reads open incidents from PagerDuty's REST API: all questions of a poll in one call."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from guardian import pagerduty
from guardian.core.model import Incident, Instant, Measurement, Problem, Query, Reason
from guardian.core.scrub import scrub
from guardian.ports import Ask, Clock, Context, SourceError
from guardian.ports.health import Health, Level
from guardian.sources._open_now import OpenNow

PERMISSIONS: tuple[str, ...] = ()
SECRETS = {"pagerduty_api_token": "REST API key that may read"}
ADDRESSES = {"pagerduty_api_url": "instead of PagerDuty's"}

OWN_KEYS: Final = "guardian/"
"""What the keys of guardian's own pages begin with: a rollback must not cause the next one."""
PAGE: Final = 100
"""Entries on one page of an answer (REST API, pagination)."""
MAX_PAGES: Final = 5
KEPT_S: Final = 600.0
"""How long the names of priorities and services are taken as known, in seconds."""
MOST_ASKED: Final = 20
"""Incidents that are asked for their alerts in one read; the others count until they are."""
GROUPED_S: Final = 60.0
_SHORTEST_WAIT_S: Final = 5.0
TITLE_CHARS: Final = 300
NAME_CHARS: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_ADDRESS: Final = re.compile(r"https?://[!-~]{1,300}")


class Options(BaseModel):
    """What may be set; whose incidents count stands in the rule files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(
        default=4.0, ge=0.1, le=10.0, description="Longest wait for each answer, in seconds."
    )


def build(options: Options, context: Context) -> PagerDuty:
    """The source of all incident queries of one plane."""
    token = context.secret("pagerduty_api_token")
    url = context.base_url("pagerduty_api_url")
    session = (
        pagerduty.rest(token, url=url, timeout_s=options.timeout_s, clock=context.clock)
        if token
        else None
    )
    return PagerDuty(session, context.clock)


class PagerDuty(OpenNow):
    """Asks for what is triggered or acknowledged, and picks by service and by priority's name."""

    def __init__(self, session: Any, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._priorities: tuple[str, ...] = ()
        self._priorities_until = 0.0
        self._services: dict[str, tuple[bool, float]] = {}
        """By id: whether there is one, and the monotonic time until which that is believed."""
        self._owned: dict[str, tuple[bool, float]] = {}
        """By incident: whether all its alerts are guardian's, and until when that is believed."""
        self._not_before = 0.0
        """Monotonic time before which PagerDuty does not want to be asked again."""

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """The open incidents for each query, oldest first, settled now.

        A query whose priority or service PagerDuty does not know carries a problem. Raises
        SourceError when nothing could be read at all.
        """
        wanted = dict.fromkeys(ask.query for ask in asks)
        found = {q: _refused(q) for q in wanted if q.word("metric") != "open"}
        sound = [q for q in wanted if q not in found]
        if not sound:
            return found
        try:
            found |= self._read(sound, now)
        except SourceError as error:
            self._pause(error)
            raise
        return found

    def _read(self, queries: Sequence[Query], now: Instant) -> dict[Query, Measurement]:
        """All of them, with one call for the incidents."""
        wrong = {q: p for q in queries if (p := self._unknown(q)) is not None}
        right = [q for q in queries if q not in wrong]
        services = {service for query in right for service in _named(query, "service")}
        listed = self._open(services) if right else []
        found = {query: _matching(query, listed) for query in right}
        own = self._grouped({i.id for incidents in found.values() for i in incidents})
        return {
            query: Measurement(
                incidents=tuple(i for i in found.get(query, ()) if i.id not in own),
                settled_before=now,
                problem=wrong.get(query),
            )
            for query in queries
        }

    def examine(self) -> list[Health]:
        """Whether the token may read, by reading the priorities."""
        names = self._known_priorities()
        what = f"PagerDuty shows its incidents; priorities: {', '.join(names) or 'none'}"
        return [Health(level=Level.OK, what=what)]

    # --- what the account knows ------------------------------------------------------------------

    def _unknown(self, query: Query) -> Problem | None:
        """What a query asks for that does not exist: it would stay silent for ever."""
        names = self._known_priorities()
        known = {name.casefold() for name in names}
        strange = [p for p in _named(query, "priority") if p.casefold() not in known]
        if strange:
            there = ", ".join(names) or "none; switch them on under Incident priorities"
            return Problem(
                reason=Reason.INVALID,
                detail=f"PagerDuty has no priority called {', '.join(strange)}; it has: {there}",
            )
        gone = [s for s in _named(query, "service") if not self._exists(s)]
        if gone:
            return Problem(
                reason=Reason.NOT_FOUND,
                detail=f"PagerDuty has no service {', '.join(gone)}: use the id from the end of"
                " the service's address, like PABC123",
            )
        return None

    def _known_priorities(self) -> tuple[str, ...]:
        monotonic = self._clock.monotonic()
        if monotonic >= self._priorities_until:
            listed = self._list("priorities", {})
            self._priorities = tuple(_name(entry) for entry in listed)
            self._priorities_until = monotonic + KEPT_S
        return self._priorities

    def _exists(self, service: str) -> bool:
        monotonic = self._clock.monotonic()
        exists, until = self._services.get(service, (False, 0.0))
        if monotonic >= until:
            exists = True
            try:
                self._fetch(f"/services/{quote(service, safe='')}", {})
            except SourceError as error:
                if error.reason is not Reason.NOT_FOUND:
                    raise
                exists = False
            self._services[service] = (exists, monotonic + KEPT_S)
        return exists

    def _open(self, services: Collection[str]) -> list[dict[str, Any]]:
        """What is open on these services, whoever opened it, oldest first."""
        asked: dict[str, str | Sequence[str]] = {
            "statuses[]": ["triggered", "acknowledged"],
            # Without it PagerDuty tells of the last month alone.
            "date_range": "all",
            "sort_by": "created_at:asc",
            "service_ids[]": sorted(services),
        }
        return self._list("incidents", asked)

    def _grouped(self, incidents: Collection[str]) -> set[str]:
        """Those of the incidents into which nothing but guardian's own alerts were grouped.

        An account that groups alerts gives the incident a key of its own. Each incident is asked
        for once a minute, since alerts may join it, and at most so many in one read.
        """
        monotonic = self._clock.monotonic()
        self._owned = {i: known for i, known in self._owned.items() if i in incidents}
        unknown = [i for i in sorted(incidents) if self._owned.get(i, (False, 0.0))[1] <= monotonic]
        for incident in unknown[:MOST_ASKED]:
            self._owned[incident] = (self._all_own(incident), monotonic + GROUPED_S)
        return {incident for incident, (own, _) in self._owned.items() if own}

    def _all_own(self, incident: str) -> bool:
        """Whether every alert of an incident is guardian's; one without alerts is somebody's."""
        try:
            body = self._fetch(f"/incidents/{incident}/alerts", {"limit": str(PAGE)})
        except SourceError as error:
            if error.retryable:
                raise
            return False
        alerts = body.get("alerts")
        if not isinstance(alerts, list) or not all(isinstance(a, dict) for a in alerts):
            raise _strange()
        keys = [str(alert.get("alert_key") or "") for alert in alerts]
        return bool(keys) and not body.get("more") and all(k.startswith(OWN_KEYS) for k in keys)

    # --- calls -----------------------------------------------------------------------------------

    def _list(self, what: str, asked: Mapping[str, str | Sequence[str]]) -> list[dict[str, Any]]:
        """All pages of a resource, as many as are bearable."""
        entries: list[dict[str, Any]] = []
        for page in range(MAX_PAGES):
            paging = {"limit": str(PAGE), "offset": str(page * PAGE)}
            body = self._fetch(f"/{what}", {**asked, **paging})
            found = body.get(what)
            if not isinstance(found, list) or not all(isinstance(e, dict) for e in found):
                raise _strange()
            entries += found
            if not body.get("more"):
                return entries
        raise SourceError(
            Reason.INVALID,
            f"PagerDuty has more than {MAX_PAGES * PAGE} {what} to tell of: resolve old incidents,"
            " or name fewer services",
        )

    def _fetch(self, path: str, asked: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
        if self._session is None:
            raise SourceError(
                Reason.AUTH,
                "PagerDuty's incidents are asked for and there is no API token: set"
                " GUARDIAN_PAGERDUTY_API_TOKEN (a REST API key that may read)",
            )
        wait_s = self._not_before - self._clock.monotonic()
        if wait_s > 0:
            detail = f"PagerDuty wants to be asked less often: waiting for {wait_s:.0f} s"
            raise SourceError(Reason.THROTTLED, detail)
        return pagerduty.fetch(self._session, path, asked)

    def _pause(self, error: SourceError) -> None:
        """Leave PagerDuty alone for as long as it asks."""
        monotonic = self._clock.monotonic()
        if error.reason is Reason.THROTTLED and monotonic >= self._not_before:
            self._not_before = monotonic + max(_SHORTEST_WAIT_S, error.after_s or 0.0)


# --- answers -----------------------------------------------------------------------------------


def _named(query: Query, what: str) -> list[str]:
    """The priorities or services that a query names."""
    return [value for name, value in query.pairs() if name == what]


def _matching(query: Query, listed: Iterable[Mapping[str, Any]]) -> tuple[Incident, ...]:
    services = set(_named(query, "service"))
    priorities = {name.casefold() for name in _named(query, "priority")}
    found = [_incident(entry) for entry in listed if not _own(entry)]
    matching = (
        i
        for i in found
        if i.service in services and (not priorities or i.priority.casefold() in priorities)
    )
    return tuple(sorted(matching, key=lambda i: (i.opened_at, i.id)))


def _own(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("incident_key") or "").startswith(OWN_KEYS)


def _incident(entry: Mapping[str, Any]) -> Incident:
    """Text that can be stored and shown, and a time that there is; else it is none of theirs."""
    address = entry.get("html_url")
    try:
        return Incident(
            id=_id(entry["id"]),
            title=scrub(str(entry.get("title") or entry.get("summary") or ""), TITLE_CHARS),
            priority=_name(entry.get("priority") or {}),
            service=_id(entry["service"]["id"]),
            opened_at=_instant(entry["created_at"]),
            url=str(address) if _ADDRESS.fullmatch(str(address)) else "",
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise _strange() from None


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(value)
    return value


def _instant(text: str) -> Instant:
    """A time with its zone, between the years 1970 and 3000."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not 1970 <= at.year < 3000:
        raise ValueError(text)
    return at.timestamp()


def _name(entry: Mapping[str, Any]) -> str:
    return scrub(str(entry.get("name") or entry.get("summary") or ""), NAME_CHARS)


def _strange() -> SourceError:
    return SourceError(
        Reason.UNKNOWN,
        "PagerDuty's answer does not look like its REST API's: is a proxy in between?",
    )


def _refused(query: Query) -> Measurement:
    detail = f"PagerDuty tells of open incidents alone, not of '{query.name}'"
    return Measurement(problem=Problem(reason=Reason.INVALID, detail=detail))
