"""Backends that serve one connection at a time until it ends: podop's own kept connections must not block it."""

import concurrent.futures
import contextlib
import http.server
import json
import sys
import threading

import harness
from certificates import Authority
from dict import DictCase
from harness import url_table

# Nothing but podop's own rules ends a connection that blocks the server, whatever the machine's speed is.
SINGLE = dict(timeout="1h", connect_timeout="1h", retries=0)


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Logs nothing."""

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.asked(self)
        value = ["a", "b", "c"] if self.path.endswith("/") else self.path[1:]
        self.answer(200, json.dumps(value).encode())

    def do_POST(self):
        self.server.written.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(200, b"{}")


class Server(http.server.HTTPServer):
    """Python's own HTTP/1.1 server without threads: it serves one connection until that ends."""

    def __init__(self, case, backlog=5, context=None):
        self.request_queue_size = backlog
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.server_port}"
        if context:  # a handshake has to wait like everything else
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.written, self.gets = [], []
        self.gates = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        case.addCleanup(self.stop)

    def asked(self, handler):
        self.gets.append(handler.path)
        if handler.path in self.gates:
            self.gates[handler.path].wait(harness.GUARD)

    def handle_error(self, request, client_address):
        """Ignores that a client has gone; any other exception ends the server's thread and fails the test."""
        fault = sys.exc_info()[1]
        if not isinstance(fault, OSError):
            raise fault

    def stop(self):
        for gate in self.gates.values():
            gate.set()
        self.shutdown()
        self._thread.join(harness.GUARD)
        self.server_close()


class Threads(Server):
    """A server with so many threads, each of which serves one connection until that ends."""

    def __init__(self, case, number):
        self.pool = concurrent.futures.ThreadPoolExecutor(number)
        self.served = []
        super().__init__(case, backlog=64)

    def process_request(self, request, client_address):
        self.served.append(self.pool.submit(self._serve, request, client_address))

    def _serve(self, request, client_address):
        with contextlib.suppress(OSError):
            self.finish_request(request, client_address)
        self.shutdown_request(request)

    def stop(self):
        super().stop()
        self.pool.shutdown()
        for future in self.served:
            future.result()  # raises what the thread raised


class SingleThreaded(DictCase):
    def start(self, server=None, **settings):
        self.http = server or Server(self)
        podop = self.serve(url_table(self.http, **SINGLE, **settings), pool={"idle_timeout": "1h"})
        self.addCleanup(podop.stop)  # before the server, which waits for the end of its connection

    def test_lookup_then_write(self):
        self.start()
        for number in range(3):
            self.check_payload(self.client().ask("t", f"k{number}"), f"OK k{number}")
            self.check_payload(self.dict().change(("set", "shared/k", str(number))), "O")
        self.assertEqual(self.http.written, [b"0", b"1", b"2"])

    def test_two_lookups_at_once(self):
        """The second waits for the first, and for nothing else."""
        self.start()
        gate = self.http.gates["/a"] = threading.Event()
        clients = [self.client() for _ in range(2)]
        for client, key in zip(clients, "ab"):
            client.request("t", key)
            harness.wait_until(lambda: "/a" in self.http.gets, "the first is asked for")
        gate.set()
        for client, key in zip(clients, "ab"):
            self.check_payload(client.read(), "OK " + key)
        self.assertEqual(self.http.gets, ["/a", "/b"])

    def test_many_at_once(self):
        """Each is answered once, and those that wait are not forgotten."""
        self.start(Server(self, backlog=64))
        clients = [self.client() for _ in range(12)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")
        self.assertEqual(sorted(self.http.gets), sorted(f"/k{number}" for number in range(12)))

    def test_writes_at_once_with_lookups(self):
        self.start(Server(self, backlog=64))
        self.check_everything(3)

    def check_everything(self, number):
        """Sends lookups and writes at once, then one after the other."""
        clients = [self.client() for _ in range(number)]
        writers = [self.dict() for _ in range(number)]
        for n, client in enumerate(clients):
            client.request("t", f"k{n}")
        written = [writer.write(("set", f"shared/w{n}", "1")) for n, writer in enumerate(writers)]
        for n, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{n}")
        for writer, request in zip(writers, written):
            self.check_payload(writer.wait(request), "O")
        self.check_payload(clients[0].ask("t", "later"), "OK later")
        self.check_payload(writers[0].change(("set", "shared/later", "1")), "O")
        self.assertEqual(len(self.http.written), number + 1)

    def test_over_tls(self):
        authority = Authority(self.dir)
        self.start(Server(self, backlog=64, context=authority.server()), tls={"ca_file": authority.cert()})
        self.check_payload(self.client().ask("t", "k"), "OK k")
        self.check_payload(self.dict().change(("set", "shared/k", "1")), "O")
        self.http.written.clear()
        self.check_everything(2)

    def test_a_few_threads(self):
        for number in (1, 2, 5):
            with self.subTest(threads=number):
                self.start(Threads(self, number))
                self.check_everything(12)
                self.doCleanups()
                self.setUp()

    def test_iteration_with_values(self):
        """Values are asked for at the same time."""
        self.start(Server(self, backlog=64))
        self.assertEqual(self.dict().rows("shared/p/"),
                         [(b"shared/p/" + name, b"p/" + name) for name in (b"a", b"b", b"c")])


if __name__ == "__main__":
    harness.main()
