"""`guardian rollout`: drive a canary step by step, and give orders to one that is under way."""

from __future__ import annotations

import click

from guardian.cli.lazy import LazyGroup

ORDERS = {
    "start": "Bring a version of SERVICE live by the steps of its configuration.",
    "list": "Rollouts that are live, of SERVICE or of all.",
    "status": "How rollouts stand: those of each SERVICE, else all that are live.",
    "promote": "End this bake and take the next step.",
    "hold": "Stop advancing until `guardian rollout resume`.",
    "resume": "Go on from where a hold began.",
    "approve": "Agree to the step that waits for a person.",
    "abort": "Put the recorded stable state back, now.",
    "retry": "Try again a shift that did not come, or what was rolled back.",
    "waive": "Let CRITERION count no longer, for this rollout alone.",
    "recover": "Finish what nobody drives any more.",
    "history": "Past rollouts; of a rollout's id, its entries.",
}
"""Each command, and what the list says of it."""
MODULES = {
    **dict.fromkeys(ORDERS, "rollout_orders"),
    **dict.fromkeys(("start", "retry"), "rollout_start"),
    **dict.fromkeys(("list", "status"), "rollout_status"),
    "history": "rollout_history",
    "recover": "recover",
}


@click.group(cls=LazyGroup, lazy=ORDERS, modules=MODULES, also={"pause": "hold"})
def rollout() -> None:
    """Drive a canary: shift its weight step by step, judge it, take it back on a breach."""
