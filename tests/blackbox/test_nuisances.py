"""HTTP of unusual servers: interim answers, odd framing, odd heads, slow answers, early ends."""

import threading

import harness
from harness import CLOSE, RESET, Case, chunked, echo, http, url_table

OK = b"HTTP/1.1 200 OK\r\n"


class Nuisances(Case):
    """Each case runs over TCP and over a unix socket, and must not affect the next lookup."""

    def setUp(self):
        super().setUp()
        path = self.path("http")
        self.remote, self.local = self.backend(default=echo), self.backend(unix_path=path, default=echo)
        self.tables = ("remote", self.remote, {}), ("local", self.local, {"unix_socket": path})

    def start(self, **settings):
        self.serve(*(url_table(backend, name, **more, **settings) for name, backend, more in self.tables))
        self.postfix = self.client()

    def check(self, cases, requests=1):
        """Checks each pair of the backend's answer and the expected answer, each followed by a harmless lookup."""
        for table, backend, _ in self.tables:
            for number, (answer, expected) in enumerate(cases):
                with self.subTest(table=table, answer=answer if isinstance(answer, tuple) else harness.shown(answer)):
                    backend.forget()
                    backend.on(f"/k{number}", answer)
                    self.check_answer(self.postfix.ask(table, f"k{number}"), expected, table)
                    self.assertEqual(len(backend.requests), requests, "requests to the backend")
                    for key in (f"next{number}", f"last{number}"):
                        self.check_payload(self.postfix.ask(table, key), f"OK {key}")

    def test_interim_answers(self):
        """Any number of them, of any length, may precede the answer; without one they are no answer."""
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
        self.start(retries=0)
        self.check([
            (b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + http('"x"'), "OK x"),
            (early * 20 + http('"x"'), "OK x"),
            (early + b"HTTP/1.1 102 Processing\r\n\r\n" + early + chunked('"x"'), "OK x"),
            (tuple(bytes([byte]) for byte in early + http('"x"')), "OK x"),
            (early + http(status=404), "NOTFOUND "),
            (early + http(status=204), "NOTFOUND "),
            (early + http(status=503), "TEMP"),
            ((early, CLOSE), "TEMP"),
            ((early * 3 + b"HTTP/1.1 404", CLOSE), "TEMP"),
            ((early + b"HTTP/1.1 404 Not Found\r\n", CLOSE), "TEMP"),
        ])

    def test_framing(self):
        self.start()
        trailers = b"0\r\nExpires: never\r\nX-Checksum: 1\r\nContent-Length: 99\r\n\r\n"
        self.check([
            (chunked('"x', '"', end=trailers), "OK x"),
            (chunked('"x"', end=b"0" * 8 + b"\r\n\r\n"), "OK x"),
            (OK + b"transfer-encoding: Chunked\r\n\r\n3 \r\n\"x\"\r\n0\r\n\r\n", "OK x"),
            (OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\"x\"\r\n0\r\n\r\n", "OK x"),
            (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n\"x\"", "OK x"),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n\"x\"", "OK x"),
            ((b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n\"x\"",), "OK x"),
            ((b"HTTP/1.0 404 Not Found\r\n\r\n", CLOSE), "NOTFOUND "),
            (http('"x"', 200, "Connection: close"), "OK x"),
            (http('"x"', 200, "connection: Keep-Alive, CLOSE"), "OK x"),
            (http('"x"', 200, "Keep-Alive: timeout=0, max=1"), "OK x"),
            ((http('"x"', 200, "Connection: close"), CLOSE), "OK x"),
            ((http('"x"'), RESET), "OK x"),
        ])

    def test_framing_that_is_wrong(self):
        """A failure is better than a wrong answer."""
        self.start(retries=0)
        self.check([
            (OK + b"Content-Length: -3\r\n\r\n\"x\"", "TEMP"),
            (OK + b"Transfer-Encoding: chunked\r\n\r\n-3\r\n\"x\"\r\n0\r\n\r\n", "TEMP"),
            (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\"x\"\r\n0\r\n\r\n", "TEMP"),
            (OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n\r\n", "TEMP"),
            ((http('"x', length=3), CLOSE), "TEMP"),
            ((chunked('"x"', end=b"0\r\nX-Trailer: y\r\n"), CLOSE), "TEMP"),
            ((http('"x', length=3), RESET), "TEMP"),
            (http(b"\x1f\x8b\x08\0", 200, "Content-Encoding: gzip"), "TEMP"),
        ])

    def test_unexpected_bodies(self):
        """Bytes after an answer without a body are not the answer to the next lookup."""
        self.start()
        self.check([
            (b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n\"evil\"", "NOTFOUND "),
            (b"HTTP/1.1 204 No Content\r\n\r\n" + http('"evil"'), "NOTFOUND "),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n\"evil\"", "TEMP"),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" + http('"evil"'), "NOTFOUND "),
            (http('"x"') + http(status=404), "OK x"),
            (http('"x"') + b"\r\n", "OK x"),
            (chunked('"x"') + http(status=404) * 3, "OK x"),
        ])

    def test_heads(self):
        """Large and unusual ones."""
        self.start()
        self.check([
            (http('"x"', 200, *(f"X-{number}: {'y' * 100}" for number in range(500))), "OK x"),
            (http('"x"', 200, "X-Long: " + "y" * 90_000), "OK x"),
            (http('"x"', 200, "Set-Cookie: a=b; Domain=.test"), "OK x"),
            (http('"x"', 200, "Folded: a", " b", "\tc"), "OK x"),
            (http('"x"', 200, "Empty:", "X-Bytes: \xff"), "OK x"),
            (http('"x"', 200, 'Alt-Svc: h3=":443"; ma=86400', "Strict-Transport-Security: max-age=9", "Upgrade: h2c"),
             "OK x"),
            (http('"x"', 200, "Location: http://127.0.0.1:1/"), "OK x"),
        ])

    def test_slow_drip(self):
        """Byte by byte: an answer that ends within the deadline counts, a later one does not."""
        self.start(timeout="3s")
        never = threading.Event()
        self.addCleanup(never.set)

        def drip(data, pause):
            return tuple(step for byte in data for step in (bytes([byte]), lambda: never.wait(pause) and b""))

        self.check([
            (drip(http('"x"'), 0.001), "OK x"),
            (drip(chunked('"x"'), 0.001), "OK x"),
            (drip(http(status=404), 0.001), "NOTFOUND "),
            (drip(http('"%s"' % ("x" * 1_000)), 0.02), "TIMEOUT"),
            (drip(OK + b"X-Y: z\r\n" * 1_000, 0.02), "TIMEOUT"),
            (drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, 0.02), "TIMEOUT"),
        ])


if __name__ == "__main__":
    harness.main()
