"""The base of tests of the services of docs/backends.md: all of them run at once, with one podop in front."""

from typing import Any

import harness
import services
from daemon import Podop
from dict import DictCase

TIMEOUT = "60s"  # a server takes connections before it has read its program, and a busy machine is not what is tested


class RealServers(DictCase):
    """Starts the services; a test asks them through podop."""

    short = False  # whether servers close idle connections after a second

    def start_services(self, kinds: list[services.Kind]) -> list[services.Service]:
        """Starts services of these kinds, all at once, and waits until they take connections."""
        running = []
        for number, kind in enumerate(kinds):
            harness.need(kind.is_installed(), kind.name)
            service = services.Service(kind, self.path(str(number)), self.reserve_port(), self.short)
            self.addCleanup(service.stop)
            running.append(service)
            service.start()
        for service in running:
            service.wait_ready()
        return running

    def start_podop(self, running: list[services.Service], **settings: Any) -> Podop:
        """Starts podop with a table for each service, named after it."""
        return self.serve(*[{"name": service.slug, "type": "url", "param": service.url + "?key={}", "strict": True,
                             "timeout": TIMEOUT}
                            for service in running], **settings)


def connections(port: int) -> list[int]:
    """Returns, for each connection that a server on this loopback port has, the bytes that it has not read."""
    end = f"0100007F:{port:04X}"
    unread = []
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in map(str.split, table):
            if row[1] == end and row[3] == "01":
                unread.append(int(row[4].partition(":")[2], 16))
    return unread
