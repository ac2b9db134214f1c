"""A wrong name of a table in main.cf or dovecot.conf shows in podop's log."""

import re

import harness
from harness import echo, netstring, url_table
from unread_case import Unread


class UnknownTables(Unread):
    """Requests for a table that does not exist."""

    def test_logged_once_with_a_suggestion(self):
        backend = self.backend(default=echo)
        tables = [url_table(backend, name=name) for name in ("alias", "domains", "senders")]
        listeners = [{"socket": self.path(name), "tables": [name]} for name in ("alias", "domains")]
        podop = self.serve(*tables, listen=[{"socket": self.socket}, *listeners],
                           control={"socket": self.path("control")})
        client = self.client()
        for name in "allias", "other", "al\nias":
            with self.subTest(name=name):
                self.check_payload(client.ask(name, "key@example.com"), b"TEMP no such table: " + name.encode())
        told = podop.wait_log("event=unknown_table")
        self.assertRegex(told, r" level=warning event=unknown_table proto=socketmap table=allias nearest=alias "
                               rf"socket={self.socket} count=1$")
        dict_client = self.dict(name="Domain", address=self.path("domains"))
        self.assertTrue(dict_client.get("shared/k").startswith(b"F"))
        told = podop.wait_log("event=unknown_table proto=dict")
        self.assertRegex(told, r"table=Domain nearest=domains socket=\S+/domains count=1$")
        # A table that this listener does not offer is unknown there, and is not suggested.
        self.assertTrue(self.client(self.path("alias")).ask("senders", "k").startswith(b"TEMP "))
        told = podop.wait_log("event=unknown_table proto=socketmap table=senders")
        self.assertRegex(told, r"table=senders socket=\S+/alias count=1$")
        done = harness.run("PODOPCTL", "--control", self.path("control"), "flush", "sender")
        self.assertNotEqual(done.returncode, 0)
        podop.wait_log(r"event=unknown_table proto=control table=sender nearest=senders ")
        self.assertEqual(len([text for text in podop.log if "unknown_table" in text]), 4)
        self.assertFalse([text for text in podop.log if "example.com" in text])

    def test_long_and_strange_names(self):
        """Names may come from anyone: the log has one line of limited length, whatever the bytes are."""
        podop = self.serve(url_table(self.backend(default=echo)))
        client = self.client()
        name = b"a\x01\xff\"=\n" + b"x" * 60_000
        client.send(netstring(name + b" key"))
        self.assertTrue(client.read().startswith(b"TEMP no such table"))
        told = podop.wait_log("event=unknown_table")
        self.assertLess(len(told), 1000)
        self.assertRegex(told, r'table="a\\x01\\xff\\"=\\x0ax+"')

    def test_refusals_are_plain(self):
        podop = self.serve(url_table(self.backend()), listen=[
            {"socket": self.socket}, {"socket": self.path("p"), "mode": "postfix"},
            {"socket": self.path("d"), "mode": "dovecot"}])
        for address, data, reason in (
                (self.socket, b"\x16\x03", "unknown protocol: first byte 0x16 is neither socketmap nor dict"),
                (self.path("p"), b"H", "unknown protocol: first byte 0x48 is not socketmap"),
                (self.path("d"), b"1", "unknown protocol: first byte 0x31 is not dict"),
                (self.socket, b"3:t k;", "malformed request, or a line that is longer than max_request")):
            with self.subTest(address=address, data=data, reason=reason):
                client = self.client(address)
                client.send(data)
                podop.wait_log(re.escape(f'reason="{reason}"'))
                self.assertIsNone(client.read())


if __name__ == "__main__":
    harness.main()
