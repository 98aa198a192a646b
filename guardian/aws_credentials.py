"""Credentials of an assumed role, renewed beside the work and never in its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

SPARE_S: Final = 60
"""With less than this left, a call waits for new credentials: these could end under way."""
PAUSE_S: Final = 30.0
"""Real seconds between two attempts to renew credentials that are still good."""


def renewed(fetch: Callable[[], Mapping[str, str]]) -> Any:
    """Credentials for a botocore session: `fetch` gets them at first use and ahead of their end.

    botocore asks for new ones in the thread of a call, from 15 minutes before the end on, and lets
    every call wait from 10 minutes before it: a slow STS would hold up a rollback although the
    credentials at hand are good. Here a thread beside them asks, as long as they are good.
    """
    from botocore.credentials import DeferredRefreshableCredentials

    class Renewed(DeferredRefreshableCredentials):  # type: ignore[misc] # botocore has no types
        def __init__(self) -> None:
            super().__init__(refresh_using=fetch, method="assume-role")
            self._held: Any = None
            self._pause = threading.Semaphore()

        def get_frozen_credentials(self) -> Any:
            """The credentials to sign with."""
            if self._held is None or self.refresh_needed(SPARE_S):
                self._held = super().get_frozen_credentials()
            elif self.refresh_needed() and self._pause.acquire(blocking=False):
                threading.Thread(target=self._renew, name="credentials", daemon=True).start()
            return self._held

        def _renew(self) -> None:
            # Those at hand are good still, and it is tried again.
            with suppress(Exception):
                self._held = super().get_frozen_credentials()
            threading.Event().wait(PAUSE_S)
            self._pause.release()

    return Renewed()
