"""What goes wrong with a call of a vendor's, each under the name that people give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ABSURD_S: Final = 999_999_999_999
"""What a refusal asks to wait, in seconds: the time of a vendor's clock in the wrong unit."""
OTHER_ACCOUNT: Final = "999999999999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A fault of the simulator's."""

    name: str
    kind: str
    options: Mapping[str, float] = field(default_factory=dict)
    hangs: bool = False
    """Whether only a deadline ends it."""


WRONGS: Final = (
    Wrong(name="time-out", kind="slow", options={"delay_s": 3600.0}, hangs=True),
    Wrong(name="drip", kind="drip", options={"delay_s": 0.05}, hangs=True),
    Wrong(name="5xx", kind="server_error"),
    Wrong(name="429 with an absurd header", kind="throttle", options={"retry_after_s": ABSURD_S}),
    Wrong(name="4xx once", kind="bad_request", options={"times": 1}),
    Wrong(name="4xx for ever", kind="access_denied"),
    Wrong(name="404", kind="not_found"),
    Wrong(name="redirect", kind="redirect"),
    Wrong(name="cut", kind="cut"),
    Wrong(name="no answer", kind="lost_answer"),
    Wrong(name="huge", kind="huge"),
    Wrong(name="not JSON", kind="garbage"),
    Wrong(name="wrong types", kind="wrong_types"),
    Wrong(name="NaN", kind="nan"),
    Wrong(name="surrogates", kind="surrogates"),
    Wrong(name="another account", kind="wrong_account"),
)
