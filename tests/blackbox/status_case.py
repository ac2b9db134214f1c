"""The base of tests of /status.json and of the status page."""

import json
from typing import Any

from monitor_case import MonitorCase
from reload_case import Reload


class StatusCase(MonitorCase):
    """podop with an HTTP listener, whose documents are read."""

    def configure(self, *tables, listener=True, **settings):
        """Writes podop.conf; without a listener there is no HTTP."""
        if listener:
            return super().configure(*tables, **settings)
        return Reload.configure(self, *tables, **settings)

    def start(self, *tables, **settings):
        self.server = super().start(*tables, **settings)
        return self.server

    @property
    def url(self) -> str:
        """The status page."""
        return f"http://127.0.0.1:{self.port}/"

    def status(self) -> dict[str, Any]:
        """Returns /status.json."""
        answer = self.fetch("/status.json")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        return json.loads(answer.text)

    def table(self, name: str = "t") -> dict[str, Any]:
        """Returns what /status.json says of a table."""
        return next(table for table in self.status()["tables"] if table["table"] == name)
