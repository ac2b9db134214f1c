"""What a write removes from the cache: its keys, if it may have been made, and nothing else."""

import signal

import harness
from dict import DictCase
from harness import CLOSE, conf_file, http, url_table
from store import Store

CACHE = {"ttl": "1h", "negative_ttl": "1h"}


class CacheWrites(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, **settings):
        settings.setdefault("cache", CACHE)
        podop = self.serve(url_table(self.http, **settings))
        self.dovecot = self.dict()
        return podop

    def ask(self, key):
        return self.client().ask("t", key)


class OtherKeys(CacheWrites):
    def test_fetch_under_way_is_kept(self):
        """A write of another key that begins and ends meanwhile does not keep the answer of a lookup from
        being cached."""
        for settings in ({}, {"commit_url": self.http.url + "/all"}, {"write_behind": "1ms"}):
            with self.subTest(**settings):
                self.http.forget()
                podop = self.start(**settings)
                gate = self.http.gate()
                self.http.on("/slow", (gate, http('"1"')))
                client = self.client()
                client.request("t", "slow")
                self.http.wait_target("/slow")
                self.check_payload(self.dovecot.change(("set", "shared/other", "1")), "O")
                self.http.wait_target("/all" if "commit_url" in settings else "/other")
                joined = self.client()
                joined.request("t", "slow")  # and it is shared as well
                self.assertEqual(self.dict().get("shared/witness"), b"N")
                gate.set()
                self.check_payload(client.read(), "OK 1")
                self.check_payload(joined.read(), "OK 1")
                self.check_payload(self.ask("slow"), "OK 1")
                self.assertEqual(self.http.count("/slow"), 1)
                podop.stop()

    def test_written_key_is_not_kept(self):
        """A lookup under way when the write ends is neither joined by later lookups nor cached."""
        self.start()
        gates = [self.http.gate() for _ in range(2)]
        answers = iter(((gates[0], http('"old"')), http(status=204), (gates[1], http('"new"'))))
        self.http.on("/k", *answers)
        first, second = self.client(), self.client()
        first.request("t", "k")
        self.http.wait_target("/k")
        self.check_payload(self.dovecot.change(("set", "shared/k", "new")), "O")
        second.request("t", "k")
        self.http.wait_target("/k", 3)
        gates[1].set()
        self.check_payload(second.read(), "OK new")
        gates[0].set()
        self.check_payload(first.read(), "OK old")
        self.check_payload(self.ask("k"), "OK new")
        self.assertEqual(self.http.count("/k"), 3)

    def test_many_writes_many_lookups(self):
        self.start()
        for number in range(20):
            self.store.values[b"/key%d" % number] = b'"v"'
        for round in range(5):
            for number in range(20):
                self.check_payload(self.dovecot.change(("set", f"shared/other{number}", str(round))), "O")
                self.check_payload(self.ask(f"key{number}"), "OK v")
        self.assertEqual(sum(request.method == "GET" for request in self.http.requests), 20)


class OverReloads(CacheWrites):
    """A write that began before a reload also removes its key from the cache that exists when it ends."""

    def reload(self, podop, *tables):
        before = sum("event=reload " in line for line in list(podop.log))
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=list(tables)))
        podop.signal(signal.SIGHUP)
        harness.wait_until(lambda: sum("event=reload " in line for line in list(podop.log)) > before, "a reload")

    def test_write_under_way(self):
        same, other = url_table(self.http, cache=CACHE), url_table(self.http, cache={"ttl": "2h"})
        unrelated = url_table(self.http, "u")
        for tables in ([same], [other], [other, same], [unrelated, same], [unrelated, other, same, other]):
            with self.subTest(tables=tables):
                self.store.values[b"/k"] = self.store.values[b"/l"] = b'"old"'
                self.http.forget()
                podop = self.start()
                gate = self.http.gate()
                self.store.hold("POST", "/k", gate)
                commit = self.dovecot.write(("set", "shared/k", "new"))
                self.http.wait_target("/k")
                for table in tables:
                    self.reload(podop, table)
                for key in "kl":
                    self.check_payload(self.ask(key), "OK old")
                self.http.forget()
                gate.set()
                self.check_payload(self.dovecot.wait(commit), "O")
                self.check_payload(self.ask("k"), "OK new")
                self.check_payload(self.ask("l"), "OK old")
                self.assertEqual((self.http.count("/k"), self.http.count("/l")), (1, 0))
                podop.stop()

    def test_lookup_under_way(self):
        """A lookup that began before the reload and the write, and is answered last, is not cached."""
        table = url_table(self.http, cache=CACHE)
        podop = self.start()
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')), http(status=204), http('"new"'))
        client = self.client()
        client.request("t", "k")
        self.http.wait_target("/k")
        self.reload(podop, table)
        self.check_payload(self.dict().change(("set", "shared/k", "new")), "O")
        gate.set()
        self.check_payload(client.read(), "OK old")
        self.check_payload(self.ask("k"), "OK new")


class WhatWasMade(CacheWrites):
    """Each change of a transaction that may have been made is removed from the cache, and no other."""

    def remember(self, *keys):
        for key in keys:
            self.store.values[b"/" + key.encode()] = b'"old"'
            self.check_payload(self.ask(key), "OK old")
        self.http.forget()

    def check_forgotten(self, **facts):
        for key, is_forgotten in facts.items():
            with self.subTest(key=key, is_forgotten=is_forgotten):
                self.ask(key)
                self.assertEqual(self.http.count("/" + key) > 0, is_forgotten, key)

    def test_first_failure(self):
        for answer, letter in ((http(status=500), "F"), (http(status=403), "F"), ((CLOSE,), "W")):
            with self.subTest(answer=answer):
                podop = self.start()
                self.remember("a", "b", "c")
                written = {b"/a": http(status=204)}
                self.http.default = lambda request: (written.get(request.target, answer) if request.method == "POST"
                                                     else self.store(request))
                got = self.dovecot.change(*(("set", f"shared/{key}", "new") for key in "abc"))
                self.assertIn(got[:1].decode(), letter + "W")
                self.http.default = self.store
                self.http.forget()
                self.check_forgotten(a=True, b=True, c=False)
                podop.stop()

    def test_refused_by_podop(self):
        self.start(skip=["skipped"])
        self.remember("a")
        self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/skipped", "2")))
        self.check_failure(self.dovecot.change(("set", "shared/a", b"\xff")))
        self.check_forgotten(a=False)

    def test_outage(self):
        """A write that was never sent removes no stale value, also while the URL is suspended."""
        self.start(cache={"ttl": "1ms", "stale": "1h"}, timeout="1s")
        self.remember("k")
        self.http.stop()
        for _ in range(8):
            self.check_failure(self.dovecot.change(("set", "shared/k", "new")))
            self.check_payload(self.ask("k"), "OK old")


if __name__ == "__main__":
    harness.main()
