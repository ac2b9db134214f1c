"""Time: a podop that was stopped blames nobody and fails nothing; a step of the wall clock changes nothing.

How long podop is stopped is what these tests are about, so they let that time go by; nothing else is timed.
"""

import contextlib
import json
import mmap
import os
import re
import signal
import socket
import struct
import threading
import time

import harness
import nameserver
from certificates import Authority
from dict import NO_VALUES, DictCase
from harness import http, netstring, url_table, wait_until
from program_case import Program

TIMEOUT = "4s"
STOPPED_S = 6

# Answers a key once the file that it names exists, and other keys meanwhile.
WAITS = """
import threading

def answer(request):
    while not os.path.exists(HERE + "/" + request["key"]):
        time.sleep(0.01)
    say(request, value=request["key"])

for request in ask():
    open(HERE + "/asked-" + request["key"], "w").close()
    threading.Thread(target=answer, args=(request,)).start()
"""


def fill_backlog(listener, stack):
    """Connects until the handshake of one more connection does not end."""
    listener.listen(0)
    for _ in range(8):
        filler = stack.enter_context(socket.socket())
        filler.settimeout(0.5)
        try:
            filler.connect(listener.getsockname())
        except socket.timeout:
            return
    raise AssertionError("the backlog never gets full")


def handshakes_to(port):
    """Returns the number of handshakes that have begun and not ended."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[3] == "02" and int(row[2].split(":")[1], 16) == port for row in rows)


def answer_all(listener, answer):
    """Sends one answer on each connection to all that it asks."""
    def serve(sock):
        with sock, contextlib.suppress(OSError):
            while sock.recv(65536):
                sock.sendall(answer)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()


class Stopped(Program, DictCase):
    def start(self, *tables, **settings):
        self.server = self.serve(*tables, **settings)
        self.postfix = self.client()
        return self.server

    @contextlib.contextmanager
    def stopped(self):
        """Stops podop for longer than any timeout while the test goes on."""
        end = time.monotonic() + STOPPED_S
        self.server.freeze()
        try:
            yield
            time.sleep(max(0.0, end - time.monotonic()))
        finally:
            self.server.signal(signal.SIGCONT)

    def held(self, target, *answer):
        """Delays the answer to a target until the event is set."""
        gate = self.http.gate()
        self.http.on(target, (gate, *answer))
        return gate

    def lookup(self, key, table="t"):
        client = self.client()
        client.request(table, key)
        return client

    def stats(self):
        return json.loads(harness.run("PODOPCTL", "stats", "--json", "--control", self.path("control")).stdout)

    def check_nobody_is_blamed(self):
        log = "\n".join(list(self.server.log))
        for event in ("backend_failed", "client_refused", "level=error"):
            with self.subTest(event=event):
                self.assertNotIn(event, log)

    def start_all_kinds(self):
        """Starts a table of each type that can wait, with its answers delayed; the requests of each kind are
        then sent twice."""
        self.http = self.backend(default=harness.echo)
        self.name_gates = {f"{when}.example": self.http.gate() for when in ("meanwhile", "later")}
        self.questions = []

        def answer(question):
            self.questions.append(question.name)
            self.name_gates[question.name].wait(harness.GUARD)
            return question.answer(nameserver.mx(question.name, 10, "mx.example"))

        names = [{"name": f"dns-{when}", "type": "dns", "param": "mx.example", "timeout": TIMEOUT,
                  "servers": [nameserver.FakeServer(self, answer).address]} for when in ("meanwhile", "later")]
        self.start(url_table(self.http, timeout=TIMEOUT, retries=0), *names,
                   self.table(WAITS, name="program", timeout=TIMEOUT),
                   listen=[{"socket": self.socket, "request_timeout": TIMEOUT, "max_reply": "1M"}])
        self.write("warm", "")
        self.check_payload(self.postfix.ask("program", "warm"), "OK warm")

    def ask_everything(self, when):
        """Sends one request of each kind, all of which wait; returns functions that let them go and that
        check them."""
        walked = self.http.gate()
        gates = [self.held(f"/{when}", http(f'"{when}"')), self.held(f"/w-{when}", http(status=204)), walked,
                 self.held(f"/large-{when}", http(b'"' + b"x" * 500_000 + b'"')), self.name_gates[f"{when}.example"]]
        self.http.on(f"/rows-{when}/", (b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n["a",', walked, b' "b"]'))
        dovecot, writer, walker, half = self.dict(), self.dict(), self.dict(), self.client()
        expected = [(self.lookup(when), f"OK {when}"), (self.lookup(when, "program"), f"OK {when}"),
                    (self.lookup(f"large-{when}"), "OK " + "x" * 500_000),
                    (self.lookup(f"{when}.example", f"dns-{when}"), f"OK {when}.example"), (half, "OK half")]
        owed = [(dovecot, dovecot.lookup(f"shared/{when}"), f"O{when}"),
                (writer, writer.write(("set", f"shared/w-{when}", "1")), "O"),
                (walker, walker.iterate(f"shared/rows-{when}/", NO_VALUES), "")]
        half.send(netstring("t half")[:5])
        for target in (f"/{when}", f"/large-{when}", f"/w-{when}", f"/rows-{when}/"):
            self.http.wait_target(target)
        wait_until(lambda: os.path.exists(self.path(f"asked-{when}")), "the program is asked")
        wait_until(lambda: f"{when}.example" in self.questions, "the name server is asked")

        def go_on():
            for gate in gates:
                gate.set()
            self.write(when, "")
            half.send(netstring("t half")[5:])

        def check():
            for client, answer in expected:
                self.check_payload(client.read(), answer)
            for client, request, answer in owed:
                self.check_payload(client.wait(request), answer)
            self.assertEqual([key for key, _ in owed[-1][1].rows],
                             [f"shared/rows-{when}/{name}".encode() for name in "ab"])

        return go_on, check

    def test_all_that_is_under_way(self):
        """Some answers come while podop is stopped, others only afterwards."""
        self.start_all_kinds()
        meanwhile, check_meanwhile = self.ask_everything("meanwhile")
        later, check_later = self.ask_everything("later")
        with self.stopped():
            meanwhile()
        later()
        check_meanwhile()
        check_later()
        self.check_nobody_is_blamed()
        self.assertEqual(self.server.stderr.count("event=program_started"), 1)

    def test_what_waits_in_the_queue(self):
        """There is one connection for many: also requests that are not sent yet have their turn."""
        self.http = self.backend(default=harness.echo)
        self.start(url_table(self.http, timeout=TIMEOUT, retries=0), pool={"max_connections": 1},
                   control={"socket": self.path("control")})
        gate = self.held("/first", http('"first"'))
        first = self.lookup("first")
        self.http.wait_target("/first")
        behind = [self.lookup(f"k{number}") for number in range(20)]
        wait_until(lambda: self.stats()["pool"][0]["waiting"] == 20, "they wait")
        with self.stopped():
            gate.set()
        self.check_payload(first.read(), "OK first")
        for number, client in enumerate(behind):
            self.check_payload(client.read(), f"OK k{number}")
        backend = self.stats()["tables"][0]["backends"][0]
        self.assertEqual((backend["failures"], backend["left_alone"]), (0, False))

    def test_new_connections_and_new_requests(self):
        """A handshake under way, and requests that come while podop is stopped."""
        self.http = self.backend(default=harness.echo)
        with harness.full_port() as port:
            self.start(url_table(self.http, timeout=TIMEOUT, retries=0),
                       {"name": "full", "type": "url", "param": f"http://127.0.0.1:{port}/§", "timeout": "1h",
                        "connect_timeout": TIMEOUT, "retries": 0})
            self.check_payload(self.postfix.ask("t", "k"), "OK k")
            hanging = self.lookup("k", "full")
            self.check_payload(self.postfix.ask("t", "l"), "OK l")
            with self.stopped():
                self.postfix.request("t", "new")
                newer = self.lookup("newer")
            self.check_payload(self.postfix.read(), "OK new")
            self.check_payload(newer.read(), "OK newer")
            self.check_answer(hanging.read(), "TEMP", "full")  # its time goes on, and ends

    def test_handshake_that_ends_meanwhile(self):
        """The kernel repeats the SYN after a second; when podop goes on, all of connect_timeout is over."""
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            fill_backlog(listener, stack)
            before = handshakes_to(port)
            self.start({"name": "t", "type": "url", "param": f"http://127.0.0.1:{port}/§", "timeout": "60s",
                        "connect_timeout": TIMEOUT, "retries": 0})
            waiting = self.lookup("k")
            wait_until(lambda: handshakes_to(port) > before, "podop connects")
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            with self.stopped():
                threading.Thread(target=answer_all, args=(listener, http('"k"')), daemon=True).start()
            self.check_payload(waiting.read(), "OK k")
            self.check_nobody_is_blamed()

    def test_tls_that_goes_on_meanwhile(self):
        """The server's part of the handshake comes while podop is stopped for longer than connect_timeout."""
        authority = Authority(self.dir)
        context = authority.server()
        accepted, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve(sock):
                with contextlib.suppress(OSError), sock:
                    accepted.set()
                    go_on.wait(harness.GUARD)
                    with context.wrap_socket(sock, server_side=True) as tls:
                        while tls.recv(65536):
                            tls.sendall(http('"k"'))

            def accept():
                with contextlib.suppress(OSError):
                    while True:
                        threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            self.start({"name": "t", "type": "url", "param": f"https://127.0.0.1:{listener.getsockname()[1]}/§",
                        "timeout": "60s", "connect_timeout": TIMEOUT, "retries": 0,
                        "tls": {"ca_file": authority.cert()}})
            waiting = self.lookup("k")
            self.assertTrue(accepted.wait(harness.GUARD))
            with self.stopped():
                go_on.set()
            self.check_payload(waiting.read(), "OK k")
            self.check_nobody_is_blamed()
            listener.shutdown(socket.SHUT_RDWR)

    def test_silence_ends_all_the_same(self):
        """A backend and a program that never answer, and a client that sends no more, still time out."""
        self.http = self.backend(default=harness.echo)
        self.held("/silent")
        self.start(url_table(self.http, timeout=TIMEOUT, retries=0),
                   self.table(WAITS, name="program", timeout=TIMEOUT),
                   listen=[{"socket": self.socket, "request_timeout": TIMEOUT}])
        half = self.client()
        half.send(netstring("t half")[:5])
        told = self.lookup("never", "program")
        wait_until(lambda: os.path.exists(self.path("asked-never")), "the program is asked")
        silent = self.lookup("silent")
        self.http.wait_target("/silent")
        with self.stopped():
            pass
        self.check_answer(silent.read(), "TIMEOUT")
        self.check_answer(told.read(), "TIMEOUT", "program")
        self.assertIsNone(half.read())
        self.write("never", "")
        self.server.wait_log("client_refused .*request_timeout")

    def test_time_that_was_lost_is_counted(self):
        self.http = self.backend(default=harness.echo)
        gate = self.held("/k", http('"k"'))
        self.start(url_table(self.http, timeout=TIMEOUT), control={"socket": self.path("control")})
        client = self.lookup("k")
        self.http.wait_target("/k")
        before_ms = self.stats()["loop"]["lost_ms"]
        with self.stopped():
            gate.set()
        self.check_payload(client.read(), "OK k")
        self.assertGreater(self.stats()["loop"]["lost_ms"], before_ms + STOPPED_S * 1000 / 2)


class SetClock(Program, DictCase):
    """The wall clock is set by an hour in both directions under load."""

    STEPS = (3600, -3600, 0, -7200, 7200)

    def start(self, *tables, **settings):
        path = self.write("clock", bytes(8))
        library = os.environ["SET_CLOCK"]
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.server = self.serve(*tables, env={"LD_PRELOAD": library, "SET_CLOCK_FILE": path, "ASAN_OPTIONS": options},
                                 **settings)
        with open(path, "r+b") as file:
            self.clock = mmap.mmap(file.fileno(), 8)
        self.addCleanup(self.clock.close)
        self.postfix = self.client()

    def set_clock(self, seconds):
        self.clock[:] = struct.pack("=q", seconds)

    def log_lines_of(self, pattern):
        return [line for line in list(self.server.log) if re.search(pattern, line)]

    def test_nothing_times_out_early(self):
        """Neither requests under way nor those that begin after the step time out."""
        self.http = self.backend(default=harness.echo)
        server = nameserver.FakeServer(self, lambda q: q.answer(nameserver.mx(q.name, 10, "mx.example")))
        self.start(url_table(self.http, timeout="60s", retries=0),
                   self.table(WAITS, name="program", timeout="60s"),
                   {"name": "dns", "type": "dns", "param": "mx.example", "servers": [server.address],
                    "timeout": "60s"},
                   listen=[{"socket": self.socket, "request_timeout": "60s"}])
        gate = self.http.gate()
        self.http.on("/held", (gate, http('"held"')))
        self.http.on("/rows/", (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[\"a\",", gate, b'"b"]'))
        held = self.client()
        held.request("t", "held")
        told = self.client()
        told.request("program", "held")
        walker = self.dict()
        walked = walker.iterate("shared/rows/", NO_VALUES)
        half = self.client()
        half.send(netstring("t half")[:5])
        self.http.wait_target("/held")
        self.http.wait_target("/rows/")
        self.write("quick", "")
        for step in self.STEPS:
            with self.subTest(step=step):
                self.set_clock(step)
                for number in range(100):
                    self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
                self.check_payload(self.postfix.ask("program", "quick"), "OK quick")
                self.check_payload(self.postfix.ask("dns", f"s{step % 9}.example"), f"OK s{step % 9}.example")
                writer = self.dict()
                self.http.on("/w", http(status=204))
                self.check_payload(writer.change(("set", "shared/w", "1")), "O")
        gate.set()
        self.write("held", "")
        half.send(netstring("t half")[5:])
        self.check_payload(held.read(), "OK held")
        self.check_payload(told.read(), "OK held")
        self.check_payload(walker.wait(walked), "")
        self.check_payload(half.read(), "OK half")
        self.assertEqual(self.log_lines_of("backend_failed|client_refused|level=error"), [])

    def test_timeouts_keep_their_length(self):
        """Also those that ran when the clock was set, and those that began right after it."""
        self.http = self.backend(default=harness.echo)
        self.http.on("/silent", (self.http.gate(),))
        server = nameserver.FakeServer(self, lambda q: None)
        self.start(url_table(self.http, timeout="500ms", retries=0),
                   self.table(WAITS, name="program", timeout="500ms"),
                   {"name": "dns", "type": "dns", "param": "mx.example", "servers": [server.address],
                    "timeout": "500ms"},
                   listen=[{"socket": self.socket, "request_timeout": "500ms"}])
        for step in self.STEPS:
            clients = [("half", self.client())]
            clients[0][1].send(netstring("t half")[:5])
            for table, key in (("t", "silent"), ("program", f"never{step}"), ("dns", "silent.example")):
                client = self.client()
                client.request(table, key)
                clients.append((table, client))
            self.set_clock(step)
            client = self.client()
            client.request("t", "silent")
            clients.append(("t", client))
            for table, client in clients:
                with self.subTest(step=step, table=table):
                    if table == "half":
                        self.assertIsNone(client.read())
                    else:
                        answer = client.read()
                        self.assertRegex(answer, rb"^(TIMEOUT|TEMP) ")
            self.write(f"never{step}", "")


if __name__ == "__main__":
    harness.main()
