"""The keys of pages: one for each cause, and the same for as long as that lasts."""

from __future__ import annotations

from guardian.core.plan import Plan

_KEY_LIMIT = 255
"""PagerDuty's longest `dedup_key`: developer.pagerduty.com, Events API v2."""


def page_key(plan: Plan, cause: str) -> str:
    """`guardian/<environment>/<service>/<rollout>/<cause>`; long names are cut, the id is not."""
    return key_of(plan.environment, plan.service, plan.rollout, cause)


def key_of(environment: str, service: str, rollout: str, cause: str) -> str:
    """The same where no plan is known."""
    tail = f"{rollout}/{cause}"
    head = f"guardian/{environment}/{service}"
    return f"{head[: _KEY_LIMIT - 1 - len(tail)]}/{tail}"
