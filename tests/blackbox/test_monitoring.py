"""docs/monitoring.md: its metrics are those of podop, its alerts those of the rules, its configurations are good."""

import re

import harness
from control_case import ControlCase
from documents import block, fenced, known_metrics
from harness import url_table
from monitor_case import MonitorCase, parse
from test_documents import check_configuration, read

PAGE = ("docs", "monitoring.md")
REST = ('listen = ( { socket = "/run/podop/podop.sock"; } );\n'
        'tables = ( { name = "t"; type = "url"; param = "http://127.0.0.1:1/{}"; } );\n')


class Metrics(MonitorCase):
    def test_table(self):
        """The table has each metric of /metrics with its kind and labels, and no other."""
        self.start(url_table(self.http, cache={"ttl": "1h"}, write_behind="1s"))
        text = self.fetch("/metrics").text
        kinds = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))
        labels = {name: set() for name in kinds}
        for name, samples in parse(text).items():
            family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
            labels[family] |= {label for sample in samples for label, _ in sample} - {"le"}
        self.assertEqual(known_metrics(), {name: (kinds[name], labels[name]) for name in kinds})

    def test_paths(self):
        """Each path of the table is served."""
        self.start(url_table(self.http))
        section = read(*PAGE).partition("## The HTTP socket")[2].partition("\n## ")[0]
        paths = re.findall(r"(?m)^\| `(/\S*)` \|", section)
        self.assertIn("/metrics", paths)
        for path in paths:
            with self.subTest(path):
                self.assertEqual(self.fetch(path).status, 200)


class Page(ControlCase):
    def test_alerts(self):
        """The last section says what to do about each alert of the rules, and names no other."""
        section = read(*PAGE).partition("## What to do about an alert\n")[2]
        named = re.findall(r"`(Podop\w+)`", "".join(re.findall(r"(?m)^\|([^|]*)\|", section)))
        self.assertEqual(len(named), len(set(named)))
        rules = read("examples", "prometheus", "podop.rules.yml")
        self.assertEqual(set(named), set(re.findall(r"alert: (\w+)", rules)))

    def test_configurations(self):
        settings = [text for _, text in fenced(*PAGE) if text.startswith("http = ")]
        self.assertEqual(len(settings), 2)
        for text in settings:
            with self.subTest(text):
                check_configuration(self, text + REST)

    def test_picture_of_top(self):
        """It has the titles that top prints, at 80 columns."""
        self.start(url_table(self.http))
        done = harness.run("PODOPCTL", "top", "--once", "--interval", "0.1", "--control", self.control)
        titles = [line.split() for line in done.stdout.splitlines() if line.startswith("TABLE")]
        shown = [line.split() for line in block(*PAGE, begin="podop ").splitlines() if line.startswith("TABLE")]
        self.assertEqual(len(shown), 2)
        for line, printed in zip(shown, titles):
            self.assertEqual(line, printed[:len(line)])


if __name__ == "__main__":
    harness.main()
