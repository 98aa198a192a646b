"""The composition root: the only place that knows every room, and the only dynamic import."""

from guardian.wiring.process import Wiring, open_wiring

__all__ = ["Wiring", "open_wiring"]
