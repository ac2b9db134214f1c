"""The base of tests of /status.json and of the status page."""

import http.client
import json
from typing import Any

from control_case import ControlCase
from harness import GUARD, Podop


class StatusCase(ControlCase):
    """podop with an HTTP listener on a port of its own."""

    def setUp(self):
        super().setUp()
        self.port = self.reserve_port()
        self.podop_: Podop | None = None

    def configure(self, *tables, listener=True, **settings):
        if listener:
            settings["http"] = {"socket": f"127.0.0.1:{self.port}"}
        return super().configure(*tables, **settings)

    @property
    def url(self) -> str:
        """The status page."""
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str = "/") -> tuple[int, dict[str, str], str]:
        """Returns the status, the header lines by their lower-case names, and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GUARD)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """Returns /status.json."""
        status, headers, body = self.get("/status.json")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        return json.loads(body)

    def table(self, name: str = "t") -> dict[str, Any]:
        """Returns what /status.json says of a table."""
        return next(table for table in self.status()["tables"] if table["table"] == name)
