"""A monotonic clock of podop's own, which stands still until the test lets time pass.

A test with one backend that hangs and others that answer needs a timeout, and a busy machine may be slower than any.
With this clock only the one that hangs meets it, and nothing is waited for.
"""

import mmap
import os
import threading
from collections.abc import Mapping

from basics import binary, wait_until

DAY_S = 86_400


class HeldClock:
    """The clock of one podop."""

    def __init__(self, path: str) -> None:
        with open(path, "w+b") as file:
            file.write(bytes(16))
            file.flush()
            self._granted_passed = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")  # milliseconds
        self._path = path
        self._lock = threading.Lock()

    def environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        """Returns what podop needs in its environment to have this clock, and more."""
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), **(more or {})}
        options = ":".join(filter(None, (env["ASAN_OPTIONS"], "verify_asan_link_order=0")))
        return {**env, "LD_PRELOAD": binary("HOLD_CLOCK"), "HELD_CLOCK_FILE": self._path, "ASAN_OPTIONS": options}

    def grant(self, seconds: float) -> None:
        """Lets so much time pass for podop as soon as it has nothing to do."""
        with self._lock:
            self._granted_passed[0] += round(seconds * 1000)

    def advance(self, seconds: float) -> None:
        """Lets so much time pass for podop, and waits until it has: podop has nothing else to do by then."""
        self.grant(seconds)
        granted = self._granted_passed[0]
        wait_until(lambda: self._granted_passed[1] >= granted, "time passes for podop")

    def release(self) -> None:
        """Lets time pass whenever podop waits, so that it can end."""
        self.grant(DAY_S)
