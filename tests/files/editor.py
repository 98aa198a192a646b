"""An editor's side of the language server protocol: what people see while they write a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.tooling import tool


class Editor:
    """`yaml-language-server` over stdio, with one schema for every file."""

    def __init__(self, schema: Path, folder: Path) -> None:
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): ["*.yaml"]},
                "schemaStore": {"enable": False},
                "validate": True,
                "completion": True,
            }
        }
        self._folder = folder
        self._asked = 0
        self._notices: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [tool("yaml-language-server"), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            workspaceFolders=[{"uri": folder.as_uri(), "name": "rules"}],
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {"completion": {"completionItem": {}}, "publishDiagnostics": {}},
            },
        )
        self._send("initialized")
        self._send("workspace/didChangeConfiguration", settings=self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    def diagnosed(self, name: str, text: str) -> list[tuple[int, str]]:
        """The lines (from 1) and messages that the editor underlines."""
        uri = self._opened(name, text)
        while True:
            for notice in self._notices:
                if notice["params"]["uri"] == uri and notice["method"].endswith("Diagnostics"):
                    found = notice["params"]["diagnostics"]
                    return [(d["range"]["start"]["line"] + 1, d["message"]) for d in found]
            self._take()

    def completed(self, name: str, text: str, *, line: int, column: int) -> dict[str, str]:
        """What may be written at a place (from 1), and its description."""
        self.diagnosed(name, text)  # A server that knows no schema yet offers nothing.
        uri = (self._folder / name).as_uri()
        answer = self.ask(
            "textDocument/completion",
            textDocument={"uri": uri},
            position={"line": line - 1, "character": column - 1},
        )
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: str(item.get("documentation", "")) for item in items}

    def ask(self, method: str, **params: Any) -> Any:
        """A request's result."""
        self._asked += 1
        self._write({"id": self._asked, "method": method, "params": params})
        while True:
            message = self._take()
            if message.get("id") == self._asked and "method" not in message:
                return message.get("result")

    def _opened(self, name: str, text: str) -> str:
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send("textDocument/didOpen", textDocument=document)
        return uri

    def _send(self, method: str, **params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _take(self) -> dict[str, Any]:
        """The next message; the server's own questions are answered on the way."""
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the server is gone"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "workspace/configuration":
            wanted = [self._settings.get(i.get("section")) for i in message["params"]["items"]]
            self._write({"id": message["id"], "result": wanted})
        elif "method" in message and "id" in message:
            self._write({"id": message["id"], "result": None})
        elif "method" in message and "uri" in message.get("params", {}):
            self._notices.append(message)
        return message
