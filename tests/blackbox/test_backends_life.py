"""Real servers at their defaults close idle connections, and are reloaded and restarted under load: no lookup fails, no
write is made twice, and what Dovecot was told is done is done."""

import collections
import random
import re
import signal
import threading
import time

import harness
import services
from harness import wait_until
from services_case import RealServers, connections


PAUSE = 0.02  # between two requests of a client, so that all services get their share of the processor


class Idle(RealServers):
    """Servers that keep connections, here for about a second."""

    short = True
    CLIENTS = 4

    def setUp(self):
        super().setUp()
        kinds = [kind for kind in services.chosen() if kind.keeps]
        self.services = self.start_services(kinds)
        self.server = self.start_podop(self.services)
        self.clients = {service: [self.client() for _ in range(self.CLIENTS)] for service in self.services}
        self.asked = {service: 0.0 for service in self.services}
        self.numbers = collections.Counter()

    def send(self, service):
        """Sends a lookup of another key on each client."""
        for client in self.clients[service]:
            self.numbers[service] += 1
            client.request(service.slug, f"key {self.numbers[service]}")

    def read(self, service):
        """Checks the answers to all lookups."""
        first = self.numbers[service] - self.CLIENTS
        for number, client in enumerate(self.clients[service], first + 1):
            self.assertEqual(client.read(), f"OK got key {number}".encode(), service.kind.name)
        self.asked[service] = time.monotonic()

    def time_of_each(self):
        """Returns how long each server keeps an idle connection."""
        for service in self.services:
            self.send(service)
            self.read(service)
        ends = {}

        def all_closed():
            for service in self.services:
                if service not in ends and not connections(service.port):
                    ends[service] = time.monotonic() - self.asked[service]
            return len(ends) == len(self.services)
        wait_until(all_closed, "the servers close idle connections")
        return ends

    def test_race(self):
        """Lookups that are sent while the server closes the connection are answered."""
        ends = self.time_of_each()
        dice = random.Random(1)

        def rounds(service):
            for _ in range(6):
                self.send(service)
                self.read(service)
                due = self.asked[service] + min(ends[service], 3) + dice.uniform(-0.1, 0.02)
                wait_until(lambda: time.monotonic() > due, "the server is about to close")
            self.send(service)
            self.read(service)
        threads = [threading.Thread(target=rounds, args=(service,)) for service in self.services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_frozen(self):
        """So are lookups that a server has not read when it closes their connection."""
        ends = self.time_of_each()
        for service in self.services:
            self.send(service)
            self.read(service)
            service.freeze()
            self.send(service)
        for service in self.services:
            wait_until(lambda port=service.port: sum(map(bool, connections(port))) == self.CLIENTS,
                       f"{service.kind.name} has all requests")
        for service in self.services:
            due = self.asked[service] + min(ends[service], 3) + 0.5
            wait_until(lambda at=due: time.monotonic() > at, "the server would have closed its connections")
            service.signal_all(signal.SIGCONT)
        for service in self.services:
            self.read(service)


class Load:
    """Lookups and writes of a service, all the time. Keeps the lookups that failed, and the outcome of each write."""

    def __init__(self, case, service):
        self.service = service
        self.failures = []
        self.outcomes = {}
        self.answered = 0
        self._stop = threading.Event()
        self._postfix = case.client()
        self._dovecot = case.dict(name=service.slug)
        self._threads = [threading.Thread(target=self._look_up), threading.Thread(target=self._write)]
        for thread in self._threads:
            thread.start()

    def _look_up(self):
        while not self._stop.wait(PAUSE):
            key = f"key {self.answered}"
            self._postfix.request(self.service.slug, key)
            if (got := self._postfix.read()) != b"OK got " + key.encode():
                self.failures.append(got)
            self.answered += 1

    def _write(self):
        while not self._stop.wait(PAUSE):
            key = f"w{len(self.outcomes)}"
            change = ("increment", "shared/" + key, 1) if len(self.outcomes) % 2 else ("set", "shared/" + key, "1")
            self.outcomes[key] = self._dovecot.change(change)

    def wait_more(self, number):
        """Waits for so many more lookups and writes."""
        lookups, writes = self.answered + number, len(self.outcomes) + number // 4
        wait_until(lambda: self.answered > lookups and len(self.outcomes) > writes,
                   f"{self.service.kind.name} answers", guard=3 * harness.GUARD)

    def stop(self):
        """Ends the load."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


ENDED = re.compile(b"reset by peer|closed the connection")


class Restarts(RealServers):
    def setUp(self):
        super().setUp()
        self.loads = []

    def begin(self, kinds):
        """Starts services and a load of each."""
        self.services = self.start_services(kinds)
        self.start_podop(self.services)
        self.loads = [Load(self, service) for service in self.services]
        for load in self.loads:
            self.addCleanup(load.stop)
        self.wait_more()

    def wait_more(self):
        """Waits until every service has answered some more requests."""
        for load in self.loads:
            load.wait_more(40)

    def together(self, what):
        """Calls a function for all services at the same time."""
        threads = [threading.Thread(target=what, args=(service,)) for service in self.services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def check(self, broken=0):
        """Ends the load, and compares what podop said with what the services did. At most this number of lookups of a
        service may have failed because both of their connections ended before the answer."""
        self.wait_more()
        for load in self.loads:
            load.stop()
        for load in self.loads:
            with self.subTest(load.service.kind.name):
                made = collections.Counter(line.split()[1] for line in load.service.writes())
                self.assertEqual([key for key, number in made.items() if number > 1], [], "written twice")
                told = collections.Counter(outcome[:1] for outcome in load.outcomes.values())
                for key, outcome in load.outcomes.items():
                    if outcome[:1] != b"W":
                        self.assertEqual(made[key], int(outcome[:1] == b"O"), (key, outcome))
                self.assertEqual([failure for failure in load.failures if not ENDED.search(failure)], [])
                self.assertLessEqual(len(load.failures), broken, load.failures)
                self.assertGreater(told[b"O"], 10)

    def test_graceful(self):
        """A graceful reload loses nothing. Puma 6 closes connections that it has not read yet; podop knows that their
        writes were not made, and says so."""
        self.begin([kind for kind in services.chosen() if kind.reload])
        self.together(services.Service.reload)
        self.check()
        for load in self.loads:
            with self.subTest(load.service.kind.name):
                others = {outcome for outcome in load.outcomes.values() if outcome != b"O"}
                if load.service.kind.name == "Sinatra on Puma":
                    others = {outcome for outcome in others if b"before the request" not in outcome}
                self.assertEqual(others, set(), "a write was lost")

    def test_stop_and_start(self):
        """A restart loses hardly a lookup, even if the server waits for nothing, because podop asks once more."""
        self.begin(services.chosen())

        def restart(service):
            service.end()
            service.start()
            service.wait_ready()
        self.together(restart)
        self.check(broken=2)


if __name__ == "__main__":
    harness.main()
