"""A private Postfix whose maps podop answers, and the base of tests with it."""

import os
import shutil
import signal
import smtplib
import subprocess
import tempfile

import harness
from harness import Case

PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin"
BASE_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/log/mail.log
maillog_file_prefixes = {dir}
multi_instance_name = postfix-podop
syslog_name = postfix
inet_interfaces = loopback-only
myhostname = mx.test.example
mydomain = test.example
alias_maps =
alias_database =
smtp_dns_support_level = disabled
smtputf8_enable = yes
append_dot_mydomain = no
"""
MAIN_CF = BASE_CF + """
inet_protocols = ipv4
mynetworks = 127.0.0.9/32
mydestination =
local_recipient_maps =

podop = socketmap:unix:{socket}:
virtual_alias_domains =
virtual_alias_maps = ${{podop}}alias
virtual_mailbox_domains = ${{podop}}domain
virtual_mailbox_maps = ${{podop}}mailbox
virtual_transport = discard:
default_transport = discard:
relay_transport = discard:
smtpd_delay_reject = yes
smtpd_relay_restrictions = reject_unauth_destination
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
proxymap  unix  - - n -     - proxymap
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
anvil     unix  - - n -     1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A private Postfix in a directory of its own, whose path is `dir` inside its root and `outside` for the test."""

    def __init__(self, socket, root="", main=MAIN_CF, master=MASTER_CF):
        """Writes the configuration; `socket` is podop's, and `root` the directory that Postfix takes for /."""
        self.root = root
        self.outside = tempfile.mkdtemp(prefix="postfix-", dir=root + "/tmp")
        self.dir = self.outside.removeprefix(root)
        self.port_holder = harness.reserve()
        self.port = harness.number(self.port_holder)
        os.chmod(self.outside, 0o755)
        for name in ("etc", "queue", "data", "log"):
            os.mkdir(self.path(name), 0o755)
        os.chown(self.path("data"), self.user("postfix"), -1)
        self.write("main.cf", main, socket=socket)
        self.write("master.cf", master, port=self.port)

    def user(self, name):
        """Returns the number that a user has inside the root directory."""
        with open(self.root + "/etc/passwd", encoding="utf-8") as file:
            return next(int(fields[2]) for fields in (line.split(":") for line in file) if fields[0] == name)

    def write(self, name, text, **values):
        with open(self.path("etc/" + name), "w", encoding="ascii") as file:
            file.write(text.format(dir=self.dir, **values))

    def path(self, name):
        return os.path.join(self.outside, name)

    def run(self, *command, stdin=None):
        """Runs a Postfix command with this configuration."""
        through = ["chroot", self.root] if self.root else []
        return subprocess.run([*through, command[0], "-c", self.dir + "/etc", *command[1:]], input=stdin,
                              encoding="utf-8", errors="surrogateescape", capture_output=True,
                              timeout=harness.GUARD, check=False, env={**os.environ, "PATH": PATH})

    def start(self):
        done = self.run("postfix", "start")
        if done.returncode != 0:
            raise AssertionError(f"Postfix did not start:\n{done.stderr}\n{self.log()}")
        harness.wait_until(lambda: not harness.refuses(("127.0.0.1", self.port)), "smtpd listens")

    def master_pid(self):
        """Returns the process id of the master daemon; None if it never ran."""
        try:
            with open(self.path("queue/pid/master.pid"), encoding="ascii") as file:
                return int(file.read())
        except FileNotFoundError:
            return None

    def stop(self):
        """Stops the master and with it all of its daemons."""
        pid = self.master_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            harness.wait_until(lambda: harness.has_ended(pid), "Postfix ends")

    def remove(self):
        self.port_holder.close()
        shutil.rmtree(self.outside)

    def log(self):
        try:
            with open(self.path("log/mail.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""


class WithPostfix(Case):
    """A Postfix that is not started yet; user postfix may use podop's socket, as in a real installation."""

    def setUp(self):
        super().setUp()
        harness.need(shutil.which("postmap", path=PATH) and shutil.which("postfix", path=PATH), "Postfix")
        harness.need(os.geteuid() == 0, "root, to run Postfix")
        os.chmod(self.dir, 0o755)
        self.postfix = Postfix(self.socket)
        self.addCleanup(self.postfix.remove)
        self.http = self.backend()

    def serve_postfix(self, *tables, **settings):
        return self.serve(*tables, listen=[{"socket": self.socket, "permissions": "0660", "owner": "postfix"}],
                          **settings)

    def session(self):
        """Opens an SMTP session and sends EHLO."""
        session = smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=harness.GUARD)
        self.addCleanup(session.close)
        session.ehlo("client.example")
        return session

    def check_recipient(self, session, address, code, text=""):
        """Checks the answer to RCPT TO in a transaction of its own."""
        session.rset()
        session.mail("sender@elsewhere.example")
        answer = session.rcpt(address)
        self.assertEqual(answer[0], code, answer)
        self.assertIn(text, answer[1].decode())
