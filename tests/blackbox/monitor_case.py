"""The base of tests of the HTTP listener: a client for it, and metrics as a dictionary."""

import http.client
import re
import socket

import harness
from reload_case import Reload

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9.]+|\+Inf)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class Connection(http.client.HTTPConnection):
    """A connection over TCP or a unix socket."""

    def __init__(self, address):
        super().__init__("localhost", timeout=harness.GUARD)
        self.address = address

    def connect(self):
        self.sock = harness.connect(self.address)


def labels_of(text):
    """Parses the labels of a sample: a text that is not exactly labels is a fault."""
    labels, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"not labels: {text!r}"
        unescape = {r"\n": "\n", r"\\": "\\", r"\"": '"'}
        labels.append((match[1], re.sub(r"\\.", lambda found: unescape[found[0]], match[2])))
        at = match.end()
    return labels


def parse(text):
    """Returns {name: {labels: value}} of all samples; labels are sorted tuples. Twice the same sample is a fault."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, f"not a sample: {line!r}"
        samples = found.setdefault(match[1], {})
        key = tuple(sorted(labels_of(match[2] or "")))
        assert key not in samples, f"twice: {line!r}"
        samples[key] = float(match[3])
    return found


class MonitorCase(Reload):
    def setUp(self):
        super().setUp()
        done = harness.run("PODOP", "-t", "--socket", "127.0.0.1:1", "--name", "t", "--type", "url", "--param",
                           "http://h/{}", "--set", "http.socket=127.0.0.1:2")
        harness.need("built without" not in done.stderr, "a podop with libmicrohttpd")
        self.port = self.reserve_port()
        self.address = ("127.0.0.1", self.port)
        self.http_group = {"socket": f"127.0.0.1:{self.port}"}

    def configure(self, *tables, **settings):
        settings.setdefault("http", self.http_group)
        return super().configure(*tables, **settings)

    def connection(self, address=None):
        connection = Connection(address or self.address)
        self.addCleanup(connection.close)
        return connection

    def fetch(self, path, address=None, method="GET", **headers):
        """Returns the answer, with its text as .text, over a connection of its own."""
        connection = self.connection(address)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def metrics(self, address=None):
        answer = self.fetch("/metrics", address)
        self.assertEqual(answer.status, 200)
        return parse(answer.text)

    def raw(self, *parts, address=None):
        """Sends bytes, and returns all that comes until the end of the connection."""
        with harness.connect(address or self.address) as sock:
            for part in parts:
                sock.sendall(part)
            sock.shutdown(socket.SHUT_WR)
            received = b""
            while data := sock.recv(65536):
                received += data
        return received
