"""The base of tests of the setting 'key': a url table whose backend notes the keys that it is asked for."""

import json
import time
import urllib.parse

import harness
from control_case import ControlCase
from harness import url_table
from store import Store


def target(key):
    return "/" + urllib.parse.quote(key, safe="/")


class Keys(ControlCase):
    """A url table whose backend keeps values by key."""

    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http.default = self.store

    def keep(self, **values):
        self.store.values.update((target(key).encode(), json.dumps(value).encode()) for key, value in values.items())

    def run_table(self, key, **settings):
        self.server = self.start(url_table(self.http, key=key, **settings))
        self.postfix = self.client()

    def asked(self):
        """Returns the keys that the backend was asked for since the last call."""
        keys = [urllib.parse.unquote(request.target.decode())[1:] for request in list(self.http.requests)]
        self.http.forget()
        return keys

    def expire(self):
        """Waits until entries with a ttl of 1 ms have expired."""
        due = time.monotonic() + 0.005
        harness.wait_until(lambda: time.monotonic() > due, "all entries have expired")

    def check(self, key, answer, *asked):
        self.check_answer(self.postfix.ask("t", key), answer)
        self.assertEqual(self.asked(), list(asked))
