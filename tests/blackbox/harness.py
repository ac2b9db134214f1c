"""The door to the helpers of the black-box tests, and the test case that every test is derived from.

The helpers live by topic: basics.py, ports.py, settings.py, daemon.py (podop as a process), backend.py (a scriptable
HTTP server), socketmap.py (a raw client), held_clock.py and threads.py. Tests take them from here.

A test waits for a log line, a request or an answer, never for a clock: GUARD only ends a test that hangs. The
environment names the binaries: PODOP, PODOPCTL, and HOLD_CLOCK for a clock that stands still.
"""

import faulthandler
import os
import re
import shutil
import sys
import tempfile
import unittest
from collections.abc import Mapping
from typing import Any

from backend import CLOSE, RESET, Answer, Backend, Request, Step, chunked, echo, http, url_table
from basics import GUARD, binary, need, percent, shown, to_bytes, wait_until
from daemon import (Podop, check_sanitizers, clean_environment, has_ended, limit_descriptors, run,
                    small_quarantine)
from held_clock import HeldClock
from ports import bind_udp_and_tcp, full_port, number, refusing_port, reserve
from settings import conf, conf_file
from socketmap import Address, Connection, Socketmap, connect, listen, netstring, refuses
from threads import thread_errors

__all__ = [
    "CLOSE", "GUARD", "RESET", "Address", "Answer", "Backend", "Case", "Connection", "HeldClock", "Podop",
    "Request", "Socketmap", "bind_udp_and_tcp", "binary", "check_sanitizers", "chunked", "clean_environment", "conf",
    "conf_file", "connect", "echo", "full_port", "has_ended", "http", "limit_descriptors", "listen", "main", "need",
    "netstring", "number", "percent", "refuses", "refusing_port", "reserve", "run", "shown", "small_quarantine",
    "to_bytes", "url_table", "wait_until",
]


HANGS = 590  # seconds after which it is printed where every thread is: ctest ends most tests after 600


class Case(unittest.TestCase):
    """A test with a private directory; whatever it starts is stopped and checked at its end."""

    clock: HeldClock | None = None

    def setUp(self) -> None:
        self.addCleanup(thread_errors.check)  # the first to be added is the last to run
        self.dir = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dir)
        self.socket = self.path("s")

    def path(self, name: str) -> str:
        """Returns a path in the private directory."""
        return os.path.join(self.dir, name)

    def write(self, name: str, text: str | bytes) -> str:
        """Writes a file into the private directory and returns its path."""
        with open(self.path(name), "wb") as file:
            file.write(to_bytes(text))
        return self.path(name)

    def backend(self, **options: Any) -> Backend:
        """Starts a backend."""
        backend = Backend(**options)
        self.addCleanup(backend.stop)
        return backend

    def reserve_port(self, address: str = "127.0.0.1") -> int:
        """Reserves a loopback port for a server that this test starts, until the end of the test."""
        holder = reserve(address)
        self.addCleanup(holder.close)
        return number(holder)

    def podop(self, *args: str, verbose: tuple[str, ...] = ("-v",), env: Mapping[str, str] | None = None) -> Podop:
        """Starts podop with these arguments; waits until it is ready, if it logs that."""
        podop = Podop(*args, *verbose, env=self.clock.environment(env) if self.clock else env)
        self.addCleanup(podop.stop)
        if self.clock:
            self.addCleanup(self.clock.release)
        if verbose:
            podop.wait_ready()
        return podop

    def serve(self, *tables: Mapping[str, Any], listen: list[dict[str, Any]] | None = None,
              args: tuple[str, ...] = (), env: Mapping[str, str] | None = None, **settings: Any) -> Podop:
        """Starts podop with these tables, listening on self.socket unless told otherwise."""
        text = conf_file(listen=listen or [{"socket": self.socket}], tables=list(tables), **settings)
        return self.podop("-c", self.write("podop.conf", text), *args, env=env)

    def hold_clock(self) -> None:
        """Gives the podop that is started next a clock that stands still (held_clock.py), self.clock."""
        self.clock = HeldClock(tempfile.mkstemp(dir=self.dir, prefix="clock")[1])

    def hang(self, backend: Backend, seconds: float) -> tuple[Step, ...]:
        """Returns an answer that never comes. When a backend is asked for it, so much time passes for podop."""
        assert self.clock is not None
        clock = self.clock
        return lambda: clock.grant(seconds), backend.gate()

    def client(self, address: Address | None = None) -> Socketmap:
        """Connects a socketmap client."""
        client = Socketmap(address or self.socket)
        self.addCleanup(client.close)
        return client

    def check_payload(self, got: bytes | None, expected: str | bytes) -> None:
        """Fails unless the answer is exactly this."""
        if got != to_bytes(expected):
            self.fail(f"answer is {shown(got)}, not {shown(to_bytes(expected))}")

    def check_reason(self, got: bytes | None, word: str, table: str = "t") -> None:
        """Fails unless the answer is `word`, a blank and a printable reason that names the table."""
        if got is None or not got.startswith(to_bytes(word) + b" "):
            self.fail(f"answer is {shown(got)}, not {word} and a reason")
        reason = got.split(b" ", 1)[1]
        if not re.search(rb"(?<![\w-])%s(?![\w-])" % re.escape(to_bytes(table)), reason):
            self.fail(f"the reason does not name table {table}: {shown(got)}")
        if re.search(rb"[\x00-\x1f\x7f]", reason):
            self.fail(f"control bytes in the reason: {shown(got)}")

    def check_answer(self, got: bytes | None, expected: str, table: str = "t") -> None:
        """Checks a whole answer; `TEMP`, `TIMEOUT` and `PERM` stand for themselves with any reason."""
        if expected in ("TEMP", "TIMEOUT", "PERM"):
            self.check_reason(got, expected, table)
        else:
            self.check_payload(got, expected)


def main() -> None:
    """Runs the tests of a file; the status is 77 if all were skipped."""
    faulthandler.dump_traceback_later(HANGS, repeat=True)
    result = unittest.main(exit=False, verbosity=2).result
    thread_errors.check()  # what a class or module started ends after the last test
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) >= result.testsRun else 0)
