"""`guardian watch`: guard what is live now; the step that replaces `sleep 1800` in a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from guardian.app.guarding import Guarded, beginning, guard, tell_what_is_left
from guardian.app.planning import NoWayBack
from guardian.app.watch import WatchRequest, changed, watching
from guardian.cli.caller import allowed, caller, end
from guardian.cli.options import aliases
from guardian.cli.output import Output, printing
from guardian.core.codec import rfc3339
from guardian.core.plan import Plan
from guardian.engine.in_process import Limits
from guardian.files.findings import counted
from guardian.ports import UsageError
from guardian.wiring import open_wiring
from guardian.wiring.adapters import unlisted

WAYS = {way.option: way for way in unlisted().values()}
"""How a target is named with no file at all: each is an option."""


@printing
def watch(
    *,
    services: tuple[str, ...],
    config: Path | None,
    duration: float,
    rollback_to: str | None,
    fixes: tuple[str, ...],
    observe: bool,
    leave_on_exit: bool,
    timeout: float | None,
    rollback_timeout: float,
    allow: str,
    reason: str,
    output: Output,
    **addresses: str | None,
) -> int:
    """`guardian watch`; the exit code."""
    permitted = allowed(allow)
    named, who = _asked(services, addresses), caller(output)
    asked = WatchRequest(
        actor=who.actor,
        reason=reason,
        duration_s=duration,
        rollback_to=rollback_to,
        fixes=fixes,
        observe=observe,
    )
    limits = Limits(
        timeout_s=timeout,
        rollback_timeout_s=rollback_timeout,
        leave_on_exit=leave_on_exit,
    )
    with open_wiring(config, without_file=aliases(named)) as wiring:
        names = wiring.names(named) if named else changed(wiring, wiring.names([]))
        if not names:
            tell_what_is_left(wiring, who)
            output.say("nothing to watch: every service serves what its snapshot says")
            return end(output, Guarded(), wiring.clock.now())
        with beginning(wiring, who), _at(wiring.address):
            tasks = [watching(wiring, name, asked) for name in names]
        for task in tasks:
            output.say(_first_words(task.plan, duration, wiring.clock.now()))
        return end(output, guard(wiring, tasks, who, limits), wiring.clock.now(), allow=permitted)


@contextmanager
def _at(journal: str) -> Iterator[None]:
    """Says in which journal there was nothing to go back to: a snapshot may lie in another."""
    try:
        yield
    except NoWayBack as error:
        raise NoWayBack(
            f"{error}\n  looked for in the journal {journal}: a snapshot that another job took"
            " is found where GUARDIAN_JOURNAL (or `journal:` in the file) names the same one"
        ) from error


def _asked(services: Sequence[str], addresses: Mapping[str, str | None]) -> Sequence[str]:
    """The services that were named, one way or the other."""
    given = [(name, address) for name, address in addresses.items() if address is not None]
    if not given:
        return services
    (name, address), *others = given
    for other in (*services, *(f"--{option}" for option, _ in others)):
        raise UsageError(f"--{name} {address} is all that is watched: leave out {other}")
    way = WAYS[name]
    if way.options(address) is None:
        raise UsageError(f"--{name} {address}: write it as {way.form}, e.g. {way.example}")
    return [address]


def _first_words(plan: Plan, duration_s: float, now: float) -> str:
    """Before the first read: what is guarded, what would be restored, and until when."""
    settle_s = max((c.settle_s for c in plan.criteria), default=0.0)
    until = rfc3339(now + duration_s)[11:16]
    back = rfc3339(now + duration_s + settle_s + 60)[11:16]
    act = (
        f"a breach restores version {plan.snapshot.traffic.primary}"
        if plan.restores
        else "a breach is told and not rolled back"
    )
    minutes = counted(round(plan.steps[0].bake_s / 60), "whole minute")
    return (
        f"{plan.service}: watching version {plan.canary} on {plan.target} until {until}Z; {act};"
        f" {minutes} of the clock in it will be judged, at least, and the last of them has settled"
        f" by about {back}Z"
    )
