"""A receiver that answers byte for byte what a test tells it to, over TLS too."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class RawServer:
    """What it listens on and what came in, byte for byte."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.request = b""


Act = Callable[[socket.socket, threading.Event], None]


@contextmanager
def raw(answer: bytes | Act, *, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Takes one request, then sends these bytes, or does what it is told to."""
    server = RawServer("")

    def act(taken: socket.socket, released: threading.Event) -> None:
        server.request = _whole_request(taken)
        if callable(answer):
            answer(taken, released)
        else:
            taken.sendall(answer)

    with talker(act, tls=tls) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


@contextmanager
def talker(act: Act, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a listener that takes one connection and does as it is told with it."""
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            taken, _ = listener.accept()
            taken.settimeout(30)
            try:
                if tls is not None:
                    taken = tls.wrap_socket(taken, server_side=True)
                act(taken, released)
            except OSError:
                return
            finally:
                taken.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            released.set()
            thread.join(30)


@contextmanager
def tls_server(certificate: Path) -> Iterator[RawServer]:
    """A receiver that is localhost and can prove it; the key lies beside the certificate."""
    proof = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    proof.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with raw(b"HTTP/1.1 200 OK\r\n\r\n", tls=proof) as server:
        server.url = server.url.replace("http://127.0.0.1", "https://localhost")
        yield server


def _whole_request(taken: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += taken.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += taken.recv(65536)
    return head + b"\r\n\r\n" + body
