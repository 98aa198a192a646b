"""What `guardian rollback` goes on with when files, settings or the journal are broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from guardian.app.known import Service
from guardian.core.plan import Mode, Plan
from guardian.core.rollout.entries import RolloutStarted
from guardian.ports import ConfigError, JournalError, UsageError
from guardian.settings import journal_in
from guardian.wiring.process import Wiring

SPARE: Final = (None, "/dev/shm")  # noqa: S108 - where a container's own files are read-only
"""Folders for a journal of this one command: the usual temporary one, then memory."""


def journal_or_scratch(wiring: Wiring, say: Callable[[str], None]) -> None:
    """See to a journal that can be written: the configured one, else an empty one for this time."""
    try:
        # Opening a full disk's journal succeeds; only a write tells.
        lease = wiring.journal.open_lease("guardian rollback, looking")
        wiring.journal.close_lease(lease)
    except (JournalError, ConfigError) as error:
        scratch(wiring, error, say)


def scratch(wiring: Wiring, why: Exception, say: Callable[[str], None]) -> None:
    """Go on with an empty journal that ends with the command. Raises `why` where none can be."""
    say(f"going on without the journal: {why}")
    for parent in SPARE:
        try:
            folder = TemporaryDirectory(dir=parent, prefix="guardian-")
            path = Path(folder.name) / "guardian.db"
            path.touch(mode=0o600)  # a new journal is news, and this one has been announced
            wiring.use(journal_in(path), until=folder.cleanup)
            wiring.journal.close_lease(wiring.journal.open_lease("guardian rollback, alone"))
        except (OSError, JournalError, ConfigError) as error:
            say(f"no journal can be kept for this command either: {error}")
        else:
            return
    raise why


def names(wiring: Wiring, asked: Sequence[str]) -> list[str]:
    """The services asked for, or every one that the files name, however wrong, and want guarded.

    ConfigError where nobody knows where one that was asked for is.
    """
    for name in asked:
        reachable(wiring, name)
    if asked:
        return list(asked)
    configured = wiring.configured()
    known = dict.fromkeys([*configured.services, *configured.broken])
    return [name for name in known if configured.mode(name) is not Mode.OFF]


def reachable(wiring: Wiring, name: str) -> Service:
    """A service of which the way to its target is known, by its own keys or by the journal."""
    try:
        service = _by_file(wiring, name)
    except (ConfigError, UsageError):
        plan = _last_plan(wiring, name)
        if plan is None:
            raise
        service = Service(
            name=name,
            environment=plan.environment,
            router=wiring.reached(plan),
            criteria=(),
            rules=(),
            steps=(),
            policy=plan.policy,
            reach=plan.reach,
        )
    _refuse_another_account(wiring, service)
    return service


def _by_file(wiring: Wiring, name: str) -> Service:
    known = wiring.config is not None and name in wiring.config.services
    if ":" in name and not known:
        return wiring.service(wiring.add_unlisted(name))
    router, reach = wiring.router(name)
    configured = wiring.configured()
    last = None if configured.environment else _last_plan(wiring, name)
    return Service(
        name=name,
        environment=configured.environment or (last.environment if last is not None else ""),
        router=router,
        criteria=(),
        rules=(),
        steps=(),
        policy=configured.service(name).policy,
        reach=reach,
    )


def _last_plan(wiring: Wiring, name: str) -> Plan | None:
    """The newest plan of a service that says how its target is reached, if the journal has one."""
    try:
        for head in wiring.journal.history(name):
            first = wiring.journal.read(head.rollout)[0].entry
            if isinstance(first, RolloutStarted) and first.plan.reach is not None:
                return first.plan
    except JournalError:
        return None  # Whoever goes on without it says so.
    return None


def _refuse_another_account(wiring: Wiring, service: Service) -> None:
    """The account guard is the one thing that an emergency does not go past."""
    stated, reach = wiring.environ.get("AWS_ACCOUNT_ID"), service.reach
    if stated and reach is not None and reach.account_id and stated != reach.account_id:
        raise ConfigError(
            f"the environment variable AWS_ACCOUNT_ID says {stated}, and {service.name} is in"
            f" account {reach.account_id}: nothing was changed; unset the variable if it is wrong"
        )
