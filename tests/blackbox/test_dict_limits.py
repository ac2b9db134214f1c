"""What podop remembers for one client has a limit."""

import harness
from dict import DictCase
from harness import url_table
from store import Store


class Limits(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=Store())

    def test_small_changes_are_limited(self):
        """An open transaction of very many changes of a few bytes each."""
        podop = self.serve(url_table(self.http), env=harness.small_quarantine())
        for wire in (b"S1\tshared/k\t1\n", b"U1\tshared/k\n", b"A1\tshared/k\t1\n", b"T1\t1\t1\n", b"V1\t1\n"):
            with self.subTest(wire=wire):
                client = self.dict()
                client.begin(1)
                rss = podop.rss_kb()
                try:
                    for _ in range(60):  # two million
                        client.send(wire * 33_000)
                        if podop.rss_kb() > rss + 200 * 1024:
                            break
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.assertLess(podop.rss_kb(), rss + 100 * 1024, "changes fill podop's memory")
                client.close()
                self.check_payload(self.dict().get("shared/k"), "N")
        self.assertEqual({request.method for request in self.http.requests}, {"GET"})


if __name__ == "__main__":
    harness.main()
