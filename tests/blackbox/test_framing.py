"""Netstrings on a socketmap connection: pieces, packets, broken frames, half-closed and vanishing clients."""

import socket
import struct

import harness
from harness import Case, echo, http, netstring, url_table

MAX_REQUEST = 65536  # payload bytes of one request

MALFORMED = [
    b"x", b":", b":t k,", b",", b"\n", b"\0", b" 3:t k,", b"+3:t k,", b"-3:t k,", b"3 :t k,", b"0x3:t k,", b"3;t k,",
    b"3,t k,", b"a3:t k,", b"3a:t k,", b"3:t k;", b"3:t k\n", b"3:t kk,", b"2:t k,", b"0:x,", b"\xff:t k,",
    b"18446744073709551619:t k,", b"9" * 100, b"GET / HTTP/1.1\r\n\r\n",
    b"OK t k\n",
]


class Framing(Case):
    """One podop with one listener. Every test runs in both modes, as they differ in which code reads the
    first byte."""

    mode = "postfix"

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def start(self, **listener):
        return self.serve(url_table(self.http), listen=[{"socket": self.socket, "mode": self.mode, **listener}])

    def check_end(self, client):
        self.assertIsNone(client.read(), "the connection is not closed")


class WellFormed(Framing):
    """Clients that keep to the protocol, in whatever pieces their bytes arrive."""

    def test_one_after_another(self):
        self.start()
        client = self.client()
        for number in range(50):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_many_in_one_packet(self):
        self.start()
        client = self.client()
        client.send(b"".join(netstring(f"t k{number}") for number in range(50)))
        for number in range(50):
            self.check_payload(client.read(), f"OK k{number}")

    def test_byte_by_byte(self):
        self.start()
        client = self.client()
        for byte in netstring("t bob@example.com") * 3:
            client.send(bytes([byte]))
        for _ in range(3):
            self.check_payload(client.read(), "OK bob%40example.com")

    def test_cut_anywhere(self):
        self.start()
        wire = netstring("t first") + netstring("t second")
        client = self.client()
        for cut in range(1, len(wire)):
            client.send(wire[:cut])
            client.send(wire[cut:])
            self.check_payload(client.read(), "OK first")
            self.check_payload(client.read(), "OK second")

    def test_second_half_after_the_answer(self):
        """A packet ends within a request: the whole requests are answered before the rest comes."""
        self.start()
        client = self.client()
        wire = netstring("t next")
        client.send(netstring("t first") + wire[:5])
        self.check_payload(client.read(), "OK first")
        client.send(wire[5:] + wire[:1])
        self.check_payload(client.read(), "OK next")
        client.send(wire[1:])
        self.check_payload(client.read(), "OK next")

    def test_answers_keep_their_order(self):
        """A fast answer, or one that needs no backend, waits for the slow one before it."""
        self.start()
        client = self.client()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        client.send(netstring("t slow") + netstring("t fast") + netstring("nosuch k") + netstring("bad"))
        self.http.wait_target("/slow")
        self.http.wait_target("/fast")
        self.assertFalse(client.has_news(), "an answer overtook another")
        gate.set()
        for expected in ("OK slow", "OK fast", "TEMP no such table: nosuch", "PERM bad request"):
            with self.subTest(expected=expected):
                self.check_payload(client.read(), expected)

    def test_odd_keys(self):
        self.http.default = lambda request: http('"%s"' % request.target[1:].decode())
        self.start()
        keys = [b"", b" ", b"  a  b  ", b"a\0b", b"\0", b"\xff\xfe\x80", b"j\xc3\xb6rg@example.com", b"a\nb\r\n",
                b"3:t k,",
                b'"bo b"@example.com', b"bob@[127.0.0.1]", b"*", b"50%:\"x\"", b"x" * 10_000, b"\xff" * 10_000]
        client = self.client()
        for key in keys:
            with self.subTest(key=harness.shown(key)):
                if key == b"":
                    self.http.on("/", http('"empty"'))
                    self.check_payload(client.ask("t", key), "OK empty")
                else:
                    self.check_payload(client.ask("t", key), "OK " + harness.percent(key, b"/"))

    def test_largest_request(self):
        self.http.default = lambda request: http(str(len(request.target)))
        self.start()
        client = self.client()
        for byte, size in ((b"x", 1), (b"\xff", 3)):
            with self.subTest(byte=byte):
                room = MAX_REQUEST - len("t ")
                self.check_payload(client.ask("t", byte * room), f"OK {1 + room * size}")
                self.check_payload(client.ask("t", byte * (room - 1)), f"OK {1 + (room - 1) * size}")


class WellFormedInAutoMode(WellFormed):
    mode = "auto"


class Broken(Framing):
    """Clients that break the protocol: podop recognises it from the bytes, without a timeout."""

    def test_malformed_frame_ends_the_connection(self):
        self.start(request_timeout="1h")
        for frame in MALFORMED:
            client = self.client()
            with self.subTest(frame=frame):
                client.send(frame)
                self.check_end(client)
        self.assertEqual(self.http.requests, [])

    def test_earlier_requests_are_answered_first(self):
        self.start(request_timeout="1h")
        for frame in MALFORMED:
            client = self.client()
            with self.subTest(frame=frame):
                client.send(netstring("t first") + netstring("t second") + frame)
                self.check_payload(client.read(), "OK first")
                self.check_payload(client.read(), "OK second")
                self.check_end(client)

    def test_slow_answers_are_not_lost_to_a_malformed_frame(self):
        self.start(request_timeout="1h")
        client = self.client()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        client.send(netstring("t slow") + netstring("t fast") + b"rubbish" + netstring("t never"))
        self.http.wait_target("/slow")
        self.http.wait_target("/fast")
        gate.set()
        self.check_payload(client.read(), "OK slow")
        self.check_payload(client.read(), "OK fast")
        self.check_end(client)
        self.assertEqual(self.http.count("/never"), 0)

    def test_closed_without_waiting_for_more(self):
        """A frame that is wrong from its first bytes is refused at once, while the connection is still open."""
        self.start(request_timeout="1h")
        for frame in (b"18446744073709551619:", b"9" * 100, b"3:t k;", b"-3:", b"3x"):
            client = self.client()
            with self.subTest(frame=frame):
                client.send(netstring("t first") + frame)
                self.check_payload(client.read(), "OK first")
                self.check_end(client)

    def test_others_are_not_disturbed(self):
        self.start(request_timeout="1h")
        good = self.client()
        self.check_payload(good.ask("t", "k"), "OK k")
        client = self.client()
        client.send(b"rubbish")
        self.check_end(client)
        self.check_payload(good.ask("t", "k"), "OK k")


class BrokenInAutoMode(Broken):
    mode = "auto"


class TooLong(Framing):
    """Requests over max_request: they are thrown away and answered with NOTFOUND, in their order."""

    def test_answered_in_order(self):
        self.start()
        client = self.client()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        client.send(netstring("t slow") + netstring(b"t " + b"x" * (MAX_REQUEST - 1)) + netstring("t fast"))
        self.http.wait_target("/slow")
        self.http.wait_target("/fast")
        self.assertFalse(client.has_news(), "an answer overtook another")
        gate.set()
        for expected in ("OK slow", "NOTFOUND ", "OK fast"):
            with self.subTest(expected=expected):
                self.check_payload(client.read(), expected)
        self.assertEqual(len(self.http.requests), 2)

    def test_limit_of_the_listener(self):
        for setting, limit in ((100, 100), ("1K", 1024)):
            with self.subTest(max_request=setting):
                self.socket = self.path(f"s{limit}")
                self.start(max_request=setting)
                client = self.client()
                key = "x" * (limit - len("t "))
                self.check_payload(client.ask("t", key), "OK " + key)
                self.check_payload(client.ask("t", key + "x"), "NOTFOUND ")
                self.check_payload(client.ask("nosuch", key), "NOTFOUND ")
                self.check_payload(client.ask("t", key), "OK " + key)

    def test_cut_anywhere(self):
        self.start(max_request=20)
        client = self.client()
        long = netstring("t 12:a,3:b,0123456789")
        wire = netstring("t first") + long + long + netstring("t second")
        for cut in range(1, len(wire)):
            client.send(wire[:cut])
            client.send(wire[cut:])
            for expected in ("OK first", "NOTFOUND ", "NOTFOUND ", "OK second"):
                self.check_payload(client.read(), expected)

    def test_length_alone(self):
        """podop reads on whatever length a netstring has."""
        self.start()
        for length in (b"65537", b"99999999", b"4294967299", b"9999999999"):
            client = self.client()
            with self.subTest(length=length):
                client.send(netstring("t first") + length + b":t k,5:t k,")
                self.check_payload(client.read(), "OK first")
                client.send(netstring("t never"))
                self.assertFalse(client.has_news(), "answered before its end")
                client.half_close()
                self.check_end(client)
        self.assertEqual(self.http.count("/never"), 0)

    def test_large_one_takes_no_memory(self):
        podop = self.start()
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK k")
        before = podop.rss_kb()
        size, piece = 96 * 1024 * 1024, b"x" * 1024 * 1024
        client.send(b"%d:" % size)
        for _ in range(size // len(piece)):
            client.send(piece)
        self.assertLess(podop.rss_kb() - before, 16 * 1024)
        client.send(b"," + netstring("t k"))
        self.check_payload(client.read(), "NOTFOUND ")
        self.check_payload(client.read(), "OK k")

    def test_wrong_end(self):
        self.start(max_request=20, request_timeout="1h")
        client = self.client()
        client.send(netstring("t first") + netstring("t 0123456789 0123456789")[:-1] + b";" + netstring("t never"))
        self.check_payload(client.read(), "OK first")
        self.check_end(client)
        self.assertEqual(self.http.count("/never"), 0)

    def test_has_the_time_of_a_request(self):
        """Each byte that comes does not begin the time anew."""
        self.start(max_request=20, request_timeout="300ms")
        client = self.client()
        client.send(netstring("t first") + b"99999999:")
        self.check_payload(client.read(), "OK first")
        try:
            while not client.has_news():
                client.send(b"x")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.check_end(client)

    def test_log(self):
        """One warning, without the key."""
        podop = self.start(max_request=20)
        client = self.client()
        for _ in range(3):
            self.check_payload(client.ask("t", "secret@example.com of some length"), "NOTFOUND ")
        told = podop.wait_log("event=long_request")
        self.assertRegex(told, r" level=warning event=long_request proto=socketmap socket=\S+ count=1$")
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertEqual(len([text for text in podop.log if "long_request" in text]), 1)
        self.assertEqual([text for text in podop.log if "secret" in text], [])


class TooLongInAutoMode(TooLong):
    mode = "auto"


class Leaving(Framing):
    """Clients that stop sending or leave."""

    def test_half_close_gets_all_answers(self):
        self.start()
        client = self.client()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        client.send(netstring("t slow") + netstring("t fast"))
        client.half_close()
        self.http.wait_target("/slow")
        gate.set()
        self.check_payload(client.read(), "OK slow")
        self.check_payload(client.read(), "OK fast")
        self.check_end(client)

    def test_half_close_without_a_request(self):
        self.start()
        client = self.client()
        client.half_close()
        self.check_end(client)

    def test_half_a_request_then_half_close(self):
        self.start()
        wire = netstring("t half")
        for cut in range(1, len(wire)):
            client = self.client()
            with self.subTest(cut=cut):
                client.send(netstring("t first") + wire[:cut])
                client.half_close()
                self.check_payload(client.read(), "OK first")
                self.check_end(client)
        self.assertEqual(self.http.count("/half"), 0)

    def test_vanished_clients_leave_no_requests(self):
        podop = self.start()
        gate = self.http.gate()
        self.http.on("/held", (gate, http('"held"')))
        witness = self.client()
        self.check_payload(witness.ask("t", "k"), "OK k")
        before = podop.unix_sockets()

        for started in (b"", b"5:t ha"):
            for is_reset in (False, True):
                for requests in (0, 1, 5):
                    with self.subTest(started=started, is_reset=is_reset, requests=requests):
                        client = self.client()
                        client.send(netstring("t held") * requests + started)
                        if requests:
                            self.http.wait_target("/held")
                        if is_reset:
                            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        client.close()
                        self.check_payload(witness.ask("t", "k"), "OK k")
                        self.http.forget()
        gate.set()
        self.check_payload(witness.ask("t", "k"), "OK k")
        harness.wait_until(lambda: podop.unix_sockets() == before, "the sockets of vanished clients are closed")

    def test_started_request_has_its_time(self):
        """A request must be complete within request_timeout; an idle client is never closed."""
        self.start(request_timeout="200ms")
        idle, used, client = self.client(), self.client(), self.client()
        self.check_payload(used.ask("t", "k"), "OK k")
        client.send(netstring("t first") + b"5:t ha")
        self.check_payload(client.read(), "OK first")
        self.check_end(client)
        self.check_payload(idle.ask("t", "k"), "OK k")
        self.check_payload(used.ask("t", "k"), "OK k")

    def test_slow_answer_does_not_count_as_a_slow_request(self):
        self.start(request_timeout="200ms")
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        slow, half = self.client(), self.client()
        slow.request("t", "slow")
        self.http.wait_target("/slow")
        half.send(b"5:t ha")
        self.check_end(half)
        gate.set()
        self.check_payload(slow.read(), "OK slow")
        self.check_payload(slow.ask("t", "k"), "OK k")


class LeavingInAutoMode(Leaving):
    mode = "auto"


class Listeners(Case):
    """Several sockets, and the tables that each of them offers."""

    def test_unix_and_tcp_side_by_side(self):
        http_server = self.backend(default=echo)
        ports = [self.reserve_port() for _ in range(2)]
        addresses = [self.path("a"), self.path("b"), ("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])]
        self.serve(url_table(http_server), listen=[
            {"socket": self.path("a")},
            {"socket": "unix:" + self.path("b"), "mode": "postfix"},
            {"socket": f"127.0.0.1:{ports[0]}"},
            {"socket": f"inet:127.0.0.1:{ports[1]}", "mode": "postfix"},
        ])
        clients = [self.client(address) for address in addresses]
        for number in range(5):
            for client in clients:
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_listener_with_some_tables(self):
        http_server = self.backend(default=echo)
        self.serve(url_table(http_server, name="a"), url_table(http_server, name="b"), listen=[
            {"socket": self.path("all")},
            {"socket": self.path("only"), "tables": ["a"]},
        ])
        everything, only = self.client(self.path("all")), self.client(self.path("only"))
        self.check_payload(everything.ask("b", "k"), "OK k")
        self.check_payload(only.ask("a", "k"), "OK k")
        self.check_payload(only.ask("b", "k"), "TEMP no such table: b")

    def test_max_clients_wait_in_the_backlog(self):
        http_server = self.backend(default=echo)
        self.serve(url_table(http_server), listen=[{"socket": self.socket, "max_clients": 2}])
        first, second = self.client(), self.client()
        self.check_payload(first.ask("t", "k"), "OK k")
        self.check_payload(second.ask("t", "k"), "OK k")
        third = self.client()
        third.request("t", "third")
        for _ in range(20):
            self.check_payload(first.ask("t", "k"), "OK k")
            self.check_payload(second.ask("t", "k"), "OK k")
        self.assertFalse(third.has_news(), "a client beyond max_clients was served")
        self.assertEqual(http_server.count("/third"), 0)
        first.close()
        self.check_payload(third.read(), "OK third")
        self.check_payload(second.ask("t", "k"), "OK k")


if __name__ == "__main__":
    harness.main()
