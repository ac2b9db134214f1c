"""Random writes over random outages and reloads, against a model: each acknowledged write is in the store at the end.

The seed is printed when it fails; PODOP_SEED runs that one again.
"""

import json
import os
import random
import signal
import threading

import harness
from dict import DictCase
from harness import CLOSE, Backend, conf_file, http, url_table

KEYS = 12
ROUNDS = 250
LARGE = " " * 70000  # after a number: the same number, but too large a text to be pending


class Service:
    """A backend that stores what is written, and in which order, and that fails in several ways."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.values, self.history, self.under_way, self.overlaps = {}, {}, set(), []
        self.mood = "good"

    def __call__(self, request):
        if request.method == "GET":
            return self.read(request)
        with self.lock:
            if request.target in self.under_way:
                self.overlaps.append(request.target)
            self.under_way.add(request.target)
            roll, mood = self.random.random(), self.mood
        if mood == "good" or roll < 0.5:
            return (lambda: self.write(request),)
        with self.lock:
            self.under_way.discard(request.target)
        return {"failing": http(status=500), "proxy": http(status=502), "closing": (CLOSE,)}[mood]

    def read(self, request):
        with self.lock:
            value = self.values.get(request.target)
            return http(status=404) if value is None else http(value)

    def write(self, request):
        with self.lock:
            self.under_way.discard(request.target)
            if request.method == "DELETE":
                self.values.pop(request.target, None)
            elif request.method == "POST":
                self.history.setdefault(request.target, []).append(int(request.body))
                self.values[request.target] = request.body.strip()
            elif request.target not in self.values:
                return http(status=404)
            else:
                value = int(self.values[request.target]) + json.loads(request.body)["inc"]
                self.values[request.target] = b"%d" % value
        return http(status=204)


class Model(DictCase):
    def configure(self):
        """Writes the table in one of the forms that lead to the same URLs."""
        settings = {"write_behind": self.random.choice(["1ms", "30ms", "1h"]),
                    "timeout": f"1{self.random.randint(5, 9)}00ms"}
        if self.random.random() < 0.5:
            settings["cache"] = {"ttl": "1h", "negative_ttl": "1h"}
        tables = [url_table(self.http, "other")]
        self.has_table = self.random.random() < 0.9
        if self.has_table:
            tables.append(url_table(self.http, **settings))
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=tables, shutdown_timeout="1m"))

    def reload(self):
        self.configure()
        self.reloads += 1
        self.server.signal(signal.SIGHUP)
        self.server.wait_lines(self.reloads, "event=reload ")

    def names(self, key):
        """Returns both names of a key's URL."""
        return f"priv/{key}", f"shared/{key}/bob"

    def change(self, client):
        key = f"k{self.random.randrange(KEYS)}"
        target = f"/{key}/bob".encode()
        self.number += 1
        name = self.random.choice(self.names(key))
        is_set, is_large = self.random.random() < 0.8, self.random.random() < 0.1
        value = str(self.number) + (LARGE if is_large else "")
        answer = client.change(("set", name, value) if is_set else ("unset", name))
        if not self.has_table:
            self.assertEqual(answer[:1], b"F")
            return
        if is_set and is_large and answer[:1] in (b"F", b"W"):
            return  # it cannot be pending, and this service makes nothing that it does not confirm
        self.assertEqual(answer, b"O")
        self.model[target] = b"%d" % self.number if is_set else None

    def increment(self, client):
        """Sends an increment, which is made after pending writes or not at all."""
        key = f"k{self.random.randrange(KEYS)}"
        target = f"/{key}/bob".encode()
        answer = client.change(("increment", self.random.choice(self.names(key)), 1))
        if answer == b"O":
            self.model[target] = b"%d" % (int(self.model[target]) + 1)
        elif answer == b"N":
            self.assertIsNone(self.model.get(target))
        else:
            self.assertIn(answer[:1], (b"F", b"W"))

    def check(self, client):
        """Checks that a lookup finds the newest value under each name."""
        key = f"k{self.random.randrange(KEYS)}"
        if not self.has_table:
            return
        expected = self.model.get(f"/{key}/bob".encode())
        for name in self.names(key):
            got = client.get(name)
            if expected is None and f"/{key}/bob".encode() not in self.model and got[:1] == b"F":
                continue  # it was never written, and the service was down
            if got[:1] == b"F":
                self.failures += 1  # it was written before, so podop asks the service, which may be down
                continue
            self.assertEqual(got.strip(), b"N" if expected is None else b"O" + expected, name)

    def outage(self):
        if self.is_down:
            self.http = Backend(port=self.http.port, default=self.service)
            self.addCleanup(self.http.stop)
        elif self.random.random() < 0.5:
            self.http.stop()
        else:
            self.service.mood = self.random.choice(["good", "failing", "proxy", "closing"])
            return
        self.is_down = not self.is_down

    def run_model(self, seed):
        self.random = random.Random(seed)
        self.service = Service(seed)
        self.http = self.backend(default=self.service)
        self.model, self.number, self.reloads, self.is_down, self.failures = {}, 0, 0, False, 0
        self.has_table = False
        while not self.has_table:
            self.configure()
        self.server = self.podop("-c", self.path("podop.conf"))
        clients = [self.dict(user="bob") for _ in range(3)]
        for _ in range(ROUNDS):
            roll = self.random.random()
            client = self.random.choice(clients)
            if roll < 0.5:
                self.change(client)
            elif roll < 0.55:
                self.increment(client)
            elif roll < 0.85:
                self.check(client)
            elif roll < 0.93:
                self.reload()
            else:
                self.outage()
        if self.random.random() < 0.5:  # else podop meets it at its stop
            self.service.mood = "good"
        if self.is_down:
            self.outage()
        self.server.stop()
        self.assertNotIn("write_lost", self.server.stderr)
        self.assertEqual({target: value for target, value in self.model.items() if value is not None},
                         self.service.values)
        for history in self.service.history.values():
            self.assertEqual(history, sorted(history))
        self.assertEqual(self.service.overlaps, [])

    def test_random(self):
        first = int(os.environ.get("PODOP_SEED", random.randrange(10 ** 6)))
        for seed in range(first, first + (1 if "PODOP_SEED" in os.environ else 6)):
            with self.subTest(seed=seed):
                self.run_model(seed)


if __name__ == "__main__":
    harness.main()
