"""The base of tests of writes: a table whose backend keeps the values."""

import json

import harness
from dict import DictCase
from harness import url_table
from store import Store

MAX_LINE = 1 << 20


class Write(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, version=(4, 0), listen=None, **settings):
        podop = self.serve(url_table(self.http, **settings), listen=listen)
        self.dovecot = self.dict(version)
        return podop

    def writes(self):
        """What was written so far: method, target, body."""
        return [(request.method, request.target.decode(), request.body) for request in list(self.http.requests)
                if request.method != "GET"]

    def pass_through(self):
        """Whatever podop has read before this, it has had its chance to do."""
        witness = self.dict()
        for _ in range(20):
            witness.get("shared/pass-through")
        witness.close()

    def set_all(self, cases):
        """Sets a key for each (value, expected body)."""
        for number, (value, body) in enumerate(cases):
            with self.subTest(value=harness.shown(harness.to_bytes(value))):
                self.http.forget()
                self.check_payload(self.dovecot.change(("set", f"shared/k{number}", value)), "O")
                if body is None:  # a JSON string, however it is escaped
                    (method, target, sent), = self.writes()
                    self.assertEqual((method, target), ("POST", f"/k{number}"))
                    self.assertEqual(json.loads(sent.decode()), value)
                else:
                    self.assertEqual(self.writes(), [("POST", f"/k{number}", harness.to_bytes(body))])


def dict_of(rows):
    return {key.decode(): value.decode() for key, value in rows}


BY_A_PROXY = (502, 503, 504)  # which does not know whether the backend made the write
