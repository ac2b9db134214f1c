"""/metrics: what is counted, both text formats, promtool, the manual, and what must never be in it."""

import json
import re
import shutil
import subprocess

import harness
from harness import http, url_table
from monitor_case import MonitorCase, parse
from test_documents import read

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")  # of Prometheus 2.42
SECRET = "s3cr3t-t0ken"


def key(**labels):
    """The labels of a sample, as parse() returns them."""
    return tuple(sorted(labels.items()))


class Metrics(MonitorCase):
    def value(self, name, metrics=None, **labels):
        return (metrics or self.metrics())[name][key(**labels)]

    def promtool(self, text):
        """Checks a text with promtool, which needs no server."""
        harness.need(shutil.which("promtool"), "promtool, of Debian's package prometheus")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                              timeout=harness.GUARD, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class Counts(Metrics):
    def test_lookups(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}), url_table(self.http, "other", "/o/§"))
        client = self.client()
        self.http.on("/miss", http(status=404))
        self.http.on("/down", http(status=500))
        for name in ("a", "a", "b", "miss", "down"):
            client.ask("t", name)
        client.ask("other", "x")
        metrics = self.metrics()
        for result, count in (("found", 3), ("miss", 1), ("temporary", 1), ("timeout", 0), ("permanent", 0)):
            self.assertEqual(self.value("podop_lookups_total", metrics, table="t", result=result), count, result)
        self.assertEqual(self.value("podop_lookups_total", metrics, table="other", result="found"), 1)
        for outcome, count in (("fresh", 1), ("stale", 0), ("absent", 4)):
            self.assertEqual(self.value("podop_cache_lookups_total", metrics, table="t", outcome=outcome), count)
        self.assertNotIn(key(table="other", outcome="fresh"), metrics["podop_cache_lookups_total"])
        self.assertEqual(self.value("podop_cache_entries", metrics, table="t"), 3)
        self.assertGreater(self.value("podop_cache_bytes", metrics, table="t"), 0)
        self.assertEqual(self.value("podop_requests_total", metrics, protocol="socketmap", kind="lookup"), 6)
        self.assertEqual(self.value("podop_fetches_total", metrics, table="t"), 4)
        backend = self.http.url
        for outcome, count in (("answered", 4), ("server_error", 1), ("failed", 0)):
            self.assertEqual(self.value("podop_backend_requests_total", metrics, backend=backend, outcome=outcome),
                             count, outcome)
        self.assertEqual(self.value("podop_backend_duration_seconds_count", metrics, backend=backend), 5)
        self.assertEqual(self.value("podop_backend_connections", metrics, backend=backend), 1)
        self.assertEqual(self.value("podop_backend_up", metrics, backend=backend), 1)

    def test_durations(self):
        """Each answer is in the histogram, buckets are cumulative, and a hit adds nothing to the sum."""
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        client = self.client()
        client.ask("t", "k")
        metrics = self.metrics()
        self.assertEqual(self.value("podop_lookup_duration_seconds_count", metrics, table="t"), 1)
        total = self.value("podop_lookup_duration_seconds_sum", metrics, table="t")
        self.assertGreater(total, 0)
        for _ in range(10):
            client.ask("t", "k")
        metrics = self.metrics()
        self.assertEqual(self.value("podop_lookup_duration_seconds_sum", metrics, table="t"), total)
        self.assertEqual(self.value("podop_lookup_duration_seconds_count", metrics, table="t"), 11)
        self.assertGreaterEqual(
            self.value("podop_lookup_duration_seconds_bucket", metrics, table="t", le="0.0001"), 10)
        for name in ("podop_lookup_duration_seconds", "podop_loop_delay_seconds", "podop_backend_duration_seconds"):
            buckets = list(metrics[name + "_bucket"].items())  # in the order of the document
            self.assertEqual(dict(buckets[-1][0])["le"], "+Inf")
            values = [value for _, value in buckets]
            self.assertEqual(values, sorted(values), name)
            self.assertEqual(values[-1], next(iter(metrics[name + "_count"].values())), name)
            bounds = [float(dict(labels)["le"]) for labels, _ in buckets]
            self.assertEqual(bounds, sorted(bounds), name)

    def test_slow_lookup(self):
        """A lookup is counted when it is answered, in the bucket of its duration."""
        self.hold_clock()
        self.start(url_table(self.http, timeout="1h"))
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"s"')))
        client = self.client()
        client.send(harness.netstring("t slow"))
        self.http.wait_target("/slow")
        metrics = self.metrics()
        self.assertEqual(self.value("podop_backend_in_flight", metrics, backend=self.http.url), 1)
        self.assertEqual(self.value("podop_lookup_duration_seconds_count", metrics, table="t"), 0)
        self.clock.advance(3)
        gate.set()
        self.check_payload(client.read(), "OK s")
        metrics = self.metrics()
        for name, labels in (("podop_lookup_duration_seconds", {"table": "t"}),
                             ("podop_backend_duration_seconds", {"backend": self.http.url})):
            self.assertEqual(self.value(name + "_bucket", metrics, le="2.5", **labels), 0)
            self.assertEqual(self.value(name + "_bucket", metrics, le="5.0", **labels), 1)
            self.assertGreaterEqual(self.value(name + "_sum", metrics, **labels), 3)

    def test_dict(self):
        self.start(url_table(self.http, write_behind="1h"))
        dovecot = self.dict()
        self.check_payload(dovecot.get("shared/k"), "Ok")
        self.check_payload(dovecot.change(("set", "shared/w", "1")), "O")
        metrics = self.metrics()
        self.assertEqual(self.value("podop_requests_total", metrics, protocol="dict", kind="transaction"), 1)
        self.assertEqual(self.value("podop_transactions_total", metrics, table="t", result="found"), 1)
        self.assertEqual(self.value("podop_writes_held", metrics, table="t"), 1)
        self.assertEqual(self.value("podop_writes_lost_total", metrics, table="t"), 0)

    def test_outcomes_of_backends(self):
        self.hold_clock()
        self.start(url_table(self.http, timeout="5s", retries=0),
                   url_table(self.http, "large", "/l/§", max_response=10))
        client = self.client()
        self.http.on("/hangs", self.hang(self.http, 6))
        self.http.on("/cut", (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", harness.CLOSE))
        self.http.on("/l/k", http('"' + "x" * 100 + '"'))
        for table, name in (("t", "hangs"), ("t", "cut"), ("large", "k")):
            client.ask(table, name)
        waiting = self.client()
        gate = self.http.gate()
        self.http.on("/gone", (gate, http('"g"')))
        waiting.send(harness.netstring("t gone"))
        self.http.wait_target("/gone")
        waiting.close()

        def outcomes():
            return {dict(labels)["outcome"]: value
                    for labels, value in self.metrics()["podop_backend_requests_total"].items() if value}

        expected = {"timeout": 1, "failed": 1, "unusable": 1, "cancelled": 1}
        harness.wait_until(lambda: outcomes().get("cancelled"), "the lookup is cancelled")
        self.assertEqual(outcomes(), expected)
        gate.set()

    def test_reload(self):
        podop = self.start()
        started = self.value("podop_config_last_reload_timestamp_seconds")
        self.assertGreater(started, 1_700_000_000)
        self.assertEqual(self.value("podop_config_last_reload_success"), 1)
        self.write("podop.conf", "listen = ")
        self.fail_to_reload(podop)
        metrics = self.metrics()
        self.assertEqual(self.value("podop_config_last_reload_success", metrics), 0)
        self.assertGreaterEqual(self.value("podop_config_last_reload_timestamp_seconds", metrics), started)
        self.assertEqual(self.value("podop_config_reloads_total", metrics, result="failed"), 1)
        self.client().ask("t", "k")
        self.configure()
        self.reload(podop)
        metrics = self.metrics()
        self.assertEqual(self.value("podop_config_last_reload_success", metrics), 1)
        self.assertEqual(self.value("podop_requests_total", metrics, protocol="socketmap", kind="lookup"), 1)
        self.assertEqual(self.value("podop_lookups_total", metrics, table="t", result="found"), 1)

    def test_requests_of_removed_sockets_stay(self):
        """A counter never goes back, though the socket whose clients it counted is gone."""
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        client = self.client(self.path("more"))
        client.ask("t", "k")
        client.close()
        self.configure()
        self.reload(podop)
        self.assertNotIn(key(listener=self.path("more")), self.metrics()["podop_clients"])
        self.assertEqual(self.value("podop_requests_total", protocol="socketmap", kind="lookup"), 1)

    def test_process(self):
        podop = self.start()
        connection = self.connection()
        connection.request("GET", "/metrics")
        metrics = parse(connection.getresponse().read().decode())
        self.assertEqual(self.value("process_open_fds", metrics), podop.descriptors())
        self.assertGreater(self.value("process_resident_memory_bytes", metrics), 1_000_000)
        self.assertGreater(self.value("process_virtual_memory_bytes", metrics),
                           self.value("process_resident_memory_bytes", metrics))
        self.assertGreater(self.value("process_cpu_seconds_total", metrics), 0)
        self.assertGreater(self.value("process_max_fds", metrics), 0)
        version = harness.run("PODOP", "--version").stdout.split()[1]
        self.assertEqual(self.value("podop_build_info", metrics, version=version), 1)

    def test_same_as_stats(self):
        """The control socket and /metrics count the same."""
        self.start(url_table(self.http, cache={"ttl": "1h"}), control={"socket": self.path("control")})
        client = self.client()
        for name in ("a", "a", "b"):
            client.ask("t", name)
        with harness.connect(self.path("control")) as sock:
            sock.sendall(b'{"command": "stats"}\n')
            received = b""
            while not received.endswith(b"\n"):
                received += sock.recv(65536)
        table = json.loads(received)["tables"][0]
        metrics = self.metrics()
        self.assertEqual(self.value("podop_cache_entries", metrics, table="t"), table["cache"]["entries"])
        count = 0
        for bucket in table["duration"]:
            count += bucket["count"]
            le = f"{bucket['us_at_most'] / 1e6:.9f}".rstrip("0") if "us_at_most" in bucket else "+Inf"
            le += "0" if le.endswith(".") else ""
            self.assertEqual(self.value("podop_lookup_duration_seconds_bucket", metrics, table="t", le=le), count, le)


class Formats(Metrics):
    def test_negotiation(self):
        self.start()
        for accept, is_openmetrics in ((None, False), ("*/*", False), ("text/plain", False), (PROMETHEUS, True),
                                       (OPENMETRICS, True), (OPENMETRICS + ";version=1.0.0", True),
                                       (OPENMETRICS + ";version=0.0.1,*/*;q=0.1", False),
                                       (OPENMETRICS + ";q=0.4,text/plain;q=0.5", False),
                                       (OPENMETRICS + ";q=0.5,text/plain;q=0.5", True),
                                       (OPENMETRICS + ";q=0", False), ("image/png", False)):
            with self.subTest(accept):
                answer = self.fetch("/metrics", **({"Accept": accept} if accept else {}))
                media_type = (OPENMETRICS + "; version=1.0.0" if is_openmetrics else "text/plain; version=0.0.4")
                self.assertEqual(answer.getheader("Content-Type"), media_type + "; charset=utf-8")
                self.assertEqual(answer.text.endswith("# EOF\n"), is_openmetrics)

    def check_families(self, text, openmetrics):
        """Each family has HELP and TYPE once, in this order, and all its samples stand after them."""
        seen, family, kind = set(), None, None
        for line in text.splitlines():
            if line == "# EOF":
                continue
            if line.startswith("# HELP "):
                family = line.split()[2]
                self.assertNotIn(family, seen)
                seen.add(family)
                kind = None
            elif line.startswith("# TYPE "):
                self.assertEqual((line.split()[2], kind), (family, None))
                kind = line.split()[3]
                self.assertIn(kind, ("counter", "gauge", "histogram"))
            else:
                suffix = re.match(r"[a-z_]+", line)[0].removeprefix(family)
                expected = {"counter": ("_total",) if openmetrics else ("",), "gauge": ("",),
                            "histogram": ("_bucket", "_sum", "_count")}[kind]
                self.assertIn(suffix, expected, line)
        return seen

    def test_families(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}, write_behind="1s"))
        text = self.fetch("/metrics").text
        openmetrics = self.fetch("/metrics", Accept=OPENMETRICS).text
        names = self.check_families(text, False)
        self.assertEqual({name.removesuffix("_total") for name in names},
                         {name for name in self.check_families(openmetrics, True)})
        self.assertEqual(parse(text).keys(), parse(openmetrics).keys())

    def test_promtool(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}, write_behind="1s"), url_table(self.http, 'q"u\\o'))
        self.client().ask("t", "k")
        self.promtool(self.fetch("/metrics").text)

    def test_names_of_tables(self):
        """Any name that podop.conf may have is a label."""
        names = ['q"uote', "back\\slash", "ünï", "a{b=\"c\"}", "§", "x,y=z", "#", "\\n"]
        self.start(*(url_table(self.http, name, f"/{i}/§") for i, name in enumerate(names)))
        for accept in ("text/plain", OPENMETRICS):
            text = self.fetch("/metrics", Accept=accept).text
            found = {dict(labels)["table"] for labels in parse(text)["podop_fetches_total"]}
            self.assertEqual(found, set(names))
        self.promtool(self.fetch("/metrics").text)

    def test_manual(self):
        """podop(8) lists each metric with its labels, and no other."""
        self.start(url_table(self.http, cache={"ttl": "1h"}, write_behind="1s"))
        text = self.fetch("/metrics").text
        kinds = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))
        labels = {}
        for name, samples in parse(text).items():
            family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
            labels.setdefault(family, set()).update(label for sample in samples for label, _ in sample)
        section = read("man", "podop.8").partition("\n.Ss Metrics and health\n")[2].partition("\n.Ss ")[0]
        listed = re.findall(r"(?m)^\.It Li ((?:podop|process)_\w+)(?: Pq Li (.*))?\nA (\w+)\.$", section)
        self.assertEqual({name: kind for name, _, kind in listed}, kinds)
        for name, text, _ in listed:
            self.assertEqual(set(re.findall(r"\w+", text)), labels.get(name, set()) - {"le"}, name)


class Secrets(Metrics):
    def test_nothing_secret(self):
        """Neither keys nor values, and of a URL only its host: no path, no query, no user, no token."""
        self.write("token", SECRET)
        self.write("password", SECRET)
        url = f"{self.http.url}/hidden-path/§?token={SECRET}&key=§"
        self.start(url_table(self.http, param=url, cache={"ttl": "1h"}, write_behind="1h",
                             headers=[f"X-Token: {SECRET}"],
                             auth={"type": "basic", "user": "hidden-user", "password_file": self.path("password")}))
        self.http.default = lambda request: http('"hidden-value"')
        client = self.client()
        client.ask("t", "hidden-key")
        self.http.default = lambda request: http('"hidden-value"', 500)
        client.ask("t", "hidden-key-2")
        self.dict().change(("set", "shared/hidden-key-3", "hidden-value-3"))
        for path in ("/metrics", "/ready", "/live", "/nothing?hidden"):
            for accept in ("text/plain", OPENMETRICS):
                text = self.fetch(path, Accept=accept).text
                self.assertNotIn("hidden", text)
                self.assertNotIn(SECRET, text)
        self.assertEqual({dict(labels)["backend"] for labels in self.metrics()["podop_backend_up"]}, {self.http.url})

    def test_unix_backend(self):
        backend = self.backend(unix_path=self.path("backend"), default=harness.echo)
        self.start(url_table(backend, unix_socket=self.path("backend")))
        self.check_payload(self.client().ask("t", "k"), "OK k")
        self.assertEqual(self.value("podop_backend_requests_total", outcome="answered",
                                    backend=f"http://localhost unix:{self.path('backend')}"), 1)


if __name__ == "__main__":
    harness.main()
