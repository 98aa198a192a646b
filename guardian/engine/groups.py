"""Services that go back together: one member's breach takes the others back, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guardian.core.plan import Drive
from guardian.core.rollout.entries import Cause, Order, OrderKind
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, fold
from guardian.engine.dependencies import Dependencies
from guardian.ports import Damaged, JournalError

LOOK_S = 1.0
PATIENCE_S = 60.0
"""How long a member's turn lasts while nobody obeys its order; as long as until `stuck`."""
NO_TRIGGER = frozenset({Cause.INTERRUPTED, Cause.GROUP})
"""A signal is no judgement of a release, and who followed a member leads no other."""


def trigger_of(members: Sequence[Rollout]) -> Rollout | None:
    """The newest rollback of a member that the others have to follow."""
    phases = (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
    back = [
        member
        for member in members
        if member.phase in phases and member.rollback and member.rollback.cause not in NO_TRIGGER
    ]
    return max(back, key=lambda m: m.rollback.at if m.rollback else 0.0, default=None)


def follows(member: Rollout, trigger: Rollout) -> bool:
    """Whether a member's rollout has to go back, or is going back, because of `trigger`.

    Only what was there when the trigger went back: a release that was started later is no part
    of it. What somebody released and guardian may not take back stays.
    """
    if trigger.rollback is None or member.plan.rollout == trigger.plan.rollout:
        return False
    at, plan = trigger.rollback.at, member.plan
    changed = member.moved or (plan.drive is Drive.WATCH and member.step >= 0)
    if not plan.restores or not changed or member.started_at > at:
        return False
    if member.phase is Phase.COMPLETED and member.completed is not None:
        return at - member.completed.at < plan.policy.keep_previous_s
    if member.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK):
        return member.rollback is not None and member.rollback.cause is Cause.GROUP
    return member.live


def under_way(member: Rollout) -> bool:
    """Whether a member's rollback is neither confirmed nor stuck."""
    return member.phase is Phase.ROLLING_BACK and member.stuck_level == 0


class Groups:
    """Gives the orders by which the members of a group follow each other back."""

    def __init__(self, dependencies: Dependencies, *, reaches: Callable[[Rollout], bool]) -> None:
        self.groups = dependencies.groups
        """Each group's services, in the order in which they go back."""
        self._journal = dependencies.journal
        self._clock = dependencies.clock
        self._say = dependencies.say
        self._reaches = reaches
        """Whether some process would obey an order to that rollout."""
        self._known: dict[str, Rollout] = {}
        self._said: set[str] = set()

    def step(self) -> float:
        """One look; returns the real seconds until the next."""
        self.outstanding()
        return LOOK_S

    def outstanding(self) -> bool:
        """Give the orders that are due; whether some member is still to go back."""
        open_ = 0
        try:
            for name, services in self.groups.items():
                open_ += self._group(name, services)
        except JournalError as error:
            self._once(f"whether a group has to go back together is not known: {error}")
        return open_ > 0

    def _group(self, name: str, services: Sequence[str]) -> bool:
        newest = [m for s in services if (m := self._newest(s)) is not None]
        # A release belongs to the group that it began in: files that put services together
        # later must not take back, for a rollback of yesterday, what is healthy today.
        members = [m for m in newest if m.plan.group == name]
        trigger = trigger_of(members)
        if trigger is None:
            return False
        for member in members:
            if not follows(member, trigger):
                continue
            if under_way(member):
                return True
            if member.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK):
                continue
            if self._turn(name, member, trigger):
                return True
        return False

    def _turn(self, group: str, member: Rollout, trigger: Rollout) -> bool:
        """Give a member its order; whether it still has its turn."""
        plan, now = member.plan, self._clock.now()
        # Given by several processes, it is still one order.
        order_id = f"group-{trigger.plan.rollout}-{plan.rollout}"
        if self._journal.answered(order_id) is not None:
            return False
        if not self._reaches(member):
            self._once(
                f"{plan.service} belongs to the group {group}, and nobody drives its rollout"
                f" {plan.rollout}: take it back with `guardian rollback {plan.service}`"
            )
            return False
        waiting = [o for o in self._journal.orders([plan.rollout]) if o.id == order_id]
        if waiting:
            return self._clock.real_s(now - waiting[0].at) < PATIENCE_S
        why = trigger.rollback.detail if trigger.rollback else ""
        order = Order(
            id=order_id,
            rollout=plan.rollout,
            kind=OrderKind.GROUP,
            actor=f"group {group}",
            reason=f"{trigger.plan.service} went back ({trigger.plan.rollout}): {why}",
            at=now,
        )
        self._journal.order(order)
        return True

    def _newest(self, service: str) -> Rollout | None:
        for head in self._journal.history(service, limit=1):
            known = self._known.get(service)
            if known is None or known.plan.rollout != head.rollout or known.seq != head.seq:
                try:
                    known = fold(r.entry for r in self._journal.read(head.rollout))
                except (IllegalEntry, Damaged):
                    return None  # Whoever drives it says what is wrong with its journal.
                self._known[service] = known
            return known
        return None

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
