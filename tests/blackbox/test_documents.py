"""The documents say what podop does: man pages, etc/podop.conf.example, README.md."""

import glob
import json
import os
import re
import shutil
import subprocess

import documents
import harness
from harness import Case

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("podop.8", "podop.conf.5", "podop-program.7", "podopctl.1")
SETTING = re.compile(r"^\s*#?([a-z_]+) = ", re.MULTILINE)
TABLE = re.compile(r'\bname = "(\w+)"')


def read(*path):
    """A file of the source tree, as text."""
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def section(page, name):
    """The source of one section of a man page."""
    return read("man", page).partition(f"\n.Sh {name}\n")[2].partition("\n.Sh ")[0]


def logged_events(source):
    """The level and name of each event that a C file logs: a literal, or an element of an array of them."""
    found = set(re.findall(r'\blog_(error|warning|info|debug)\([^"();]*"([a-z_]+)"', source))
    found |= {(level.lower(), event) for level, event in
              re.findall(r'\blog_write\([^"();]*\bLOG_LEVEL_([A-Z]+), "([a-z_]+)"', source)}
    for level, array in re.findall(r'\blog_(error|warning|info|debug)\([^"();]*\b(\w+)\[', source):
        items = re.search(rf"\b{array}\[\] = \{{(.*?)\}};", source, re.DOTALL)[1]
        found |= {(level, event) for event in re.findall(r'"([a-z_]+)"', items)}
    return found


def other_warnings(stderr):
    """The lines of a check that are not about accounts and directories that this machine may lack."""
    return [line for line in stderr.splitlines()
            if not re.search(r"there is no (user|group) '|make and remove sockets in /run/podop: |^\d+ warnings?$", line)]


class Pages(Case):
    def check_options(self, variable, page):
        """What --help names, the page explains, and the other way round."""
        text = harness.run(variable, "--help").stdout
        told = set(re.findall(r"(?m)^ +(?:-\w, )?--([a-z]+)", text))
        short = set(re.findall(r"(?m)^ +-(\w), --", text))
        self.assertTrue(told)
        items = "\n".join(re.findall(r"(?m)^\.It (Fl .*)$", read("man", page)))
        self.assertEqual(set(re.findall(r"Fl -([a-z]+)", items)), told)
        self.assertEqual(set(re.findall(r"Fl (\w)\b", items)), short)

    def check_statuses(self, page, help_text, source):
        """Each exit status of the help and of the source is in the page, and no other."""
        told = set(re.findall(r"\b(\d+) ", help_text.partition("Exit status:")[2]))
        self.assertTrue(told)
        known = told | {"0"} | set(re.findall(r"\bEXIT_[A-Z]+ = (\d+)", source))
        self.assertEqual(told, known, "--help and the source")
        self.assertEqual(set(re.findall(r"(?m)^\.It (\d+)$", section(page, "EXIT STATUS"))), known)

    def test_lint(self):
        harness.need(shutil.which("mandoc"), "mandoc")
        for page in PAGES:
            with self.subTest(page):
                path = os.path.join(SOURCE, "man", page)
                done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=harness.GUARD, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_options(self):
        self.check_options("PODOP", "podop.8")
        self.check_options("PODOPCTL", "podopctl.1")

    def test_exit_status(self):
        self.check_statuses("podop.8", harness.run("PODOP", "--help").stdout, read("src", "main.c"))
        self.check_statuses("podopctl.1", harness.run("PODOPCTL", "--help").stdout, read("src", "podopctl.c"))

    def test_log_events(self):
        """Each event that the code logs is in the page's list, at its level, and no other."""
        logged = set()
        for folder, _, files in os.walk(os.path.join(SOURCE, "src")):
            for file in files:
                logged |= logged_events(read(folder, file))
        listed = re.findall(r"(?m)^\.It ([a-z_]+) Ta (error|warning|info|debug) Ta ", read("man", "podop.8"))
        self.assertEqual({(level, event) for event, level in listed}, logged)

    def test_settings(self):
        """podop.conf(5) and the example have the settings that the code knows."""
        sources = [os.path.join("config", "schema.c")]
        sources += glob.glob(os.path.join("table", "*", "*_settings.c"), root_dir=os.path.join(SOURCE, "src"))
        known = {name for source in sources
                 for name in re.findall(r'(?m)^    \{"([a-z_]+)", SETTING_', read("src", source))}
        self.assertEqual(set(re.findall(r"(?m)^\.It Ic ([a-z_]+) No = ", read("man", "podop.conf.5"))), known)
        self.assertEqual(set(SETTING.findall(read("etc", "podop.conf.example"))), known)


class Example(Case):
    def check(self, path, cwd):
        """It is good, and warns of no more than the users and the directory that this machine may lack."""
        done = subprocess.run([harness.binary("PODOP"), "-t", "-c", path], cwd=cwd, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.GUARD, env=harness.clean_environment(),
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
        self.assertEqual(other_warnings(done.stderr), [])

    def test_as_it_is(self):
        self.check("etc/podop.conf.example", cwd=SOURCE)
        self.check(os.path.join(SOURCE, "etc", "podop.conf.example"), cwd="/")

    def test_everything_in_it(self):
        """With each setting that is commented out, those after "#" without a blank."""
        text = re.sub(r"(?m)^(\s*)#(?=[a-z,])", r"\1", read("etc", "podop.conf.example"))
        text = text.replace("/etc/podop/local.json", self.write("local.json", "{}"))
        self.assertNotRegex(text, r"(?m)^\s*#[^ \n]")
        self.check(self.write("podop.conf", text), cwd="/")


class Readme(Case):
    """README.md: what is to be pasted stands in fenced blocks, and works."""

    def block(self, begin):
        """The fenced block that begins like this."""
        return documents.block("README.md", begin=begin)

    def test_configuration(self):
        local = self.block("{\n")
        self.assertIsInstance(json.loads(local), dict)
        text = self.block("user = ").replace("/etc/podop/local.json", self.write("local.json", local))
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
        self.assertEqual(other_warnings(done.stderr), [])

    def test_tables_that_are_asked_are_served(self):
        served = set(TABLE.findall(self.block("user = ")))
        asked = set(re.findall(r"\$\{podop\}(\w+)", self.block("podop = ")))
        self.assertTrue(asked)
        over_tcp = re.search(r"9100.*tables = \[(.*?)\]", self.block("user = "))[1]
        self.assertLessEqual(asked, set(re.findall(r"\w+", over_tcp)) & served)
        dicts = set(re.findall(r"proxy:[\w/.]+:(\w+)", read("examples", "dovecot-2.3", "90-podop.conf")))
        self.assertTrue(dicts)
        self.assertLessEqual(dicts | {"auth"}, served)

    def test_options(self):
        """No option but those that the programs know."""
        known = set()
        for variable in ("PODOP", "PODOPCTL"):
            known |= set(re.findall(r"--[a-z]+", harness.run(variable, "--help").stdout))
        # of cmake, useradd, systemd, scripts/chaos
        others = {"--preset", "--build", "--install", "--system", "--now", "--create", "--seconds"}
        self.assertLessEqual(set(re.findall(r"(?<![\w-])--[a-z]+", read("README.md"))), known | others)

    def test_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", read("README.md")):
            self.assertTrue(os.path.exists(os.path.join(SOURCE, target)), target)


if __name__ == "__main__":
    harness.main()
