"""What several tests of the configuration need of their surroundings."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from config.local import shop


@pytest.fixture(scope="module")
def shop_port() -> Iterator[int]:
    """The demo's other side, served by this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    with shop.server(listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()
