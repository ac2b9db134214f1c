"""The settings miss and temporary, and shared requests."""

import harness
from harness import Case, echo, http, netstring, url_table


class SharedRequests(Case):
    """With a cache, lookups of one key that wait at the same time share a request (podop.conf(5), "CACHE")."""

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def ask_at_once(self, answer, expected):
        """Sends a lookup of one key from ten clients while the backend is busy with it."""
        gate = self.http.gate()
        self.http.on("/k", (gate, answer))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send(netstring("t k") + netstring("nosuch k"))
        self.http.wait_target("/k")
        gate.set()
        for client in clients:
            self.check_answer(client.read(), expected)
            self.check_payload(client.read(), "TEMP no such table: nosuch")

    def test_waiting_lookups_share_a_request(self):
        for number, (answer, expected) in enumerate(((http('"x"'), "OK x"), (http(status=404), "NOTFOUND "))):
            with self.subTest(expected):
                self.socket = self.path(f"s{number}")
                self.serve(url_table(self.http, cache={"ttl": "1h", "negative_ttl": "1h"}))
                self.ask_at_once(answer, expected)
                self.assertEqual(self.http.count("/k"), 1)
                self.http.forget()


class Codes(Case):
    """The settings miss and temporary override podop.conf(5), "What the answer becomes"."""

    def test_miss_and_temporary_move_codes(self):
        cases = [
            ({"temporary": [404]}, {404: "TEMP", 410: "NOTFOUND ", 500: "TEMP"}),
            ({"temporary": ["4xx"]}, {404: "TEMP", 410: "TEMP", 500: "TEMP"}),
            ({"miss": [404, 410], "temporary": ["4xx"]}, {404: "NOTFOUND ", 410: "NOTFOUND ", 403: "TEMP"}),
            ({"miss": [503]}, {503: "NOTFOUND ", 500: "TEMP", 404: "NOTFOUND "}),
            ({"miss": ["5xx"]}, {503: "NOTFOUND ", 500: "NOTFOUND ", 429: "TEMP"}),
        ]
        for number, (settings, codes) in enumerate(cases):
            with self.subTest(**settings):
                self.socket = self.path(f"s{number}")
                backend = self.backend()
                self.serve(url_table(backend, **settings))
                client = self.client()
                for code, expected in codes.items():
                    with self.subTest(code=code):
                        backend.on("/k", http(b"", code))
                        self.check_answer(client.ask("t", "k"), expected)


if __name__ == "__main__":
    harness.main()
