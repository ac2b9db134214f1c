"""HTTP answers of every shape, connections that break and backends that are late, as Postfix sees them."""

import harness
from answers_case import Answers
from harness import CLOSE, RESET, Case, chunked, echo, http, url_table


class Transport(Answers):
    """HTTP answers of every shape, and connections that break."""

    def test_framing_of_the_body(self):
        self.start()
        self.ask_all([
            (chunked('"abc"'), "OK abc"),
            (chunked('"a', "b", 'c"'), "OK abc"),
            (chunked(*'"abc"'), "OK abc"),
            (chunked('"abc"', end=b"0\r\nX-Trailer: y\r\n\r\n"), "OK abc"),
            (chunked('"abc"').replace(b"\r\n5\r\n", b"\r\n5;ext=1\r\n"), "OK abc"),
            (chunked("null"), "NOTFOUND "),
            (http('"x"', 200, "Connection: close"), "OK x"),
            ((b'HTTP/1.1 200 OK\r\n\r\n"x"', CLOSE), "OK x"),
            ((b'HTTP/1.0 200 OK\r\n\r\n"x"', CLOSE), "OK x"),
            ((b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"x', CLOSE), "TEMP"),
            (b'HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\n"x"', "OK x"),
            (b'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n"x"', "OK x"),
            (tuple(bytes([byte]) for byte in http('"x"')), "OK x"),
            (tuple(bytes([byte]) for byte in chunked('"x', '"')), "OK x"),
            (http('"x"', 200, "X-Long: " + "y" * 8_000), "OK x"),
        ])

    def test_not_http(self):
        self.start(retries=0)
        answers = [b"garbage\r\n\r\n", b"\r\n\r\n\r\n", b"\0\0\0\0", b'"x"', b"SSH-2.0-OpenSSH_9.2\r\n",
                   b"+OK ready\r\n",
                   b"HTTP/1.1 abc OK\r\nContent-Length: 3\r\n\r\n\"x\"", b"HTTP/1.1\r\n\r\n\"x\""]
        for number, answer in enumerate(answers):
            with self.subTest(answer=answer):
                self.keep_trust()
                self.http.on(f"/k{number}", (answer, CLOSE))
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")

    def test_surplus_bytes_never_become_an_answer(self):
        """Bytes after an answer must not be taken for the answer to the next lookup."""
        self.start()
        for surplus in (http('"evil"'), http('"evil"') * 3, b'"evil"', b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"):
            for answer in (http('"first"') + surplus, http(status=404) + surplus, chunked('"first"') + surplus):
                with self.subTest(surplus=surplus, answer=answer[:40]):
                    self.http.on("/first", answer)
                    self.http.on("/second", http('"second"'))
                    expected = "NOTFOUND " if b"404" in answer else "OK first"
                    self.check_payload(self.postfix.ask("t", "first"), expected)
                    self.check_payload(self.postfix.ask("t", "second"), "OK second")

    BROKEN = {
        "closed at once": (CLOSE,),
        "reset at once": (RESET,),
        "closed within the status line": (b"HTTP/1.", CLOSE),
        "closed within the head": (b"HTTP/1.1 200 OK\r\nContent-Len", CLOSE),
        "miss, closed within the status line": (b"HTTP/1.1 404", CLOSE),
        "miss, closed after the status line": (b"HTTP/1.1 404 Not Found\r\n", CLOSE),
        "miss, closed within the head": (b"HTTP/1.1 404 Not Found\r\nContent-Len", CLOSE),
        "miss, closed before the end of the head": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", CLOSE),
        "no content, closed within the head": (b"HTTP/1.1 204 No Content\r\nServ", CLOSE),
        "miss, closed within the body": (http("{}", 404, length=9), CLOSE),
        "closed before the body": (http(length=3), CLOSE),
        "closed within the body": (http('"x', length=3), CLOSE),
        "closed within a body that looks whole": (http("12", length=3), CLOSE),
        "reset within the body": (http('"x', length=3), RESET),
        "closed within a chunk": (chunked('"x"', end=b"5\r\n  "), CLOSE),
        "closed before the last chunk": (chunked('"x"', end=b""), CLOSE),
        "closed within the last chunk": (chunked('"x"', end=b"0\r\n"), CLOSE),
    }

    def test_broken_connection_is_retried_once(self):
        self.start()
        for number, (name, steps) in enumerate(self.BROKEN.items()):
            with self.subTest(name):
                self.keep_trust()
                self.http.on(f"/k{number}", steps)
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")
                self.assertEqual(self.http.count(f"/k{number}"), 2, "requests to the backend")

    def test_number_of_retries(self):
        for retries in (0, 1, 3):
            with self.subTest(retries=retries):
                self.socket = self.path(f"s{retries}")
                self.start(retries=retries)
                self.http.on(f"/k{retries}", (CLOSE,))
                self.check_reason(self.postfix.ask("t", f"k{retries}"), "TEMP")
                self.assertEqual(self.http.count(f"/k{retries}"), retries + 1, "requests to the backend")

    def test_retry_can_succeed(self):
        self.start()
        for number, (name, steps) in enumerate(self.BROKEN.items()):
            with self.subTest(name):
                self.http.on(f"/k{number}", steps, http('"x"', 200, "Connection: close"))
                self.check_payload(self.postfix.ask("t", f"k{number}"), "OK x")
                self.assertEqual(self.http.count(f"/k{number}"), 2, "requests to the backend")

    def test_kept_connection_that_the_backend_closed(self):
        """podop asks again over a new connection; the client does not notice."""
        self.start()
        for number in range(20):
            self.http.on(f"/k{number}", (http('"x"'), CLOSE))
            self.check_payload(self.postfix.ask("t", f"k{number}"), "OK x")

    def test_connection_refused_or_name_unknown(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "refused", "type": "url", "param": f"http://127.0.0.1:{deaf}/§", "timeout": "1s"},
                   {"name": "socket", "type": "url", "param": "http://localhost/§", "unix_socket": self.path("none"),
                    "timeout": "1s"},
                   {"name": "unknown", "type": "url", "param": f"http://{'x' * 64}.invalid/§", "timeout": "1s"})
        client = self.client()
        for table in ("refused", "socket", "unknown"):
            with self.subTest(table):
                self.check_reason(client.ask(table, "k"), "TEMP", table)

    def test_tls_to_a_plain_server_fails(self):
        self.serve({"name": "t", "type": "url", "param": f"https://127.0.0.1:{self.http.port}/§", "timeout": "1s"})
        self.http.default = lambda request: http('"x"')
        answer = self.client().ask("t", "k")
        self.assertIn(answer.split(b" ")[0], (b"TEMP", b"TIMEOUT"))


class Times(Answers):
    """Backends that are late."""

    def test_late_answer_is_a_timeout(self):
        self.hold_clock()
        self.start(timeout="200ms")
        late = {
            "nothing": (),
            "head": (http('"x"', length=3)[:20],),
            "no body": (http(length=3),),
            "half a body": (http('"x', length=3),),
            "no last chunk": (chunked('"x"', end=b""),),
        }
        for number, (name, steps) in enumerate(late.items()):
            with self.subTest(name):
                self.keep_trust()
                self.http.on(f"/k{number}", (*steps, *self.hang(self.http, 0.2)))
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TIMEOUT")
        self.http.on("/ok", http('"x"'))
        self.check_payload(self.postfix.ask("t", "ok"), "OK x")

    def test_late_answer_is_never_mixed_up(self):
        self.hold_clock()
        self.start(timeout="200ms")
        *hang, gate = self.hang(self.http, 0.2)
        self.http.on("/late", (*hang, gate, http('"late"')))
        self.http.on("/next", http('"next"'))
        self.check_reason(self.postfix.ask("t", "late"), "TIMEOUT")
        gate.set()
        for _ in range(10):
            self.check_payload(self.postfix.ask("t", "next"), "OK next")

    def test_timeout_covers_retries(self):
        self.hold_clock()
        self.start(timeout="200ms", retries=3)
        self.http.on("/k", (CLOSE,), self.hang(self.http, 0.2))
        self.check_reason(self.postfix.ask("t", "k"), "TIMEOUT")
        self.assertEqual(self.http.count("/k"), 2)

    def test_timeout_covers_the_queue(self):
        self.hold_clock()
        self.serve(url_table(self.http, name="first", timeout="1h"), url_table(self.http, timeout="200ms"),
                   pool={"max_connections": 1})
        first, second = self.client(), self.client()
        gate = self.http.gate()
        self.http.on("/first", (gate, http('"first"')))
        self.http.on("/second", http('"second"'))
        first.request("first", "first")
        self.http.wait_target("/first")
        second.request("t", "second")
        self.clock.advance(0.2)
        self.check_reason(second.read(), "TIMEOUT")
        gate.set()
        self.check_payload(first.read(), "OK first")
        self.check_payload(second.ask("t", "second"), "OK second")

    def test_connect_timeout(self):
        """A backend whose backlog is full leaves the handshake hanging."""
        full = self.enterContext(harness.full_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{full}/§", "timeout": "1h",
                    "connect_timeout": "200ms", "retries": 0})
        answer = self.client().ask("t", "k")
        self.assertIn(answer.split(b" ")[0], (b"TEMP", b"TIMEOUT"), harness.shown(answer))

    def test_backend_comes_up_later(self):
        """podop starts while its backend is down, and needs no help once it is up."""
        port = self.reserve_port()
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{port}/§", "timeout": "2s"})
        client = self.client()
        self.check_reason(client.ask("t", "k"), "TEMP")
        self.backend(port=port).on("/k", http('"x"'))
        self.check_payload(client.ask("t", "k"), "OK x")


class UnaskedAnswers(Case):
    """podop does not reuse a kept connection on which the server sent an answer without a request."""

    LATE = (http(status=404), http('"wrong"'), http(status=408))

    def test_late_answer_is_not_given_to_another_lookup(self):
        self.http = self.backend(default=echo)
        self.serve(url_table(self.http))
        postfix = self.client()
        for number, late in enumerate(self.LATE):
            with self.subTest(late=late):
                gate, sent = self.http.gate(), self.http.gate()
                self.http.on(f"/a{number}", (http('"a"'), gate, late, lambda sent=sent: sent.set()))
                self.check_payload(postfix.ask("t", f"a{number}"), "OK a")
                gate.set()
                self.assertTrue(sent.wait(harness.GUARD))
                for key in ("b", "c"):
                    self.check_payload(postfix.ask("t", f"{key}{number}"), f"OK {key}{number}")

    def test_late_answer_on_one_of_several_connections(self):
        """Over TCP and over unix sockets, whose connections have no ports to tell them apart."""
        paths = self.path("http"), self.path("https")
        local = [self.backend(unix_path=path, default=echo) for path in paths]
        remote = self.backend(default=echo)
        self.serve(url_table(remote, "remote"), url_table(local[0], "local", unix_socket=paths[0]),
                   url_table(local[1], "other", unix_socket=paths[1]))
        for table, backend in (("local", local[0]), ("remote", remote)):
            for victim in range(3):
                for number, late in enumerate(self.LATE):
                    with self.subTest(table=table, victim=victim, late=late):
                        self.check_one_of_three(table, backend, victim, f"{victim}{number}", late)

    def check_one_of_three(self, table, backend, victim, suffix, late):
        """Sends three lookups at the same time, then a surplus answer on the connection of one of them."""
        client = self.client()
        ready, too_late, sent = [backend.gate() for _ in range(3)], backend.gate(), backend.gate()
        seen = len(backend.requests)
        for number in range(3):
            more = (too_late, late, sent.set) if number == victim else ()
            backend.on(f"/a{number}{suffix}", (ready[number], http('"a"'), *more))
            client.request(table, f"a{number}{suffix}")
        backend.wait_requests(seen + 3)
        for gate in ready:
            gate.set()
            self.check_payload(client.read(), "OK a")
        self.check_payload(client.ask("other", "x"), "OK x")  # another kept connection
        too_late.set()
        self.assertTrue(sent.wait(harness.GUARD))
        hold = backend.gate()
        for number in range(3):
            backend.on(f"/b{number}{suffix}", (hold, http(f'"b{number}"')))
            client.request(table, f"b{number}{suffix}")
        backend.wait_requests(seen + 6)
        hold.set()
        for number in range(3):
            self.check_payload(client.read(), f"OK b{number}")


if __name__ == "__main__":
    harness.main()
