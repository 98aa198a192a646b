"""What guardian counts of its own work; what is true *now* is read from its statuses instead."""

from __future__ import annotations


class Metrics:
    """Takes counts and durations, and keeps none: for commands that nobody scrapes.

    Whoever keeps them never raises and never waits, and is called from any thread.
    """

    def tick(self, plane: str, *, at: float, took_s: float, lag_s: float) -> None:
        """A tick of a plane (`account:region:role`) ended at `at`; lag: how late it began."""

    def ended(self, service: str, outcome: str) -> None:
        """A rollout ended: completed, unproven, rolled_back, aborted, superseded or cancelled."""

    def rolled_back(self, service: str, took_s: float) -> None:
        """From the breach that was seen to the traffic that was confirmed."""

    def aws(self, service: str, operation: str, outcome: str) -> None:
        """One request to an AWS service ended; `outcome`: ok, or a Reason's value."""

    def cloudwatch(self, metrics: int) -> None:
        """That many metrics were asked of GetMetricData: what AWS bills."""

    def notice(self, notifier: str, outcome: str) -> None:
        """A notice was sent, failed (and will be tried again), or is dead."""
