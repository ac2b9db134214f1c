"""The base of tests of the control socket, and a client of it."""

import json

import harness
from dict import DictCase
from harness import conf_file, echo, http, url_table

FOUND, MISS, USAGE, FAILED, CONFIG = 0, 1, 64, 75, 78
DOWN = http(status=503)
FAILURES = 5  # in a row, until a URL is suspended


class Control:
    """A raw client of the control socket."""

    def __init__(self, path):
        self.sock = harness.connect(path)
        self._lines = self.sock.makefile("rb")

    def send(self, **request):
        self.sock.sendall(json.dumps(request).encode() + b"\n")

    def read(self):
        """Returns the next answer, or None at the end of the connection."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def ask(self, **request):
        self.send(**request)
        return self.read()

    def close(self):
        self._lines.close()
        self.sock.close()


class ControlCase(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)
        self.control = self.path("control")

    def configure(self, *tables, control=True, **settings):
        if control:
            settings["control"] = {"socket": self.control, **(control if isinstance(control, dict) else {})}
        return self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=list(tables) or [url_table(self.http)], **settings))

    def start(self, *tables, verbose=("-v",), **settings):
        return self.podop("-c", self.configure(*tables, **settings), verbose=verbose)

    def connect(self):
        client = Control(self.control)
        self.addCleanup(client.close)
        return client

    def ask(self, **request):
        """Sends one request over a connection of its own and returns the answer."""
        client = Control(self.control)
        try:
            return client.ask(**request)
        finally:
            client.close()

    def ctl(self, *args, status=FOUND):
        done = harness.run("PODOPCTL", *args, "--control", self.control)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def explain(self, key, table="t", **more):
        answer = self.ask(command="explain", table=table, key=key, **more)
        self.assertTrue(answer["ok"], answer)
        return answer

    @staticmethod
    def notes(answer, name):
        return [text for note, text in answer["notes"] if note == name]

    def stats(self):
        answer = self.ask(command="stats")
        self.assertTrue(answer["ok"])
        return answer, {table["table"]: table for table in answer["tables"]}
