"""Counters: stats over the control socket, and the log lines of SIGUSR1."""

import json
import re
import signal
import socket
import threading

import harness
from control_case import DOWN, FAILED, USAGE, ControlCase
from harness import http, url_table


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
        self.assertGreaterEqual(t["backends"][0]["failing_ms"], t["backends"][0]["failed_ms"])
        self.assertNotIn("failing_ms", other["backends"][0])
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

    def test_kept_at_a_reload_of_an_unchanged_table(self):
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
        self.assertRegex(podop.wait_log("event=counters uptime_s"), "connections=1 refused=0 clients=1 requests=0 ")
        for table, requests in (("t", 1), ("other", 0)):
            self.assertRegex(podop.wait_log(f"event=counters table={table} backend="),
                             f"backend={self.http.url} in_flight=0 requests={requests} failures=0 failures_in_row=0 "
                             "left_alone=0$")
        self.assertEqual(len(re.findall("event=counters", podop.stderr)), 5)


class Ctl(ControlCase):
    def test_usage(self):
        for args in (["explain", "t"], ["explain", "t", "k", "l"], ["reload", "t"], ["stats", "t"], ["flush"],
                     ["stats", "--user", "al"], ["explain", "t", "\udcff"], ["flush", "t", "k", "--user", "\udcff"],
                     ["explain", "t", "k", "--as", "postfix"]):
            with self.subTest(args=args):
                self.ctl(*args, status=USAGE)
        done = harness.run("PODOPCTL", "stats", "--control", "127.0.0.1:9100")
        self.assertEqual(done.returncode, USAGE)

    def test_no_server(self):
        for args in (["explain", "t", "k"], ["stats"], ["flush", "t"], ["reload"]):
            with self.subTest(args=args):
                self.assertRegex(self.ctl(*args, status=FAILED).stderr, "cannot connect")

    def test_server_that_is_not_podop(self):
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
                thread = threading.Thread(target=serve, daemon=True)
                thread.start()
                self.ctl("stats", status=FAILED)
                thread.join(harness.GUARD)


if __name__ == "__main__":
    harness.main()
