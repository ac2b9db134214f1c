"""A monotonic clock of podop's own, which stands still until the test lets time pass.

A test with one backend that hangs and others that answer needs a timeout, and a busy machine may be slower than any.
With this clock only the one that hangs meets it, and nothing is waited for.
"""

import mmap
import os

from basics import wait_until

DAY_MS = 86_400_000


class HeldClock:
    """The clock of one podop, to be started with `env`."""

    def __init__(self, path: str) -> None:
        with open(path, "w+b") as file:
            file.write(bytes(16))
            file.flush()
            self._granted_passed = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")  # milliseconds
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": os.environ["HOLD_CLOCK"], "HELD_CLOCK_FILE": path, "ASAN_OPTIONS": options}

    def advance(self, seconds: float) -> None:
        """Lets so much time pass for podop, and waits until it has: podop has nothing else to do by then."""
        self._granted_passed[0] += round(seconds * 1000)
        wait_until(lambda: self._granted_passed[0] == self._granted_passed[1], "time passes for podop")

    def release(self) -> None:
        """Lets time pass whenever podop waits, so that it can end."""
        self._granted_passed[0] += DAY_MS
