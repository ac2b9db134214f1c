"""write_behind: repeated writes of a key stay pending, and then the last one is made."""

import harness
from dict import VERSIONS
from harness import http
from write_case import Write


class WriteBehind(Write):
    def test_answered_at_once_and_written_at_the_stop(self):
        podop = self.start(write_behind="1h")
        for value in ("1", "2", "3"):
            with self.subTest(value=value):
                self.check_payload(self.dovecot.change(("set", "priv/quota/storage", value),
                                                       ("set", "priv/quota/messages", value)), "O")
        self.pass_through()
        self.assertEqual(self.writes(), [])
        podop.stop()
        self.assertEqual(sorted(self.writes()), [("POST", "/quota/messages/bob%40example.com", b"3"),
                                                 ("POST", "/quota/storage/bob%40example.com", b"3")])

    def test_written_when_the_time_is_over(self):
        self.start(write_behind="200ms")
        with self.dovecot.packet():
            commits = [self.dovecot.write(("set", "shared/k", value)) for value in ("1", "2")]
        for commit in commits:
            self.check_payload(self.dovecot.wait(commit), "O")
        self.http.wait_target("/k")
        self.assertEqual(self.writes(), [("POST", "/k", b"2")])
        self.check_payload(self.dovecot.change(("set", "shared/k", "3")), "O")
        self.http.wait_target("/k", 2)
        self.assertEqual(self.writes(), [("POST", "/k", b"2"), ("POST", "/k", b"3")])

    def test_each_key_and_user_for_itself(self):
        podop = self.start(write_behind="1h")
        for user in ("al", "bob"):
            with self.subTest(user=user):
                client = self.dict(user=user)
                self.check_payload(client.change(("set", "priv/k", f'"{user}"')), "O")
                client.close()
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        podop.stop()
        self.assertEqual(sorted(self.writes()), [("POST", "/k", b"1"), ("POST", "/k/al", b'"al"'),
                                                 ("POST", "/k/bob", b'"bob"')])

    def test_lookup_sees_pending_writes(self):
        self.start(write_behind="1h")
        self.store.values[b"/k"] = b'"old"'
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                with client.packet():
                    commit, lookup = client.write(("set", "shared/k", "new")), client.lookup("shared/k")
                self.check_payload(client.wait(lookup), "Onew")
                self.check_payload(client.wait(commit), "O")
                self.check_payload(client.change(("set", "shared/k", '"n\\u00e9w"')), "O")
                self.check_payload(client.wait(client.lookup("shared/k")), "On\u00e9w")

    def test_pending_false_is_a_miss_for_postfix(self):
        self.start(write_behind="1h")
        postfix = self.client()
        for value, expected in (("false", "NOTFOUND "), ('[false,"a"]', "OK a"), ("true", "OK true")):
            with self.subTest(value=value):
                self.check_payload(self.dovecot.change(("set", "shared/k", value)), "O")
                self.check_payload(postfix.ask("t", "k"), expected)
                self.check_payload(self.dovecot.get("shared/k"), "O" + value)

    def test_bad_values_are_refused_at_once(self):
        podop = self.start(write_behind="1h")
        self.check_failure(self.dovecot.change(("set", "shared/k", b"\xff")))
        self.check_failure(self.dovecot.change(("set", "shared/k", b"a\0")))
        podop.stop()
        self.assertEqual(self.writes(), [])

    def test_unset_after_set(self):
        """However writes are delayed, the final value is right."""
        podop = self.start(write_behind="1h")
        self.store.values.update({b"/k": b"1", b"/l": b"1", b"/i": b"40"})
        self.check_payload(self.dovecot.change(("set", "shared/k", "2")), "O")
        self.check_payload(self.dovecot.change(("unset", "shared/k")), "O")
        self.check_payload(self.dovecot.change(("unset", "shared/l"), ("set", "shared/l", "2")), "O")
        self.check_payload(self.dovecot.change(("set", "shared/i", "41")), "O")
        self.check_payload(self.dovecot.change(("increment", "shared/i", 1)), "O")
        podop.stop()
        self.assertEqual(self.store.values, {b"/l": b"2", b"/i": b"42"})

    def test_expiry(self):
        """A write that expires is made at once: a pending value would be found for longer, and written later."""
        self.start(write_behind="1h")
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        self.check_payload(self.dovecot.change(("set", "shared/k", "2"), expire=60), "O")
        self.assertEqual([(request.body, request.header("Podop-Expire")) for request in list(self.http.requests)],
                         [(b"1", []), (b"2", ["60"])])

    def test_increment_is_not_starved_by_writers(self):
        """Pending writes before an increment are written at once, and later writes of the key wait for the
        increment."""
        self.start(write_behind="1h")
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        gate = self.http.gate()
        self.http.on("/k", (gate, http(status=204)))
        increment = self.dovecot.write(("increment", "shared/k", 5))
        self.http.wait_target("/k")
        writer = self.dict()
        commit = writer.write(("set", "shared/k", "7"))
        gate.set()
        self.check_payload(self.dovecot.wait(increment), "O")
        self.check_payload(writer.wait(commit), "O")
        methods = [method for method, _, _ in self.writes()]
        self.assertEqual((methods[0], methods.count("PATCH")), ("POST", 1))

    def test_clients_of_a_write_that_fails(self):
        """A client that is told of a failure may write at once again, also to that key."""
        self.start(write_behind="1h")
        self.http.on("/k", http(status=500))
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        clients = [self.dict() for _ in range(3)]
        requests = []
        for client in clients:
            with client.packet():
                requests.append((client, client.write(("increment", "shared/k", 5)),
                                 client.write(("set", "shared/k", "2"))))
        for client, increment, _ in requests:
            client.wait(increment)
        for client, _, second in requests:
            client.wait(second)
        self.http.on("/k", http(status=204))


if __name__ == "__main__":
    harness.main()
