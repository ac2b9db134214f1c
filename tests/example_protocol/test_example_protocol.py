"""docs/howto-protocol.md: its protocol works in a podop that has it, and its text is the source's."""

import os
import re
import signal
import unittest

import documents
import harness
from harness import Case, connect, echo, http, url_table

HOWTO = ("docs", "howto-protocol.md")
SHORT = 4096  # a longer reply is not kept while podop buffers much


def read(*path):
    with open(os.path.join(documents.SOURCE, *path), encoding="utf-8") as file:
        return file.read()


class Client:
    """A client of the example protocol."""

    def __init__(self, address):
        self.sock = connect(address)
        self.lines = self.sock.makefile("rb")

    def send(self, *lines):
        self.sock.sendall(b"".join(line + b"\n" for line in lines))

    def read(self):
        """The next line without its line feed, or None at the end of the connection."""
        line = self.lines.readline()
        return line.removesuffix(b"\n") if line else None

    def ask(self, line):
        self.send(line)
        return self.read()

    def close(self):
        self.lines.close()
        self.sock.close()


class Protocol(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def client(self, address=None):
        client = Client(address or self.socket)
        self.addCleanup(client.close)
        return client

    def test_each_reply(self):
        self.http.on("/missing", http(status=404))
        self.http.on("/down", http(status=503))
        self.http.on("/lines", http(b'"a\\nb"'))
        self.serve(url_table(self.http))
        client = self.client()
        self.assertEqual(client.ask(b"GET t bob"), b"OK bob")
        self.assertEqual(client.ask(b"GET t missing"), b"NO")
        self.assertRegex(client.ask(b"GET t down"), rb"^TEMP .*503")
        self.assertEqual(client.ask(b"GET t lines"), b"TEMP the text has a line feed")
        self.assertEqual(client.ask(b"GET none bob"), b"TEMP no such table")

    def test_beside_the_others(self):
        """On one listener, the first byte tells the protocol."""
        self.serve(url_table(self.http))
        client, postfix = self.client(), harness.Socketmap(self.socket)
        self.addCleanup(postfix.close)
        self.assertEqual(client.ask(b"GET t a"), b"OK a")
        self.assertEqual(postfix.ask("t", "b"), b"OK b")

    def test_replies_in_order(self):
        """Whatever reply of the backend is ready first; a cached one waits as well."""
        gate = self.http.gate()
        self.http.on("/slow", (gate, http(b'"slow"')))
        self.serve(url_table(self.http, cache={"ttl": "1h"}))
        client = self.client()
        self.assertEqual(client.ask(b"GET t known"), b"OK known")
        client.send(b"GET t slow", b"GET t fast", b"GET t known", b"GET none x")
        self.http.wait_target("/fast")
        gate.set()
        self.assertEqual([client.read() for _ in range(4)],
                         [b"OK slow", b"OK fast", b"OK known", b"TEMP no such table"])

    def test_byte_by_byte(self):
        self.serve(url_table(self.http))
        client = self.client()
        for byte in b"GET t bob\n" * 2:
            client.sock.sendall(bytes([byte]))
        self.assertEqual([client.read(), client.read()], [b"OK bob"] * 2)

    def test_many_at_once(self):
        """More requests than the reply queue has slots: the rest stays unread until there is room."""
        self.serve(url_table(self.http))
        client = self.client()
        client.send(*(b"GET t k%d" % number for number in range(300)))
        self.assertEqual([client.read() for _ in range(300)], [b"OK k%d" % number for number in range(300)])

    def test_large_replies_that_are_not_read(self):
        """What does not fit is refused, and nothing is lost or out of order."""
        gate = self.http.gate()
        value = b"v" * 300000
        self.http.on("/first", (gate, http(b'"first"')))
        self.http.on("/large", http(b'"%s"' % value))
        self.serve(url_table(self.http, max_response="1M"))
        client = self.client()
        client.send(b"GET t first", *[b"GET t large"] * 10)
        self.http.wait_target("/first")
        gate.set()
        self.assertEqual(client.read(), b"OK first")
        for _ in range(10):
            self.assertIn(client.read(), (b"OK " + value, b"TEMP too many unread replies"))

    def test_reload_between_requests(self):
        """The session stays, and the next request finds the table that is new."""
        daemon = self.serve(url_table(self.http, "t"))
        client = self.client()
        self.assertEqual(client.ask(b"GET t a"), b"OK a")
        self.assertEqual(client.ask(b"GET u a"), b"TEMP no such table")
        tables = [url_table(self.http, "u")]
        self.write("podop.conf", harness.conf_file(listen=[{"socket": self.socket}], tables=tables))
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("event=reload ")
        self.assertEqual(client.ask(b"GET u a"), b"OK a")
        self.assertEqual(client.ask(b"GET t a"), b"TEMP no such table")

    def test_client_that_goes(self):
        """Its lookups are cancelled: podop serves others and stops without an error."""
        gate = self.http.gate()
        self.http.on("/slow", (gate, http(b'"slow"')))
        self.serve(url_table(self.http))
        client = self.client()
        client.send(b"GET t slow", b"GET t bob")
        self.http.wait_target("/slow")
        client.close()
        self.assertEqual(self.client().ask(b"GET t other"), b"OK other")

    def test_malformed(self):
        """What is pending is answered, then the connection ends."""
        self.serve(url_table(self.http))
        for line in b"GET", b"GET ", b"GET t", b"PUT t a", b"G" * 5000:
            with self.subTest(line=line[:10]):
                client = self.client()
                client.send(b"GET t a", line)
                self.assertEqual(client.read(), b"OK a")
                self.assertIsNone(client.read())

    def test_other_first_bytes(self):
        daemon = self.serve(url_table(self.http))
        client = self.client()
        client.send(b"PUT t a")
        self.assertIsNone(client.read())
        daemon.wait_log('reason="unknown protocol: first byte 0x50 is neither socketmap, dict nor get"')


class Document(unittest.TestCase):
    def test_code(self):
        """The fenced C blocks, one after another, are the source."""
        shown = "".join(text for language, text in documents.fenced(*HOWTO) if language == "c")
        source = read("tests", "example_protocol", "get_protocol.c")
        self.assertEqual(re.sub(r"\n+", "\n", shown), re.sub(r"\n+", "\n", source))

    def test_one_line(self):
        """The line that the document adds to protocols.h is the one that is built here."""
        self.assertIn("    PROTOCOL(get) \\\n", [text for _, text in documents.fenced(*HOWTO)])
        self.assertIn("PROTOCOL(get) \\", read("tests", "example_protocol", "CMakeLists.txt"))

    def test_names(self):
        """Each file and folder that the document names is there, but for the new one."""
        for name in re.findall(r"`((?:src|include|tests|docs|man)/[\w./-]+)`", read(*HOWTO)):
            with self.subTest(name=name):
                self.assertTrue(name == "src/protocol/get_protocol.c" or
                                os.path.exists(os.path.join(documents.SOURCE, name)))


if __name__ == "__main__":
    harness.main()
