"""Reload: SIGHUP takes the new configuration for tables and dict sessions while requests and clients live on."""

import signal
import threading

import harness
from harness import echo, http, netstring, url_table
from reload_case import Reload


class Tables(Reload):
    def test_next_request_of_a_connected_client_meets_the_new_tables(self):
        podop = self.start(url_table(self.http, "a", "/old/§"), url_table(self.http, "gone"))
        client = self.client()
        self.http.default = lambda request: http('"' + request.target.decode() + '"')
        self.ask(client, "k", "OK /old/k", "a")
        self.configure(url_table(self.http, "a", "/new/§"), url_table(self.http, "b", "/b/§"))
        self.reload(podop)
        self.ask(client, "k", "OK /new/k", "a")
        self.ask(client, "k", "OK /b/k", "b")
        self.check_payload(client.ask("gone", "k"), "TEMP no such table: gone")
        self.ask(self.client(), "k", "OK /new/k", "a")

    def test_request_under_way_finishes_on_the_old_set(self):
        podop = self.start(url_table(self.http, "a", "/old/§"))
        gate = self.http.gate()
        self.http.on("/old/k", (gate, http('"old"')))
        self.http.on("/new/k", http('"new"'))
        client = self.client()
        client.send(netstring("a k"))
        self.http.wait_target("/old/k")
        self.configure(url_table(self.http, "a", "/new/§", timeout="1s"))
        self.reload(podop)
        client.send(netstring("a k"))
        self.http.wait_target("/new/k")
        gate.set()
        self.check_payload(client.read(), "OK old")
        self.check_payload(client.read(), "OK new")

    def test_request_in_the_queue_finishes_on_the_old_set(self):
        podop = self.start(url_table(self.http, "a", "/old/§"), pool={"max_connections": 1})
        gate = self.http.gate()
        self.http.default = lambda request: (gate, http('"' + request.target.decode() + '"'))
        client = self.client()
        for key in ("1", "2", "3"):
            client.send(netstring("a " + key))
        self.http.wait_target("/old/1")
        self.configure(url_table(self.http, "b"), pool={"max_connections": 1})
        self.reload(podop)
        gate.set()
        for key in ("1", "2", "3"):
            with self.subTest(key=key):
                self.check_payload(client.read(), "OK /old/" + key)

    def test_table_removed_and_added_again(self):
        podop = self.start(url_table(self.http, "a"), url_table(self.http, "b"))
        client = self.client()
        for _ in range(3):
            self.configure(url_table(self.http, "a"))
            self.reload(podop)
            self.check_payload(client.ask("b", "k"), "TEMP no such table: b")
            self.configure(url_table(self.http, "a"), url_table(self.http, "b"))
            self.reload(podop)
            self.ask(client, "k", "OK k", "b")

    def test_unchanged_table_keeps_its_cache(self):
        """At any place in the file; a changed table begins with an empty cache."""
        kept = url_table(self.http, "kept", "/kept/§", cache={"ttl": "1h"})
        podop = self.start(kept, url_table(self.http, "other", "/other/§", cache={"ttl": "1h"}))
        client = self.client()
        self.http.default = lambda request: http(b'"value"')
        for table in ("kept", "other"):
            self.ask(client, "k", "OK value", table)
        self.configure(url_table(self.http, "first"), url_table(self.http, "other", "/other/§", cache={"ttl": "2h"}),
                       kept)
        self.reload(podop)
        for table in ("kept", "other"):
            self.ask(client, "k", "OK value", table)
        self.assertEqual((self.http.count("/kept/k"), self.http.count("/other/k")), (1, 2))

    def test_stale_answers_survive(self):
        table = url_table(self.http, cache={"ttl": "1ms", "stale": "1h"})
        podop = self.start(table)
        client = self.client()
        self.ask(client, "k", "OK k")
        self.reload(podop)
        self.http.stop()
        self.ask(client, "k", "OK k")

    def test_answer_of_the_old_table_is_remembered_by_the_new(self):
        table = url_table(self.http, cache={"ttl": "1h"})
        podop = self.start(table)
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"v"')))
        client = self.client()
        client.send(netstring("t k"))
        self.http.wait_target("/k")
        self.reload(podop)
        gate.set()
        self.check_payload(client.read(), "OK v")
        self.ask(client, "k", "OK v")
        self.assertEqual(self.http.count("/k"), 1)

    def test_write_through_the_old_table_is_seen_by_a_changed_one(self):
        """A value that was cached while the write was under way must not outlive it."""
        podop = self.start(url_table(self.http, cache={"ttl": "1h"}))
        gate, reads = self.http.gate(), [http('"before"'), http('"after"')]
        self.http.default = lambda request: (gate, http(status=204)) if request.method == "POST" else reads.pop(0)
        writer = self.dict()
        change = writer.write(("set", "shared/k", "after"))
        self.http.wait_requests(1)
        self.configure(url_table(self.http, cache={"ttl": "2h"}))
        self.reload(podop)
        client = self.client()
        self.ask(client, "k", "OK before")
        gate.set()
        self.assertEqual(writer.wait(change), b"O")
        self.ask(client, "k", "OK after")

    def test_json_file_is_read_again(self):
        path = self.write("t.json", '{"k": "old"}')
        podop = self.start({"name": "t", "type": "json", "param": path})
        client = self.client()
        self.ask(client, "k", "OK old")
        self.write("t.json", '{"k": "new"}')
        self.ask(client, "k", "OK old")
        self.reload(podop)
        self.ask(client, "k", "OK new")

    def test_command_line_is_read_again(self):
        """It still overrides the file."""
        podop = self.start(args=("--name", "extra", "--type", "url", "--param", self.http.url + "/§",
                                 "--set", "tables.t.param=" + self.http.url + "/set/§"))
        self.http.default = lambda request: http('"' + request.target.decode() + '"')
        self.reload(podop)
        client = self.client()
        self.ask(client, "k", "OK /k", "extra")
        self.ask(client, "k", "OK /set/k")

    def test_log_settings(self):
        podop = self.start(log={"level": "info"})
        client = self.client()
        self.ask(client, "first", "OK first")
        self.configure(log={"level": "debug", "format": "json"})
        podop.signal(signal.SIGHUP)
        podop.wait_log('"event": ?"reload"')
        self.ask(client, "second", "OK second")
        podop.wait_log('"key": ?"second"')
        self.assertFalse(podop.lines("first"))

    def test_pool_grows(self):
        podop = self.start(pool={"max_connections": 1})
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        client = self.client()
        for key in ("1", "2", "3"):
            client.send(netstring("t " + key))
        self.http.wait_requests(1)
        self.configure(pool={"max_connections": 8})
        self.reload(podop)
        self.http.wait_requests(3)
        gate.set()
        for key in ("1", "2", "3"):
            with self.subTest(key=key):
                self.check_payload(client.read(), "OK " + key)


class Dicts(Reload):
    def test_open_transaction_is_kept(self):
        podop = self.start(url_table(self.http, "t", "/old/§"))
        self.http.default = lambda request: http(status=204)
        client = self.dict()
        self.assertEqual(client.get("shared/k"), b"N")
        self.http.forget()
        number = client.begin()
        client.set(number, "shared/k", "v")
        self.configure(url_table(self.http, "t", "/new/§"))
        self.reload(podop)
        self.assertEqual(client.wait(client.commit(number)), b"O")
        self.assertEqual([request.target for request in self.http.requests], [b"/new/k"])

    def test_queued_write_goes_to_its_own_table(self):
        """The second write waits for the first, and its table is removed meanwhile."""
        podop = self.start(url_table(self.http, "t", "/old/§"))
        gate = self.http.gate()
        self.http.on("/old/k", (gate, http(status=204)), http(status=204))
        self.http.on("/old/x", http('"x"'))
        client = self.dict()
        changes = [client.write(("set", "shared/k", value)) for value in "12"]
        self.http.wait_requests(1)
        self.assertEqual(self.client().ask("t", "x"), b"OK x")
        self.configure(url_table(self.http, "other"))
        self.reload(podop)
        gate.set()
        self.assertEqual([client.wait(change) for change in changes], [b"O", b"O"])
        self.http.requests = [request for request in self.http.requests if request.method == "POST"]
        self.assertEqual([request.body for request in self.http.requests], [b"1", b"2"])

    def test_pending_writes_are_made(self):
        podop = self.start(url_table(self.http, write_behind="1h"))
        self.http.default = lambda request: http(status=204)
        self.assertEqual(self.dict().change(("set", "shared/k", "v")), b"O")
        self.assertEqual(self.http.requests, [])
        self.reload(podop)
        self.http.wait_requests(1)
        self.assertEqual(self.http.requests[0].body, b'"v"')

    def test_pending_writes_outlive_an_outage(self):
        """A pending write that fails at the reload stays pending if its table has not changed."""
        podop = self.start(url_table(self.http, write_behind="2s"))
        self.http.default = lambda request: http(status=503)
        client = self.dict()
        self.assertEqual(client.change(("set", "shared/k", "v")), b"O")
        self.reload(podop)
        self.http.wait_requests(1)
        self.assertEqual(client.get("shared/k"), b"Ov")
        self.http.default = lambda request: http(status=204)
        while len(self.http.requests) < 2:  # the pause after a failure is as long as the delay
            self.reload(podop)
            self.assertFalse(podop.lines("write_lost"))
        self.assertEqual({(request.method, request.body) for request in self.http.requests}, {("POST", b'"v"')})

    def test_pending_writes_under_way_are_not_overtaken(self):
        """Neither lookups nor other writes of the keys overtake them."""
        podop = self.start(url_table(self.http, write_behind="1h"))
        gate = self.http.gate()
        self.http.on("/k", (gate, http(status=204)), http(status=204))
        client = self.dict()
        self.assertEqual(client.change(("set", "shared/k", "1")), b"O")
        self.reload(podop)
        self.http.wait_requests(1)
        self.assertEqual(client.get("shared/k"), b"O1")
        change = client.write(("increment", "shared/k", 5))
        self.reload(podop)
        self.reload(podop)
        self.assertEqual(len(self.http.requests), 1)
        gate.set()
        self.assertEqual(client.wait(change), b"O")
        self.assertEqual([request.body for request in self.http.requests], [b"1", b'{"inc": 5}'])
        self.configure(url_table(self.http, "other"))
        self.reload(podop)

    def test_commit_of_a_client_that_has_left(self):
        """Its socket is removed from the configuration while the write is under way."""
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        gate = self.http.gate()
        self.http.default = lambda request: (gate, http(status=204))
        client = self.dict(address=self.path("more"))
        for value in "12":
            client.write(("set", "shared/k", value))
        self.http.wait_requests(1)
        before = podop.unix_sockets()
        client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before - 1, "the client is let go")
        self.configure()
        self.reload(podop)
        gate.set()
        self.http.wait_requests(2)
        self.assertEqual([request.body for request in self.http.requests], [b"1", b"2"])
        podop.stop()


class Load(Reload):
    RELOADS = 60
    CLIENTS = 8

    def test_reloads_under_load(self):
        """Over kept and new connections every lookup gets its own answer, and podop's memory does not grow."""
        tables = [url_table(self.http, "t", "/§", cache={"ttl": "1h"}), url_table(self.http, "u", "/§")]
        podop = self.start(*tables)
        stop, asked, wrong = threading.Event(), [0] * self.CLIENTS, []

        def ask_on(number):
            client = harness.Socketmap(self.socket)
            while not stop.is_set() and not wrong:
                key = f"{number}-{asked[number] % 50}"
                got = client.ask("tu"[asked[number] % 2], key)
                if got != b"OK " + key.encode():
                    wrong.append((key, got))
                asked[number] += 1
                if number % 2:
                    client.close()
                    client = harness.Socketmap(self.socket)
            client.close()

        threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(self.CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            self.reload(podop)
            descriptors = podop.descriptors()
            for number in range(self.RELOADS):
                self.configure(*tables[::-1 if number % 2 else 1], url_table(self.http, f"x{number}"))
                self.reload(podop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertTrue(all(asked))
        harness.wait_until(lambda: podop.descriptors() <= descriptors, "descriptors are given back")


if __name__ == "__main__":
    harness.main()
