"""The emergency path: traffic back on the stable version, now. No metrics, no daemon."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from guardian.app.acting import Services
from guardian.app.guarding import Caller, Guarded, guard
from guardian.app.planning import Request
from guardian.app.rollback_plan import RollbackPlan, plan_rollback
from guardian.app.start import new_id
from guardian.core.rollout.entries import OrderKind
from guardian.engine.in_process import Limits
from guardian.engine.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What a person asks to put back."""

    service: str
    to: str | None = None
    """This version, whatever the snapshot says."""
    reason: str = ""
    limits: Limits = field(default_factory=Limits)


def planned(services: Services, asked: RollbackRequest, *, actor: str) -> RollbackPlan:
    """What would be done, for a person to see before it is; ConfigError when nobody knows what."""
    service = services.reachable(asked.service)
    request = Request(
        rollout=new_id(services, service.name),
        actor=actor,
        reason=asked.reason,
        now=services.clock.now(),
    )
    return plan_rollback(service, request, to=asked.to, journal=services.journal)


def rollback(
    services: Services, plan: RollbackPlan, asked: RollbackRequest, caller: Caller
) -> Guarded:
    """Do it, over whoever drives the target."""
    task = Task(
        plan=replace(plan.plan, reason=asked.reason),
        router=plan.router,
        plane="none",
        resume=plan.resumes,
        instead_of=plan.instead_of.plan.rollout if plan.instead_of else None,
        order=OrderKind.ABORT,
    )
    return guard(services, [task], caller, asked.limits)
