"""The base of tests of iterations."""

import json

from dict import DictCase
from harness import http, url_table

AT_ONCE = 16  # values fetched at the same time


def names(text):
    """Returns the expected rows of an iteration of shared/p/, as (key, value) in bytes, from `name=value` words."""
    return sorted((b"shared/p/" + name.encode(), value.encode())
                  for name, value in (word.split("=", 1) for word in text.split()))


class Iterate(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend()

    def start(self, **settings):
        podop = self.serve(url_table(self.http, **settings))
        self.dovecot = self.dict()
        return podop

    def values(self, **texts):
        """Scripts the values of names below /p/."""
        for name, text in texts.items():
            self.http.on(f"/p/{name}", http(json.dumps(text)))

    def check_rows(self, expected, *arguments, client=None, path="shared/p/", **options):
        self.assertEqual((client or self.dovecot).rows(path, *arguments, **options), names(expected))

    def check_fails(self, *arguments, client=None, path="shared/p/"):
        """F is the last line of the iteration, and nothing comes behind it."""
        client = client or self.dovecot
        request = client.iterate(path, *arguments)
        self.check_failure(client.wait(request))
        self.http.on("/after", http('"x"'))
        self.check_payload(client.get("shared/after"), "Ox")
        return request


def dict_of(rows):
    return {key: value for key, value in rows}
