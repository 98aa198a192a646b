"""Notices to tell, friendly and hostile ones, and the Context a notifier is built with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from guardian.clock import SystemClock, SystemRandom
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.core.traffic import Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.ports import Context
from tests.core.builders import FIVE_PERCENT, share

SECRET = "xoxb-" + "MarkedSecretOfNobody" + "0123456789"
KEY = "guardian/production/agents-api/r-1/rolled_back"

VERDICT = Verdict(
    criterion="error-rate",
    outcome=Outcome.FAIL,
    why="29 of 480 requests failed",
    evidence=Evidence(
        limit=FIVE_PERCENT,
        value=share(0.061),
        bad=29,
        samples=480,
        minutes=10.0,
        min_samples=60,
        window_start=1_790_000_000.0,
        window_end=1_790_000_600.0,
    ),
)
NOTICE = Notice(
    event=Event.ROLLED_BACK,
    at=1_790_000_700.0,
    rollout="r-1",
    seq=5,
    service="agents-api",
    environment="production",
    stable="41",
    canary="42",
    phase="rolled_back",
    weight=Weight.percent(0),
    step=1,
    steps=3,
    title="agents-api: 42 was rolled back, traffic is 41 100%",
    did="guardian put 41 back.",
    todo="`guardian rollout history agents-api` shows what happened.",
    verdicts=(VERDICT,),
    pages=(Page(key=KEY, severity=Severity.WARNING),),
    resolves=("guardian/production/agents-api/r-1/stuck",),
    change=True,
    final=True,
)
QUIET = replace(NOTICE, event=Event.BAKING, pages=(), resolves=(), change=False, final=False)

_EVIL = "<!channel> & <@U1> <https://evil.example|x>\r\n\x1b[31m\u202etfel\u2066\x00 @here "
_LONG = _EVIL * 2000
HOSTILE = replace(
    NOTICE,
    service=_EVIL,
    environment=_EVIL,
    stable=_EVIL,
    canary=_LONG,
    rollout=_EVIL,
    title=_LONG,
    did=_LONG,
    todo=_LONG,
    verdicts=tuple(replace(VERDICT, criterion=f"{_EVIL}{i}", why=_LONG) for i in range(150)),
)
_BAD = frozenset({*map(chr, range(32)), *"\x7f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069"})


def no_client(name: str) -> NoReturn:
    """A notifier of these needs nothing of AWS."""
    raise AssertionError(f"a client for {name} was asked for")


def context(
    *, secrets: Mapping[str, str] | None = None, urls: Mapping[str, str] | None = None
) -> Context:
    """A Context with these secrets and addresses and nothing else."""
    return Context(
        clock=SystemClock(),
        rng=SystemRandom(),
        client=no_client,
        check_account=lambda: None,
        account_id="333333333333",
        region="us-east-1",
        environment="production",
        secret=(secrets or {}).get,
        base_url=(urls or {}).get,
    )


def texts(value: Any) -> Iterator[str]:
    """Every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def hidden(text: str, *, lines: bool = False) -> set[str]:
    """The characters in `text` that could hide, reorder or break it; `lines` allows line ends."""
    return set(text) & _BAD - ({"\n"} if lines else set())
