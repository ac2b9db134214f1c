"""Writes that cannot be pending come after pending ones; limits, programs and counters."""

import json
import signal
import sys

import harness
from harness import http
from pending import PROGRAM, WriteBehindCase


class Line(WriteBehindCase):
    """Writes that cannot be pending follow pending writes of their keys."""

    def test_large_transactions(self):
        """Each changes 1000 keys with pending writes; they are made one after the other."""
        self.start(self.table(timeout="1h"), pool={"max_connections": 8})
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
        """They begin in several turns of the loop, in their order."""
        self.start(self.table(timeout="1h"), shutdown_timeout="1h")
        with self.dovecot.packet():
            commits = [self.dovecot.write(*[("set", f"shared/key{key}", str(key + round)) for key in range(2000)])
                       for round in range(8)]
        for commit in commits:
            self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.get("shared/key5"), "O12")
        self.server.stop()
        self.assertEqual(self.store.values, {b"/key%d" % key: b"%d" % (key + 7) for key in range(2000)})

    def test_fails_with_the_write_before_it(self):
        """Only that one fails: the other writes of its keys are made, and later ones can be pending again."""
        self.http.default = lambda request: http(status=500) if request.target == b"/key1" else self.store(request)
        self.start()
        self.write_keys(3)
        client = self.dict()
        self.check_failure(client.change(*[("increment", f"shared/key{key}", 1) for key in range(3)]))
        self.check_payload(client.change(("set", "shared/key1", "5")), "O")
        self.check_payload(client.get("shared/key1"), "O5")
        self.http.default = self.store
        self.server.stop()
        self.assertEqual(self.store.values, {b"/key0": b"0", b"/key1": b"5", b"/key2": b"2"})

    def test_one_after_the_other(self):
        """Of the queued writes of a key, one at a time is under way."""
        self.start()
        self.write_keys(1)
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
        """Writes that are still queued when the time is over are not made."""
        self.start(shutdown_timeout="100ms")
        self.write_keys(1)
        gate = self.http.gate()
        self.http.on("/key0", (gate, http(status=204)))
        clients = [self.dict() for _ in range(3)]
        for client in clients:
            client.write(("increment", "shared/key0", 1))
        self.http.wait_target("/key0")
        self.server.stop()
        self.assertEqual(len(self.posts()), 1)
        self.assertEqual(len(self.logged("write_lost")), 1)


class Limits(WriteBehindCase):
    def test_number(self):
        """Writes under way count, too; those beyond the limit are made at once."""
        gate = self.http.gate()
        self.http.default = lambda request: (gate, lambda: self.store._answer(request))
        self.start(self.table(timeout="1h"), self.table("u", timeout="1h"))
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
        self.start(self.table(timeout="1h"))
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
        script = self.write("program.py", PROGRAM)
        return {"name": "t", "type": "program", "param": f"{sys.executable} {script} {self.file}", "processes": 1,
                "write_behind": "1h", **settings}

    def sets(self):
        with open(self.file + ".log", "a+", encoding="utf-8") as log:
            log.seek(0)
            return [(request.get("user"), request["key"], request.get("value")) for request in map(json.loads, log)
                    if request["op"] != "get"]

    def test_pending_and_made(self):
        self.start(self.program(cache={"ttl": "1h"}))
        harness.wait_until(lambda: self.dovecot.get("shared/k") == b"Oold", "the program answers")
        for value in ("1", "2"):
            with self.subTest(value=value):
                self.check_payload(self.dovecot.change(("set", "shared/k", value), ("set", "priv/k", value)), "O")
        self.check_payload(self.dovecot.get("shared/k"), "O2")
        self.check_payload(self.dovecot.get("priv/k"), "O2")
        self.check_payload(self.dovecot.get("shared/k/bob@example.com"), "N")  # a program tells the two apart
        self.assertEqual(self.sets(), [])
        self.server.stop()
        self.assertEqual(sorted(self.sets(), key=str),
                         sorted([(None, "k", "2"), ("bob@example.com", "k", "2")], key=str))

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
        self.write_keys(7)

        def pending():
            sock = harness.connect(control)
            with sock, sock.makefile("rwb") as stream:
                stream.write(b'{"command": "stats"}\n')
                stream.flush()
                return json.loads(stream.readline())["tables"][0]["pending"]
        found = pending()
        self.assertEqual((found["writes"], found["attempts"], found["lost"]), (7, 0, 0))
        shown = harness.run("PODOPCTL", "stats", "--control", control).stdout
        titles, values, *_ = (line.split() for line in shown.split("\n") if line.startswith(("TABLE", "t ")))
        self.assertEqual(values[titles.index("PENDING")], "7")
        self.assertGreater(found["bytes"], 7)
        self.http.default = lambda request: http(status=500)
        self.reload()
        harness.wait_until(lambda: pending()["attempts"] >= 7, "each was tried")
        self.server.signal(signal.SIGUSR1)
        self.assertRegex(self.server.wait_log("event=counters table=t"), "writes_pending=7 writes_lost=0")
        self.http.default = self.store  # not before: a second try might be made


if __name__ == "__main__":
    harness.main()
