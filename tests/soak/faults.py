"""What goes wrong: one thing after the other, each ended before the next one begins."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from control import ask
from mail import Podop
from web import Server, Web

QUIET_S = 1.0  # the shortest time between two faults


class Faults(threading.Thread):
    """Makes faults until it is told to stop; podop is stopped and started only in the first part of the run."""

    def __init__(self, web: Web, podop: Podop, every_s: float, restarts_until: float, seed: int) -> None:
        super().__init__(name="faults", daemon=True)
        self.web, self.podop, self.every_s, self.restarts_until = web, podop, every_s, restarts_until
        self.random = random.Random(seed)
        self.ends = threading.Event()
        self.counts: Counter[str] = Counter()
        self.minutes: Counter[int] = Counter()
        self.began = time.monotonic()
        self.failure: BaseException | None = None

    def kinds(self) -> list[tuple[str, Callable[[], None]]]:
        """Returns what may happen now: kinds of faults with their names."""
        found: list[tuple[str, Callable[[], None]]] = [
            ("podop: reload", self.reload), ("podop: reload with other settings", self.reload_changed),
            ("podop: reload of a faulty file", self.reload_faulty), ("a worker of gunicorn hangs", self.hang)]
        for server in self.web.servers:
            found += [(f"{server.name}: reload", server.reload),
                      (f"{server.name}: stop and start", partial(self.restart, server, signal.SIGTERM)),
                      (f"{server.name}: kill and start", partial(self.restart, server, signal.SIGKILL))]
        if time.monotonic() < self.restarts_until:
            found += 2 * [("podop: stop and start", self.restart_podop)]
        return found

    def run(self) -> None:
        """Makes faults; an exception ends the run."""
        try:
            while not self.ends.wait(QUIET_S + self.random.expovariate(1 / self.every_s)):
                name, act = self.random.choice(self.kinds())
                self.counts[name] += 1
                self.minutes[int((time.monotonic() - self.began) / 60)] += 1
                act()
        except BaseException as failure:  # told by the main thread
            self.failure = failure

    def restart(self, server: Server, number: int) -> None:
        """Ends a server and starts it a moment later."""
        server.end(number)
        self.ends.wait(self.random.uniform(0, 2))
        server.start()

    def hang(self) -> None:
        """Stops a worker for a while."""
        workers = self.random.choice([self.web.behind, self.web.alone]).workers()
        if not workers:
            return
        pid = self.random.choice(workers)
        try:
            signal.pidfd_send_signal(fd := os.pidfd_open(pid), signal.SIGSTOP)
        except ProcessLookupError:
            return
        try:
            self.ends.wait(self.random.uniform(0.5, 3))
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGCONT)
            os.close(fd)

    def reload(self) -> None:
        """Has podop read the same file again."""
        assert ask(self.podop.control, command="reload")["ok"]

    def reload_changed(self) -> None:
        """Gives all tables other settings, so that no cache stays."""
        self.podop.configure(timeout=self.random.choice(["4s", "5s", "6s"]), ttl=self.random.choice(["1s", "60s"]))
        self.reload()

    def reload_faulty(self) -> None:
        """Gives podop a file that it must refuse."""
        self.podop.configure(more="tables = nothing\n")
        assert not ask(self.podop.control, command="reload")["ok"]
        self.podop.configure()

    def restart_podop(self) -> None:
        """Stops podop, which writes what is pending, and starts it again."""
        self.podop.stop()
        self.podop.start()
