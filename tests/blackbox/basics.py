"""What every helper of the black-box tests needs: bytes and text, waiting, and what a test requires of the machine."""

import contextlib
import os
import socket
import time
import unittest
from collections.abc import Callable

GUARD = 60  # seconds after which a test that still waits has failed


def to_bytes(text: str | bytes) -> bytes:
    """Encodes text as UTF-8; bytes stay as they are."""
    return text.encode() if isinstance(text, str) else text


def percent(key: str | bytes, keep: bytes = b"") -> str:
    """Encodes a key as podop.conf(5), "URL templates", says; `keep` are further bytes that stay as they are."""
    keep += b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(byte) if byte in keep else f"%{byte:02X}" for byte in to_bytes(key))


def shown(data: bytes | None) -> str:
    """Formats bytes for a message, shortened if they are long."""
    return repr(data) if data is None or len(data) <= 200 else f"{data[:120]!r}...({len(data)} bytes)"


def wait_until(fact: Callable[[], object], what: str, guard: float = GUARD) -> None:
    """Polls for a fact that sends no event, such as a file or a count in /proc."""
    deadline = time.monotonic() + guard
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.01)


def shut_down(sock: socket.socket) -> None:
    """Ends a connection that another thread uses, for which it then is an end like any other.

    An SSLSocket's own shutdown() would take its TLS away as well, in the middle of what the other thread does with it.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def need(condition: object, what: str) -> None:
    """Skips the test where a program or a privilege is missing; under CI=true that is a failure."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        raise AssertionError(f"missing under CI: {what}")
    raise unittest.SkipTest(what)


def binary(variable: str) -> str:
    """Returns the absolute path of the program that an environment variable names."""
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise AssertionError(f"environment variable {variable} does not name a program: {path!r}")
    return os.path.abspath(path)
