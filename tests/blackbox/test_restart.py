"""A restart of the service, or a crash on one key, costs no other key an answer."""

import contextlib
import itertools
import socket
import threading
import time

import harness
from fault_case import FAILURES, POISON, Case
from harness import CLOSE, Backend, echo, http


class Refused(Case):
    """A restart of the service that is shorter than the timeout costs no lookup and no write."""

    def setUp(self):
        super().setUp()
        self.port = self.reserve_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start_refused(self, *urls, **settings):
        self.socket = self.path(f"s{next(self.numbers)}")
        podop = self.serve({"name": "t", "type": "url", "param": [url + "/§" for url in urls or (self.url,)],
                            **settings})
        self.postfix = self.client()
        return podop

    def back(self, **options):
        return self.backend(port=self.port, **{"default": echo, **options})

    def wait_refused(self, podop):
        """Waits until podop has connected several times; each time it sleeps and wakes by itself, which /proc
        counts."""
        def naps():
            return int(podop.status_field("voluntary_ctxt_switches")[0])
        before = naps()
        harness.wait_until(lambda: self.postfix.has_news() or naps() > before + 3, "podop asks again")
        self.assertFalse(self.postfix.has_news(), "the lookup is answered before its timeout")

    def test_lookup_waits_for_the_service(self):
        for retries in (0, 1):
            with self.subTest(retries=retries):
                podop = self.start_refused(retries=retries)
                self.postfix.request("t", "k")
                self.wait_refused(podop)
                backend = self.back()
                self.check_payload(self.postfix.read(), "OK k")
                self.assertEqual(backend.count("/k"), 1)
                podop.stop()
                self.assertNotIn("event=backend_failed", podop.stderr, "a failure was logged although no lookup failed")
                backend.stop()

    def test_time_spent_hanging_is_not_refusal(self):
        """Lookups that hung before the restart are refused only for a moment, and suspend no URL."""
        backend = self.back()
        gate = backend.gate()
        backend.default = lambda request: (gate, CLOSE)
        podop = self.start_refused(timeout="3s", retries=1)
        hanging = [self.client() for _ in range(6)]
        began = time.monotonic()
        for number, client in enumerate(hanging):
            client.request("t", f"bad{number}")
        harness.wait_until(lambda: len(backend.requests) == 6, "all of them hang")
        harness.wait_until(lambda: time.monotonic() > began + 2, "most of their time goes by")
        backend.stop()
        for client in hanging:
            self.assertRegex(client.read(), b"^(TEMP|TIMEOUT) ")
        self.postfix.request("t", "good")
        self.wait_refused(podop)
        self.back()
        self.check_payload(self.postfix.read(), "OK good")
        podop.stop()

    def test_unix_socket_that_is_not_there_yet(self):
        path = self.path("backend")
        podop = self.serve({"name": "t", "type": "url", "param": "http://localhost/§", "unix_socket": path})
        self.postfix = self.client()
        self.postfix.request("t", "k")
        self.wait_refused(podop)
        self.backend(unix_path=path, default=echo)
        self.check_payload(self.postfix.read(), "OK k")

    def test_write_waits_for_the_service(self):
        for settings in ({}, {"commit_url": self.url + "/commit"}):
            with self.subTest(**settings):
                podop = self.start_refused(**settings)
                client = self.dict()
                write = client.write(("set", "shared/a", "1"), ("unset", "shared/b"))
                self.wait_refused(podop)
                backend = self.back(default=lambda request: http(status=204))
                self.check_payload(client.wait(write), "O")
                self.assertEqual(len(backend.requests), 1 if settings else 2)
                backend.stop()

    def test_iteration_waits_for_the_service(self):
        podop = self.start_refused()
        client = self.dict()
        request = client.iterate("shared/d/")
        self.wait_refused(podop)
        self.back(default=lambda request: http('{"a": "1"}'))
        self.check_payload(client.wait(request), "")
        self.assertEqual(request.rows, [(b"shared/d/a", b"1")])

    def test_many_wait_and_all_are_answered(self):
        podop = self.start_refused()
        clients = [self.client() for _ in range(200)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        self.wait_refused(podop)
        backend = self.back()
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")
        self.assertEqual(len(backend.requests), 200)

    def test_restarts_under_load(self):
        """One client asks all the time while the service restarts again and again."""
        self.start_refused()
        stop = threading.Event()
        failed = []

        def ask():
            client = self.client()
            for number in itertools.count():
                if stop.is_set():
                    return
                if client.ask("t", f"k{number}") != f"OK k{number}".encode():
                    failed.append(number)

        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(10):
            backend = Backend(port=self.port, default=echo)
            backend.wait_requests(20)
            backend.stop()
        self.back()
        stop.set()
        thread.join(harness.GUARD)
        self.assertEqual(failed, [])

    def test_timeout_ends_the_wait(self):
        podop = self.start_refused(timeout="400ms")
        self.check_reason(self.postfix.ask("t", "k"), "TEMP")
        self.assertRegex(podop.wait_log("event=backend_failed"), "reason=")
        self.check_failure(self.dict().change(("set", "shared/k", "1")), "t")

    def test_next_url_is_asked_at_once(self):
        with harness.refusing_port() as deaf:
            second = self.backend(default=echo)
            self.start_refused(f"http://127.0.0.1:{deaf}", second.url, timeout="1h")
            self.check_good_keys(3 * FAILURES)
            client = self.dict()
            second.default = lambda request: http(status=204)
            self.check_payload(client.change(("set", "shared/k", "1")), "O")

    def test_all_urls_refuse(self):
        """podop tries them in turn again; the first that is back answers."""
        with harness.refusing_port() as deaf:
            podop = self.start_refused(f"http://127.0.0.1:{deaf}", self.url)
            self.postfix.request("t", "k")
            self.wait_refused(podop)
            self.back()
            self.check_payload(self.postfix.read(), "OK k")

    def test_stale_answer_does_not_wait(self):
        backend = self.back()
        self.start_refused(cache={"ttl": "1ms", "stale": "1h"}, timeout="1h")
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        backend.stop()
        for _ in range(FAILURES + 2):
            self.check_payload(self.postfix.ask("t", "k"), "OK k")

    def test_stale_answers_suspend_no_url(self):
        """A key without a stale answer waits for the service, whatever was asked before."""
        backend = self.back()
        podop = self.start_refused(timeout="1h", cache={"ttl": "1ms", "stale": "1h"})
        keys = [f"k{number}" for number in range(2 * FAILURES)]
        before = [self.postfix.ask("t", key) for key in keys]
        backend.stop()
        self.assertEqual([self.postfix.ask("t", key) for key in keys], before)
        self.postfix.request("t", "new")
        self.wait_refused(podop)
        self.back()
        self.check_payload(self.postfix.read(), "OK new")

    def test_stale_answers_of_a_long_outage(self):
        """It lasts longer than any lookup would wait: now the URL is suspended and logged as failed."""
        backend = self.back()
        podop = self.start_refused(timeout="100ms", cache={"ttl": "1ms", "stale": "1h"})
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        backend.stop()

        def is_suspended():
            self.check_payload(self.postfix.ask("t", "k"), "OK k")
            return b"suspended" in self.postfix.ask("t", "new")
        harness.wait_until(is_suspended, "it is suspended")
        podop.wait_log("event=backend_failed")

    def test_outage_that_opens_the_circuit(self):
        """Later lookups fail at once, and the service is found within about a second after it is back."""
        self.start_refused(timeout="200ms")
        for number in range(FAILURES):
            self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")
        harness.wait_until(lambda: b"suspended" in self.postfix.ask("t", "k"), "it is suspended")
        backend = self.back()
        harness.wait_until(lambda: self.postfix.ask("t", "k") == b"OK k", "it is back")
        self.assertEqual(backend.count("/k"), 1, "the first that is asked is answered")

    def test_leaving_clients_end_the_wait(self):
        podop = self.start_refused(timeout="1h")
        self.postfix.request("t", "k")
        client = self.dict()
        client.iterate("shared/d/")
        self.wait_refused(podop)
        self.postfix.close()
        client.close()
        self.back().default = echo
        podop.stop()

    def test_stop_ends_the_wait(self):
        self.socket = self.path("s")
        podop = self.serve({"name": "t", "type": "url", "param": self.url + "/§", "timeout": "1h"},
                           shutdown_timeout="300ms")
        self.postfix = self.client()
        self.postfix.request("t", "k")
        client = self.dict()
        client.iterate("shared/d/")
        client.write(("set", "shared/k", "1"))
        self.wait_refused(podop)
        podop.stop()


class Crashing:
    """A server that crashes on one key and listens again a moment later."""

    def __init__(self, port):
        self.port, self.crashes, self.is_over = port, 0, threading.Event()
        self._sockets = set()
        self._listen()

    def _listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener):
        with contextlib.suppress(OSError), listener:
            while True:
                sock = listener.accept()[0]
                self._sockets.add(sock)
                threading.Thread(target=self._serve, args=[sock], daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError), sock:
            while request := sock.recv(65536):
                if POISON.encode() in request:
                    self._crash()
                    return
                sock.sendall(http('"v"'))

    def _crash(self):
        self.crashes += 1
        self.stop()
        if not self.is_over.wait(0.02):  # the time for which it refuses connections
            self._listen()

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()


class KeyThatCrashes(Case):
    def hammer(self, is_over):
        """Sends lookups of another key, whose connections are kept."""
        client = self.client()
        while not is_over.is_set():
            client.ask("t", "k")

    def check(self, retries):
        server = Crashing(self.reserve_port())
        self.addCleanup(server.stop)
        self.socket = self.path(f"s{next(self.numbers)}")
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{server.port}/§", "retries": retries,
                    "timeout": "5s", "share": False})
        self.postfix = self.client()
        is_over = threading.Event()
        self.addCleanup(is_over.set)
        others = [threading.Thread(target=self.hammer, args=[is_over]) for _ in range(4)]
        for other in others:
            other.start()
        for _ in range(3):
            harness.wait_until(lambda: self.postfix.ask("t", "k") == b"OK v", "its connection is kept")
            server.crashes = 0
            self.check_reason(self.postfix.ask("t", POISON), "TEMP")
            self.assertLessEqual(server.crashes, 1 + max(retries, 1))
        server.is_over.set()
        is_over.set()
        for other in others:
            other.join(harness.GUARD)

    def test_retries_of_the_crashing_key(self):
        """Waiting for the restarting server does not add to the attempts of the key that crashes it."""
        for retries in (0, 1, 2):
            with self.subTest(retries=retries):
                self.check(retries)


if __name__ == "__main__":
    harness.main()
