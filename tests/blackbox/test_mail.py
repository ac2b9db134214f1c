"""The mail system of docs/mail-system.md, on each Debian release: from the packages as they were installed to mail that
is sent, filtered, delivered and read, with the service stopped and started again.

That happens in a copy of a Debian release with a network of its own, as the ports are those that the page names. There
is no systemd in it. What the page shows is what the script runs, which test_page holds; here one of the two ways is
taken first and then the other one, which must do no harm.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import debian
import documents
import harness

INSIDE = "PODOP_TEST_MAIL_INSIDE"  # set once this process has its own network, mounts and processes
SOURCE = documents.SOURCE
PAGE = ("docs", "mail-system.md")
PLACE = "/src/examples/mail-system"
EXPECTED = re.compile("temporary error: table|lookup error for|SASL PLAIN authentication failed|Killed with signal 15")
RELEASES = ("bookworm", "trixie")


def call(*command, fail=True):
    """Runs a command and returns its output; a failure shows it."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env={**os.environ, "PATH": debian.PATH, "LC_ALL": "C"},
                          timeout=2 * harness.GUARD, check=False)
    if fail and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def packages():
    """Returns the packages that the page installs."""
    return re.search(r"apt-get install .*\\\n(.*)\n", documents.block(*PAGE, begin="apt-get update"))[1].split()


def isolated():
    """Returns a command prefix that gives a command a network, mounts and processes of its own."""
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Root:
    """A copy of a Debian release in a directory; this system is at /host in it, and podop's source at /src."""

    def __init__(self, original):
        self.top = tempfile.mkdtemp(prefix="podop-mail-", dir="/tmp")
        os.chmod(self.top, 0o755)
        self.place = os.path.join(self.top, "root")
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.top, name))
        options = f"lowerdir={original},upperdir={self.top}/upper,workdir={self.top}/work"
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.place], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            call("cp", "-a", "--reflink=auto", original + "/.", self.place)
        for name in ("host", "src"):
            os.mkdir(self.path("/" + name))
        call("mount", "--rbind", "/", self.path("/host"))
        call("mount", "--bind", SOURCE, self.path("/src"))
        call("mount", "-t", "proc", "proc", self.path("/proc"))

    def remove(self):
        for name in ("/proc", "/src", "/host", ""):
            subprocess.run(["umount", "--recursive", "--lazy", self.path(name)], stderr=subprocess.DEVNULL, check=False)
        if not os.path.ismount(self.place) and not os.path.ismount(self.path("/host")):
            shutil.rmtree(self.top)

    def path(self, name):
        return self.place + name

    def run(self, *command, **options):
        return call("chroot", self.place, *command, **options)

    def put(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def paste(self, *blocks):
        """Runs blocks of commands in one root shell, fails at the first that fails, and returns the output of each."""
        mark = "\necho end of a block\n"
        output = self.run("bash", "-ec", f"cd {PLACE}\n" + mark.join(blocks))
        return output.split("end of a block\n")

    def log(self, name):
        with contextlib.suppress(FileNotFoundError), \
                open(self.path(f"/var/log/{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def install(self, variable, name, *options, before=""):
        """Installs a program of this build, with options; it uses the libraries of this system."""
        path = harness.binary(variable)
        program = "/usr/lib/" + variable.lower()  # a copy, because every user must be able to read it
        shutil.copy(path, self.path(program))
        lines = call("ldd", path)
        loader = re.search(r"(?m)^\s*(/\S*ld-\S+|/\S*/ld\.so\S*)", lines)[1]
        folders = sorted({os.path.dirname(found) for found in re.findall(r"=> (/\S+)", lines)})
        command = f"{before} /host{os.path.realpath(loader)} --library-path " \
                  + ":".join("/host" + folder for folder in folders) + f" {program} {' '.join(options)}"
        self.put(name, f'#!/bin/sh\nexec {command} "$@"\n', 0o755)


class MailSystem(harness.Case):
    """The mail system of one Debian release."""

    release: str
    before = ""  # a command that starts podop

    @classmethod
    def setUpClass(cls):
        harness.need(os.environ.get(INSIDE), "root, to start Postfix and Dovecot in a network of their own")
        original(cls.release)

    def setUp(self):
        super().setUp()
        self.root = Root(original(self.release))
        self.addCleanup(self.root.remove)
        self.addCleanup(self.root.run, PLACE + "/services", "stop", fail=False)
        self.root.put("/etc/apt/sources.list", "")  # all packages are there, and no network
        self.root.install("PODOP", "/usr/sbin/podop", "-c", "/etc/podop.conf", before=self.before)
        self.root.install("PODOPCTL", "/usr/bin/podopctl")
        for source, name in (("etc/podop.conf", "/etc/podop.conf"), ("etc/podop/local.json", "/etc/podop/local.json"),
                             ("examples/dovecot-2.4/podop.lua", "/usr/share/podop/podop.lua")):
            os.makedirs(os.path.dirname(self.root.path(name)), exist_ok=True)
            shutil.copy(os.path.join(SOURCE, source), self.root.path(name))

    def logs(self):
        return "\n".join(f"--- {name}.log\n{self.root.log(name)[-3000:]}"
                         for name in ("podop-example", "podop", "dovecot", "postfix"))

    def run_script(self):
        self.root.run(PLACE + "/set-up")

    def follow_page(self):
        """Pastes each block of commands, and sees what the page says."""
        blocks = documents.fenced(*PAGE)
        commands = [text for language, text in blocks if language == "sh"]
        self.assertGreater(len(commands), 5)
        for text, output in zip(commands, self.root.paste(*commands)):
            at = blocks.index(("sh", text)) + 1
            if blocks[at:] and blocks[at][0] == "text" and not blocks[at][1].startswith("lookup:"):
                self.assertEqual(output[-len(blocks[at][1]):], blocks[at][1], text)

    def prove(self):
        output = self.root.run(PLACE + "/prove")
        self.assertEqual(output.splitlines(), documents.block(*PAGE, begin="lookup:").splitlines())

    def indented(self, begin):
        """Returns the commands of the page that only its reader runs."""
        with open(os.path.join(SOURCE, *PAGE), encoding="utf-8") as file:
            text = re.search(rf"(?m)^    {re.escape(begin)}.*\n(    .*\n)*", file.read())[0]
        return re.sub("(?m)^    ", "", text)

    def is_user(self, user, password):
        return "auth succeeded" in self.root.run("doveadm", "auth", "test", user, password, fail=False)

    def check_logs(self):
        log = self.root.log("postfix") + self.root.log("dovecot")
        faults = re.findall(r"(?m)^.*(?:status=deferred|status=bounced|(?i:panic|fatal|warning|raw backtrace):).*", log)
        self.assertEqual([line for line in faults if not EXPECTED.search(line)], [])
        self.assertNotIn("Sanitizer", self.root.log("podop"))
        keys = re.findall(r'"GET /alias/(\S+)', self.root.log("podop-example"))
        self.assertIn("team%40example.com", keys)
        self.assertEqual([key for key in keys if "%40" not in key], [], "the table of aliases is asked for domains")
        self.assertNotIn("pam", self.root.run("doveconf", "-n"))

    def check_own_users(self):
        """Steps 7 and 8: a user of one's own, and none of the example's."""
        self.root.paste(self.indented("password=").replace("doveadm pw", "doveadm pw -p test"))
        self.assertTrue(self.is_user("carol@example.net", "test"))
        self.assertTrue(self.is_user("bob@example.com", "secret"))
        self.root.paste(self.indented("for user in "), self.indented("postconf -e myhostname="))
        self.assertFalse(self.is_user("bob@example.com", "secret"))
        self.assertEqual(self.root.run("podopctl", "iterate", "alias", "").count("example.com"), 0)
        self.assertIn("*", self.root.run("doveconf", "-h", "listen"))

    def check_stop(self):
        """podop writes what is pending before its service stops; then another service on the port is refused."""
        self.root.run("podopctl", "set", "quota", "quota/end", "1", "--user", "carol@example.net")
        self.root.run(PLACE + "/services", "stop")
        self.assertIn("/quota/quota/end", self.root.log("podop-example"))
        self.assertNotIn("write_lost", self.root.log("podop"))
        with socket.create_server(("127.0.0.1", 9101)):
            with self.assertRaisesRegex(AssertionError, "something else answers on 127.0.0.1:9101"):
                self.root.run(PLACE + "/services", "start", "podop-example")

    def check_both_ways(self, first, second):
        try:
            first()
            self.prove()
            second()
            self.check_logs()
            self.check_own_users()
            self.check_stop()
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.logs()}") from None


class Bookworm(MailSystem):
    release = "bookworm"

    def test_mail_system(self):
        self.check_both_ways(self.follow_page, self.run_script)


class Trixie(MailSystem):
    release = "trixie"
    # as the unit of systemd does: podop is its own user from the start, and grants access to its socket by an ACL
    before = "setpriv --reuid podop --regid podop --clear-groups"

    def test_mail_system(self):
        self.check_both_ways(self.run_script, self.follow_page)


class Page(harness.Case):
    def test_page(self):
        """docs/mail-system.md is made of the script and its files."""
        done = subprocess.run([os.path.join(SOURCE, "scripts", "pages"), "--check"], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


def original(release):
    """Returns the directory of a Debian release with the packages of the page; it is made once, with a network."""
    return debian.chroot(release, packages(), release + "-mail-system")


def enter():
    """Executes this program in a network of its own, after the Debian releases were downloaded."""
    for release in RELEASES:
        with contextlib.suppress(unittest.SkipTest, AssertionError):  # setUpClass tells of it
            original(release)
    if subprocess.run([*isolated(), "ip", "link", "set", "lo", "up"], check=False).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*isolated(), "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                              *sys.argv])


if __name__ == "__main__":
    if os.geteuid() == 0 and not os.environ.get(INSIDE):
        enter()
    harness.main()
