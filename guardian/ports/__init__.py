"""What the engine needs of the world: the Protocols, their values and their errors. No behaviour.

GuardianError                 a sentence for people, never a secret; carries an exit code
├── UsageError                2  the command was used wrongly
├── ConfigError               3  files, settings or start conditions are wrong
├── EdgeError                 8  a vendor could not do what it was asked; has a Reason
│   ├── SourceError
│   ├── RouterError
│   │   └── NotYet               a version is still being made: ask again soon
│   └── NotifyError              and whether to try again
└── JournalError              8
    ├── Fenced                   a newer epoch holds the target: stop acting on it
    ├── Conflict                 somebody appended first: read again, decide again
    ├── Unavailable              nothing was written
    │   └── Damaged              one rollout's entries are not what was written
    └── OutcomeUnknown           it may have been written: read and compare by txid
"""

from guardian.core.rollout.entries import Answer, Entry, Freeze, Order
from guardian.ports.context import CallPool, Clock, Context, Random
from guardian.ports.errors import (
    ConfigError,
    Conflict,
    Damaged,
    EdgeError,
    Fenced,
    GuardianError,
    JournalError,
    NotifyError,
    NotYet,
    OutcomeUnknown,
    RouterError,
    SourceError,
    Unavailable,
    UsageError,
    WrongAccount,
)
from guardian.ports.journal import (
    Claim,
    Dead,
    Ending,
    Head,
    Journal,
    Lease,
    Outgoing,
    Pending,
    Record,
    Retry,
    Sent,
)
from guardian.ports.metrics import Metrics
from guardian.ports.notifier import Notifier
from guardian.ports.router import Capabilities, Guard, Router, Unlisted
from guardian.ports.source import Ask, Source

__all__ = [
    "Answer",
    "Ask",
    "CallPool",
    "Capabilities",
    "Claim",
    "Clock",
    "ConfigError",
    "Conflict",
    "Context",
    "Damaged",
    "Dead",
    "EdgeError",
    "Ending",
    "Entry",
    "Fenced",
    "Freeze",
    "Guard",
    "GuardianError",
    "Head",
    "Journal",
    "JournalError",
    "Lease",
    "Metrics",
    "NotYet",
    "Notifier",
    "NotifyError",
    "Order",
    "OutcomeUnknown",
    "Outgoing",
    "Pending",
    "Random",
    "Record",
    "Retry",
    "Router",
    "RouterError",
    "Sent",
    "Source",
    "SourceError",
    "Unavailable",
    "Unlisted",
    "UsageError",
    "WrongAccount",
]
