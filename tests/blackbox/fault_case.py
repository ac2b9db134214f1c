"""The base of tests of podop.conf(5), "Whose fault a failure is": a backend on which one key fails."""

import itertools
import threading

from dict import DictCase
from harness import echo, wait_until

POISON = "poison"
FAILURES = 5  # in a row, until a URL is suspended


def is_poison(request):
    return POISON.encode() in request.target


class Case(DictCase):
    def setUp(self):
        super().setUp()
        self.numbers = itertools.count()

    def poisoned(self, *answer):
        """Starts a backend that gives this answer to one key and echoes all others."""
        backend = self.backend(default=lambda request: answer if is_poison(request) else echo(request))
        for step in answer:
            if isinstance(step, threading.Event):
                self.addCleanup(step.set)  # before the backend stops, which waits for its threads
        return backend

    def table(self, *backends, **settings):
        return {"name": "t", "type": "url", "param": [backend.url + "/§" for backend in backends], **settings}

    def start(self, *backends, pool=None, **settings):
        self.socket = self.path(f"s{next(self.numbers)}")
        self.hold_clock()  # or a busy machine makes good keys as slow as bad ones
        podop = self.serve(self.table(*backends, **settings), **({"pool": pool} if pool else {}))
        self.postfix = self.client()
        return podop

    def pass_time_for(self, client):
        """Lets time pass until a client has an answer."""
        wait_until(lambda: client.has_news() or self.clock.advance(0.05), "an answer")

    def check_timeout(self, client):
        """Lets the lookup of a client time out."""
        self.pass_time_for(client)
        self.check_reason(client.read(), "TIMEOUT")

    def check_good_keys(self, number=20):
        for count in range(number):
            self.check_payload(self.postfix.ask("t", f"k{count}"), f"OK k{count}")
