"""/status.json: its schema, the last hour, outages, warnings and faults, and what it must never show."""

import json
import os
import re
import signal

import harness
from basics import need, wait_until
from control_case import DOWN, FAILURES
from harness import http, netstring, url_table
from status_case import StatusCase

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Schema(StatusCase):
    def setUp(self):
        super().setUp()
        need(jsonschema, "python3-jsonschema")
        with open(os.path.join(ROOT, "docs", "status.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def check(self):
        """Checks /status.json, and returns it."""
        status = self.status()
        self.validator.validate(status)
        for table in status["tables"]:
            self.assertEqual({len(column) for column in table["history"].values()}, {len(table["history"]["found"])})
        return status

    def test_every_type_of_table_with_traffic(self):
        program = self.write("program", "#!/bin/sh\nexit 1\n")
        os.chmod(program, 0o755)
        files = self.write("t.json", '{"k": "v"}')
        self.start(url_table(self.http, cache={"ttl": "1h"}, write_behind="1h"),
                   {"name": "program", "type": "program", "param": program},
                   {"name": "json", "type": "json", "param": files},
                   {"name": "dns", "type": "dns", "param": "best", "servers": [f"127.0.0.1:{self.reserve_port()}"]},
                   url_table(self.http, "spread", balance="spread", commit_url=self.http.url + "/w/§"))
        self.check()
        client, dovecot = self.client(), self.dict()
        for table in ("t", "program", "json", "dns", "spread", "none"):
            client.ask(table, "k")
        dovecot.change(("set", "shared/w", "1"))
        status = self.check()
        self.assertEqual({table["table"]: table["type"] for table in status["tables"]},
                         {"t": "url", "program": "program", "json": "json", "dns": "dns", "spread": "url"})
        states = {backend["backend"]: (backend["state"], backend["tables"]) for backend in status["backends"]}
        self.assertEqual(states[self.http.url], ("up", 2))
        self.assertEqual(states[program], ("failing", 1))
        self.assertEqual(self.table()["pending"]["writes"], 1)

    def test_outage_and_failed_reload(self):
        podop = self.start(url_table(self.http, timeout="200ms"))
        self.assertEqual((self.check()["severity"], self.status()["summary"]), ("ok", "Everything works"))
        self.http.stop()
        client = self.client()
        for i in range(FAILURES):
            client.ask("t", f"k{i}")
        status = self.check()
        self.assertEqual((status["state"], status["severity"], status["summary"]),
                         ("not ready", "error", "Not ready: table 't' has no backend"))
        self.assertEqual([problem["kind"] for problem in status["problems"]], ["backend", "table"])
        self.write("podop.conf", "tabels = ( );\n")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed")
        wait_until(lambda: self.status()["reload"]["failed"], "the reload has failed")
        status = self.check()
        self.assertRegex(status["reload"]["faults"][0], r"podop\.conf:1: unknown setting 'tabels'")
        self.assertEqual([problem["kind"] for problem in status["problems"]], ["backend", "table", "reload"])
        self.assertIn("reload_failed", [warning["event"] for warning in status["warnings"]])
        self.configure()
        podop.signal(signal.SIGHUP)
        wait_until(lambda: self.status()["reload"]["done"], "the reload is done")
        status = self.check()
        self.assertEqual((status["reload"]["last_failed"], status["reload"]["faults"]), (False, []))

    def test_many_tables(self):
        self.start(*(url_table(self.http, f"t{i}") for i in range(300)))
        self.assertEqual(sorted(table["table"] for table in self.check()["tables"]),
                         sorted(f"t{i}" for i in range(300)))


class Hour(StatusCase):
    def setUp(self):
        super().setUp()
        self.hold_clock()

    def minute(self):
        """Lets a minute of podop pass, and the walk over its tables."""
        before = len(self.table()["history"]["lookups"])
        assert self.clock is not None
        self.clock.advance(60)
        wait_until(lambda: len(self.table()["history"]["lookups"]) != before or before == 60, "the minute has ended")

    def test_minutes(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        self.http.on("/miss", http(status=404))
        self.http.on("/down", DOWN)
        client = self.client()
        for key in ("a", "a", "miss", "down"):
            client.ask("t", key)
        self.minute()
        client.ask("t", "a")
        self.minute()
        self.minute()
        client.ask("t", "down")
        table = self.table()
        self.assertEqual({name: table["history"][name] for name in ("lookups", "found", "failed")},
                         {"lookups": [4, 1, 0, 1], "found": [2, 1, 0, 0], "failed": [1, 0, 0, 1]})
        self.assertEqual([p99 is None for p99 in table["history"]["p99_us"]], [False, False, True, False])
        self.assertEqual({name: table["recent"][name] for name in ("seconds", "lookups", "failed", "fresh")},
                         {"seconds": 60, "lookups": 1, "failed": 1, "fresh": 0})
        self.assertEqual((table["state"], self.status()["severity"]), ("failing", "error"))

    def test_lookup_that_ends_in_a_later_minute(self):
        """It counts as a lookup where its result does."""
        self.start(url_table(self.http, timeout="1h"))
        gate = self.http.gate()
        self.http.on("/slow", (gate, DOWN))
        client = self.client()
        client.send(netstring("t slow"))
        self.http.wait_target("/slow")
        self.minute()
        self.minute()
        gate.set()
        self.check_reason(client.read(), "TEMP")
        table = self.table()
        self.assertEqual({name: table["history"][name] for name in ("lookups", "failed")},
                         {"lookups": [0, 0, 1], "failed": [0, 0, 1]})
        self.assertEqual([problem["text"] for problem in self.status()["problems"] if problem["kind"] == "table"],
                         ["1 of the last 1 lookups of table 't' failed"])

    def test_an_hour_is_kept(self):
        self.start()
        client = self.client()
        for i in range(61):
            client.ask("t", f"k{i}")
            if i % 20 == 0:
                client.ask("t", "more")
            self.minute()
        history = self.table()["history"]["lookups"]
        self.assertEqual(len(history), 60)
        self.assertEqual(history, [2 if i % 20 == 0 else 1 for i in range(2, 61)] + [0])

    def test_history_survives_a_reload_of_other_settings(self):
        self.start()
        self.client().ask("t", "k")
        self.minute()
        self.configure(url_table(self.http, timeout="3s"), url_table(self.http, "new"))
        self.reload(self.server)
        self.assertEqual((self.table()["lookups"], self.table()["history"]["lookups"]), (0, [1, 0]))
        self.client().ask("t", "k")
        self.client().ask("new", "k")
        self.assertEqual((self.table()["history"]["lookups"], self.table("new")["history"]["lookups"]), ([1, 1], [1]))
        self.minute()
        self.assertEqual((self.table()["history"]["lookups"], self.table("new")["history"]["lookups"]),
                         ([1, 1, 0], [1, 0]))

    def test_listener_that_comes_with_a_reload(self):
        """What was before is in the counters, and not in the running minute."""
        podop = self.start(listener=False)
        self.client().ask("t", "k")
        self.configure()
        self.reload(self.server)
        self.client().ask("t", "k2")
        self.assertEqual((self.table()["lookups"], self.table()["history"]["lookups"]), (2, [1]))
        self.configure(listener=False)
        self.reload(self.server)
        self.assertTrue(harness.refuses(("127.0.0.1", self.port)))
        self.assertTrue(podop.is_running)


class Outages(StatusCase):
    def outages(self, url=None):
        return next(backend["outages"] for backend in self.status()["backends"]
                    if backend["backend"] == (url or self.http.url))

    def test_outage_of_two_tables(self):
        self.hold_clock()
        self.start(url_table(self.http), url_table(self.http, "other", "/o/§"))
        self.http.on("/down", DOWN)
        self.http.on("/o/down", DOWN)
        client = self.client()
        client.ask("t", "down")
        client.ask("other", "down")
        began = self.outages()[0]["began"]
        self.assertEqual(self.outages(), [{"began": began, "ended": None}])
        self.assertAlmostEqual(began, self.status()["time"], delta=harness.GUARD)
        self.clock.advance(2)
        client.ask("t", "k")
        self.assertEqual(self.outages()[0]["ended"], None)
        client.ask("other", "k")
        self.assertGreaterEqual(self.outages()[0]["ended"], began)
        client.ask("other", "down")
        self.assertEqual([outage["ended"] is None for outage in self.outages()], [False, True])

    def test_table_that_goes_during_its_outage(self):
        self.start(url_table(self.http), url_table(self.http, "other", "/o/§"))
        self.http.on("/down", DOWN)
        self.client().ask("t", "down")
        self.assertIsNone(self.outages()[0]["ended"])
        self.configure(url_table(self.http, "other", "/o/§"))
        self.reload(self.server)
        wait_until(lambda: self.outages()[0]["ended"] is not None, "the outage has ended")


FAULTY_URLS = ("http:/h/geheim-path/{}", "h:1/geheim-path/{}?geheim-query", "http://h/a b/{}?geheim-query",
               "http://h/../geheim-path/{}", "http://h/{foo}?geheim-query", "http://h/{}#geheim-path",
               "http://h\\\\geheim-path/{}")

FAULTY_SECRETS = ('headers = "X-Key: geheim-secret";', 'headers = [ "X-Key geheim-secret" ];',
                  'headers = [ "X-K ey: geheim-secret" ];', 'auth = "Bearer geheim-secret";')


class Secrets(StatusCase):
    """Nothing that is not from the configuration, and of it no secret, path or query."""

    WORDS = ("geheim-key", "geheim-value", "geheim-secret", "geheim-path", "geheim-query", "geheim-user",
             "geheim-table", "geheim-text")

    def check_clean(self):
        for path in ("/status.json", "/"):
            body = self.fetch(path).text
            for word in self.WORDS:
                self.assertNotIn(word, body, path)

    def test_traffic(self):
        secret = self.write("secret", "geheim-secret\n")
        os.chmod(secret, 0o600)
        template = "/geheim-path/§?q=geheim-query"
        self.start(url_table(self.http, "t", template, auth={"type": "bearer", "token_file": secret}),
                   url_table(self.http, "u", template, headers=["X-Secret: geheim-secret"]))
        self.http.on("/geheim-path/geheim-key?q=geheim-query", http('"geheim-value"'))
        self.http.on("/geheim-path/down?q=geheim-query",
                     http("geheim-text", 503, "Location: http://geheim-text/", "X-Geheim: geheim-text"))
        client = self.client()
        for table in ("t", "u"):
            for key in ("geheim-key", "down", *(f"down?geheim-key{i}" for i in range(FAILURES))):
                client.ask(table, key)
        client.ask("geheim-table", "geheim-key")
        client.send(netstring("t geheim-key" + "x" * 100_000))
        self.assertEqual(self.table()["lookups"], 2 + FAILURES)
        self.check_clean()
        events = [warning["event"] for warning in self.status()["warnings"]]
        self.assertIn("backend_failed", events)
        self.assertIn("unknown_table", events)

    @staticmethod
    def table_of(url, more=""):
        return f'tables = ( {{ name = "t"; type = "url"; param = "{url}"; {more} }} );'

    def test_faults(self):
        podop = self.start()
        twice = self.write("twice.json", '{"geheim-key": "geheim-value", "geheim-key": "geheim-value"}')
        url = "http://geheim-user:geheim-secret@h:1/geheim-path?geheim-query"
        for number, text in enumerate((f'http = {{ socket = "{url}"; }};', f'listen = ( {{ socket = "{url}/["; }} );',
                                       f'tables = ( {{ name = "t"; type = "url"; param = "{url}\\n{{}}"; }} );',
                                       f'tables = ( {{ name = "{url}"; type = "{url}"; param = "{url}"; }} );',
                                       f'tables = ( {{ name = "t"; type = "url"; param = "{url} {{}}',
                                       *map(self.table_of, FAULTY_URLS),
                                       *(self.table_of("http://h/{}", more) for more in FAULTY_SECRETS),
                                       f'tables = ( {{ name = "t"; type = "json"; param = "{twice}"; }} );'), 1):
            self.write("podop.conf", text)
            podop.signal(signal.SIGHUP)
            wait_until(lambda n=number: self.status()["reload"]["failed"] == n, "the reload has failed")
            self.assertTrue(self.status()["reload"]["faults"])
            self.check_clean()
        self.assertIn("geheim-path", podop.stderr)  # the log quotes them


class Warnings(StatusCase):
    def test_level_of_the_log_does_not_matter(self):
        self.http.on("/down", DOWN)
        self.podop("-c", self.configure(log={"level": "error"}), verbose=())
        wait_until(lambda: not harness.refuses(("127.0.0.1", self.port)), "podop listens")
        self.client().ask("t", "down")
        warning = next(w for w in self.status()["warnings"] if w["event"] == "backend_failed")
        self.assertEqual({name: warning[name] for name in ("level", "table", "backend")},
                         {"level": "warning", "table": "t", "backend": self.http.url})

    def test_all_events_are_known(self):
        """Every warning and error of the sources is an event that the ring has."""
        logged = set()
        for folder, _, files in os.walk(os.path.join(ROOT, "src")):
            for name in (name for name in files if name.endswith(".c")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    text = file.read()
                logged |= set(re.findall(r'\blog_(?:warning|error)\([^"]*"(\w+)"', text))
                if name == "warning_ring.c":
                    known = set(re.findall(r'^    \{"(\w+)"', text, re.M))
        self.assertGreater(len(logged), 20)
        logged.discard("counters")  # which SIGUSR1 asks for
        self.assertEqual(known, logged | {"log_lines_lost"})


if __name__ == "__main__":
    harness.main()
