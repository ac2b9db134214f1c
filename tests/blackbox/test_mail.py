"""A mail system as the administrator's guide has it, of what Debian ships: SMTP to Postfix, LMTP to Dovecot, and IMAP.

The files of Debian's packages are as they were installed; the guide's blocks are pasted, and its commands run. That
happens in a copy of a Debian release with a network of its own, as the ports are those that the documents name.
"""

import contextlib
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile

import debian
import documents
import dovecot
import harness

INSIDE = "PODOP_TEST_MAIL_INSIDE"  # set once this process has its own network, mounts and processes
SOURCE = documents.SOURCE
SMTP, IMAP = 25, 143
MAIL = "Subject: {subject}\r\nFrom: sender@elsewhere.example\r\n\r\nHello\r\n"


def call(*command, fail=True):
    """Runs a command; a failure shows its output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True,
                          env={**os.environ, "PATH": debian.PATH, "LC_ALL": "C"}, timeout=4 * harness.GUARD,
                          check=False)
    if fail and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


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

    def paste(self, name, text, mode="w"):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), mode, encoding="utf-8") as file:
            file.write(text)

    def commands(self, text):
        """Runs lines in a shell in the source's directory; fails at the first that fails."""
        self.run("sh", "-ec", "cd /src\n" + text)

    def log(self):
        """Returns what Postfix and Dovecot logged."""
        text = ""
        for name in ("/var/log/postfix.log", "/var/log/dovecot.log"):
            with contextlib.suppress(FileNotFoundError), \
                    open(self.path(name), encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text

    def program(self):
        """Returns the command for podop of this build in the root directory, with this system's libraries."""
        path = harness.binary("PODOP")
        lines = call("ldd", path)
        loader = re.search(r"(?m)^\s*(/\S*ld-\S+|/\S*/ld\.so\S*)", lines)[1]
        folders = sorted({os.path.dirname(found) for found in re.findall(r"=> (/\S+)", lines)})
        return ["chroot", self.place, "/host" + os.path.realpath(loader), "--library-path",
                ":".join("/host" + folder for folder in folders), "/host" + path]


class MailSystem(harness.Case):
    """The mail system of one Debian release."""

    version: str
    original: str

    @classmethod
    def setUpClass(cls):
        harness.need(os.environ.get(INSIDE), "root, to start Postfix and Dovecot in a network of their own")
        suite, packages = dovecot.RELEASES[cls.version]
        cls.original = debian.chroot(suite, (*packages, "postfix"), suite + "-mail")

    def setUp(self):
        super().setUp()
        self.root = Root(self.original)
        self.addCleanup(self.root.remove)

    def start_podop(self):
        """Starts it as "Without systemd" and "Configure podop" say, in front of the example service."""
        self.root.commands(documents.block(*documents.GUIDE, begin="useradd --system podop"))
        self.root.paste("/etc/podop.conf", documents.block(*documents.GUIDE, begin="user = "))
        self.root.paste("/etc/podop/local.json", documents.block(*documents.GUIDE, begin="{\n"))
        service = subprocess.Popen([sys.executable, os.path.join(SOURCE, "examples/microservice/microservice.py")],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(service.stdout.close)
        self.addCleanup(service.wait)
        self.addCleanup(service.terminate)
        self.assertIn("9101", service.stdout.readline())
        command = self.root.program()
        podop = harness.Podop("-vv", "-c", "/etc/podop.conf", through=command[:-1], program=command[-1])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return podop

    def start_postfix(self):
        self.root.paste("/etc/postfix/main.cf", documents.block(*documents.GUIDE, begin="podop = "), mode="a")
        self.root.run("postconf", "-e", "maillog_file=/var/log/postfix.log")
        self.root.run("postfix", "start", fail=False)
        self.addCleanup(self.root.run, "postfix", "stop", fail=False)
        harness.wait_until(lambda: not harness.refuses(("127.0.0.1", SMTP)), "Postfix listens")

    def start_dovecot(self):
        self.root.commands(documents.block(*documents.GUIDE, begin=f"cp examples/dovecot-{self.version}/90-podop.conf"))
        self.root.paste("/etc/dovecot/conf.d/99-log.conf", "log_path = /var/log/dovecot.log\n")
        process = subprocess.Popen(["chroot", self.root.place, "dovecot", "-F"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        harness.wait_until(lambda: not harness.refuses(("127.0.0.1", IMAP)), "Dovecot listens")

    def send(self, subject, *recipients):
        with smtplib.SMTP("127.0.0.1", SMTP, timeout=harness.GUARD) as session:
            session.sendmail("sender@elsewhere.example", recipients, MAIL.format(subject=subject))

    def subjects(self, user, password):
        """Returns the subjects of the messages in a user's inbox."""
        imap = dovecot.Imap(IMAP)
        try:
            answer, _ = imap.command(f"LOGIN {user} {password}")
            self.assertTrue(answer.startswith("OK"), answer + "\n" + self.root.log())
            _, lines = imap.command("SELECT INBOX")
            if "0 EXISTS" in lines:
                return []
            _, lines = imap.command("FETCH 1:* BODY[HEADER.FIELDS (SUBJECT)]")
            return re.findall(r"Subject: (\S+)", "".join(lines))
        finally:
            imap.close()

    def check_delivered(self, wanted, user, password):
        try:
            harness.wait_until(lambda: self.subjects(user, password) == wanted, f"mail for {user} arrives",
                               guard=2 * harness.GUARD)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.root.log()}") from None

    def check_mail(self):
        podop = self.start_podop()
        self.start_postfix()
        self.start_dovecot()
        self.send("one", "bob@example.com")
        self.check_delivered(["one"], "bob@example.com", "secret")
        self.send("two", "team@example.com")
        self.check_delivered(["one", "two"], "bob@example.com", "secret")
        self.check_delivered(["two"], "alice@example.com", "wonderland")
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send("three", "nobody@example.com")
        (code, text), = refused.exception.recipients.values()
        self.assertEqual((code, text[:5]), (550, b"5.1.1"))
        self.assertEqual(self.root.run("doveconf", "-n").count("pam"), 0, "PAM is asked")
        self.assertNotRegex(self.root.log(), r"status=(deferred|bounced)|Panic:|Fatal:|Error: (?!.*SSL)")
        self.assertNotIn("level=warning", podop.stderr)
        asked = {key for key in re.findall(r"event=lookup .*table=alias key=(\S+)", podop.stderr)}
        self.assertIn("team@example.com", asked)
        self.assertEqual([key for key in asked if "@" not in key], [], "the table of aliases is asked for domains")


class Bookworm(MailSystem):
    version = "2.3"

    def test_mail(self):
        self.check_mail()


class Trixie(MailSystem):
    version = "2.4"

    def test_mail(self):
        self.check_mail()


def enter():
    """Executes this program in a network of its own, after the Debian releases were downloaded."""
    for version in ("2.3", "2.4"):
        suite, packages = dovecot.RELEASES[version]
        with contextlib.suppress(Exception):
            debian.chroot(suite, (*packages, "postfix"), suite + "-mail")
    if subprocess.run([*isolated(), "ip", "link", "set", "lo", "up"], check=False).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*isolated(), "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                              *sys.argv])


if __name__ == "__main__":
    if os.geteuid() == 0 and not os.environ.get(INSIDE):
        enter()
    harness.main()
