"""A server whose answers a test holds back, so that a run stands still where it is looked at."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HELD = 25.0  # seconds at most, less than an HTTP step may take
ANSWER = b'{"passed": true}'


class Gates:
    """`GET <url>/<name>` is answered once the gate of that name is open."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: Counter[str] = Counter()
        self._gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self._lock = threading.Lock()

    def open(self, *names: str) -> None:
        for name in names:
            self._gate(name).set()

    def pass_through(self, name: str) -> None:
        """What a caller does: be counted, then wait."""
        with self._lock:
            self.calls[name] += 1
        self._gate(name).wait(HELD)

    def _gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates[name]


@contextlib.contextmanager
def serving() -> Iterator[Gates]:
    """Serve gates on this machine; all of them are closed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gates.pass_through(self.path.strip("/"))
            with contextlib.suppress(ConnectionError):  # the caller was killed meanwhile
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

        def log_message(self, *arguments: object) -> None:
            """Nothing: the tests count by themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gates = Gates(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gates
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
