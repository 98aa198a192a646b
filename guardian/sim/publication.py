"""When CloudWatch shows what has happened: a lag by namespace, late samples, and how finely."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.sim.world import seeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Seconds from a sample to its being visible, drawn evenly between the two."""

    least_s: float
    most_s: float


VENDED = Lag(least_s=60.0, most_s=75.0)
"""AWS's own metrics begin to appear 60 to 90 s after a period's end (observed, not promised)."""
CUSTOM = Lag(least_s=5.0, most_s=15.0)
"""What an application publishes appears seconds after its flush."""


class Publication:
    """The lag of each namespace, and the share of samples that is late.

    `late_share` of the samples of simulated traffic becomes visible `late_by_s` seconds after the
    rest: with the default of 40 s a datapoint is final 115 s after the end of its period.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lags: dict[str, Lag] = {}
        self.late_share = 0.0
        self.late_by_s = 40.0
        self.fine: set[str] = set()
        """Namespaces whose samples are put with `StorageResolution` 1, so that 10 s can be read."""

    def set(self, namespace: str, *, least_s: float, most_s: float | None = None) -> None:
        """Publish a namespace's samples after `least_s` to `most_s` seconds from now on."""
        most = least_s if most_s is None else most_s
        self._lags[namespace] = Lag(least_s=least_s, most_s=most)

    def lag_s(self, namespace: str, metric: str, moment: int) -> float:
        """The lag of a metric's samples of one moment; the same moment has the same lag."""
        default = VENDED if namespace.startswith("AWS/") else CUSTOM
        lag = self._lags.get(namespace, default)
        if lag.least_s == lag.most_s:
            return lag.least_s
        return seeded(self._seed, "lag", namespace, metric, moment).uniform(lag.least_s, lag.most_s)
