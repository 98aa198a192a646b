"""The one way into the journal: entries are checked, recorded, counted and told in one place."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.rollout.desired import desired_traffic
from guardian.core.rollout.entries import Answer, Entry
from guardian.core.rollout.invariants import check
from guardian.core.rollout.machine import Phase, Rollout, apply, start
from guardian.core.rollout.orders import Refusal
from guardian.engine.dependencies import Dependencies
from guardian.engine.outbox import Outbox
from guardian.engine.outcome import count
from guardian.engine.tick_result import Recorded
from guardian.messages.order_answers import answer
from guardian.messages.table import notice
from guardian.ports import Claim, Ending


def told(before: Rollout | None, entries: Sequence[Entry]) -> list[Recorded]:
    """Each entry in its turn, checked against the invariants; None for a rollout that begins."""
    found = []
    for entry in entries:
        after = start(entry) if before is None else apply(before, entry)
        if before is not None:
            check(before, entry, after)
        found.append(Recorded(entry, after, notice(before, entry, after)))
        before = after
    return found


class Recorder:
    """Appends what was told, whoever decided it: a tick, a command, a person's order."""

    def __init__(self, dependencies: Dependencies, outbox: Outbox) -> None:
        self._journal, self._rng = dependencies.journal, dependencies.rng
        self._metrics = dependencies.metrics
        self._outbox = outbox

    def txid(self) -> str:
        """A new transaction's id."""
        return self._rng.token()

    def append(
        self,
        claim: Claim,
        before: Rollout | None,
        items: Sequence[Recorded],
        *,
        answers: Sequence[Answer | Refusal] = (),
        ends: tuple[Rollout, Recorded] | None = None,
        acted: bool = False,
        txid: str,
    ) -> None:
        """All of it in one transaction, with the notices. Raises the journal's errors.

        `ends`: another rollout on the same target that ends in favour of this one. `acted`: the
        router was asked for it before it could be recorded.
        """
        after = items[-1].after if items else before
        assert after is not None  # noqa: S101 - a rollout begins with an entry
        for one in () if acted else items:
            if one.notice is not None and _announces(one.after):
                self._outbox.hold_back(one.notice.rollout, one.notice.seq)
        self._journal.append(
            claim,
            after.plan.rollout,
            expected=0 if before is None else before.seq,
            entries=[one.entry for one in items],
            live=after.live,
            outgoing=[out for one in items for out in self._outbox.route(one.notice)],
            answers=[answer(one, after.plan.service) for one in answers],
            ends=None if ends is None else self._ending(*ends),
            txid=txid,
        )

    def _ending(self, before: Rollout, last: Recorded) -> Ending:
        return Ending(
            rollout=before.plan.rollout,
            expected=before.seq,
            entry=last.entry,
            outgoing=self._outbox.route(last.notice),
        )

    def counted(self, items: Sequence[Recorded]) -> Sequence[Recorded]:
        """What is in the journal now, for whoever shows it; each end is counted."""
        for one in items:
            count(self._metrics, one.entry, one.after)
        return items


def _announces(after: Rollout) -> bool:
    """Whether traffic is still to be moved for what is told: people do not wait for a clean-up."""
    return (
        after.phase not in (Phase.BAKING, Phase.ROLLED_BACK) and desired_traffic(after) is not None
    )
