"""What podop's dict does not do yet; each test moves to its file once it passes."""

import signal

import harness
from dict import DictCase, Store
from harness import CLOSE, http, url_table


class Write(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, **settings):
        podop = self.serve(url_table(self.http, **settings))
        self.dovecot = self.dict()
        return podop

    def writes(self):
        """What was written so far: method, target, body."""
        return [(request.method, request.target.decode(), request.body) for request in list(self.http.requests)
                if request.method != "GET"]

    def pass_through(self):
        """Whatever podop has read before this, it has had its chance to do."""
        witness = self.dict()
        for _ in range(20):
            witness.get("shared/pass-through")
        witness.close()


class Reload(Write):
    def test_reload_keeps_open_transactions(self):
        podop = self.start()
        self.dovecot.begin(1)
        self.dovecot.set(1, "shared/a", "1")
        self.dovecot.get("shared/k")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload")
        self.dovecot.set(1, "shared/b", "2")
        self.check_payload(self.dovecot.wait(self.dovecot.commit(1)), "O")
        self.assertEqual(self.writes(), [("POST", "/a", b"1"), ("POST", "/b", b"2")])

    def test_written_at_a_reload(self):
        podop = self.start(write_behind="1h")
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        podop.signal(signal.SIGHUP)
        self.http.wait_target("/k")
        self.assertEqual(self.writes(), [("POST", "/k", b"1")])
        podop.stop()
        self.assertEqual(self.writes(), [("POST", "/k", b"1")])


class Templates(Write):
    def test_next_template_of_a_list_is_not_tried_after_an_unknown_outcome(self):
        self.serve({"name": "t", "type": "url", "param": [self.http.url + "/a/§", self.http.url + "/b/§"]})
        self.http.on("/a/k", (CLOSE,))
        self.check_failure(self.dict().change(("set", "shared/k", "1")), "t", "W")
        self.assertEqual(self.http.count("/b/k"), 0)


class Limits(Write):
    def test_small_changes_are_limited(self):
        """The same of changes that are hardly any bytes, in one transaction and in many."""
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
        self.assertEqual(self.writes(), [])


if __name__ == "__main__":
    harness.main()
