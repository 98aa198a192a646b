"""The question that a container engine asks of the daemon beside it: does it still move?"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Final

from guardian.web.app import parse_listen

PATIENCE_S: Final = 3.0
"""Real seconds for the answer, which waits for nothing."""
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, not listening
"""Whoever listens on all addresses is asked on loopback."""


def ask_livez(listen: str) -> tuple[bool, str]:
    """Whether the daemon that listens there says it is alive, and its first line or why not.

    Raises ConfigError when `listen` is no address.
    """
    host, port = parse_listen(listen)
    connection = HTTPConnection(_ANY.get(host, host), port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        first = answer.readline(1000).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return False, f"nothing answers on {listen}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return answer.status == 200, first
