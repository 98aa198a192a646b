"""Listeners and their rules, named by ARNs: with a file and without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from guardian.ports import Unlisted

HERE: Final = r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:"
TAIL: Final = r"/app/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}/[0-9a-f]{16}"


def _addressed(address: str) -> Mapping[str, str] | None:
    if not re.match(HERE, address):
        return None
    return {"rule" if ":listener-rule/" in address else "listener": address}


BY_ARN: Final = Unlisted(
    option="alb",
    form="ARN",
    example="arn:aws:elasticloadbalancing:us-east-1:333333333333:listener/app/agents/…/…",
    what="a listener or a rule of a load balancer",
    options=_addressed,
    region=lambda address: address.split(":")[3],
    preset="alb",
    variables={
        "load_balancer": "${router.load_balancer}",
        "target_group": "targetgroup/${canary}",
    },
)
