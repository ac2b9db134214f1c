"""reply_timeout: a client that reads nothing for so long is disconnected."""

import contextlib
import signal
import time

import harness
from harness import netstring, url_table, wait_until
from unread_case import Unread


class Patience(Unread):
    """When podop disconnects a client that reads nothing."""

    def ask_much(self, proto="socketmap", **options):
        return self.silent(proto, [f"big{number}" for number in range(4)], **options)

    def serve_big(self, reply_timeout=None, **settings):
        self.size = 1_000_000
        self.http = self.backend(default=self.answer(self.size))
        return self.start(url_table(self.http, **settings), listen={"reply_timeout": reply_timeout} if reply_timeout
                          else {"max_reply": "4M"})

    def check_closed(self, client):
        """Checks that podop has closed the connection; what was sent before may still be read."""
        client.sock.settimeout(harness.GUARD)
        with contextlib.suppress(ConnectionResetError):
            while client.sock.recv(1 << 20):
                pass

    def test_disconnected_and_logged(self):
        podop = self.serve_big("500ms", timeout="1h")
        idle = self.client()
        self.check_payload(idle.ask("t", "k"), "OK k")
        for count, proto in enumerate(("socketmap", "dict"), 1):
            with self.subTest(count=count, proto=proto):
                client = self.ask_much(proto)
                wait_until(lambda: len(self.told(podop)) == count, "a line in the log")
                self.check_closed(client)
        lines = self.told(podop)
        for text in lines:
            with self.subTest(text=text):
                self.assertRegex(text, r"level=info .* socket=\S+ reason=\"the client read none .*reply_timeout\"$")
        warnings = [text for text in podop.log if "level=warning event=client_" in text]
        self.assertEqual(len(warnings), 1)  # they are rare
        self.assertRegex(warnings[0], r"event=client_not_reading conn=\d+ socket=\S+ unread_bytes=[1-9][0-9]+ "
                                      r"reason=\".*reply_timeout\" count=1$")
        self.check_payload(idle.ask("t", "k"), "OK k")

    def told(self, podop):
        return [text for text in podop.log if "event=client_refused" in text]

    def test_the_tables_timeout_by_default(self):
        backend = self.backend(default=self.answer(1_000_000))
        podop = self.serve(url_table(backend, timeout="2s"), url_table(backend, name="u", timeout="500ms"),
                           listen=[{"socket": self.socket, "max_reply": "4M"}])
        client = self.ask_much()
        podop.wait_log("event=client_not_reading")
        self.check_closed(client)

    def test_half_closed_clients_too(self):
        podop = self.serve_big("500ms")
        client = self.ask_much()
        client.half_close()
        podop.wait_log("event=client_not_reading")
        self.check_closed(client)

    def test_over_tcp(self):
        port = self.reserve_port()
        backend = self.backend(default=self.answer(1_000_000))
        podop = self.serve(url_table(backend), listen=[{"socket": f"127.0.0.1:{port}", "max_reply": "4M",
                                                        "reply_timeout": "500ms"}])
        client = self.silent("socketmap", [f"big{number}" for number in range(64)], ("127.0.0.1", port))
        podop.wait_log("event=client_not_reading")
        self.check_closed(client)

    def test_over_tcp_with_what_the_kernel_takes_at_once(self):
        """The kernel takes each answer as a whole, and the next one waits for the socket."""
        port = self.reserve_port()
        backend = self.backend(default=self.answer(60_000))
        podop = self.serve(url_table(backend, cache={"ttl": "1h"}),
                           listen=[{"socket": f"127.0.0.1:{port}", "reply_timeout": "500ms"}])
        keys = [f"big{number}" for number in range(4)]
        self.read_all(self.silent("socketmap", keys, ("127.0.0.1", port)), keys, 60_000)  # they are in the cache now
        client = self.silent("socketmap", 100 * keys, ("127.0.0.1", port))
        podop.wait_log("event=client_not_reading")
        self.check_closed(client)

    def test_slow_reader_stays_connected(self):
        """The client reads some bytes now and then, for far longer than reply_timeout."""
        self.hold_clock()
        podop = self.serve_big("1500ms", timeout="1h")
        client = self.ask_much()
        data, wanted = bytearray(), sum(len(netstring("OK " + self.value(n, self.size))) for n in range(4))
        while len(data) < wanted:
            more = client.sock.recv(80_000)
            self.assertTrue(more, "disconnected while it read")
            data += more
            self.clock.advance(0.1)
        self.assertEqual(self.told(podop), [])

    def test_a_pause_of_podop_does_not_count(self):
        """podop is stopped for longer than reply_timeout, with a client that reads as soon as it can."""
        podop = self.serve_big("700ms", timeout="1h")
        client = self.ask_much()
        wait_until(lambda: client.has_news(), "the first bytes")
        podop.freeze()
        time.sleep(1.5)  # the pause itself
        podop.signal(signal.SIGCONT)
        self.read_all(client, [f"big{number}" for number in range(4)], self.size)
        self.assertEqual(self.told(podop), [])

    def test_idle_clients_are_never_disconnected(self):
        self.hold_clock()
        self.serve_big("100ms")
        postfix, dovecot = self.client(), self.dict()
        self.clock.advance(0.5)
        self.check_payload(postfix.ask("t", "k"), "OK k")
        self.check_payload(dovecot.get("shared/k"), "Ok")


if __name__ == "__main__":
    harness.main()
