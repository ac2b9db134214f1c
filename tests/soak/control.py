"""A client of podop's control socket."""

import json
from typing import Any

import harness


def ask(path: str, **request: Any) -> Any:
    """Sends a request over a connection of its own, and returns the answer."""
    with harness.connect(path) as sock, sock.makefile("rb") as lines:
        sock.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(lines.readline())
