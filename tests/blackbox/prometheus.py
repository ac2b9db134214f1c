"""A real Prometheus in a private directory, which scrapes what a test names."""

import http.client
import json
import os
import subprocess
import urllib.parse
from typing import Any

from basics import GUARD, wait_until
from daemon import clean_environment


def get(port: int, path: str) -> tuple[int, str]:
    """Asks an HTTP server on the loopback and returns the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GUARD)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Prometheus:
    """Started in `folder` with the configuration text, listening on a reserved port."""

    def __init__(self, folder: str, config: str, port: int) -> None:
        self.port = port
        self._log = os.path.join(folder, "prometheus.log")
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", "--config.file=" + path, "--storage.tsdb.path=" + os.path.join(folder, "data"),
                 f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), cwd=folder)
        try:
            wait_until(self._is_ready, "Prometheus is ready")
        except AssertionError:
            self.stop()
            with open(self._log, encoding="utf-8", errors="replace") as file:
                raise AssertionError("Prometheus did not start:\n" + file.read()) from None

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError("it ended")
        try:
            return get(self.port, "/-/ready")[0] == 200
        except OSError:
            return False

    def api(self, path: str, **parameters: str) -> Any:
        """Returns the data of an answer of the HTTP API, which must be a success."""
        status, body = get(self.port, "/api/v1/" + path + "?" + urllib.parse.urlencode(parameters))
        answer = json.loads(body)
        if status != 200 or answer["status"] != "success":
            raise AssertionError(f"{path} {parameters}: {body}")
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Returns the labels and the value of each sample of a vector."""
        data = self.api("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def value(self, expression: str) -> float | None:
        """Returns the value of the only sample, or None if there is none."""
        found = self.query(expression)
        if len(found) > 1:
            raise AssertionError(f"{expression} has {len(found)} samples: {found}")
        return found[0][1] if found else None

    def wait_value(self, expression: str, expected: float) -> None:
        """Waits until the only sample has this value."""
        try:
            wait_until(lambda: self.value(expression) == expected, f"{expression} is {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.value(expression)}") from None

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Returns the alerts of this name that fire."""
        return [alert for alert in self.api("alerts")["alerts"]
                if alert["labels"]["alertname"] == name and alert["state"] == "firing"]

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            self._process.wait(GUARD)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
