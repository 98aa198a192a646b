"""How rollouts stand, from the journal alone: which ones are meant, and what was seen of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guardian.app.remembered import Records, driver, meant, services, unknown
from guardian.core.rollout.entries import freeze_in_force
from guardian.core.rollout.machine import IllegalEntry, fold
from guardian.core.status import RolloutStatus
from guardian.engine.outcome import Exit, outcome, worst
from guardian.messages.entry_lines import verdicts_of
from guardian.ports import Damaged

LOOK_S = 0.5
"""Real seconds between two looks at the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """Those that could be read, and of the others why not."""

    found: tuple[RolloutStatus, ...]
    lost: tuple[str, ...]

    def check(self) -> None:
        """Raise Damaged for those that were lost: called once the others were shown."""
        if self.lost:
            raise Damaged("\n".join(self.lost))

    @property
    def exit(self) -> Exit | None:
        """What they come to for whoever waits; None while one is live."""
        if any(one.rollout.live for one in self.found):
            return None
        return worst([outcome(one.rollout) for one in self.found])


def status(records: Records, rollout_id: str) -> RolloutStatus:
    """How one rollout stands. Raises Damaged, and IllegalEntry for what folds to no state."""
    journal, now = records.journal, records.clock.now()
    entries = tuple(record.entry for record in journal.read(rollout_id))
    rollout = fold(entries)
    last = next((entry for entry in reversed(entries) if verdicts_of(entry)), None)
    at, verdicts = (last.at, verdicts_of(last)) if last is not None else (None, ())
    live, waiting_for = rollout.live, ""
    look = journal.shown(rollout_id) if live else None
    if look is not None and (at is None or look.at >= at):
        waiting_for, verdicts = look.waiting_for, look.verdicts
        at = look.at if verdicts else None
    return RolloutStatus(
        at=now,
        rollout=rollout,
        waiting_for=waiting_for,
        verdicts=verdicts,
        judged_at=at,
        freeze=freeze_in_force(journal.freezes(), rollout.plan.service, now) if live else None,
        driver=driver(journal, rollout) if live else None,
        orders=tuple(journal.orders([rollout_id])) if live else (),
        entries=entries,
    )


def statuses(records: Records, ids: Sequence[str]) -> Statuses:
    """How several stand; one that is damaged hides no other."""
    found, lost = [], []
    for name in ids:
        try:
            found.append(status(records, name))
        except Damaged as error:
            lost.append(str(error))
        except IllegalEntry as error:
            lost.append(f"rollout {name} cannot be read back from the journal: {error}")
    return Statuses(found=tuple(found), lost=tuple(lost))


def following(records: Records, ids: Sequence[str]) -> Iterator[Statuses]:
    """How they stand, again and again, until all of them are over."""
    while True:
        shown = statuses(records, ids)
        yield shown
        if shown.exit is not None:
            return
        records.clock.sleep(LOOK_S)


# --- which -------------------------------------------------------------------------------------


def listed(records: Records, service: str | None, *, everything: bool) -> Statuses:
    """The live rollouts of a service or of all; with `everything` also those that are over."""
    journal = records.journal
    ids = [head.rollout for head in journal.live() if service in (None, head.service)]
    if service is not None and names_a_rollout(records, service):
        raise unknown(records, service)
    if everything:
        names = [service] if service is not None else services(records)
        ids += [h.rollout for name in names for h in journal.history(name) if h.rollout not in ids]
    return statuses(records, ids)


def past(records: Records, service: str | None, *, limit: int) -> Statuses:
    """The newest rollouts of a service or of all, newest first."""
    names = [service] if service is not None else services(records)
    heads = [head for name in names for head in records.journal.history(name, limit=limit)]
    heads = sorted(heads, key=lambda head: head.started_at, reverse=True)[:limit]
    return statuses(records, [head.rollout for head in heads])


def names_a_rollout(records: Records, name: str, *, only: bool = False) -> bool:
    """Whether a name is a rollout's id, rather than a service's; ConfigError where it is neither.

    `only`: nothing but an id will do.
    """
    if only and not records.journal.read(name):
        raise unknown(records, name)
    return only or meant(records, name) == name
