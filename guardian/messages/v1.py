"""`guardian/v1`: what programs are told of rollouts. One shape for one thing, wherever it stands.

Numbers are numbers in base units, shares and weights from 0 to 1, times RFC 3339 in UTC. Within
v1 keys are only ever added. The published JSON Schema is made of these classes, and says of a key
what the text below it says.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from guardian.core import notices
from guardian.core.figures import Unit
from guardian.core.plan import Drive
from guardian.core.rollout.entries import HoldReason, OrderKind
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Basis, Outcome

Time: TypeAlias = Annotated[str, "date-time"]
Share: TypeAlias = Annotated[float, (0, 1)]

# --- verdicts ----------------------------------------------------------------------------------


class UnsettledRecord(TypedDict):
    """What of the counts may still grow."""

    bad: int
    samples: int
    minutes: float
    samples_at_most: int
    """What the samples are taken to come to have."""
    number_at_least: float | None
    """What the value is then, at least."""


class StableRecord(TypedDict):
    """The other side of a comparison that decided."""

    number: float
    bad: int
    samples: int


class DatapointsRecord(TypedDict):
    """How many datapoints are over the limit."""

    over: int
    of: int
    needed: list[int]
    """Two numbers: so many of so many are a breach."""


class VerdictRecord(TypedDict):
    """The judgement of one criterion, and what it rests on."""

    criterion: str
    verdict: Annotated[str, Outcome]
    why: str
    """One sentence, for people."""
    value: str | None
    """The value as people read it; null without samples."""
    limit: str
    """What it was held against, as people read it."""
    test: Annotated[str, Basis]
    """What decided: evidence against the limit, or against stable; M of N datapoints; presence."""
    number: float | None
    """The value in the base unit; null without samples."""
    limit_number: float | None
    unit: Annotated[str, Unit] | None
    """The base unit; `unknown` is as the source has it."""
    bad: int
    samples: int
    """What the source has counted, whole."""
    minutes: float
    """Settled minutes in which something was counted."""
    unsettled: UnsettledRecord | None
    stable: StableRecord | None
    datapoints: DatapointsRecord | None
    min_samples: int
    """What a pass needs."""
    log_e: float
    """The evidence of a breach."""
    log_e_limit: float
    """A breach is proven where `log_e` reaches it; 0 where nothing of the kind is tested."""
    window_start: Time | None
    window_end: Time | None
    """From when to when the counts are."""


# --- what a journal holds ----------------------------------------------------------------------


class TrafficRecord(TypedDict):
    """Who receives requests."""

    primary: str
    secondary: str | None
    weight: Share
    """The share of `secondary`."""


class StepRecord(TypedDict):
    """One step: a share of traffic, and how long it is watched."""

    weight: Share
    bake_s: float
    """Observed seconds that it must stay healthy."""
    max_bake_s: float
    """Seconds after which it waits for evidence no longer."""


class EntryRecord(TypedDict):
    """One journal entry."""

    seq: int
    time: Time
    event: str
    """Its name, such as `step_entered`."""
    actor: str
    """Whose doing it is; empty for guardian's own judgement."""
    text: str
    """What it says, in one line."""
    entry: NotRequired[dict[str, Any]]
    """All of it in the journal's own form, where whole entries are asked for."""


class HeldRecord(TypedDict):
    """Why a rollout is held."""

    why: Annotated[str, HoldReason]
    by: str | None
    since: Time
    detail: str


class FreezeRecord(TypedDict):
    """Advances are stopped until a time."""

    scope: str
    """A service, or `*` for all."""
    until: Time
    by: str
    reason: str
    since: Time
    rollbacks_too: bool
    """guardian rolls nothing back by itself either."""
    in_force: bool
    """It is not over."""


class WaitingOrderRecord(TypedDict):
    """An order that was left, and not answered yet."""

    order: str
    kind: Annotated[str, OrderKind]
    actor: str
    reason: str
    time: Time
    expect_step: int | None
    full: bool
    subject: str


class RolloutRecord(TypedDict):
    """How one rollout stands."""

    service: str
    rollout: str
    environment: str
    target: str
    drive: Annotated[str, Drive]
    live: bool
    phase: Annotated[str, Phase]
    step: int
    """Counted from 1; 0 before the first."""
    steps: int
    weight: Share
    """The canary's share of traffic as last confirmed."""
    wanted: Share
    """The share that the present step asks for."""
    stable: str
    canary: str
    actor: str
    reason: str
    started_at: Time
    last_at: Time
    exit_code: int | None
    """Of one that is over."""
    driver: str | None
    """Who drives it; null for nobody."""
    held: HeldRecord | None
    approval_before_step: int | None
    """The step, counted from 1, that waits for an approval."""
    waived: list[str]
    freeze: FreezeRecord | None
    orders: list[WaitingOrderRecord]
    judged_at: Time | None
    verdicts: list[VerdictRecord]
    """The newest ones."""
    entries: list[EntryRecord]
    """The last ones; all of them, and whole, in a history of one rollout."""


class OneRolloutRecord(RolloutRecord):
    """How one rollout stands: a line of `rollout status -o jsonl`, `rollout history --rollout`."""

    schema: Literal["guardian/v1/rollout"]
    time: Time


class RolloutsRecord(TypedDict):
    """Several rollouts: `rollout list`, `rollout status`, `rollout history`."""

    schema: Literal["guardian/v1/rollouts"]
    time: Time
    rollouts: list[RolloutRecord]


class FreezesRecord(TypedDict):
    """Every freeze that is left: `freeze` and `unfreeze`."""

    schema: Literal["guardian/v1/freezes"]
    time: Time
    freezes: list[FreezeRecord]


class SnapshotRecord(TypedDict):
    """What is recorded as stable."""

    service: str
    target: str
    traffic: TrafficRecord
    taken_at: Time
    taken_by: str
    detail: dict[str, str]


class SnapshotsRecord(TypedDict):
    """What `snapshot` has recorded."""

    schema: Literal["guardian/v1/snapshots"]
    time: Time
    snapshots: list[SnapshotRecord]


# --- what happens ------------------------------------------------------------------------------


class OrderRecord(TypedDict):
    """What became of an order; where it failed there is a `detail` and an `exit_code`."""

    schema: Literal["guardian/v1/order"]
    time: Time
    outcome: Literal["obeyed", "left", "moot", "failed"]
    order: NotRequired[str]
    kind: NotRequired[Annotated[str, OrderKind]]
    actor: NotRequired[str]
    service: NotRequired[str]
    rollout: NotRequired[str]
    detail: NotRequired[str]
    exit_code: NotRequired[int]


class EventRecord(TypedDict):
    """One thing that happened, or one poll (`tick`): `watch`, `rollout start --wait`, `run`."""

    schema: Literal["guardian/v1/event"]
    time: Time
    service: str
    rollout: str
    event: str
    """`tick`, or the entry's name, such as `weight_confirmed`."""
    phase: Annotated[str, Phase]
    weight: Share
    """The canary's share of traffic."""
    verdicts: list[VerdictRecord]
    title: NotRequired[str]
    did: NotRequired[str]
    """What people were told, where they were told something."""


class EndedRecord(TypedDict):
    """How one rollout left its command."""

    service: str
    rollout: str
    phase: Annotated[str, Phase]
    stable: str
    canary: str
    outcome: str
    """The name of its exit code, by docs/cli.md."""
    exit_code: int


class EndRecord(TypedDict):
    """The last record of a command that guards."""

    schema: Literal["guardian/v1/end"]
    time: Time
    event: Literal["end"]
    exit_code: int
    rollouts: list[EndedRecord]
    error: NotRequired[str]
    """Why nothing could be guarded."""
    events: NotRequired[list[EventRecord]]
    """All that happened before, where one document is asked for."""


class LogRecord(TypedDict):
    """A line of the daemon's log: an entry, or a remark, which is of no rollout."""

    schema: Literal["guardian/v1/log"]
    time: Time
    event: str
    message: str
    service: NotRequired[str]
    rollout: NotRequired[str]
    phase: NotRequired[Annotated[str, Phase]]
    weight: NotRequired[Share]
    did: NotRequired[str]


class PageRecord(TypedDict):
    """Somebody must be woken."""

    key: str
    severity: Annotated[str, notices.Severity]


class NoticeRecord(TypedDict):
    """What people are told: the webhook's body, the EventBridge event's detail."""

    schema: Literal["guardian/v1/notice"]
    id: str
    """32 hexadecimal digits, the same for every delivery of this notice."""
    time: Time
    """When it happened."""
    event: Annotated[str, notices.Event]
    """What happened, by the names that `on:` takes."""
    environment: str
    service: str
    rollout: str
    seq: int
    """The journal entry that it tells of, or after which it tells of something beside them."""
    stable: str
    canary: str
    phase: str
    """Empty where it is of no rollout."""
    weight: Share | None
    """The canary's share of traffic as last confirmed; null where it is of no rollout."""
    step: int
    """Counted from 1; 0 before the first."""
    steps: int
    title: str
    did: str
    todo: str
    """What happened, what guardian did, what a person can do; for people."""
    change: bool
    """A start or an end."""
    final: bool
    pages: list[PageRecord]
    resolves: list[str]
    """Keys of pages that are over."""
    verdicts: list[VerdictRecord]
    """Failures first."""
    verdicts_not_shown: int
