"""Writes on one dict connection: what may overtake a write, and which lookups see its value."""

import harness
from dict import ASYNC_VERSIONS, VERSIONS, DictCase
from harness import url_table
from store import Store


class Writes(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store({"/k": '"old"', "/other": '"other"'})
        self.http = self.backend(default=self.store)
        self.serve(url_table(self.http, timeout="1h"))

    def hold(self, method, target):
        gate = self.http.gate()
        self.store.hold(method, target, gate)
        return gate

    def pass_through(self):
        """Sends lookups and waits for their answers, so that podop has handled whatever it read before."""
        witness = self.dict()
        for _ in range(20):
            self.check_payload(witness.get("shared/other"), "Oother")
        witness.close()

    def not_yet(self, method, target):
        """Checks that such a request has not come so far."""
        self.pass_through()
        self.assertNotIn((method, target), self.seen(self.http))

    def test_lookup_sees_the_commit_before_it(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                key = f"k{number}"
                self.store.values[b"/" + key.encode()] = b'"old"'
                gate = self.hold("POST", "/" + key)
                client = self.dict(version)
                with client.packet():
                    commit, lookup = client.write(("set", "shared/" + key, "new")), client.lookup("shared/" + key)
                self.http.wait_target("/" + key)
                self.not_yet("GET", "/" + key)
                gate.set()
                self.check_payload(client.wait(lookup), "Onew")
                self.check_payload(client.wait(commit), "O")
                self.assertEqual([method for method, target in self.seen(self.http) if target == "/" + key],
                                 ["POST", "GET"])

    def test_lookup_sees_unset_and_increment(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                self.store.values.update({b"/u%d" % number: b'"old"', b"/i%d" % number: b"40"})
                gates = [self.hold("DELETE", f"/u{number}"), self.hold("PATCH", f"/i{number}")]
                client = self.dict(version)
                with client.packet():
                    first = client.write(("unset", f"shared/u{number}"))
                    unset = client.lookup(f"shared/u{number}")
                    second = client.write(("increment", f"shared/i{number}", 2))
                    increment = client.lookup(f"shared/i{number}")
                self.http.wait_target(f"/u{number}")
                self.not_yet("GET", f"/u{number}")
                self.not_yet("GET", f"/i{number}")
                for gate in gates:
                    gate.set()
                self.check_payload(client.wait(increment), "O42")
                self.check_payload(client.wait(unset), "N")
                self.check_payload(client.wait(first), "O")
                self.check_payload(client.wait(second), "O")

    def test_lookup_of_the_last_key_of_a_transaction(self):
        """The lookup waits for the whole transaction, not just for its first change."""
        gates = [self.hold("POST", "/a"), self.hold("POST", "/k")]
        client = self.dict()
        with client.packet():
            client.write(("set", "shared/a", "1"), ("set", "shared/k", "new"))
            lookup = client.lookup("shared/k")
        self.http.wait_target("/a")
        self.not_yet("GET", "/k")
        gates[0].set()
        self.http.wait_target("/k")
        self.not_yet("GET", "/k")
        gates[1].set()
        self.check_payload(client.wait(lookup), "Onew")

    def test_priv_key_of_the_same_user(self):
        """As the quota dict does: the commit and the lookup in one packet."""
        for version in VERSIONS:
            with self.subTest(version=version):
                user = f"u{version[0]}{version[1]}"
                gate = self.hold("POST", f"/quota/messages/{user}")
                client = self.dict(version, user=user)
                with client.packet():
                    client.write(("unset", "priv/quota/storage"), ("unset", "priv/quota/messages"),
                                 ("set", "priv/quota/storage", "464"), ("set", "priv/quota/messages", "4"))
                    lookup = client.lookup("priv/quota/messages")
                self.http.wait_target(f"/quota/messages/{user}", 1)
                gate.set()
                self.check_payload(client.wait(lookup), "O4")

    def test_iteration_sees_the_commit_before_it(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                self.store.values.update({b"/p%d/a" % number: b'"old"', b"/p%d/b" % number: b'"old"'})
                gate = self.hold("POST", f"/p{number}/a")
                client = self.dict(version)
                with client.packet():
                    commit = client.write(("set", f"shared/p{number}/a", "new"), ("unset", f"shared/p{number}/b"),
                                          ("set", f"shared/p{number}/c", "new"))
                    rows = client.iterate(f"shared/p{number}/")
                self.http.wait_target(f"/p{number}/a")
                self.not_yet("GET", f"/p{number}/")
                gate.set()
                self.check_payload(client.wait(rows), "")
                self.check_payload(client.wait(commit), "O")
                self.assertEqual(sorted(rows.rows),
                                 [(b"shared/p%d/%s" % (number, name), b"new") for name in (b"a", b"c")])

    def test_two_transactions_on_one_key(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                target = f"/k{number}"
                gate = self.hold("POST", target)
                client = self.dict(version)
                with client.packet():
                    commits = [client.write(("set", "shared" + target, str(value))) for value in range(5)]
                    lookup = client.lookup("shared" + target)
                self.http.wait_target(target)
                self.pass_through()
                self.assertEqual(self.http.count(target), 1, "the second write did not wait for the first")
                gate.set()
                self.check_payload(client.wait(lookup), "O4")
                for commit in commits:
                    self.check_payload(client.wait(commit), "O")
                self.assertEqual([request.body for request in self.http.requests
                                  if request.target == target.encode() and request.method == "POST"],
                                 [b"0", b"1", b"2", b"3", b"4"])

    def test_transactions_that_overlap_in_one_key(self):
        gate = self.hold("POST", "/a")
        client = self.dict()
        with client.packet():
            first = client.write(("set", "shared/a", "1"), ("set", "shared/k", "1"))
            second = client.write(("set", "shared/k", "2"), ("set", "shared/b", "2"))
            third = client.write(("unset", "shared/b"))
            lookups = [client.lookup("shared/k"), client.lookup("shared/b")]
        self.http.wait_target("/a")
        self.not_yet("POST", "/k")
        gate.set()
        self.check_payload(client.wait(lookups[0]), "O2")
        self.check_payload(client.wait(lookups[1]), "N")
        for commit in (first, second, third):
            with self.subTest(commit=commit):
                self.check_payload(client.wait(commit), "O")

    def test_slow_commit_holds_up_no_other_key(self):
        for number, version in enumerate(ASYNC_VERSIONS):
            with self.subTest(version=version):
                gate = self.hold("POST", f"/w{number}")
                client = self.dict(version)
                commit = client.write(("set", f"shared/w{number}", "1"))
                self.http.wait_target(f"/w{number}")
                for _ in range(5):
                    self.check_payload(client.get("shared/other"), "Oother")
                behind = client.lookup(f"shared/w{number}")
                self.check_payload(client.get("shared/other"), "Oother")
                self.assertEqual((commit.answer, behind.answer), (None, None))
                gate.set()
                self.check_payload(client.wait(commit), "O")
                self.check_payload(client.wait(behind), "O1")

    def test_failed_commit_before_a_lookup(self):
        """The lookup is sent all the same and gets the stored value."""
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                self.store.values[b"/f%d" % number] = b'"old"'
                client = self.dict(version)
                with client.packet():
                    commit = client.write(("increment", f"shared/none{number}", 1))
                    bad = client.write(("set", "other/k", "1"))
                    lookup = client.lookup(f"shared/f{number}")
                self.check_payload(client.wait(lookup), "Oold")
                self.check_payload(client.wait(commit), "N")
                self.check_failure(client.wait(bad), None)

    def test_interleaved_transactions(self):
        """SETMETADATA with private and shared entries, as captured."""
        for version in VERSIONS:
            with self.subTest(version=version):
                self.store.values.update({b"/g/b": b'"x"'})
                client = self.dict(version, user="bob")
                with client.packet():
                    client.begin(5)
                    client.set(5, "priv/g/a", "1")
                    client.begin(6)
                    client.set(6, "shared/g/a", "2")
                    client.set(5, "priv/g/b", "3")
                    client.unset(6, "shared/g/b")
                    before = client.lookup("shared/g/b")
                self.check_payload(client.wait(before), "Ox")
                self.check_payload(client.wait(client.commit(5)), "O")
                self.assertEqual(self.store.values[b"/g/a/bob"], b"1")
                self.check_payload(client.get("shared/g/b"), "Ox")
                self.check_payload(client.wait(client.commit(6)), "O")
                self.check_payload(client.get("shared/g/b"), "N")
                self.check_payload(client.get("shared/g/a"), "O2")
                self.check_payload(client.get("priv/g/b"), "O3")
                self.store.values.clear()

    def test_iterations_within_transactions(self):
        """DELETE of a mailbox, as captured: I9, B1, U1, I9, B2, U2, C1, C2."""
        for version in VERSIONS:
            with self.subTest(version=version):
                self.store.values.update({b"/g/a": b'"1"', b"/g/b/c": b'"2"'})
                client = self.dict(version)
                with client.packet():  # the rows may or may not have what is committed after them
                    rows = client.iterate("shared/g/", 9)
                    client.begin(1)
                    client.unset(1, "shared/g/a")
                    again = client.iterate("shared/g/", 9)
                    client.begin(2)
                    client.unset(2, "shared/g/b/c")
                    commits = [client.commit(1), client.commit(2)]
                    last = client.iterate("shared/g/", 9)
                for commit in commits:
                    self.check_payload(client.wait(commit), "O")
                for request in (rows, again, last):
                    self.check_payload(request.answer or client.wait(request), "")
                self.assertEqual(last.rows, [])

    def test_commits_in_another_order_than_begun(self):
        client = self.dict()
        with client.packet():
            for number in (3, 1, 2):
                client.begin(number)
            for number in (1, 2, 3):
                client.set(number, "shared/k", str(number))
            commits = [client.commit(number) for number in (2, 3, 1)]
        for commit in commits:
            self.check_payload(client.wait(commit), "O")
        self.assertEqual([request.body for request in self.http.requests], [b"2", b"3", b"1"])

    def test_connections_are_not_ordered_among_each_other(self):
        gate = self.hold("POST", "/k")
        first, second = self.dict((2, 2)), self.dict((2, 2))
        commit = first.write(("set", "shared/k", "new"))
        self.http.wait_target("/k")
        self.check_payload(second.get("shared/other"), "Oother")
        gate.set()
        self.check_payload(first.wait(commit), "O")
        self.check_payload(second.get("shared/k"), "Onew")


if __name__ == "__main__":
    harness.main()
