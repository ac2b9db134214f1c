"""A real Prometheus reads podop's metrics, and examples/prometheus: rules, their tests, the dashboard."""

import json
import os
import re
import shutil
import subprocess
import unittest

import harness
from documents import known_metrics
from harness import echo, http, url_table, wait_until
from monitor_case import MonitorCase
from prometheus import Prometheus

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "examples",
                      "prometheus")
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: podop
    static_configs: [targets: ["127.0.0.1:{port}"]]
"""
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*", "$table": ".*"}


def read(name):
    """Returns a file of the example."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def alerts_of_the_rules():
    return re.findall(r"(?m)^ +- alert: (\w+)$", read("podop.rules.yml"))


def expressions_of_the_dashboard():
    """Returns each query of the dashboard with values for its variables."""
    dashboard = json.loads(read("grafana-dashboard.json"))
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for name, value in VARIABLES.items():
        found = [expression.replace(name, value) for expression in found]
    return found


def names_in(text):
    """Returns the names of metrics in a text, without the suffixes of a histogram."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:podop|process)_[a-z_]+\b", text)}


class Scraped(MonitorCase):
    def setUp(self):
        super().setUp()
        harness.need(shutil.which("prometheus"), "prometheus")
        self.instance = f"127.0.0.1:{self.port}"

    def prometheus(self):
        """Starts Prometheus with the rules, which have no time to wait."""
        rules = self.write("podop.rules.yml", re.sub(r"(?m)^( +for:) .*$", r"\1 0s", read("podop.rules.yml")))
        prometheus = Prometheus(self.dir, CONFIG.format(rules=rules, port=self.port), self.reserve_port())
        self.addCleanup(prometheus.stop)
        return prometheus

    def test_counts(self):
        """Queries give exactly what was asked of podop, and what podop asked of its backend."""
        self.start(url_table(self.http, cache={"ttl": "1h"}), url_table(self.http, "other", "/o/§"))
        postfix = self.client()
        self.http.on("/miss", http(status=404))
        self.http.on("/down", http(status=503))
        for key in ["a"] * 5 + ["b", "miss", "miss", "down", "down", "down"]:
            postfix.ask("t", key)
        for key in ("x", "y", "x"):
            postfix.ask("other", key)
        self.dict().lookup("shared/a")
        down = self.http.count("/down")
        prometheus = self.prometheus()
        for expression, expected in (
                ('up{job="podop"}', 1),
                ('podop_lookups_total{table="t",result="found"}', 7),
                ('podop_lookups_total{table="t",result="miss"}', 2),
                ('podop_lookups_total{table="t",result="temporary"}', 3),
                ('podop_lookups_total{table="other",result="found"}', 3),
                ('sum(podop_lookups_total)', 15),
                ('podop_lookup_duration_seconds_count{table="t"}', 12),
                ('podop_lookup_duration_seconds_bucket{table="t",le="+Inf"}', 12),
                ('podop_cache_lookups_total{outcome="fresh"}', 6),
                ('podop_cache_lookups_total{outcome="absent"}', 6),
                ('podop_cache_entries', 3),
                ('podop_requests_total{protocol="socketmap",kind="lookup"}', 14),
                ('podop_requests_total{protocol="dict",kind="lookup"}', 1),
                ('podop_backend_requests_total{outcome="answered"}', 6),
                ('podop_backend_requests_total{outcome="server_error"}', down),
                ('podop_backend_up', 1),
                (f'podop_clients{{listener="{self.socket}"}}', 2),
                ('podop_config_last_reload_success', 1),
                ('count(podop_build_info)', 1)):
            with self.subTest(expression):
                prometheus.wait_value(expression, expected)

    def test_rules_and_dashboard(self):
        """Prometheus evaluates each rule and each query of the dashboard, and finds the data that there is."""
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        self.client().ask("t", "a")
        prometheus = self.prometheus()
        prometheus.wait_value('podop_lookups_total{table="t",result="found"}', 1)

        def evaluated():
            rules = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
            return rules if all(rule["health"] != "unknown" for rule in rules) else []
        wait_until(evaluated, "all rules are evaluated")
        self.assertEqual([rule["name"] for rule in evaluated()], alerts_of_the_rules())
        self.assertEqual({rule["health"] for rule in evaluated()}, {"ok"})
        wait_until(lambda: prometheus.value('count_over_time(podop_lookups_total{result="found"}[1m]) > bool 3') == 1,
                   "there are rates")
        for expression in expressions_of_the_dashboard():
            with self.subTest(expression):
                found = prometheus.query(expression)
                without = ("> 0", "result=~", "writes_", "== 0")  # what has nothing to show when all is well
                self.assertTrue(found or any(word in expression for word in without), "no data")

    def test_alerts(self):
        """A backend that is down, a failed reload and a podop that ends make alerts fire; they end with their cause."""
        port = self.reserve_port()
        backend = self.backend(port=port, default=echo)
        tables = [url_table(backend, timeout="2s")]
        podop = self.start(*tables)
        prometheus = self.prometheus()
        prometheus.wait_value("podop_backend_up", 1)
        wait_until(lambda: prometheus.api("alerts")["alerts"] == [], "no alert when all is well")
        client = self.client()
        backend.stop()

        def fires(name, **labels):
            return [alert for alert in prometheus.alerts(name) if labels.items() <= alert["labels"].items()]

        def ask_until(fact, what):
            def asked():
                client.ask("t", "k")
                return fact()
            wait_until(asked, what)

        ask_until(lambda: fires("PodopBackendDown", backend=backend.url, severity="warning"), "the backend is down")
        ask_until(lambda: fires("PodopTableDown", table="t", severity="critical"), "all lookups fail")
        alert = fires("PodopBackendDown")[0]
        self.assertEqual(alert["annotations"]["summary"],
                         f"podop on {self.instance} has suspended {backend.url}")
        self.backend(port=port, default=echo)
        ask_until(lambda: not fires("PodopBackendDown"), "the backend is up again")
        self.write("podop.conf", "listen = (")
        self.fail_to_reload(podop)
        wait_until(lambda: fires("PodopReloadFailed"), "the reload failed")
        self.configure(*tables)
        self.reload(podop)
        wait_until(lambda: not fires("PodopReloadFailed"), "the reload succeeded")
        podop.stop()
        wait_until(lambda: fires("PodopDown", instance=self.instance, severity="critical"), "podop is down")


class Examples(unittest.TestCase):
    def promtool(self, *args):
        harness.need(shutil.which("promtool"), "promtool")
        done = subprocess.run(["promtool", *args], cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=harness.GUARD, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool(self):
        self.promtool("check", "config", "prometheus.yml")
        self.promtool("check", "rules", "--lint-fatal", "podop.rules.yml")
        self.promtool("test", "rules", "podop.rules_test.yml")

    def test_alertmanager(self):
        harness.need(shutil.which("amtool"), "amtool")
        done = subprocess.run(["amtool", "check-config", "alertmanager.yml"], cwd=FOLDER, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.GUARD, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_is_tested(self):
        """Each alert has a time at which it fires and one at which it does not."""
        tests = read("podop.rules_test.yml")
        fires = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", tests))
        rests = set(re.findall(r"alertname: (\w+)\n +exp_alerts: \[\]\n", tests))
        alerts = set(alerts_of_the_rules())
        self.assertEqual((fires, rests), (alerts, alerts))

    def test_metrics_exist(self):
        known = set(known_metrics())
        for name in ("podop.rules.yml", "podop.rules_test.yml", "grafana-dashboard.json"):
            with self.subTest(name):
                used = names_in(read(name))
                self.assertTrue(used)
                self.assertLessEqual(used, known)

    def test_dashboard_shows_each_metric(self):
        shown = names_in(read("grafana-dashboard.json"))
        left_out = {"process_virtual_memory_bytes", "podop_clients_max", "podop_config_reloads_total",
                    "podop_writes_held_bytes", "podop_write_attempts_total"}
        self.assertEqual(set(known_metrics()) - shown, left_out)

    def test_dashboard(self):
        """Grafana is no part of Debian: this is what can be checked of the file's structure without it."""
        dashboard = json.loads(read("grafana-dashboard.json"))
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            with self.subTest(panel["title"]):
                place = panel["gridPos"]
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, "it overlaps another panel")
                self.assertLessEqual(place["x"] + place["w"], 24)
                taken |= cells
                self.assertIn(panel["type"], {"row", "stat", "timeseries", "heatmap", "state-timeline", "table"})
                targets = panel.get("targets", [])
                self.assertEqual(bool(targets), panel["type"] != "row")
                self.assertEqual(len({target["refId"] for target in targets}), len(targets))
                for target in targets:
                    self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard))) - {"__rate_interval", "__all"}
        self.assertEqual(used, variables)


if __name__ == "__main__":
    harness.main()
