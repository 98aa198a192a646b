"""What guardian tells of itself: notices that belong to no rollout and to no service."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from guardian.core.model import Instant
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.core.traffic import Stamp, Traffic
from guardian.core.wording import because
from guardian.messages.page_keys import key_of
from guardian.messages.phrases import Words, words

FILES: Final = "files"
JOURNAL: Final = "journal"
METRICS: Final = "metrics"
ORPHAN: Final = "orphan"
"""Causes of pages, the last part of their keys."""
_SHOWN: Final = 300
"""Characters of a reason; the whole of it stands in the log."""
_CORRECT: Final = (
    "Correct the files; guardian reads them again by itself. `guardian config lint` says all that"
    " is wrong with them."
)


def files_wrong(environment: str, why: str, now: Instant) -> Notice:
    """Guardian began with files that are wrong, and something is live."""
    said = words(
        "Every live rollout goes on by the plan in the journal, and is rolled back on a breach"
        " as ever. What is ordered now waits.",
        because(_first(why)),
        title="guardian's files are wrong: it begins nothing new, and guards what is live",
        todo=_CORRECT,
    )
    return _notice(environment, FILES, said, now, severity=Severity.ERROR)


def files_refused(environment: str, why: str, now: Instant) -> Notice:
    """Files that changed are wrong, and those from before stay in force while guardian runs."""
    said = words(
        "Everything goes on as before. A guardian that starts with these files guards what is"
        " live, and begins nothing new.",
        because(_first(why)),
        title="guardian's new files are wrong: those from before stay in force until a restart",
        todo=_CORRECT,
    )
    return _notice(environment, FILES, said, now, severity=Severity.WARNING)


def files_right(environment: str, now: Instant) -> Notice:
    """They were read again, and nothing is wrong with them any more."""
    said = words(
        "They were read again: what was ordered begins, and live rollouts keep their plan.",
        title="guardian's files are right again",
    )
    return _notice(environment, FILES, said, now)


def journal_unusable(environment: str, why: str, now: Instant) -> Notice:
    """Guardian cannot even begin: it does not know what is live."""
    said = words(
        "It has just started, does not know what is live, and tries the journal again every"
        " few seconds.",
        because(why),
        title="guardian cannot use its journal, so it guards nothing: a person is needed",
        todo="Mend what is named above. Until then look by hand at which versions receive traffic;"
        " `guardian rollback SERVICE` works without the journal.",
    )
    return _notice(environment, JOURNAL, said, now, severity=Severity.CRITICAL)


def journal_wrong(environment: str, why: str, now: Instant) -> Notice:
    """A guardian that is at work cannot use its journal any more."""
    said = words(
        "It judges what it drives, takes it back on a breach all the same, and tells that"
        " directly. No order is taken, and nothing new begins.",
        because(why),
        title="guardian cannot use its journal: nothing advances",
        todo="Mend what is named above; guardian goes on by itself.",
    )
    return _notice(environment, JOURNAL, said, now, severity=Severity.ERROR)


def journal_right(environment: str, now: Instant) -> Notice:
    """It can be used again."""
    said = words(
        "Everything goes on, and what happened meanwhile is recorded.",
        title="guardian's journal can be used again",
    )
    return _notice(environment, JOURNAL, said, now)


def metrics_unserved(environment: str, why: str, now: Instant) -> Notice:
    """Guardian's own metrics and health cannot be served, and something is live."""
    said = words(
        "Orders and messages work as ever.",
        because(why),
        title="guardian serves no metrics and no health: it guards what is live all the same",
        todo="Put that right and restart guardian, then resolve this page. Until then nothing that"
        " watches guardian's metrics sees anything.",
    )
    return _notice(environment, METRICS, said, now, severity=Severity.WARNING)


def unreadable(environment: str, service: str, rollout: str, why: str, now: Instant) -> Notice:
    """The journal of one live rollout is damaged: nobody knows what it has moved."""
    said = words(
        "It was live, its version may have traffic, and nobody guards that. Other rollouts go on.",
        because(why),
        title=f"{service}: guardian cannot read rollout {rollout} back from its journal, a person"
        " is needed",
        todo=f"Look at what is live of {service} now. `guardian rollback {service} --to VERSION`"
        " works without that rollout. Keep the journal's file, then resolve this page.",
    )
    return _notice(environment, f"unreadable-{rollout}", said, now, severity=Severity.CRITICAL)


def orphan(
    environment: str, service: str, *, target: str, traffic: Traffic, stamp: Stamp, now: Instant
) -> Notice:
    """A target sends traffic to a canary under guardian's stamp that the journal does not know."""
    canary = traffic.secondary if traffic.primary == stamp.stable else traffic.primary
    said = words(
        f"{target} serves {traffic} under the stamp of rollout {stamp.rollout}, whose stable"
        f" version is {stamp.stable}. The journal here knows nothing of it, as after a loss;"
        " a process with another journal may drive it. guardian leaves it as it is.",
        title=f"{service}: nobody here guards version {canary}, a person is needed; it has"
        f" {traffic.share(canary or '')}",
        todo=f"If nobody drives it, `guardian rollout recover {service}` puts version"
        f" {stamp.stable} back.",
    )
    key = key_of(environment, service, stamp.rollout, ORPHAN)
    return replace(
        _notice(environment, ORPHAN, said, now, severity=Severity.ERROR),
        rollout=stamp.rollout,
        service=service,
        stable=stamp.stable,
        canary=canary or "",
        weight=traffic.share(canary or ""),
        pages=(Page(key=key, severity=Severity.ERROR),),
    )


def orphan_over(told: Notice, now: Instant) -> Notice:
    """The target that `told` names bears no such stamp any more, or somebody drives it."""
    return replace(
        told,
        event=Event.RESUMED,
        at=now,
        seq=int(now),
        title=f"{told.service}: version {told.canary} is in somebody's hands again, or gone",
        did="The target was looked at again.",
        todo="",
        pages=(),
        resolves=tuple(page.key for page in told.pages),
    )


def receiver_refuses(receiver: str, refused: Notice, why: str, now: Instant) -> Notice:
    """A notifier said no: the others hear it, and are paged where it was a page."""
    pages = refused.vital
    said = words(
        f"The first one is: {refused.title}.",
        "It is tried again for three days." if pages else "It is tried again twice.",
        because(why),
        title=f"{receiver} refuses guardian's {'pages' if pages else 'messages'}",
        todo=f"Until this is mended nobody hears of guardian by {receiver}: look at what it needs.",
    )
    severity = Severity.ERROR if pages else None
    told = _notice(refused.environment, f"receiver-{receiver}", said, now, severity=severity)
    return told if pages else replace(told, event=Event.WARNING, resolves=())


def receiver_takes(receiver: str, environment: str, now: Instant) -> Notice:
    """It took something again."""
    said = words(
        "Pages that it refused are delivered, with the time at which they happened.",
        title=f"{receiver} takes what guardian tells again",
    )
    return _notice(environment, f"receiver-{receiver}", said, now)


def _first(why: str) -> str:
    """The first of several findings, without the line that it shows."""
    return why.partition("\n")[0][:_SHOWN]


def _notice(
    environment: str,
    cause: str,
    words: Words,
    now: Instant,
    *,
    severity: Severity | None = None,
) -> Notice:
    """A page of that severity, or without one the end of that page."""
    key = f"guardian/{environment}/{cause}"
    return Notice(
        event=Event.RESUMED if severity is None else Event.STUCK,
        at=now,
        rollout=f"guardian-{cause}",
        seq=int(now),
        service="guardian",
        environment=environment,
        stable="",
        canary="",
        phase="",
        weight=None,
        step=0,
        steps=0,
        title=words.title,
        did=words.did,
        todo=words.todo,
        pages=() if severity is None else (Page(key=key, severity=severity),),
        resolves=(key,) if severity is None else (),
    )
