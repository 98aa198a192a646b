"""Slack's SDK, with a transport of our own under it: bounded, and deaf to redirects."""

from __future__ import annotations

import http.client
import logging
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any

from guardian.answers import bounded
from guardian.ports import Clock

if TYPE_CHECKING:
    from slack_sdk import WebClient


def client(token: str, *, base_url: str | None, timeout_s: float, clock: Clock) -> WebClient:
    """A client that makes one attempt a call, and is silent about it."""
    from slack_sdk import WebClient

    logger = logging.getLogger("guardian.slack_sdk")
    logger.disabled = True  # It repeats in its own words what the NotifyError says.

    class Bounded(WebClient):
        opener = _opener(bounded(clock, timeout_s=timeout_s))

        def _perform_urllib_http_request_internal(
            self,
            url: str,  # noqa: ARG002 - the base class's
            req: urllib.request.Request,
        ) -> dict[str, Any]:
            """Whatever its status, an answer is an answer: read within bounds, never followed."""
            with self.opener.open(req, timeout=timeout_s) as answer:
                body = answer.read().decode("utf-8", "replace")
            return {"status": answer.status, "headers": dict(answer.headers), "body": body}

    return Bounded(
        token=token,
        base_url=base_url or WebClient.BASE_URL,
        retry_handlers=[],  # The outbox retries; a second loop in here would hold up its receiver.
        logger=logger,
    )


def _opener(answers: type[http.client.HTTPResponse]) -> urllib.request.OpenerDirector:
    """Urllib's opener without its handlers of redirects, errors, files and FTP.

    Its own reading of HTTPS_PROXY also honours NO_PROXY, which the SDK's does not.
    """
    trusted = ssl.create_default_context()

    class Http(http.client.HTTPConnection):
        response_class = answers

    class Https(http.client.HTTPSConnection):
        response_class = answers

    class HttpHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Http, req)

    class HttpsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Https, req, context=trusted)

    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), HttpHandler(), HttpsHandler()):
        opener.add_handler(handler)
    return opener
