"""Transactions of Dovecot: the order of their changes, rollbacks, limits, and commit_url."""

import json
import os
import signal

import harness
from dict import VERSIONS, hello
from harness import CLOSE, RESET, http, url_table
from write_case import Write


class Transactions(Write):
    def test_changes_in_their_order_one_after_the_other(self):
        self.start()
        gates = [self.http.gate() for _ in range(4)]
        for gate, method, key in zip(gates, ("POST", "DELETE", "PATCH", "POST"), "abcd"):
            self.http.on("/" + key, (gate, http(status=204)))
        commit = self.dovecot.write(("set", "shared/a", "1"), ("unset", "shared/b"), ("increment", "shared/c", 1),
                                    ("set", "shared/d", "2"))
        for done, gate in enumerate(gates):
            self.http.wait_target("/" + "abcd"[done])
            self.pass_through()
            self.assertEqual(len(self.writes()), done + 1, "changes sent before the ones before them were done")
            gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.assertEqual([(method, target) for method, target, _ in self.writes()],
                         [("POST", "/a"), ("DELETE", "/b"), ("PATCH", "/c"), ("POST", "/d")])

    def test_same_key_several_times(self):
        """Unset before set, as the quota dict does; the two may become one request, but the result is fixed."""
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_payload(client.change(("unset", "priv/s"), ("unset", "priv/m"), ("set", "priv/s", "464"),
                                                 ("set", "priv/m", "4")), "O")
                self.check_payload(client.change(("increment", "priv/s", 100), ("increment", "priv/s", -64)), "O")
                self.check_payload(client.get("priv/s"), "O500")
                self.check_payload(client.change(("set", "priv/s", "1"), ("unset", "priv/s")), "O")
                self.check_payload(client.get("priv/s"), "N")
                self.check_payload(client.change(("set", "priv/s", "1"), ("increment", "priv/s", 1),
                                                 ("set", "priv/m", "7")), "O")
                self.check_payload(client.get("priv/s"), "O2")
                self.check_payload(client.get("priv/m"), "O7")

    def test_first_failure_ends_it(self):
        self.start(timeout="2s")
        for answer, expected in ((http(b"", 500), "F"), (http(b"", 404), "F"), (http(b"", 403), "F"), ((CLOSE,), "W"),
                                 ((self.http.gate(),), "W")):
            with self.subTest(answer=answer, expected=expected):
                self.http.forget()
                self.http.on("/b", answer)
                self.check_dict(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/b", "1"),
                                                    ("set", "shared/c", "1"), ("unset", "shared/d")), expected)
                self.pass_through()
                self.assertEqual([target for _, target, _ in self.writes()], ["/a", "/b"])

    def test_increment_of_a_missing_key_among_others(self):
        self.start()
        self.store.values[b"/i"] = b"1"
        for changes in ((("increment", "shared/none", 1),),
                        (("increment", "shared/none", 1), ("increment", "shared/none", 1)),
                        (("increment", "shared/i", 1), ("increment", "shared/none", 1)),
                        (("increment", "shared/none", 1), ("increment", "shared/i", 1))):
            with self.subTest(changes=changes):
                self.check_payload(self.dovecot.change(*changes), "N")
        self.assertNotIn(b"/none", self.store.values)

    def test_rollback_leaves_no_trace(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                number = client.begin()
                client.set(number, "shared/k", "1")
                client.unset(number, "shared/l")
                client.increment(number, "shared/m", 1)
                client.rollback(number)
                self.check_payload(client.get("shared/k"), "N")
                self.assertEqual(self.writes(), [])
                self.check_failure(client.wait(client.commit(number)), None)

    def test_commit_of_an_unknown_id(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for number in (9, 0, 4294967295):
                with self.subTest(version=version, number=number):
                    self.check_failure(client.wait(client.commit(number)), None)
            self.check_payload(client.change(("set", "shared/k", "1")), "O")

    def test_ids(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for number in (1, 2, 77, 2147483648, 4294967295, 1):
                with self.subTest(version=version, number=number):
                    client.begin(number)
                    client.set(number, "shared/k", str(number))
                    self.check_payload(client.wait(client.commit(number)), "O")
                    self.assertEqual(self.store.values[b"/k"], b"%d" % number)

    def test_empty_transaction(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_payload(self.dict(version).change(), "O")
        self.assertEqual(self.http.requests, [])

    def test_changes_without_a_begin(self):
        """They are refused or the client is disconnected; they are never made and never acknowledged."""
        self.start()
        for wire in (b"S1\tshared/k\t1\nC1\n", b"U1\tshared/k\nC1\n", b"A1\tshared/k\t1\nC1\n", b"T1\t1\t1\nC1\n",
                     b"R1\nC1\n", b"Bx\tu\nSx\tshared/k\t1\nC1\n"):
            with self.subTest(wire=wire):
                client = self.dict()
                client.send(wire)
                commit = client.expect("C", 1)
                while commit.answer is None and client.read():
                    pass
                self.assertIn((commit.answer or b"F")[:1], b"F")
        self.assertEqual(self.writes(), [])

    def test_keys_that_cannot_be_written(self):
        self.start()
        client = self.dovecot
        for key in ("other/k", "k", "", "shared", "Shared/k"):
            for change in (("set", key, "1"), ("unset", key), ("increment", key, 1)):
                with self.subTest(change=change):
                    self.check_failure(client.change(change), None)
        nobody = self.dict(user="")
        for change in (("set", "priv/k", "1"), ("unset", "priv/k"), ("increment", "priv/k", 1)):
            with self.subTest("priv without a user", change=change):
                self.check_failure(nobody.change(change), None)
        for key in ("shared/../k", "shared/a/..", "shared/."):
            with self.subTest(key=key):
                self.check_failure(client.change(("set", key, "1")), None)
        self.assertEqual(self.http.requests, [])
        self.check_payload(nobody.change(("set", "shared/k", "1")), "O")

    def test_async_commit(self):
        """Clients up to 2.2.24: the answer begins with A and may come in any order."""
        self.start((2, 0))
        client = self.dovecot
        for change, expected in ((("set", "shared/k", "1"), "O"), (("increment", "shared/k", 1), "O"),
                                 (("increment", "shared/none", 1), "N"), (("set", "other/k", "1"), "F")):
            with self.subTest(change=change):
                number = client.begin()
                getattr(client, change[0])(number, *change[1:])
                client.send(b"D%d\n" % number)
                self.check_dict(client.wait(client.expect("D", number)), expected, None)
        gate = self.http.gate()
        self.store.hold("POST", "/slow", gate)
        number = client.begin()
        client.set(number, "shared/slow", "1")
        client.send(b"D%d\n" % number)
        slow = client.expect("D", number)
        self.http.wait_target("/slow")
        lookup = client.lookup("shared/slow")
        gate.set()
        self.check_payload(client.wait(lookup), "O1")
        self.check_payload(slow.answer or client.wait(slow), "O")

    def test_disconnect_before_commit_leaves_no_trace(self):
        podop = self.start()
        self.dovecot.get("shared/k")
        self.http.forget()
        before = podop.unix_sockets()
        for version in VERSIONS:
            for tail in (b"", b"C", b"C1"):
                client = self.dict(version)
                client.begin(1)
                client.set(1, "shared/k", "1")
                client.send(tail)
                client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before, "the clients' connections are closed")
        self.pass_through()
        self.assertEqual(self.writes(), [])

    def test_disconnect_after_commit_finishes_it(self):
        podop = self.start()
        self.dovecot.get("shared/k")
        self.http.forget()
        before = podop.unix_sockets()
        for number, version in enumerate(VERSIONS):
            with self.subTest("while the first change is under way", version=version):
                self.http.forget()
                gate = self.http.gate()
                self.store.hold("POST", f"/a{number}", gate)
                client = self.dict(version)
                client.write(("set", f"shared/a{number}", "1"), ("set", "shared/b", "2"), ("unset", "shared/c"))
                self.http.wait_target(f"/a{number}")
                client.close()
                self.pass_through()
                gate.set()
                self.http.wait_target("/c")
                self.assertEqual([(method, target) for method, target, _ in self.writes()],
                                 [("POST", f"/a{number}"), ("POST", "/b"), ("DELETE", "/c")])
            with self.subTest("at once", version=version):
                self.http.forget()
                client = self.dict(version)
                with client.packet():
                    client.write(("set", "shared/d", "1"), ("set", "shared/e", "2"))
                    client.write(("set", "shared/f", "3"))
                client.close()
                for key in "def":
                    self.http.wait_target("/" + key)
        harness.wait_until(lambda: podop.unix_sockets() == before, "the clients' connections are closed")

    def test_stop_finishes_what_was_committed(self):
        podop = self.start()
        gate = self.http.gate()
        self.store.hold("POST", "/a", gate)
        self.dovecot.begin(99)
        self.dovecot.set(99, "shared/never", "1")
        commit = self.dovecot.write(("set", "shared/a", "1"), ("set", "shared/b", "2"))
        self.http.wait_target("/a")
        podop.signal(signal.SIGTERM)
        harness.wait_until(lambda: not os.path.exists(self.socket), "podop stops")
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.assertEqual(podop.wait(), 0)
        self.assertEqual(self.writes(), [("POST", "/a", b"1"), ("POST", "/b", b"2")])

    def test_cut_anywhere(self):
        self.start()
        for version in VERSIONS:
            user = b"" if version[0] == 2 else b"\tb\x01tb"
            wire = hello(version, "t", "b\tb" if version[0] == 2 else "")
            wire += b"B7%s\nS7\tpriv/k\ta\x01nb\nU7\tshared/u\nA7\tshared/i\t-1\nC7\n" % user
            for cut in range(1, len(wire)):
                with self.subTest(version=version, cut=cut):
                    self.store.values = {b"/i": b"1"}
                    self.http.forget()
                    client = self.dict(version, greet=False)
                    client.send(wire[:cut])
                    if cut % 5 == 0:  # podop has read the first part before the second comes
                        self.dict(version).get("shared/k")
                    client.send(wire[cut:])
                    self.check_payload(client.wait(client.expect("C", 7)), "O")
                    client.close()
                    self.assertEqual([entry for entry in self.writes() if entry[0] != "PATCH"],
                                     [("POST", "/k/b%09b", b'"a\\nb"'), ("DELETE", "/u", b"")])
                    self.assertEqual(self.store.values[b"/i"], b"0")

    def test_open_transactions_are_limited(self):
        """A client that begins transactions and never ends them is disconnected or refused at some point."""
        podop = self.serve(url_table(self.http), env=harness.small_quarantine())
        client = self.dict()
        value = "x" * 100_000
        rss = podop.rss_kb()
        try:
            for number in range(2_000):  # 200 MB
                client.begin(number)
                client.set(number, "shared/k", value)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.check_payload(self.dict().get("shared/k"), "N")
        self.assertLess(podop.rss_kb(), rss + 100 * 1024, "open transactions fill podop's memory")
        self.assertEqual(self.writes(), [])


class CommitUrl(Write):
    """A whole transaction as one POST, with the keys of single requests."""

    def start_commit(self, **settings):
        self.serve(url_table(self.http, commit_url=self.http.url + "/commit", **settings))
        self.http.on("/commit", http(status=204))
        self.dovecot = self.dict()

    def ops(self, *changes, client=None, expected="O"):
        self.http.forget()
        self.check_dict((client or self.dovecot).change(*changes), expected)
        (method, target, body), = self.writes()
        self.assertEqual((method, target), ("POST", "/commit"))
        self.assertEqual(self.http.requests[0].header("Content-Type"), ["application/json"])
        return json.loads(body)

    def test_form(self):
        self.start_commit()
        for version in VERSIONS:
            with self.subTest(version=version):
                sent = self.ops(("set", "priv/a/b", "text"), ("unset", "shared/c"), ("increment", "priv/d", -5),
                                ("set", "shared/e", "42"), ("set", "shared/f", ""), client=self.dict(version))
                self.assertEqual(sent["user"], "bob@example.com")
                self.assertEqual([(op["op"], op.get("value", "none")) for op in sent["ops"]],
                                 [("set", "text"), ("unset", "none"), ("inc", -5), ("set", 42), ("set", "")])
                self.assertEqual([op["key"] for op in sent["ops"]],
                                 ["a/b/bob@example.com", "c", "d/bob@example.com", "e", "f"])

    def test_value_string(self):
        self.start_commit(value="string")
        sent = self.ops(("set", "shared/a", "42"), ("set", "shared/b", 'x"\r\n\t\x01é'))
        self.assertEqual([op["value"] for op in sent["ops"]], ["42", 'x"\r\n\t\x01é'])

    def test_json_goes_out_as_it_came(self):
        self.start_commit()
        self.http.forget()
        self.check_payload(self.dovecot.change(("set", "shared/a", "12345678901234567890123"),
                                               ("set", "shared/b", "1.10")), "O")
        self.assertRegex(self.http.requests[0].body, rb"12345678901234567890123\b")
        self.assertRegex(self.http.requests[0].body, rb"\b1\.10\b")

    def test_outcomes(self):
        self.hold_clock()
        self.start_commit(timeout="300ms", retries=3)
        for answer, expected in ((http(b"", 200), "O"), (http(b"", 204), "O"), (http(b"", 404), "F"),
                                 (http(b"", 409), "F"), (http(b"", 500), "F"),
                                 ((CLOSE,), "W"), ((RESET,), "W"), (self.hang(self.http, 0.3), "W")):
            with self.subTest(answer=answer):
                self.http.on("/commit", answer)
                self.ops(("set", "shared/a", "1"), ("set", "shared/b", "2"), expected=expected)

    def test_headers(self):
        self.start_commit()
        number = self.dovecot.begin(expire=60)
        self.dovecot.send(b"T%d\t1700000000\t123456789\n" % number)
        self.dovecot.set(number, "priv/k", "1")
        self.check_payload(self.dovecot.wait(self.dovecot.commit(number)), "O")
        request = self.http.requests[0]
        self.assertEqual(request.header("Podop-Expire"), ["60"])
        self.assertEqual(request.header("Podop-Timestamp"), ["1700000000.123456789"])
        self.assertEqual(request.header("Podop-Table"), ["t"])

    def test_refused_values(self):
        self.start_commit()
        for value in (b"a\0b", b"\xff"):
            with self.subTest(value=value):
                self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/k", value)))
        self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "other/k", "1")), None)
        self.check_failure(self.dict(user="").change(("set", "shared/a", "1"), ("set", "priv/k", "1")), None)
        self.assertEqual(self.http.requests, [])

    def test_lookup_after_it(self):
        self.start_commit(cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", http('"old"'), http('"new"'))
        self.http.on("/commit", (gate, http(status=204)))
        self.check_payload(self.dovecot.get("shared/k"), "Oold")
        with self.dovecot.packet():
            commit = self.dovecot.write(("set", "shared/k", "new"))
            lookup = self.dovecot.lookup("shared/k")
        self.http.wait_target("/commit")
        self.pass_through()
        self.assertEqual(self.http.count("/k"), 1)
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.wait(lookup), "Onew")

    def test_rollback(self):
        self.start_commit()
        number = self.dovecot.begin()
        self.dovecot.set(number, "shared/k", "1")
        self.dovecot.rollback(number)
        self.dovecot.get("shared/k")
        self.assertEqual(self.writes(), [])


if __name__ == "__main__":
    harness.main()
