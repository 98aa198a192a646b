"""The composition root: the only place that knows every room, and the only dynamic import."""

from guardian.wiring.opening import open_in_need, open_records, open_wiring
from guardian.wiring.process import Wiring

__all__ = ["Wiring", "open_in_need", "open_records", "open_wiring"]
