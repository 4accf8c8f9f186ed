"""A server on loopback that answers in JSON: what stands in for somebody's model endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class JsonHandler(BaseHTTPRequestHandler):
    """Answers requests; what each is answered, a test's own handler says."""

    def answer(self, body: object, status: int = 200, **fields: str) -> None:
        self.send(json.dumps(body), status, {"Content-Type": "application/json", **fields})

    def send(self, text: str, status: int, fields: Mapping[str, str]) -> None:
        """Answer with what may be no JSON."""
        data = text.encode()
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """Serve with a handler, in a thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@contextmanager
def serving(handler: type[JsonHandler]) -> Iterator[str]:
    """Serve with a handler; yield the address of its OpenAI-compatible API."""
    with listening(handler) as running:
        yield f"http://127.0.0.1:{running.server_port}/v1"
