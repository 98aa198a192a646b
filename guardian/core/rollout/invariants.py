"""What must always hold of a rollout; asserted where entries are applied, and by the simulation."""

from __future__ import annotations

from guardian.core.rollout import entries
from guardian.core.rollout.desired import desired_traffic
from guardian.core.rollout.entries import Entry
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.rollout.progress import gating
from guardian.core.traffic import Weight
from guardian.core.verdict import Outcome


class InvariantBroken(Exception):
    """A bug in guardian: the rollout must not go on."""


def wished_weight(rollout: Rollout) -> Weight | None:
    """The canary's share that the state asks the router for; None where nothing is asked."""
    wanted = desired_traffic(rollout)
    return None if wanted is None else wanted.traffic.share(rollout.plan.canary)


def check(before: Rollout, entry: Entry, after: Rollout) -> None:
    """Raise InvariantBroken when the step from `before` to `after` breaks one."""
    if after.last_at < before.last_at:
        raise InvariantBroken("recorded times never go back")
    _rises_only_in_shifting(before, after)
    if isinstance(entry, entries.Completed):
        _completes_only_on_passes(before, entry)
    if before.phase is Phase.ROLLING_BACK and after.phase is not Phase.ROLLING_BACK:
        person = isinstance(entry, entries.Held) and entry.actor is not None
        if not (person or isinstance(entry, entries.RollbackConfirmed | entries.Superseded)):
            raise InvariantBroken("only confirmation, a person or a change ends rolling_back")


def _rises_only_in_shifting(before: Rollout, after: Rollout) -> None:
    """Weights rise by entering SHIFTING; a hold that ends asks again for what it had."""
    was, is_ = wished_weight(before), wished_weight(after)
    if before.phase is Phase.HELD or was is None or is_ is None or is_ <= was:
        return
    if after.phase not in (Phase.SHIFTING, Phase.COMPLETED) or (
        after.phase is Phase.COMPLETED and not before.last_step
    ):
        raise InvariantBroken(
            f"the canary's weight rose from {was} to {is_} in {after.phase.value}"
        )


def _completes_only_on_passes(before: Rollout, entry: entries.Completed) -> None:
    """A pass of every gating criterion, or an override in the journal that names it and who.

    A waiver is such an override; where everything was waived the end must say that it is unproven.
    """
    if not before.plan.criteria:
        raise InvariantBroken("completed without a criterion that could have judged it")
    if before.step_confirmed_at is None:
        raise InvariantBroken("completed without the last weight having been read back")
    passed = {v.criterion for v in entry.verdicts if v.outcome is Outcome.PASS}
    gates = set(gating(before.plan, before.waived))
    excused = set(entry.unproven) | (set(entry.overridden) if entry.actor else set())
    missing = sorted(gates - passed - excused)
    if not gates and not entry.unproven and entry.actor is None:
        missing = ["any criterion"]
    if missing:
        raise InvariantBroken(f"completed without a pass of {', '.join(missing)}")
    failed = {v.criterion for v in entry.verdicts if v.outcome is Outcome.FAIL}
    if failed & gates and entry.actor is None:
        raise InvariantBroken(f"completed over a breach of {', '.join(sorted(failed & gates))}")
