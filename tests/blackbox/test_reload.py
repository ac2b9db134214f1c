"""Reload: SIGHUP takes the whole new configuration or nothing of it; requests, clients, sockets and caches live on."""

import os
import signal
import stat
import threading

import harness
from dict import DictCase
from harness import conf_file, echo, http, netstring, url_table


class Reload(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def configure(self, *tables, listen=None, **settings):
        """Writes podop.conf; what a running podop is made to read by reload()."""
        return self.write("podop.conf", conf_file(
            listen=listen or [{"socket": self.socket}], tables=list(tables) or [url_table(self.http)], **settings))

    def start(self, *tables, args=(), **settings):
        podop = self.podop("-c", self.configure(*tables, **settings), *args)
        podop.reloads = 0
        return podop

    def reload(self, podop):
        """Sends SIGHUP and waits until podop has read everything anew."""
        podop.reloads += 1
        podop.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told(podop, "event=reload ")) == podop.reloads, "a reload")

    def fail_to_reload(self, podop):
        """Sends SIGHUP and returns the faults that were logged."""
        before = len(self.told(podop, "event=reload_failed "))
        podop.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told(podop, "event=reload_failed ")) > before, "a failed reload")
        return self.told(podop, "event=reload_failed ")[before:]

    @staticmethod
    def told(podop, what):
        return [line for line in list(podop.log) if what in line]

    def ask(self, client, key, answer, table="t"):
        self.check_payload(client.ask(table, key), answer)


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
        """Wherever it stands in the file; a changed one begins anew."""
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
        """It stays on top of the file."""
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
        self.assertFalse(self.told(podop, "first"))

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


class Sockets(Reload):
    def inode(self, path=None):
        return os.stat(path or self.socket).st_ino

    def test_unchanged_sockets_stay_open(self):
        """By descriptor: a client that waits in the backlog is served by the new set."""
        port = self.reserve_port()
        listen = [{"socket": self.socket}, {"socket": f"127.0.0.1:{port}"}]
        podop = self.start(listen=listen)
        inode, descriptors = self.inode(), podop.descriptors()
        self.configure(url_table(self.http, "new"), listen=listen[::-1])
        for _ in range(5):
            self.reload(podop)
        self.assertEqual(self.inode(), inode)
        self.assertEqual(podop.descriptors(), descriptors)
        for address in (self.socket, ("127.0.0.1", port)):
            self.ask(self.client(address), "k", "OK k", "new")

    def test_limits_of_an_unchanged_socket(self):
        podop = self.start(listen=[{"socket": self.socket, "max_clients": 1}])
        first, second = self.client(), self.client()
        self.ask(first, "k", "OK k")
        second.send(netstring("t waits"))
        self.configure(listen=[{"socket": self.socket, "max_clients": 2, "tables": ["t"]}])
        self.reload(podop)
        self.check_payload(second.read(), "OK waits")

    def test_new_socket(self):
        podop = self.start()
        self.configure(listen=[{"socket": self.socket}, {"socket": self.path("more"), "permissions": "0600"}])
        self.reload(podop)
        self.ask(self.client(self.path("more")), "k", "OK k")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("more")).st_mode), 0o600)

    def test_removed_socket(self):
        """It is closed and its file removed; its clients stay, and meet the new tables."""
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        client = self.client(self.path("more"))
        self.ask(client, "k", "OK k")
        self.configure(url_table(self.http), url_table(self.http, "new"))
        self.reload(podop)
        self.assertFalse(os.path.exists(self.path("more")))
        self.ask(client, "k", "OK k")
        self.ask(client, "k", "OK k", "new")
        self.reload(podop)
        self.ask(client, "k", "OK k", "new")
        before = podop.unix_sockets()
        client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before - 1, "the client is let go")
        podop.stop()

    def test_client_in_the_backlog_of_a_removed_socket(self):
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        podop.signal(signal.SIGSTOP)
        client = self.client(self.path("more"))
        client.send(netstring("t k"))
        self.configure()
        podop.signal(signal.SIGHUP)
        podop.signal(signal.SIGCONT)
        self.check_payload(client.read(), "OK k")

    def test_changed_rights(self):
        """The file is replaced at once: clients of the old one stay, and there is no moment without any."""
        podop = self.start(listen=[{"socket": self.socket, "permissions": "0600"}])
        client, inode = self.client(), self.inode()
        self.configure(listen=[{"socket": self.socket, "permissions": "0666"}])
        self.reload(podop)
        self.assertNotEqual(self.inode(), inode)
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o666)
        self.ask(client, "k", "OK k")
        self.ask(self.client(), "k", "OK k")
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".podop")], [])
        podop.stop()
        self.assertFalse(os.path.exists(self.socket))

    def test_file_that_was_removed_by_somebody(self):
        podop = self.start()
        os.unlink(self.socket)
        self.reload(podop)
        self.ask(self.client(), "k", "OK k")

    def test_mode_of_an_open_socket(self):
        podop = self.start(listen=[{"socket": self.socket, "mode": "dovecot"}])
        self.configure(listen=[{"socket": self.socket, "mode": "postfix"}])
        self.reload(podop)
        self.ask(self.client(), "k", "OK k")


class Faults(Reload):
    """Each leaves everything as it was."""

    def check_unchanged(self, podop, client, inode):
        self.ask(client, "k", "OK k")
        another = self.client()
        self.ask(another, "k", "OK k")
        another.close()
        self.assertEqual(os.stat(self.socket).st_ino, inode)
        self.assertEqual(sorted(name for name in os.listdir(self.dir) if ".podop" in name), [])
        self.assertFalse(self.told(podop, "event=reload "))

    def test_faults(self):
        json_path = self.write("t.json", '{"k": 1}')
        table = url_table(self.http)
        podop = self.start(table, {"name": "j", "type": "json", "param": json_path})
        client, inode = self.client(), os.stat(self.socket).st_ino
        descriptors = podop.descriptors()
        good = {"socket": self.path("good")}
        broken_json = self.write("broken.json", '{"k": }')
        with open(self.path("file"), "w", encoding="ascii"):
            pass
        other = harness.listen(self.path("other"))
        self.addCleanup(other.close)
        cases = [
            ("syntax", "tables = (", r"podop\.conf:\d+: "),
            ("unknown setting", conf_file(listen=[good], tables=[table], colour="red"), r"podop\.conf:\d+: .*colour"),
            ("bad template", conf_file(listen=[good], tables=[{**table, "param": "http://h§/"}]), r"podop\.conf:\d+: "),
            ("broken json", conf_file(listen=[good], tables=[{"name": "j", "type": "json", "param": broken_json}]),
             r"podop\.conf:\d+: .*broken\.json"),
            ("missing json", conf_file(listen=[good], tables=[{"name": "j", "type": "json", "param": "/no/such"}]),
             r"podop\.conf:\d+: .*/no/such"),
            ("missing directory", conf_file(listen=[good, {"socket": "/no/such/dir/s"}], tables=[table]),
             r"podop\.conf:\d+: .*/no/such/dir/s"),
            ("not a socket", conf_file(listen=[good, {"socket": self.path("file")}], tables=[table]),
             r"podop\.conf:\d+: .*/file"),
            ("another's socket", conf_file(listen=[good, {"socket": self.path("other")}], tables=[table]),
             r"podop\.conf:\d+: .*/other"),
            ("port in use", conf_file(listen=[good, {"socket": f"127.0.0.1:{self.http.port}"}], tables=[table]),
             rf"podop\.conf:\d+: .*{self.http.port}"),
            ("unknown owner", conf_file(listen=[{"socket": self.socket, "owner": "no-such-user"}], tables=[table]),
             r"no-such-user"),
            ("another user", conf_file(user="nobody", listen=[good], tables=[table]), r"podop\.conf.*'user'"),
        ]
        for name, text, pattern in cases:
            with self.subTest(name):
                self.write("podop.conf", text)
                faults = self.fail_to_reload(podop)
                self.assertTrue(any(line for line in faults if "level=error" in line))
                self.assertRegex("\n".join(faults), pattern)
                self.check_unchanged(podop, client, inode)
                self.assertFalse(os.path.exists(self.path("good")))
                self.check_payload(client.ask("j", "k"), "OK 1")
        self.configure(table)
        self.reload(podop)
        self.ask(client, "k", "OK k")
        harness.wait_until(lambda: podop.descriptors() <= descriptors + 2, "no descriptor is left of the failed ones")

    def test_missing_file(self):
        podop = self.start()
        client, inode = self.client(), os.stat(self.socket).st_ino
        os.unlink(self.path("podop.conf"))
        self.fail_to_reload(podop)
        self.check_unchanged(podop, client, inode)

    def test_pipes_and_directories_instead_of_files(self):
        """podop waits for nobody who might write into them."""
        json_path = self.write("t.json", '{"k": "v"}')
        table = {"name": "j", "type": "json", "param": json_path}
        podop = self.start(table)
        client = self.client()
        for path in (self.path("podop.conf"), self.path("part.conf"), json_path):
            for make in (os.mkfifo, os.mkdir):
                with self.subTest(path=os.path.basename(path), make=make.__name__):
                    self.write("podop.conf", '@include "part.conf"\n' + conf_file(listen=[{"socket": self.socket}],
                                                                                 tables=[table]))
                    self.write("part.conf", "")
                    os.unlink(path)
                    make(path)
                    self.assertIn(os.path.basename(path), self.fail_to_reload(podop)[0])
                    self.ask(client, "k", "OK v", "j")
                    os.rmdir(path) if make is os.mkdir else os.unlink(path)
                    self.write("t.json", '{"k": "v"}')

    def test_every_fault_is_told(self):
        podop = self.start()
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket, "modus": "x"}],
                                           tables=[url_table(self.http, timeuot=1)]))
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed .*modus")
        podop.wait_log("event=reload_failed .*timeuot")

    def test_reload_while_stopping(self):
        podop = self.start(shutdown_timeout="1h")
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        client = self.client()
        client.send(netstring("t k"))
        self.http.wait_requests(1)
        podop.signal(signal.SIGTERM)
        podop.wait_log("event=stopping")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed")
        gate.set()
        self.check_payload(client.read(), "OK k")
        self.assertEqual(podop.wait(), 0)


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

    def test_parked_write_goes_to_the_table_it_was_made_for(self):
        """The second waits for the first; meanwhile its table goes."""
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

    def test_held_writes_are_written(self):
        podop = self.start(url_table(self.http, write_behind="1h"))
        self.http.default = lambda request: http(status=204)
        self.assertEqual(self.dict().change(("set", "shared/k", "v")), b"O")
        self.assertEqual(self.http.requests, [])
        self.reload(podop)
        self.http.wait_requests(1)
        self.assertEqual(self.http.requests[0].body, b'"v"')

    def test_held_writes_outlive_an_outage(self):
        """In a table that has not changed a write that fails at the reload is held again."""
        podop = self.start(url_table(self.http, write_behind="1h"))
        self.http.default = lambda request: http(status=503)
        client = self.dict()
        self.assertEqual(client.change(("set", "shared/k", "v")), b"O")
        self.reload(podop)
        self.http.wait_requests(1)
        self.assertEqual(client.get("shared/k"), b"Ov")
        self.http.default = lambda request: http(status=204)
        while len(self.http.requests) < 2:  # podop may not have read yet that the first has failed
            self.reload(podop)
            self.assertFalse(self.told(podop, "write_lost"))
        self.assertEqual({(request.method, request.body) for request in self.http.requests}, {("POST", b'"v"')})

    def test_held_writes_on_their_way_are_not_overtaken(self):
        """Neither by lookups nor by other writes of the keys."""
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

    def test_commit_of_a_client_that_has_gone(self):
        """Its socket is removed and forgotten while the write is under way."""
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
    RELOADS = 200
    CLIENTS = 8

    def test_reloads_under_load(self):
        """Over kept and new connections every lookup gets its own answer, and podop keeps its size."""
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
