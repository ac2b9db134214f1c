"""The control socket: explain, stats, flush and reload, by themselves and through podopctl; and SIGUSR1."""

import json
import os
import re
import signal
import socket
import stat

import harness
from dict import DictCase
from harness import conf_file, echo, http, url_table

FOUND, MISS, USAGE, FAILED, CONFIG = 0, 1, 64, 75, 78
DOWN = http(status=503)
FAILURES = 5  # in a row, until a URL is left alone


class Control:
    """A client of the control socket that sends whatever it is told to."""

    def __init__(self, path):
        self.sock = harness.connect(path)
        self._lines = self.sock.makefile("rb")

    def send(self, **request):
        self.sock.sendall(json.dumps(request).encode() + b"\n")

    def read(self):
        """The next answer, or None at the end of the connection."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def ask(self, **request):
        self.send(**request)
        return self.read()

    def close(self):
        self._lines.close()
        self.sock.close()


class ControlCase(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)
        self.control = self.path("control")

    def configure(self, *tables, control=True, **settings):
        if control:
            settings["control"] = {"socket": self.control, **(control if isinstance(control, dict) else {})}
        return self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=list(tables) or [url_table(self.http)], **settings))

    def start(self, *tables, verbose=("-v",), **settings):
        return self.podop("-c", self.configure(*tables, **settings), verbose=verbose)

    def connect(self):
        client = Control(self.control)
        self.addCleanup(client.close)
        return client

    def ask(self, **request):
        """One answer over a connection of its own."""
        client = Control(self.control)
        try:
            return client.ask(**request)
        finally:
            client.close()

    def ctl(self, *args, status=FOUND):
        done = harness.run("PODOPCTL", *args, "--control", self.control)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def explain(self, key, table="t", **more):
        answer = self.ask(command="explain", table=table, key=key, **more)
        self.assertTrue(answer["ok"], answer)
        return answer

    @staticmethod
    def notes(answer, name):
        return [text for note, text in answer["notes"] if note == name]

    def stats(self):
        answer = self.ask(command="stats")
        self.assertTrue(answer["ok"])
        return answer, {table["table"]: table for table in answer["tables"]}


class Socket(ControlCase):
    def test_permissions_and_life(self):
        podop = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o600)
        podop.stop()
        self.assertFalse(os.path.exists(self.control))

    def test_none_by_default_and_none_when_empty(self):
        podop = self.start(control=False)
        self.assertEqual(len(re.findall("event=listening", podop.stderr)), 1)
        podop.stop()
        podop = self.podop("-c", self.configure(), "--set", "control.socket=\"\"")
        self.assertEqual(len(re.findall("event=listening", podop.stderr)), 1)

    def test_a_path_and_nothing_else(self):
        for value, fault in (("127.0.0.1:9100", "must be an absolute path"), (self.socket, "is already the socket of 'control'")):
            with self.subTest(value=value):
                done = harness.run("PODOP", "-t", "-c", self.configure(control={"socket": value}))
                self.assertEqual(done.returncode, CONFIG)
                self.assertIn(fault, done.stderr)

    def test_nothing_but_orders_is_spoken_there(self):
        self.start()
        client = harness.Socketmap(self.control)
        self.addCleanup(client.close)
        client.request("t", "k")
        self.assertIsNone(client.read())
        self.check_answer(self.client().ask("t", "k"), "OK k")

    def test_malformed_lines_are_answered_and_the_next_is_heard(self):
        self.start()
        client = self.connect()
        for line in (b"{", b"{}", b'{"command":1}', b'{"command":"dance"}', b'{"command":"explain"}',
                     b'{"command":"explain","table":"t"}', b'{"command":"explain","table":"no","key":"k"}',
                     b'{"command":"flush","table":"t\\u0000"}', b'{"command":"\xff"}', b'{"command":"stats"} x',
                     b'{"command":"explain","table":"t","key":"k","user":""}',
                     b'{"command":"explain","table":"t","key":"k","user":"a\\u0000b"}', b"[]", b"", b"null"):
            with self.subTest(line=line):
                client.sock.sendall(line + b"\n")
                answer = client.read()
                self.assertIs(answer["ok"], False)
                self.assertTrue(answer["error"])
        self.assertTrue(client.ask(command="stats")["ok"])
        self.assertEqual(len(self.http.requests), 0)

    def test_a_line_without_end_is_hung_up_on(self):
        self.start()
        client = self.connect()
        try:
            client.sock.sendall(b"{" + b"x" * 1_000_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            self.assertIsNone(client.read())
        except ConnectionResetError:
            pass
        self.assertEqual(self.explain("k")["status"], "found")

    def test_several_clients_and_answers_in_order(self):
        self.start()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"late"')))
        clients = [self.connect() for _ in range(5)]
        for number, client in enumerate(clients):
            client.send(command="explain", table="t", key="slow")
            client.send(command="explain", table="t", key=f"k{number}")
            client.send(command="flush", table="t")
        self.http.wait_requests(10)
        gate.set()
        for number, client in enumerate(clients):
            self.assertEqual(client.read()["dovecot"], "late")
            self.assertEqual(client.read()["dovecot"], f"k{number}")
            self.assertEqual(client.read(), {"ok": True})

    def test_client_that_goes_in_the_middle(self):
        """Its request is given up; but one that others have joined goes on for them."""
        self.start(url_table(self.http), url_table(self.http, "shared", "/s/§", share=True))
        gate = self.http.gate()
        self.http.on("/s/k", (gate, http('"late"')))
        self.http.on("/k", (gate, http('"late"')))
        going, postfix = self.connect(), self.client()
        going.send(command="explain", table="shared", key="k")
        going.send(command="explain", table="t", key="k")
        self.http.wait_requests(2)
        postfix.send(harness.netstring("shared k"))
        harness.wait_until(lambda: self.stats()[1]["shared"]["joined"] == 1, "the lookup joined")
        going.close()
        harness.wait_until(lambda: self.stats()[0]["clients"] == 2, "the client is gone")
        gate.set()
        self.check_answer(postfix.read(), "OK late")
        self.assertEqual(self.explain("other")["dovecot"], "other")


class Explain(ControlCase):
    def test_found(self):
        self.start()
        self.http.on("/a%20b", http('["x","y"]'))
        answer = self.explain("a b")
        self.assertEqual((answer["status"], answer["postfix"], answer["dovecot"]), ("found", "x,y", '["x","y"]'))
        self.assertEqual(self.notes(answer, "url"), [self.http.url + "/a%20b"])
        self.assertEqual(self.notes(answer, "status"), ["200"])
        self.assertEqual(self.notes(answer, "body"), ['["x","y"]'])
        self.assertEqual(self.notes(answer, "cache"), ["off"])
        self.assertEqual(len(self.notes(answer, "ms")), 1)
        self.assertEqual(self.notes(answer, "backend"), [self.http.url + " asked, failures in a row: 0"])
        text = self.ctl("explain", "t", "a b").stdout.splitlines()
        self.assertIn("url:      " + self.http.url + "/a%20b", text)
        self.assertEqual(text[-3:], ["answer:   found", "postfix:  x,y", 'dovecot:  ["x","y"]'])

    def test_empty_value_is_none_for_postfix(self):
        self.start()
        self.http.on("/k", http('""'))
        answer = self.explain("k")
        self.assertEqual((answer["status"], answer["dovecot"], "postfix" in answer), ("found", "", False))
        self.assertIn("postfix:  (a miss", self.ctl("explain", "t", "k").stdout)

    def test_user(self):
        self.start()
        answer = self.explain("quota", user="bob")
        self.assertEqual(self.notes(answer, "url"), [self.http.url + "/quota/bob"])
        self.assertIn(self.http.url + "/quota/al", self.ctl("explain", "t", "quota", "--user", "al").stdout)

    def test_miss(self):
        self.start()
        self.http.on("/k", http("never heard of it", status=404))
        answer = self.explain("k")
        self.assertEqual((answer["status"], self.notes(answer, "status"), self.notes(answer, "body")),
                         ("miss", ["404"], ["never heard of it"]))
        self.assertIn("answer:   miss\n", self.ctl("explain", "t", "k", status=MISS).stdout)
        self.ctl("explain", "t", "k", "--json", status=MISS)
        answer = self.explain("../k")
        self.assertEqual((answer["status"], len(self.notes(answer, "status"))), ("miss", 0))
        self.assertRegex(self.notes(answer, "url")[0], "^none")

    def test_temporary(self):
        self.start()
        self.http.on("/k", http("x" * 100_000, status=500))
        self.http.on("/binary", http(b"\xff\x00\xfe"))
        answer = self.explain("k")
        self.assertEqual((answer["status"], self.notes(answer, "status")), ("temporary", ["500"]))
        self.assertEqual(self.notes(answer, "body"), ["x" * 4096])
        self.assertIn("status 500", answer["reason"])
        self.assertIn("reason:", self.ctl("explain", "t", "k", status=FAILED).stdout)
        answer = self.explain("binary")
        self.assertEqual(self.notes(answer, "body"), ["\ufffd\x00\ufffd"])

    def test_refused_tries_every_url(self):
        with harness.deaf_port() as port:
            dead = f"http://127.0.0.1:{port}"
            self.start({"name": "t", "type": "url", "param": [dead + "/§", self.http.url + "/§"], "retries": 1})
            answer = self.explain("k")
        self.assertEqual(answer["dovecot"], "k")
        self.assertEqual(self.notes(answer, "url"), [dead + "/k", self.http.url + "/k"])
        self.assertRegex(self.notes(answer, "status")[0], "^failed: ")
        self.assertEqual(self.notes(answer, "status")[1], "200")

    def test_timeout(self):
        self.start(url_table(self.http, timeout="200ms"))
        self.http.on("/k", (self.http.gate(),))
        answer = self.explain("k")
        self.assertEqual((answer["status"], self.notes(answer, "status")), ("timeout", ["timed out"]))

    def test_breaker(self):
        """How a URL has been doing, why, and for how long."""
        self.start(url_table(self.http, retries=0))
        postfix = self.client()
        self.http.default = lambda request: DOWN
        for number in range(2):
            postfix.ask("t", f"k{number}")
        answer = self.explain("x")
        self.assertEqual(self.notes(answer, "backend"), [self.http.url + " asked, failures in a row: 2"])
        self.assertRegex(self.notes(answer, "failure")[0], r"failed \d+ ms ago, 0 in a row count: .*status 503$")
        self.http.default = lambda request: (harness.CLOSE,)
        for number in range(FAILURES):
            postfix.ask("t", f"k{number}")
        before = len(self.http.requests)
        answer = self.explain("k")
        if self.notes(answer, "url"):  # this machine was too slow: the pause is over
            self.assertIn("tried again now", self.notes(answer, "backend")[0])
        else:
            self.assertRegex(self.notes(answer, "backend")[0],
                             r"suspended for \d+ ms more, since \d+ ms: it does not answer$")
            self.assertIn("closed the connection", answer["reason"])
            self.assertEqual(len(self.http.requests), before)
        self.assertRegex(self.notes(answer, "failure")[0], r"failed \d+ ms ago, 5 in a row count: .*closed")
        self.assertEqual(answer["status"], "temporary")
        url = self.stats()[1]["t"]["backends"][0]
        self.assertEqual((url["left_alone"], url["cause"], url["counted"]), (True, "unanswered", FAILURES))
        self.assertIn("closed the connection", url["reason"])
        self.assertGreaterEqual(url["since_ms"], 0)

    def test_cache(self):
        self.start(url_table(self.http, cache={"ttl": "1h", "negative_ttl": "1h"}))
        self.assertEqual(self.notes(self.explain("k"), "cache"), ["absent"])
        self.http.on("/k", http('"new"'))
        answer = self.explain("k")
        self.assertRegex(self.notes(answer, "cache")[0], r"^fresh, \d+ ms left$")
        self.assertEqual((self.notes(answer, "cached"), answer["dovecot"]), (["k"], "new"))
        self.check_answer(self.client().ask("t", "k"), "OK new")
        self.assertEqual(len(self.http.requests), 2)
        self.http.on("/long", http('"%s"' % ("x" * 10_000)))
        self.explain("long")
        self.assertEqual(self.notes(self.explain("long"), "cached"), ["x" * 300 + "... (10000 bytes)"])
        self.http.on("/miss", http(status=404))
        self.explain("miss")
        self.assertEqual(self.notes(self.explain("miss"), "cached"), ["a miss"])

    def test_stale(self):
        self.start(url_table(self.http, cache={"ttl": "1ms", "stale": "1h"}))
        self.explain("k")
        self.http.default = lambda request: DOWN
        harness.wait_until(lambda: self.notes(self.explain("k"), "cache")[0].startswith("stale"), "it is stale")
        answer = self.explain("k")
        self.assertEqual((answer["status"], answer["dovecot"]), ("found", "k"))
        self.assertRegex(self.notes(answer, "answer")[0], "^the stale one")

    def test_skip(self):
        self.start(url_table(self.http, skip=["no*"]))
        answer = self.explain("nobody")
        self.assertEqual((answer["status"], len(self.notes(answer, "skip"))), ("miss", 1))
        self.assertEqual(len(self.http.requests), 0)
        self.assertEqual(self.notes(self.explain("k"), "skip"), [])

    def test_held(self):
        self.start(url_table(self.http, write_behind="1h"))
        self.check_payload(self.dict().change(("set", "shared/k", "12"), ("unset", "shared/gone")), "O")
        answer = self.explain("k")
        self.assertEqual((answer["status"], answer["dovecot"], self.notes(answer, "value")), ("found", "12", ["12"]))
        self.assertEqual(len(self.notes(answer, "held")), 1)
        self.assertEqual(self.explain("gone")["status"], "miss")
        self.assertEqual([request.method for request in self.http.requests], [])

    def test_other_types(self):
        local = self.write("local.json", '{"k": "v"}')
        self.start({"name": "t", "type": "json", "param": local})
        self.assertEqual(self.explain("k")["dovecot"], "v")
        self.assertEqual(self.explain("no")["status"], "miss")

    def test_program(self):
        program = self.write("p.py", """
import json, os, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "status": "ok", "value": str(os.getpid())}), flush=True)
""")
        self.start({"name": "t", "type": "program", "param": f"/usr/bin/python3 {program}", "processes": 1})
        answer = self.explain("k")
        self.assertEqual(self.notes(answer, "process"), ["pid " + answer["dovecot"]])
        process = self.stats()[1]["t"]["processes"]
        self.assertEqual(process, [{"pid": int(answer["dovecot"]), "running": True, "requests": 0}])

    def test_dns(self):
        with harness.contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as deaf:
            deaf.bind(("127.0.0.1", 0))
            server = f"127.0.0.1:{deaf.getsockname()[1]}"
            self.start({"name": "t", "type": "dns", "param": "mx1.mail.example", "servers": [server],
                        "timeout": "300ms"})
            answer = self.explain("z.example")
        self.assertEqual((answer["status"], self.notes(answer, "servers")), ("timeout", [server]))
        self.assertRegex(self.notes(answer, "MX")[0], "^z.example: ")


class Flush(ControlCase):
    def setUp(self):
        super().setUp()
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        self.postfix = self.client()

    def fill(self):
        for key in ("a", "b"):
            self.postfix.ask("t", key)
        self.http.forget()

    def asked_again(self):
        for key in ("a", "b"):
            self.check_answer(self.postfix.ask("t", key), f"OK {key}")
        return sorted(request.target for request in self.http.requests)

    def test_key(self):
        self.fill()
        self.ctl("flush", "t", "a")
        self.assertEqual(self.asked_again(), [b"/a"])

    def test_all(self):
        self.fill()
        done = self.ctl("flush", "t")
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        self.assertEqual(self.asked_again(), [b"/a", b"/b"])

    def test_user(self):
        dovecot = self.dict(user="al")
        for key in ("shared/k", "priv/k"):
            dovecot.get(key)
        self.http.forget()
        self.ctl("flush", "t", "k", "--user", "al")
        for key in ("shared/k", "priv/k"):
            dovecot.get(key)
        self.assertEqual([request.target for request in self.http.requests], [b"/k/al"])
        self.ctl("flush", "t", "--user", "al", status=USAGE)

    def test_what_is_under_way_leaves_nothing_behind(self):
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')), http('"new"'))
        self.postfix.send(harness.netstring("t k"))
        self.http.wait_target("/k")
        self.ctl("flush", "t")
        second = self.client()
        self.check_answer(second.ask("t", "k"), "OK new")
        gate.set()
        self.check_answer(self.postfix.read(), "OK old")
        self.check_answer(second.ask("t", "k"), "OK new")

    def test_faults(self):
        done = self.ctl("flush", "no", status=FAILED)
        self.assertEqual(done.stderr, "podopctl: no such table: no\n")
        self.assertEqual(json.loads(self.ctl("flush", "no", "--json", status=FAILED).stdout),
                         {"ok": False, "error": "no such table: no"})


class Reload(ControlCase):
    def test_takes_the_new_tables(self):
        self.start()
        self.configure(url_table(self.http, "new"))
        self.ctl("reload")
        self.check_answer(self.client().ask("new", "k"), "OK k")

    def test_faults(self):
        podop = self.start()
        self.write("podop.conf", 'listen = ({ socket = "/x"; nonsense = 1; });\ntables = ({ name = "t"; });\n')
        done = self.ctl("reload", status=CONFIG)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"(?m)^podopctl: .*podop\.conf:1: .*nonsense")
        self.assertRegex(done.stderr, r"(?m)^podopctl: .*podop\.conf:2: ")
        self.assertRegex(done.stderr, r"(?m)^podopctl: nothing has changed$")
        answer = json.loads(self.ctl("reload", "--json", status=CONFIG).stdout)
        self.assertGreaterEqual(len(answer["faults"]), 2)
        self.check_answer(self.client().ask("t", "k"), "OK k")
        reloads = self.stats()[0]["reloads"]
        self.assertEqual((reloads["done"], reloads["failed"], reloads["last_failed"]), (0, 2, True))
        self.assertGreater(reloads["last"], 0)
        self.assertTrue(podop.is_running)

    def test_that_takes_the_control_socket_away(self):
        self.start()
        client = self.connect()
        self.configure(control=False)
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertFalse(os.path.exists(self.control))
        self.assertTrue(client.ask(command="stats")["ok"])  # who is connected stays so
        self.configure()
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertEqual(self.connect().ask(command="reload"), {"ok": True})

    def test_that_changes_its_rights(self):
        self.start()
        client = self.connect()
        self.configure(control={"permissions": "0666"})
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o666)
        self.assertEqual(self.connect().ask(command="reload"), {"ok": True})

    def test_lookups_under_way_are_explained_to_the_end(self):
        self.start()
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')))
        client = self.connect()
        client.send(command="explain", table="t", key="k")
        self.http.wait_requests(1)
        self.configure(url_table(self.http, "new"))
        self.ctl("reload")
        gate.set()
        self.assertEqual(client.read()["dovecot"], "old")


class Stats(ControlCase):
    def test_counts_what_was_done(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}), url_table(self.http, "other", "/o/§"))
        postfix, dovecot = self.client(), self.dict()
        self.http.on("/miss", http(status=404))
        self.http.on("/down", DOWN)
        for key in ("a", "a", "b", "miss", "down"):
            postfix.ask("t", key)
        for key in ("x", "y", "x"):
            postfix.ask("other", key)
        self.http.on("/w", http())
        self.check_payload(dovecot.change(("set", "shared/w", "1")), "O")
        answer, tables = self.stats()
        t, other = tables["t"], tables["other"]
        self.assertEqual(t["lookups"], 5)
        self.assertEqual(t["answers"], {"found": 3, "miss": 1, "temporary": 1, "timeout": 0, "uncertain": 0,
                                        "permanent": 0})
        self.assertEqual({name: t["cache"][name] for name in ("fresh", "stale", "absent", "entries")},
                         {"fresh": 1, "stale": 0, "absent": 4, "entries": 3})
        self.assertGreater(t["cache"]["bytes"], 0)
        self.assertEqual((t["fetches"], t["joined"], t["iterations"]), (4, 0, 0))
        self.assertEqual(t["commits"]["found"], 1)
        self.assertEqual(len(t["backends"]), 1)
        self.assertEqual({name: t["backends"][0][name] for name in ("url", "requests", "failures")},
                         {"url": self.http.url, "requests": 5, "failures": 1})
        self.assertIs(t["backends"][0]["left_alone"], False)
        self.assertEqual((other["lookups"], other["fetches"], "cache" in other), (3, 3, False))
        self.assertEqual((answer["connections"], answer["clients"], answer["requests"]), (3, 3, 1))
        self.assertEqual(answer["pool"], [{"host": self.http.url, "in_flight": 0, "waiting": 0}])
        self.assertGreater(answer["rss_bytes"], 1_000_000)
        self.assertEqual(answer["reloads"], {"done": 0, "failed": 0, "last": 0, "last_failed": False})

    def test_shared_stale_and_pool(self):
        self.start(url_table(self.http, cache={"ttl": "1ms", "stale": "1h"}), pool={"max_connections": 1})
        postfix = [self.client() for _ in range(3)]
        self.check_answer(postfix[0].ask("t", "k"), "OK k")
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"s"')))
        for client in postfix[:2]:
            client.send(harness.netstring("t slow"))
        self.http.wait_target("/slow")
        postfix[2].send(harness.netstring("t waits"))
        harness.wait_until(lambda: self.stats()[1]["t"]["lookups"] == 4, "all are asked for")
        answer, tables = self.stats()
        self.assertEqual(answer["pool"], [{"host": self.http.url, "in_flight": 1, "waiting": 1}])
        self.assertEqual((tables["t"]["joined"], tables["t"]["fetches"], answer["requests"]), (1, 3, 4))
        gate.set()
        for client in postfix:
            client.read()
        self.http.on("/k", DOWN)
        harness.wait_until(lambda: postfix[0].ask("t", "k") == b"OK k" and self.http.count("/k") > 1, "it is stale")
        self.assertGreater(self.stats()[1]["t"]["cache"]["stale"], 0)

    def test_turns_of_the_loop(self):
        podop = self.start(url_table(self.http))
        loop = self.stats()[0]["loop"]
        self.assertEqual([turn.get("ms_at_most") for turn in loop["turns"]],
                         [1, 2, 5, 10, 20, 50, 100, 200, 500, None])
        before = sum(turn["count"] for turn in loop["turns"])
        self.client().ask("t", "k")
        loop = self.stats()[0]["loop"]
        self.assertGreater(sum(turn["count"] for turn in loop["turns"]), before)
        self.assertGreater(loop["longest_us"], 0)
        self.assertGreaterEqual(loop["lost_ms"], 0)
        podop.signal(signal.SIGUSR1)
        self.assertRegex(podop.wait_log("event=counters uptime_s"),
                         r"turns_ms=1:\d+,2:\d+,5:\d+,[0-9:,]+,500:\d+,more:\d+ turn_longest_us=[1-9]\d* lost_ms=\d+$")

    def test_lives_on_over_a_reload_of_an_unchanged_table(self):
        changed = url_table(self.http, "changed")
        self.start(url_table(self.http), changed)
        postfix = self.client()
        for table in ("t", "changed"):
            postfix.ask(table, "k")
        self.configure(url_table(self.http), {**changed, "timeout": "3s"})
        self.ctl("reload")
        answer, tables = self.stats()
        self.assertEqual((tables["t"]["lookups"], tables["changed"]["lookups"]), (1, 0))
        self.assertEqual(tables["t"]["backends"][0]["requests"], 1)
        self.assertEqual((answer["reloads"]["done"], answer["reloads"]["last_failed"]), (1, False))

    def test_podopctl(self):
        self.start(url_table(self.http, "alias", cache={"ttl": "1h"}))
        self.client().ask("alias", "k")
        text = self.ctl("stats").stdout
        self.assertRegex(text, r"(?m)^version +\S+$")
        rows = [line.split() for line in text.splitlines()]
        titles = next(row for row in rows if row[:1] == ["TABLE"])
        self.assertRegex(text, r"(?m)^longest turn us +[1-9]\d*$")
        self.assertRegex(text, r"(?m)^time lost ms +\d+$")
        turns = rows[rows.index("TURNS OF MS AT MOST  COUNT".split()) + 1:]
        self.assertEqual([row[0] for row in turns], "1 2 5 10 20 50 100 200 500 -".split())
        self.assertGreater(sum(int(row[1]) for row in turns), 0)
        alias = dict(zip(titles, next(row for row in rows if row[:1] == ["alias"])))
        self.assertEqual((alias["LOOKUPS"], alias["FOUND"], alias["FETCHES"], alias["ENTRIES"]), ("1", "1", "1", "1"))
        self.assertEqual(json.loads(self.ctl("stats", "--json").stdout)["ok"], True)

    def test_signal(self):
        podop = self.start(url_table(self.http), url_table(self.http, "other"), verbose=("-v",))
        self.client().ask("t", "k")
        podop.signal(signal.SIGUSR1)
        self.assertRegex(podop.wait_log("event=counters table=other"), "lookups=0 ")
        self.assertRegex(podop.wait_log("event=counters table=t"), "level=warning .* lookups=1 found=1 miss=0 ")
        self.assertRegex(podop.wait_log("event=counters uptime_s"), "connections=1 clients=1 requests=0 ")
        self.assertEqual(len(re.findall("event=counters", podop.stderr)), 3)


class Ctl(ControlCase):
    def test_usage(self):
        for args in (["explain", "t"], ["explain", "t", "k", "l"], ["reload", "t"], ["stats", "t"], ["flush"],
                     ["stats", "--user", "al"], ["explain", "t", "\udcff"], ["flush", "t", "k", "--user", "\udcff"],
                     ["explain", "t", "k", "--as", "postfix"]):
            with self.subTest(args=args):
                self.ctl(*args, status=USAGE)
        done = harness.run("PODOPCTL", "stats", "--control", "127.0.0.1:9100")
        self.assertEqual(done.returncode, USAGE)

    def test_nobody_there(self):
        for args in (["explain", "t", "k"], ["stats"], ["flush", "t"], ["reload"]):
            with self.subTest(args=args):
                self.assertRegex(self.ctl(*args, status=FAILED).stderr, "cannot connect")

    def test_who_answers_is_no_podop(self):
        listener = harness.listen(self.control)
        self.addCleanup(listener.close)
        for answer in (b"hello\n", b"[]\n", b'{"ok":true}'):
            with self.subTest(answer=answer):
                def serve():
                    sock, _ = listener.accept()
                    sock.recv(1000)
                    sock.sendall(answer)
                    sock.shutdown(socket.SHUT_RDWR)
                    sock.close()
                thread = harness.threading.Thread(target=serve, daemon=True)
                thread.start()
                self.ctl("stats", status=FAILED)
                thread.join(harness.GUARD)


if __name__ == "__main__":
    harness.main()
