"""The documents say what podop does: manual pages, etc/podop.conf.example, README.md, docs."""

import os
import re
import shutil
import subprocess

import documents
import harness
from harness import Case

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("podop.8", "podop.conf.5", "podop-url.7", "podop-program.7", "podopctl.1")
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
             *sorted(os.path.join("docs", name) for name in os.listdir(os.path.join(SOURCE, "docs"))
                     if name.endswith(".md")))
SETTING = re.compile(r"^\s*#?([a-z_]+) = ", re.MULTILINE)
TABLE = re.compile(r'\bname = "(\w+)"')


def read(*path):
    """Returns a file of the source tree."""
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def section(page, name):
    """Returns the source of one section of a manual page."""
    return read("man", page).partition(f"\n.Sh {name}\n")[2].partition("\n.Sh ")[0]


def known_settings():
    """The name of every setting in the schema, wherever under src its arrays stand."""
    found = set()
    for folder, _, files in os.walk(os.path.join(SOURCE, "src")):
        for file in files:
            found |= set(re.findall(r'(?m)^    \{"([a-z_]+)", SETTING_', read(folder, file)))
    return found


def anchors(text):
    """The fragments by which links can name the headings of a Markdown text."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", text))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def logged_events(source):
    """Returns the level and name of each event that a C file logs, as a literal or an element of an array."""
    found = set(re.findall(r'\blog_(error|warning|info|debug)\([^"();]*"([a-z_]+)"', source))
    found |= {(level.lower(), event) for level, event in
              re.findall(r'\blog_write\([^"();]*\bLOG_LEVEL_([A-Z]+), "([a-z_]+)"', source)}
    for level, array in re.findall(r'\blog_(error|warning|info|debug)\([^"();]*\b(\w+)\[', source):
        items = re.search(rf"\b{array}\[\] = \{{(.*?)\}};", source, re.DOTALL)[1]
        found |= {(level, event) for event in re.findall(r'"([a-z_]+)"', items)}
    return found


def other_warnings(stderr):
    """Returns the lines of a check that are not about accounts and directories that this machine may lack."""
    return [line for line in stderr.splitlines()
            if not re.search(r"there is no (user|group) '|make and remove sockets in /run/podop: |^\d+ warnings?$",
                             line)]


class Pages(Case):
    def check_options(self, variable, page):
        """Checks that the page explains the options of --help and no others."""
        text = harness.run(variable, "--help").stdout
        told = set(re.findall(r"(?m)^ +(?:-\w, )?--([a-z]+)", text))
        short = set(re.findall(r"(?m)^ +-(\w), --", text))
        self.assertTrue(told)
        items = "\n".join(re.findall(r"(?m)^\.It (Fl .*)$", read("man", page)))
        self.assertEqual(set(re.findall(r"Fl -([a-z]+)", items)), told)
        self.assertEqual(set(re.findall(r"Fl (\w)\b", items)), short)

    def check_statuses(self, page, help_text, source):
        """Checks that the page has each exit status of the help and of the source, and no other."""
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
                done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", path], stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=harness.GUARD, check=False)
                told = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
                self.assertEqual(told, [], done.stderr)

    def test_options(self):
        self.check_options("PODOP", "podop.8")
        self.check_options("PODOPCTL", "podopctl.1")

    def test_exit_status(self):
        self.check_statuses("podop.8", harness.run("PODOP", "--help").stdout, read("src", "main.c"))
        self.check_statuses("podopctl.1", harness.run("PODOPCTL", "--help").stdout, read("src", "podopctl.c"))

    def test_log_events(self):
        """The page lists each event that the code logs, at its level, and no other."""
        logged = set()
        for folder, _, files in os.walk(os.path.join(SOURCE, "src")):
            for file in files:
                logged |= logged_events(read(folder, file))
        listed = re.findall(r"(?m)^\.It ([a-z_]+) Ta (error|warning|info|debug) Ta ", read("man", "podop.8"))
        self.assertEqual({(level, event) for event, level in listed}, logged)

    def test_settings(self):
        """podop.conf(5) and the example have the settings that the code knows."""
        known = known_settings()
        self.assertTrue(known)
        self.assertEqual(set(re.findall(r"(?m)^\.It Ic ([a-z_]+) No = ", read("man", "podop.conf.5"))), known)
        self.assertEqual(set(SETTING.findall(read("etc", "podop.conf.example"))), known)

    def test_url_settings(self):
        """podop-url(7) explains each setting that podop.conf(5) lists for url tables, and names no unknown one."""
        listed = set(re.findall(r"(?m)^\.It Ic ([a-z_]+) No = ", section("podop.conf.5", "URL TABLES")))
        self.assertIn("connect_timeout", listed)
        named = set(re.findall(r"\bIc ([a-z_]+)", read("man", "podop-url.7")))
        self.assertLessEqual(listed, named)
        self.assertLessEqual(named, known_settings())

    def test_references(self):
        """Each page of podop's that another one names is there, and the two refer to each other."""
        names = {tuple(page.rsplit(".", 1)) for page in PAGES}
        for page in PAGES:
            listed = re.findall(r"(?m)^\.Xr (\S+) (\d)", section(page, "SEE ALSO"))
            mentioned = re.findall(r"(?m)^\.Xr (\S+) (\d)", read("man", page))
            with self.subTest(page):
                self.assertLessEqual({name for name in mentioned if name[0].startswith("podop")}, names)
                self.assertLessEqual(set(mentioned) & names, set(listed) | {tuple(page.rsplit(".", 1))})


class Example(Case):
    def check(self, path, cwd):
        """Checks that -t accepts it, with no warning but for users and directories that this machine may lack."""
        done = subprocess.run([harness.binary("PODOP"), "-t", "-c", path], cwd=cwd, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.GUARD, env=harness.clean_environment(),
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
        self.assertEqual(other_warnings(done.stderr), [])

    def test_as_it_is(self):
        self.check("etc/podop.conf.example", cwd=SOURCE)
        self.check(os.path.join(SOURCE, "etc", "podop.conf.example"), cwd="/")

    def test_everything_in_it(self):
        """-t also accepts it with each setting that is commented out with "#" and no blank."""
        text = re.sub(r"(?m)^(\s*)#(?=[a-z,])", r"\1", read("etc", "podop.conf.example"))
        text = text.replace("/etc/podop/local.json", self.write("local.json", "{}"))
        self.assertNotRegex(text, r"(?m)^\s*#[^ \n]")
        self.check(self.write("podop.conf", text), cwd="/")

    def test_one_line_of_it(self):
        """With any single setting that is commented out: an administrator uncomments one line."""
        text = read("etc", "podop.conf.example")
        self.assertNotRegex(text, r"(?m)^\s*#\S.*\}")
        commented = list(re.finditer(r"(?m)^\s*#(?=\S)", text))
        self.assertTrue(commented)
        for found in commented:
            changed = text[:found.end() - 1] + text[found.end():]
            with self.subTest(changed[found.end() - 1:].partition("\n")[0]):
                self.check(self.write("podop.conf", changed), cwd="/")


def check_configuration(case, text):
    """podop finds the file good, and warns only of users and directories that this machine may lack."""
    done = harness.run("PODOP", "-t", "-c", case.write("podop.conf", text))
    case.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
    case.assertEqual(other_warnings(done.stderr), [])


class Readme(Case):
    """README.md: its small configuration is good, and Postfix and Dovecot ask for what it serves."""

    def block(self, begin):
        return documents.block("README.md", begin=begin)

    def test_configuration(self):
        check_configuration(self, self.block("listen = "))

    def test_tables_that_are_asked_are_served(self):
        served = set(TABLE.findall(self.block("listen = ")))
        asked = set(re.findall(r"socketmap:unix:[\w/.]+:(\w+)", self.block("virtual_alias_maps = ")))
        asked |= set(re.findall(r"proxy:/[\w/.]+:(\w+)`", read("README.md")))
        self.assertEqual(asked, served)


class MailSystem(Case):
    """examples/mail-system: its podop.conf is good, and serves what Postfix and Dovecot ask for."""

    FOLDER = ("examples", "mail-system")

    def test_configuration(self):
        check_configuration(self, read(*self.FOLDER, "podop.conf"))

    def test_tables_that_are_asked_are_served(self):
        served = set(TABLE.findall(read(*self.FOLDER, "podop.conf")))
        asked = set(re.findall(r"(?m)^\w+ = \$\{podop\}(\w+)", read(*self.FOLDER, "main.cf")))
        asked |= set(re.findall(r"\$\{podop\}(\w+)", documents.block(*documents.GUIDE, begin="podop = ")))
        for folder, pattern in (("dovecot-2.3", r"proxy:[\w/.]+:(\w+)"), ("dovecot-2.4", r"\n    name = (\w+)")):
            dicts = set(re.findall(pattern, read("examples", folder, "90-podop.conf")))
            self.assertTrue(dicts)
            asked |= dicts
        self.assertEqual(asked | {"auth"}, served)


class PostfixPage(Case):
    """docs/postfix-keys.md: its example is good, and Postfix asks for tables that it serves."""

    PAGE = ("docs", "postfix-keys.md")

    def test_example(self):
        text = documents.block(*self.PAGE, begin="listen = ")
        check_configuration(self, text)
        asked = set(re.findall(r"\$\{podop\}(\w+)", documents.block(*self.PAGE, begin="podop = ")))
        self.assertTrue(asked)
        self.assertLessEqual(asked, set(TABLE.findall(text)))


class Markdown(Case):
    """README.md and docs."""

    def test_options(self):
        """Documents name only options that the programs have."""
        known = set()
        for variable in ("PODOP", "PODOPCTL"):
            known |= set(re.findall(r"--[a-z]+", harness.run(variable, "--help").stdout))
        # of cmake, useradd, systemd, scripts/chaos
        others = {"--preset", "--build", "--target", "--install", "--system", "--now", "--create", "--seconds"}
        for path in ("README.md", os.path.join(*documents.GUIDE)):
            with self.subTest(path):
                self.assertLessEqual(set(re.findall(r"(?<![\w-])--[a-z]+", read(path))), known | others)

    def test_links_lead_somewhere(self):
        """Each relative link leads to a file or directory, and its fragment to a heading there."""
        for path in DOCUMENTS:
            text = re.sub(r"(?ms)^```.*?^```$", "", read(path))
            for target, fragment in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text):
                place = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
                with self.subTest(path, link=target + "#" + fragment):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, place)), place)
                    if fragment:
                        self.assertIn(fragment, anchors(read(place)))

    def test_sources_are_there(self):
        """Each source that a document names, by its path or by its name alone, is there."""
        there = set()
        for top in ("src", "include", "tests", "examples", "python", "scripts"):
            for folder, _, files in os.walk(os.path.join(SOURCE, top)):
                there |= {os.path.relpath(os.path.join(folder, file), SOURCE) for file in files}
        ends = {place[at:] for place in there for at in [0, *(i + 1 for i, c in enumerate(place) if c == "/")]}
        self.assertTrue(ends)
        for path in DOCUMENTS:
            if "howto-" in path:
                continue  # those name files that their reader makes
            named = set(re.findall(r"`([a-z0-9_/]+\.(?:c|h|py))`", read(path)))
            with self.subTest(path):
                self.assertEqual({name for name in named if not name.endswith(("/x.c", "/x.h", "_x.c"))} - ends, set())


if __name__ == "__main__":
    harness.main()
