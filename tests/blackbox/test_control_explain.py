"""explain over the control socket: what podop would do with a key, and what it got for it."""

import contextlib
import socket

import harness
from control_case import DOWN, FAILED, FAILURES, MISS, ControlCase
from harness import http, url_table


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
        self.assertEqual(self.notes(answer, "backend"),
                         [f"{self.http.url} not suspended, failures in a row: 0, requests under way: 0"])
        text = self.ctl("explain", "t", "a b").stdout.splitlines()
        self.assertIn("url:      " + self.http.url + "/a%20b", text)
        self.assertEqual(text[-3:], ["answer:   found", "postfix:  x,y", 'dovecot:  ["x","y"]'])

    def test_empty_value_is_a_miss_for_postfix(self):
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
        with harness.refusing_port() as port:
            dead = f"http://127.0.0.1:{port}"
            self.start({"name": "t", "type": "url", "param": [dead + "/§", self.http.url + "/§"], "retries": 1})
            answer = self.explain("k")
        self.assertEqual(answer["dovecot"], "k")
        self.assertEqual(self.notes(answer, "url"), [dead + "/k", self.http.url + "/k"])
        self.assertRegex(self.notes(answer, "status")[0], "^failed: ")
        self.assertEqual(self.notes(answer, "status")[1], "200")

    def test_timeout(self):
        self.hold_clock()
        self.start(url_table(self.http, timeout="200ms"))
        self.http.on("/k", self.hang(self.http, 0.2))
        answer = self.explain("k")
        self.assertEqual((answer["status"], self.notes(answer, "status")), ("timeout", ["timed out"]))

    def test_breaker(self):
        """How many requests of a URL failed, why, and how long it is suspended."""
        self.start(url_table(self.http, retries=0))
        postfix = self.client()
        self.http.default = lambda request: DOWN
        for number in range(2):
            postfix.ask("t", f"k{number}")
        answer = self.explain("x")
        self.assertEqual(self.notes(answer, "backend"),
                         [f"{self.http.url} not suspended, failures in a row: 2, requests under way: 0"])
        self.assertRegex(self.notes(answer, "failure")[0],
                         r"failed \d+ ms ago, 0 in a row count towards suspension: .*status 503$")
        self.http.default = lambda request: (harness.CLOSE,)
        for number in range(FAILURES):
            postfix.ask("t", f"k{number}")
        before = len(self.http.requests)
        answer = self.explain("k")
        if self.notes(answer, "url"):  # this machine was too slow: the pause is over
            self.assertIn("the next request tries it", self.notes(answer, "backend")[0])
        else:
            self.assertRegex(self.notes(answer, "backend")[0],
                             r"suspended for \d+ ms so far, next trial in \d+ ms: it does not answer$")
            self.assertIn("closed the connection", answer["reason"])
            self.assertEqual(len(self.http.requests), before)
        self.assertRegex(self.notes(answer, "failure")[0],
                         r"failed \d+ ms ago, 5 in a row count towards suspension: .*closed")
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
        self.assertRegex(self.notes(answer, "answer")[0], "^a stale one")

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
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as deaf:
            deaf.bind(("127.0.0.1", 0))
            server = f"127.0.0.1:{deaf.getsockname()[1]}"
            self.start({"name": "t", "type": "dns", "param": "mx1.mail.example", "servers": [server],
                        "timeout": "300ms"})
            answer = self.explain("z.example")
        self.assertEqual((answer["status"], self.notes(answer, "servers")), ("timeout", [server]))
        self.assertRegex(self.notes(answer, "MX")[0], "^z.example: ")


if __name__ == "__main__":
    harness.main()
