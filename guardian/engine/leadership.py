"""Which services this daemon serves: one process a service, the others stand by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guardian.ports import Claim

if TYPE_CHECKING:  # commands ask for `post` alone, and need no engine for it
    from guardian.engine.host import Host


def post(environment: str, service: str) -> str:
    """The pseudo-target that a service's daemon claims: `journal.holder(post(...))` names it."""
    return f"daemon:{environment}:{service}"


class ServiceLeadership:
    """Claims the post of each service, and notices when one is lost."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._journal, self._say = host.journal, host.say
        self._claims: dict[str, Claim] = {}
        self._standby: dict[str, str] = {}
        """Services that another process serves, and which."""
        self.held: dict[str, bool] = {}
        """Each service, and whether it is served here."""

    def step(self, environment: str, services: Sequence[str]) -> None:
        """Claim what is free, give back what is no longer wanted."""
        wanted = {service: post(environment, service) for service in services}
        for service, claim in list(self._claims.items()):
            if wanted.get(service) != claim.target:
                self._journal.release(claim)
                del self._claims[service]
            elif not self._journal.holds(claim):
                self._say(f"{service}: another process serves it from now on")
                del self._claims[service]
        for service, target in wanted.items():
            if service not in self._claims:
                self._apply(service, target)
        self._standby = {s: who for s, who in self._standby.items() if s in wanted}
        self.held = {service: service in self._claims for service in wanted}

    def forget(self) -> None:
        """The lease is lost, and every claim with it."""
        self._claims.clear()

    def _apply(self, service: str, target: str) -> None:
        claim = self._journal.claim(self._host.lease, target)
        if claim is not None:
            self._claims[service] = claim
            self._standby.pop(service, None)
            self._say(f"{service}: served here")
            return
        holder = self._journal.holder(target) or "another process"
        if self._standby.get(service) != holder:
            self._standby[service] = holder
            self._say(f"{service}: served by {holder}; standing by")
