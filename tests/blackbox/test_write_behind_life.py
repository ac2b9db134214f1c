"""Pending writes live as long as podop: through outages, and through reloads of any kind."""

import json
import sys

import harness
from harness import CLOSE, http, url_table
from pending import PROGRAM, WriteBehindCase
from store import Store


class Outage(WriteBehindCase):
    def test_reloads_do_not_count_as_attempts(self):
        self.start()
        self.write_keys(20)
        self.go_down()
        for _ in range(14):
            self.reload()
            self.check_payload(self.dovecot.get("shared/key7"), "O7")
        self.come_back()
        self.reload()
        self.wait_all(20)
        self.assertEqual(self.logged("write_lost"), [])

    def test_reloads_do_not_repeat_failed_writes(self):
        """A write that failed waits until its next attempt, however often podop reloads."""
        self.http.default = lambda request: http(status=500)
        self.start()
        self.write_keys(1)
        self.reload()
        self.http.wait_requests(1)
        for _ in range(14):
            self.reload()
        self.assertLess(len(self.posts()), 5)
        self.check_payload(self.dovecot.get("shared/key0"), "O0")
        self.http.default = self.store
        self.server.stop()
        self.check_all(1)

    def test_short_delay(self):
        """With a very short delay, and in any kind of outage."""
        ways = [lambda: self.go_down(), lambda: setattr(self.http, "default", lambda request: (CLOSE,)),
                lambda: setattr(self.http, "default", lambda request: http(status=503))]
        for way in ways:
            with self.subTest(way=way):
                self.store = self.http.default = Store()
                self.start(self.table(write_behind="1ms", timeout="1s"))
                way()
                self.write_keys(5)
                self.suspend()
                for _ in range(12):  # each of which makes podop try pending writes at once
                    self.reload(self.table(write_behind="1ms", timeout=f"{_ + 5}s"))
                    self.check_payload(self.dovecot.get("shared/key3"), "O3")
                if way is ways[0]:
                    self.come_back()
                self.http.default = self.store
                self.wait_all(5)
                self.server.stop()
                self.assertEqual(self.logged("write_lost"), [])

    def test_others_are_written_when_one_was(self):
        """During an outage one write tries the backend; after it succeeds, all are written."""
        self.start(self.table(write_behind="1ms"))
        self.go_down()
        self.write_keys(300)
        self.come_back()
        self.wait_all(300)

    def test_one_key_delays_no_other(self):
        self.http.default = lambda request: http(status=500) if request.target == b"/key3" else self.store(request)
        self.start(self.table(write_behind="1ms"), shutdown_timeout="200ms")
        self.write_keys(100)
        harness.wait_until(lambda: len(self.store.values) == 99, "the others are written")
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        self.assertEqual(self.logged("write_lost"), [])


class Tables(WriteBehindCase):
    """Reloads that change the table in every way."""

    def test_other_settings(self):
        """Lookups find pending writes, and writes keep their order."""
        self.start(self.table(write_behind="1h"))
        gate = self.http.gate()
        self.http.on("/k", (gate, lambda: self.store.values.update({b"/k": b"1"}) or http(status=204)),
                     (lambda: self.store.values.update({b"/k": b"2"}) or http(status=204),))
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        self.reload(self.table(write_behind="1ms", timeout="9s"))
        self.http.wait_target("/k")
        self.check_payload(self.dovecot.get("shared/k"), "O1")
        self.check_payload(self.dict().change(("set", "shared/k", "2")), "O")
        self.reload(self.table(write_behind="1ms", timeout="8s"))
        self.check_payload(self.dovecot.get("shared/k"), "O2")
        self.check_payload(self.client().ask("t", "k"), "OK 2")
        self.assertEqual(self.posts("/k"), [b"1"])
        gate.set()
        self.http.wait_target("/k", 2)
        self.server.stop()
        self.assertEqual(self.posts("/k"), [b"1", b"2"])
        self.assertEqual(self.store.values[b"/k"], b"2")

    def test_suspended_and_other_settings(self):
        self.start(self.table(timeout="1s"))
        self.write_keys(100)
        self.go_down()
        self.suspend()
        self.come_back()
        self.reload(self.table(timeout="9s"))
        self.wait_all(100)
        self.assertEqual(self.logged("write_lost"), [])

    def test_other_urls(self):
        """Pending writes go to the table's new URL."""
        store = Store()
        other = self.backend(default=store)
        self.start()
        self.go_down()
        self.write_keys(10)
        self.reload(url_table(other, write_behind="1h", template="/new/§"))
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        harness.wait_until(lambda: len(store.values) == 10, "all is written")
        self.assertEqual(store.values[b"/new/key3"], b"3")

    def test_without_write_behind(self):
        """The delay is removed: pending writes are made, and later writes come after them."""
        self.start()
        gate = self.http.gate()
        self.http.on("/k", (gate, http(status=204)), http(status=204))
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        self.reload(self.table(write_behind=0))
        self.http.wait_target("/k")
        client = self.dict()
        commit = client.write(("set", "shared/k", "2"))
        self.check_payload(self.dovecot.get("shared/k"), "O1")
        self.assertEqual(self.posts("/k"), [b"1"])
        gate.set()
        self.check_payload(client.wait(commit), "O")
        self.assertEqual(self.posts("/k"), [b"1", b"2"])

    def test_removed(self):
        """Pending writes are made with the table's old settings."""
        self.start(self.table(), self.table("u"))
        self.write_keys(50)
        self.reload(self.table("u"))
        self.wait_all(50)

    def test_removed_in_an_outage(self):
        self.start(self.table(), self.table("u"))
        self.write_keys(50)
        self.go_down()
        for _ in range(12):
            self.reload(self.table("u", timeout=f"{_ + 5}s"))
        self.come_back()
        self.server.stop()
        self.check_all(50)
        self.assertEqual(self.logged("write_lost"), [])

    def test_removed_and_back(self):
        """Pending writes are found again, and are made with the new table."""
        store = Store()
        other = self.backend(default=store)
        self.start(self.table(), self.table("u"))
        self.go_down()
        self.write_keys(50)
        self.reload(self.table("u"))
        self.reload(self.table("u", timeout="9s"))
        self.reload(self.table("u"), url_table(other, write_behind="1h"))
        self.check_payload(self.dict().get("shared/key9"), "O9")
        harness.wait_until(lambda: len(store.values) == 50, "all is written")

    def test_removed_and_lost(self):
        """The log tells of each lost write, also of a table that is gone."""
        store = self.write("store.json", "{}")
        script = self.write("program.py", PROGRAM)
        program = f"{sys.executable} {script} {store}"
        self.start({"name": "t", "type": "program", "param": program, "write_behind": "1h"},
                   self.table("u"))
        for number in range(5):
            self.check_payload(self.dovecot.change(("set", f"shared/{number}", "never")), "O")
        self.reload(self.table("u"))
        self.server.wait_log("event=write_lost table=t writes=1 ")
        self.server.wait_log("event=write_lost table=t writes=4 ")

    def test_another_type(self):
        """The new type takes no writes: pending writes go where they were meant for."""
        path = self.write("t.json", '{"key3": "old", "x": "y"}')
        self.start()
        self.go_down()
        self.write_keys(50)
        self.reload({"name": "t", "type": "json", "param": path})
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        self.check_payload(self.dovecot.get("shared/x"), "Oy")
        self.check_failure(self.dovecot.change(("set", "shared/new", "1")))
        self.come_back()
        self.wait_all(50)
        harness.wait_until(lambda: self.dovecot.get("shared/key3") == b"Oold", "the file answers")

    def test_lookups_by_post(self):
        """The new settings take no writes, and a POST to the URL would be a lookup."""
        asked = self.backend(default=lambda request: http("null"))
        self.start()
        self.write_keys(5)
        self.reload(url_table(asked, template="/lookup", lookup="post"))
        self.check_payload(self.client().ask("t", "x"), "NOTFOUND ")
        self.check_failure(self.dovecot.change(("set", "shared/new", "1")))
        self.wait_all(5)
        self.assertEqual([json.loads(request.body)["key"] for request in asked.requests], ["x"])

    def test_program_and_a_key_without_utf8(self):
        """The program gets no such key: the write is given up, and says so."""
        store = self.write("store.json", "{}")
        script = self.write("program.py", PROGRAM)
        self.start(sandbox=False)
        self.go_down()
        self.check_payload(self.dovecot.change(("set", b"shared/caf\xe9", "1")), "O")
        self.write_keys(1)
        self.reload({"name": "t", "type": "program", "param": f"{sys.executable} {script} {store}", "processes": 1,
                     "write_behind": "1h"}, sandbox=False)
        self.server.wait_log("event=write_lost .*UTF-8")
        harness.wait_until(lambda: self.client().ask("t", "key0") == b"OK 0", "the other key is written")
        self.server.stop()
        with open(store + ".log", encoding="utf-8") as log:
            keys = [json.loads(line)["key"] for line in log if '"set"' in line]
        self.assertEqual(keys, ["key0"])
        self.assertEqual(self.logged("event=backend_failed table=t backend=/"), [])

    def test_program_and_back(self):
        """From one type that takes writes to another."""
        store = self.write("store.json", "{}")
        script = self.write("program.py", PROGRAM)
        self.start(sandbox=False)  # which forbids the first program after the start
        self.go_down()
        self.write_keys(20)
        self.reload({"name": "t", "type": "program", "param": f"{sys.executable} {script} {store}", "processes": 1,
                     "write_behind": "1h"}, sandbox=False)
        self.check_payload(self.dovecot.get("shared/key3"), "O3")

        def written():
            with open(store + ".log", "a+", encoding="utf-8") as log:
                log.seek(0)
                return {json.loads(line)["key"] for line in log if '"set"' in line}
        harness.wait_until(lambda: len(written()) == 20, "all is written")

    def test_keys_of_another_shape(self):
        """The new template has the user in it."""
        self.start()
        self.go_down()
        self.check_payload(self.dovecot.change(("set", "priv/k", "1"), ("set", "shared/k", "2")), "O")
        self.check_payload(self.dovecot.get("shared/k/bob@example.com"), "O1")
        self.come_back()
        gate = self.http.gate()
        self.store.hold("POST", "/bob%40example.com/k", gate)
        self.store.hold("POST", "//k", gate)
        self.reload(url_table(self.http, write_behind="1h", template="/{user}/{key}"))
        self.check_payload(self.dovecot.get("priv/k"), "O1")
        self.check_payload(self.dovecot.get("shared/k"), "O2")
        self.check_payload(self.dovecot.get("shared/k/bob@example.com"), "N")
        gate.set()
        self.server.stop()
        self.assertEqual(self.store.values, {b"/bob%40example.com/k": b"1", b"//k": b"2"})

    def test_keys_become_one(self):
        """Two keys become one URL: the newer value stays."""
        self.start(url_table(self.http, write_behind="1h", template="/{user}/{key}"))
        self.check_payload(self.dovecot.change(("set", "priv/k", "old")), "O")
        self.check_payload(self.dovecot.change(("set", "shared/k/bob@example.com", "new")), "O")
        self.reload(self.table(timeout="9s"))
        self.check_payload(self.dovecot.get("priv/k"), "Onew")
        self.server.stop()
        self.assertEqual(self.store.values, {b"/k/bob%40example.com": b'"new"'})


if __name__ == "__main__":
    harness.main()
