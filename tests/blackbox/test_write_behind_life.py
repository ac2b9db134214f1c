"""Writes that are held back live as long as podop: over outages, reloads of any kind, and at a stop."""

import json
import signal
import sys

import harness
from dict import DictCase, Store
from harness import CLOSE, Backend, conf_file, http, url_table

PROGRAM = '''
import json, sys
path = sys.argv[1]
values = json.load(open(path))
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"], "status": "ok"}
    key = request.get("user", "") + ":" + request.get("key", "")
    if request["op"] == "get":
        answer.update({"value": values[key]} if key in values else {"status": "miss"})
    elif request["op"] == "set" and request["value"] == "never":
        answer.update({"status": "permanent", "reason": "refused"})
    elif request["op"] == "set":
        values[key] = request["value"]
    elif request["op"] == "unset":
        values.pop(key, None)
    with open(path + ".log", "a") as log:
        log.write(line)
    print(json.dumps(answer), flush=True)
'''


class WriteBehindCase(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def configure(self, *tables, **settings):
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=list(tables), **settings))

    def start(self, *tables, **settings):
        self.configure(*(tables or [self.table()]), **settings)
        self.server = self.podop("-c", self.path("podop.conf"))
        self.reloads = 0
        self.dovecot = self.dict()
        return self.server

    def table(self, name="t", **settings):
        return url_table(self.http, name, **{"write_behind": "1h", **settings})

    def reload(self, *tables, **settings):
        if tables:
            self.configure(*tables, **settings)
        self.reloads += 1
        self.server.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told("event=reload ")) == self.reloads, "a reload")

    def told(self, what):
        return [line for line in list(self.server.log) if what in line]

    def hold(self, number, prefix="key"):
        """So many writes that Dovecot is told are done."""
        for key in range(number):
            self.check_payload(self.dovecot.change(("set", f"shared/{prefix}{key}", str(key))), "O")

    def check_all(self, number, prefix="key"):
        self.assertEqual({key: value for key, value in self.store.values.items() if key.startswith(b"/" + prefix.encode())},
                         {b"/%s%d" % (prefix.encode(), key): b"%d" % key for key in range(number)})

    def wait_all(self, number, prefix="key"):
        harness.wait_until(lambda: sum(key.startswith(b"/" + prefix.encode()) for key in list(self.store.values)) == number,
                           "all is written")
        self.check_all(number, prefix)

    def go_down(self):
        """The backend's port refuses connections from now on."""
        self.http.stop()

    def come_back(self):
        self.http = Backend(port=self.http.port, default=self.http.default)
        self.addCleanup(self.http.stop)

    def suspend(self):
        """Lookups fail until podop leaves the URL alone."""
        client = self.client()
        for number in range(8):
            self.assertEqual(client.ask("t", f"suspend{number}")[:4], b"TEMP")

    def posts(self, target=None):
        return [request.body for request in list(self.http.requests)
                if request.method == "POST" and target in (None, request.target.decode())]


class Stop(WriteBehindCase):
    """Writes are tried until shutdown_timeout is over."""

    def test_some_fail_once(self):
        failed = set()

        def answer(request):
            if request.method == "POST" and request.target.endswith(b"7") and request.target not in failed:
                failed.add(request.target)
                return http(status=500)
            return self.store(request)
        self.http.default = answer
        self.start()
        self.hold(200)
        self.server.stop()
        self.assertEqual(len(failed), 20)
        self.check_all(200)
        self.assertEqual(self.told("write_lost"), [])

    def test_each_fails_in_its_own_way_first(self):
        ways = [http(status=500), http(status=503), (CLOSE,), http(status=429), http(status=401)]
        failed = {}

        def answer(request):
            times = failed[request.target] = failed.get(request.target, 0) + 1
            return self.store(request) if times > 2 else ways[int(request.target[4:]) % len(ways)]
        self.http.default = answer
        self.start(self.table(temporary=["4xx"]))
        self.hold(25)
        self.server.stop()
        self.check_all(25)
        self.assertEqual(self.told("write_lost"), [])

    def test_url_is_suspended_and_back(self):
        self.start()
        self.hold(100)
        self.go_down()
        self.suspend()
        self.come_back()
        self.server.stop()
        self.check_all(100)
        self.assertEqual(self.told("write_lost"), [])

    def test_backend_comes_back_while_podop_stops(self):
        self.start()
        self.hold(100)
        self.go_down()
        self.suspend()
        self.server.signal(signal.SIGTERM)
        self.server.wait_log("event=stopping ")
        self.assertTrue(self.server.is_running)
        self.come_back()
        self.assertEqual(self.server.wait(), 0)
        self.check_all(100)
        self.assertEqual(self.told("write_lost"), [])

    def test_second_url_has_it(self):
        second = self.backend(default=self.store)
        table = self.table()
        table["param"] = [table["param"], second.url + "/§"]
        self.start(table)
        self.hold(20)
        self.go_down()
        self.check_payload(self.client().ask("t", "x"), "NOTFOUND ")
        self.server.stop()
        self.check_all(20)

    def test_backend_stays_away(self):
        """What is lost is counted, and the reason is given."""
        self.start(shutdown_timeout="300ms")
        self.hold(30)
        self.go_down()
        self.server.stop()
        lost = self.told("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" table=t writes=30 reason=", lost[0])

    def test_one_key_fails_for_good(self):
        """It costs no other key, and it is tried until the time is over."""
        self.http.default = lambda request: http(status=500) if request.target == b"/key3" else self.store(request)
        self.start(shutdown_timeout="1s")
        self.hold(50)
        self.server.stop()
        self.assertEqual(len(self.store.values), 49)
        self.assertGreater(len(self.posts("/key3")), 1)
        lost = self.told("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" writes=1 ", lost[0])

    def test_what_is_refused_for_good_ends_it_early(self):
        """Of those that can never be made nobody waits for shutdown_timeout."""
        self.http.default = lambda request: http(status=422) if request.target == b"/key3" else self.store(request)
        self.start(shutdown_timeout="1h")
        self.hold(10)
        self.server.stop()
        self.assertEqual(len(self.store.values), 9)
        lost = self.told("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" writes=1 ", lost[0])
        self.assertIn("422", lost[0])

    def test_more_than_a_turn_of_the_loop(self):
        """Thousands, on few connections."""
        self.start(pool={"max_connections": 2, "max_waiting": 4}, shutdown_timeout="1m")
        self.check_payload(self.dovecot.change(*(("set", f"shared/key{key}", str(key)) for key in range(3000))), "O")
        self.server.stop()
        self.check_all(3000)
        self.assertEqual(self.told("write_lost"), [])

    def test_newest_value(self):
        """A write under way at the stop is followed by what was written since."""
        gate = self.http.gate()
        self.start(self.table(write_behind="1ms"))
        self.http.on("/k", (gate, http(status=204)), (lambda: self.store.values.update({b"/k": b"2"}) or http(status=204),))
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        self.http.wait_target("/k")
        self.check_payload(self.dovecot.change(("set", "shared/k", "2")), "O")
        self.server.signal(signal.SIGTERM)
        self.server.wait_log("event=stopping ")
        gate.set()
        self.assertEqual(self.server.wait(), 0)
        self.assertEqual(self.posts("/k"), [b"1", b"2"])


class Outage(WriteBehindCase):
    def test_reloads_are_no_attempts(self):
        self.start()
        self.hold(20)
        self.go_down()
        for _ in range(14):
            self.reload()
            self.check_payload(self.dovecot.get("shared/key7"), "O7")
        self.come_back()
        self.reload()
        self.wait_all(20)
        self.assertEqual(self.told("write_lost"), [])

    def test_reloads_are_no_attempts_where_the_backend_answers(self):
        """A write that failed waits for its time, however often the file is read."""
        self.http.default = lambda request: http(status=500)
        self.start()
        self.hold(1)
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
        """However short the delay, and however the backend is away."""
        ways = [lambda: self.go_down(), lambda: setattr(self.http, "default", lambda request: (CLOSE,)),
                lambda: setattr(self.http, "default", lambda request: http(status=503))]
        for way in ways:
            self.store = self.http.default = Store()
            self.start(self.table(write_behind="1ms"))
            way()
            self.hold(5)
            self.suspend()
            for _ in range(12):  # by each of which a write that waits for its time is tried at once
                self.reload(self.table(write_behind="1ms", timeout=f"{_ + 5}s"))
                self.check_payload(self.dovecot.get("shared/key3"), "O3")
            if way is ways[0]:
                self.come_back()
            self.http.default = self.store
            self.wait_all(5)
            self.server.stop()
            self.assertEqual(self.told("write_lost"), [])

    def test_others_are_written_when_one_was(self):
        """While the backend is away one write tries it; then all are written."""
        self.start(self.table(write_behind="1ms"))
        self.go_down()
        self.hold(300)
        self.come_back()
        self.wait_all(300)

    def test_one_key_holds_up_no_other(self):
        self.http.default = lambda request: http(status=500) if request.target == b"/key3" else self.store(request)
        self.start(self.table(write_behind="1ms"), shutdown_timeout="200ms")
        self.hold(100)
        harness.wait_until(lambda: len(self.store.values) == 99, "the others are written")
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        self.assertEqual(self.told("write_lost"), [])


class Tables(WriteBehindCase):
    """Whatever a reload does to the table."""

    def test_other_settings(self):
        """Lookups find what is held, and writes keep their order."""
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
        self.start()
        self.hold(100)
        self.go_down()
        self.suspend()
        self.come_back()
        self.reload(self.table(timeout="9s"))
        self.wait_all(100)
        self.assertEqual(self.told("write_lost"), [])

    def test_other_urls(self):
        """What is held goes where the table leads to now."""
        other = self.backend(default=Store())
        self.start()
        self.go_down()
        self.hold(10)
        self.reload(url_table(other, write_behind="1h", template="/new/§"))
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        harness.wait_until(lambda: len(other.default.values) == 10, "all is written")
        self.assertEqual(other.default.values[b"/new/key3"], b"3")

    def test_without_write_behind(self):
        """The delay is taken away: what is held is written, and what comes is written after it."""
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
        """It is written through its old settings."""
        self.start(self.table(), self.table("u"))
        self.hold(50)
        self.reload(self.table("u"))
        self.wait_all(50)

    def test_removed_in_an_outage(self):
        self.start(self.table(), self.table("u"))
        self.hold(50)
        self.go_down()
        for _ in range(12):
            self.reload(self.table("u", timeout=f"{_ + 5}s"))
        self.come_back()
        self.server.stop()
        self.check_all(50)
        self.assertEqual(self.told("write_lost"), [])

    def test_removed_and_back(self):
        """It is found again, and is written where the new one leads to."""
        other = self.backend(default=Store())
        self.start(self.table(), self.table("u"))
        self.go_down()
        self.hold(50)
        self.reload(self.table("u"))
        self.reload(self.table("u", timeout="9s"))
        self.reload(self.table("u"), url_table(other, write_behind="1h"))
        self.check_payload(self.dict().get("shared/key9"), "O9")
        harness.wait_until(lambda: len(other.default.values) == 50, "all is written")

    def test_another_type(self):
        """A type that cannot be written to: what is held goes to where it was meant for."""
        path = self.write("t.json", '{"key3": "old", "x": "y"}')
        self.start()
        self.go_down()
        self.hold(50)
        self.reload({"name": "t", "type": "json", "param": path})
        self.check_payload(self.dovecot.get("shared/key3"), "O3")
        self.check_payload(self.dovecot.get("shared/x"), "Oy")
        self.check_failure(self.dovecot.change(("set", "shared/new", "1")))
        self.come_back()
        self.wait_all(50)
        harness.wait_until(lambda: self.dovecot.get("shared/key3") == b"Oold", "the file answers")

    def test_program_and_back(self):
        """From one type that can be written to, to another."""
        store = self.write("store.json", "{}")
        script = self.write("program.py", PROGRAM)
        self.start()
        self.go_down()
        self.hold(20)
        self.reload({"name": "t", "type": "program", "param": f"{sys.executable} {script} {store}", "processes": 1,
                     "write_behind": "1h"})
        self.check_payload(self.dovecot.get("shared/key3"), "O3")

        def written():
            with open(store + ".log", "a+", encoding="utf-8") as log:
                log.seek(0)
                return {json.loads(line)["key"] for line in log if '"set"' in line}
        harness.wait_until(lambda: len(written()) == 20, "all is written")

    def test_keys_of_another_shape(self):
        """The template tells users apart from then on."""
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
        """Of two keys that are one from then on, the newer value stays."""
        self.start(url_table(self.http, write_behind="1h", template="/{user}/{key}"))
        self.check_payload(self.dovecot.change(("set", "priv/k", "old")), "O")
        self.check_payload(self.dovecot.change(("set", "shared/k/bob@example.com", "new")), "O")
        self.reload(self.table(timeout="9s"))
        self.check_payload(self.dovecot.get("priv/k"), "Onew")
        self.server.stop()
        self.assertEqual(self.store.values, {b"/k/bob%40example.com": b'"new"'})


class Line(WriteBehindCase):
    """What cannot be held follows what is held of its keys."""

    def test_large_transactions(self):
        """Each of 4000 keys that are held; they are written one after the other."""
        self.start(pool={"max_connections": 8})
        changes = [("set", f"shared/key{key}", str(key)) for key in range(1000)]
        self.check_payload(self.dovecot.change(*changes), "O")
        clients = [self.dict() for _ in range(6)]
        commits = [client.write(*[("increment", f"shared/key{key}", 1) for key in range(1000)]) for client in clients]
        witness = self.dict()
        for _ in range(20):
            self.check_payload(witness.get("shared/none"), "N")
        for client, commit in zip(clients, commits):
            self.check_payload(client.wait(commit), "O")
        self.assertEqual(self.store.values, {b"/key%d" % key: b"%d" % (key + 6) for key in range(1000)})

    def test_many_at_once_in_one_packet(self):
        """They begin in several turns of the loop, and in their order."""
        self.start()
        with self.dovecot.packet():
            commits = [self.dovecot.write(*[("set", f"shared/key{key}", str(key + round)) for key in range(2000)])
                       for round in range(8)]
        for commit in commits:
            self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.get("shared/key5"), "O12")
        self.server.stop()
        self.assertEqual(self.store.values, {b"/key%d" % key: b"%d" % (key + 7) for key in range(2000)})

    def test_fails_with_the_write_before_it(self):
        """And only that: the others of its keys are written, and what comes next is held again."""
        self.http.default = lambda request: http(status=500) if request.target == b"/key1" else self.store(request)
        self.start()
        self.hold(3)
        client = self.dict()
        self.check_failure(client.change(*[("increment", f"shared/key{key}", 1) for key in range(3)]))
        self.check_payload(client.change(("set", "shared/key1", "5")), "O")
        self.check_payload(client.get("shared/key1"), "O5")
        self.http.default = self.store
        self.server.stop()
        self.assertEqual(self.store.values, {b"/key0": b"0", b"/key1": b"5", b"/key2": b"2"})

    def test_one_after_the_other(self):
        """Of what stands in line for a key one is under way at a time."""
        self.start()
        self.hold(1)
        gates = [self.http.gate() for _ in range(4)]
        self.http.on("/key0", *((gate, http(status=204)) for gate in gates))
        clients = [self.dict() for _ in range(3)]
        commits = []
        for number, client in enumerate(clients):
            commits.append(client.write(("set", "shared/key0", "x" * 70000) if number == 1 else
                                        ("increment", "shared/key0", number)))
            self.check_payload(client.get("shared/witness"), "N")
        self.http.wait_target("/key0")
        for number, gate in enumerate(gates):
            self.http.wait_target("/key0", number + 1)
            self.assertEqual(self.http.count("/key0"), number + 1)
            gate.set()
        for client, commit in zip(clients, commits):
            self.check_payload(client.wait(commit), "O")

    def test_aborted_at_a_stop(self):
        """Those that stand in line when the time is over were not made."""
        self.start(shutdown_timeout="100ms")
        self.hold(1)
        gate = self.http.gate()
        self.http.on("/key0", (gate, http(status=204)))
        clients = [self.dict() for _ in range(3)]
        for client in clients:
            client.write(("increment", "shared/key0", 1))
        self.http.wait_target("/key0")
        self.server.stop()
        self.assertEqual(len(self.posts()), 1)
        self.assertEqual(len(self.told("write_lost")), 1)


class Limits(WriteBehindCase):
    def test_number(self):
        """Those under way count, too; what is too much is written at once."""
        gate = self.http.gate()
        self.http.default = lambda request: (gate, lambda: self.store._answer(request))
        self.start(self.table(), self.table("u"))
        self.check_payload(self.dovecot.change(("set", "shared/first", "1")), "O")
        self.reload()
        self.http.wait_target("/first")
        for begin in range(0, 9999, 3333):
            changes = [("set", f"shared/key{key}", str(key)) for key in range(begin, begin + 3333)]
            self.check_payload(self.dovecot.change(*changes), "O")
        self.assertEqual(self.posts(), [b"1"])
        commit = self.dovecot.write(("set", "shared/other", "2"))
        self.http.wait_target("/other")
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")

    def test_bytes(self):
        self.start(self.table())
        value = "x" * 65536
        clients = [self.dict() for _ in range(4)]
        for number in range(1200):
            client = clients[number % 4]
            self.check_payload(client.change(("set", f"shared/key{number}", value)), "O")
        self.assertGreater(len(self.posts()), 1200 - 1024)
        self.assertLess(len(self.posts()), 1200 - 900)


class Programs(WriteBehindCase):
    def program(self, **settings):
        self.file = self.write("store.json", '{":k": "old"}')
        return {"name": "t", "type": "program", "param": f"{sys.executable} {self.write('program.py', PROGRAM)} {self.file}",
                "processes": 1, "write_behind": "1h", **settings}

    def sets(self):
        with open(self.file + ".log", "a+", encoding="utf-8") as log:
            log.seek(0)
            return [(request.get("user"), request["key"], request.get("value")) for request in map(json.loads, log)
                    if request["op"] != "get"]

    def test_held_and_written(self):
        self.start(self.program(cache={"ttl": "1h"}))
        harness.wait_until(lambda: self.dovecot.get("shared/k") == b"Oold", "the program answers")
        for value in ("1", "2"):
            self.check_payload(self.dovecot.change(("set", "shared/k", value), ("set", "priv/k", value)), "O")
        self.check_payload(self.dovecot.get("shared/k"), "O2")
        self.check_payload(self.dovecot.get("priv/k"), "O2")
        self.check_payload(self.dovecot.get("shared/k/bob@example.com"), "N")  # not the same to a program
        self.assertEqual(self.sets(), [])
        self.server.stop()
        self.assertEqual(sorted(self.sets(), key=str), sorted([(None, "k", "2"), ("bob@example.com", "k", "2")], key=str))

    def test_before_it_runs_and_after_it_died(self):
        self.start(self.program(write_behind="1ms"))
        for number in range(30):
            self.check_payload(self.dovecot.change(("set", f"shared/{number}", "v")), "O")
        harness.wait_until(lambda: len(self.sets()) >= 30, "all is written")
        self.assertEqual(sorted(key for _, key, _ in self.sets()), sorted(str(number) for number in range(30)))

    def test_refused_for_good(self):
        self.start(self.program(write_behind="1ms"))
        self.check_payload(self.dovecot.change(("set", "shared/k", "never")), "O")
        self.assertIn(" writes=1 ", self.server.wait_log("write_lost"))
        self.check_payload(self.dovecot.get("shared/k"), "Oold")


class Counters(WriteBehindCase):
    def test_pending(self):
        control = self.path("c")
        self.start(control={"socket": control})
        self.hold(7)

        def pending():
            sock = harness.connect(control)
            with sock, sock.makefile("rwb") as stream:
                stream.write(b'{"command": "stats"}\n')
                stream.flush()
                return json.loads(stream.readline())["tables"][0]["pending"]
        found = pending()
        self.assertEqual((found["writes"], found["attempts"], found["lost"]), (7, 0, 0))
        titles, values = (line.split() for line in harness.run("PODOPCTL", "stats", "--control", control).stdout.split("\n")
                          if line.startswith(("TABLE", "t ")))
        self.assertEqual(values[titles.index("PENDING")], "7")
        self.assertGreater(found["bytes"], 7)
        self.http.default = lambda request: http(status=500)
        self.reload()
        harness.wait_until(lambda: pending()["attempts"] == 7, "each was tried")
        self.http.default = self.store
        self.server.signal(signal.SIGUSR1)
        self.assertRegex(self.server.wait_log("event=counters table=t"), "writes_pending=7 writes_lost=0")


if __name__ == "__main__":
    harness.main()
