"""Private Dovecots for the tests: the installed one, or one of another Debian release in a chroot.

A Dovecot keeps everything in a directory of its own, listens on reserved loopback ports, and ends with its test. Its
use of podop is configured by examples/dovecot-VERSION, with no change but the paths.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import debian
import harness

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(SOURCE, "examples")
BOB, ALICE = "bob@example.com", "alice@example.com"  # with their passwords secret and wonderland

# --- where a Dovecot comes from ---------------------------------------------------------------------------------------

PACKAGES = ("dovecot-core", "dovecot-imapd", "dovecot-lmtpd", "dovecot-sieve", "dovecot-managesieved")
RELEASES = {"2.3": ("bookworm", PACKAGES), "2.4": ("trixie", (*PACKAGES, "dovecot-auth-lua", "lua-socket"))}


def installed_version():
    """Returns the version of the installed Dovecot, or "" if it lacks something that the tests need."""
    library = "/usr/lib/dovecot"
    if not shutil.which("dovecot", path=debian.PATH) or not all(
            os.path.exists(os.path.join(library, name)) for name in ("imap", "lmtp", "managesieve")):
        return ""
    return subprocess.run(["dovecot", "--version"], capture_output=True, text=True,
                          env={**os.environ, "PATH": debian.PATH}, timeout=harness.GUARD, check=True).stdout


def root_of(version):
    """Returns the root directory of a Dovecot of this version: "" for the installed one, else a chroot."""
    harness.need(os.geteuid() == 0, "root, to run Dovecot")
    has_lua = os.path.exists("/usr/lib/dovecot/modules/auth/libauthdb_lua.so")
    if installed_version().startswith(version + ".") and (version == "2.3" or has_lua):
        return ""
    return debian.with_peers(RELEASES[version][0])


# --- a Dovecot --------------------------------------------------------------------------------------------------------

COMMON = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap lmtp sieve
listen = 127.0.0.1
ssl = no
auth_failure_delay = 0
auth_username_chars =
first_valid_uid = 1
first_valid_gid = 1
mail_uid = mail
mail_gid = mail
recipient_delimiter = +

namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve_port}
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service dict-async {{
  unix_listener dict-async {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{ # failed logins do not make the next ones slow
    mode = 0
  }}
}}
"""

BASE = {
    "2.3": COMMON + """
disable_plaintext_auth = no
mail_home = {dir}/mail/%u
mail_location = maildir:{dir}/mail/%u/Maildir
namespace shared {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:{dir}/mail/%%u/Maildir
  list = children
  subscriptions = no
}}
plugin {{
  acl_anyone = allow
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
dict {{
{tables}
}}
!include {dir}/90-podop.conf
""",
    "2.4": "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n" + COMMON + """
auth_allow_cleartext = yes
auth_internal_failure_delay = 0
mail_driver = maildir
mail_home = {dir}/mail/%{{user}}
mail_path = {dir}/mail/%{{user}}/Maildir
namespace shared {{
  type = shared
  separator = /
  prefix = shared/$user/
  mail_driver = maildir
  mail_path = {dir}/mail/%{{owner_user}}/Maildir
  list = children
  subscriptions = no
}}
imap_acl_allow_anyone = yes
sieve_script personal {{
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}}
dict_server {{
{tables}
}}
!include {dir}/90-podop.conf
""",
}

# A table of podop in the configuration of Dovecot's own dict server.
SERVED = {
    "2.3": "  {name} = proxy:{dir}/podop.sock:{name}",
    "2.4": """
  dict {name} {{
    driver = proxy
    proxy_name = {name}
    proxy_socket_path = {dir}/podop.sock
  }}""",
}
TABLES = ("auth", "meta", "quota", "lastlogin", "acl", "sieve", "chain")

CRASH = re.compile(r"Panic:|Fatal:|Raw backtrace|killed with signal|Received reply without pending|Protocol error")


class Dovecot:
    """A Dovecot in a directory of its own, whose path is `dir` inside its root and `outside` for the test."""

    def __init__(self, version, root, through_dict_server=False):
        self.version, self.root = version, root
        self.outside = tempfile.mkdtemp(prefix="dovecot-", dir=root + "/tmp")
        self.dir = self.outside.removeprefix(root)
        self.port_holders = [harness.reserve(), harness.reserve()]
        self.imap_port, self.sieve_port = map(harness.number, self.port_holders)
        self.process = None
        os.chmod(self.outside, 0o755)
        os.mkdir(self.path("mail"))
        shutil.chown(self.path("mail"), "mail", "mail")
        tables = "\n".join(SERVED[version].format(name=name, dir=self.dir) for name in TABLES)
        self.write("dovecot.conf", BASE[version].format(dir=self.dir, tables=tables, imap_port=self.imap_port,
                                                        sieve_port=self.sieve_port))
        self.dict_socket = self.dir + ("/run/dict-async" if through_dict_server else "/podop.sock")
        self.copy_example()

    def path(self, name):
        return os.path.join(self.outside, name)

    @property
    def socket(self):
        """The path at which podop has to listen, as the test sees it."""
        return self.path("podop.sock")

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def copy_example(self):
        """Copies the files of the example but for the README, with the paths of this test."""
        folder = os.path.join(EXAMPLES, "dovecot-" + self.version)
        for name in set(os.listdir(folder)) - {"README.md"}:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            for setting in ("proxy:", "socket_path = "):
                text = text.replace(setting + "/run/podop/podop.sock", setting + self.dict_socket)
            self.write(name, text.replace("/run/podop/podop.sock", self.dir + "/podop.sock")
                       .replace("/etc/dovecot/", self.dir + "/").replace("/usr/share/podop/", self.dir + "/"))

    def command(self, *words):
        """Returns a command line that runs in Dovecot's root directory."""
        return ["chroot", self.root, *words] if self.root else list(words)

    def doveadm(self, *words, config="dovecot.conf"):
        """Runs doveadm to its end."""
        with self.doveadm_started(*words, config=config) as process:
            stdout, stderr = process.communicate(timeout=harness.GUARD)
        return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)

    def doveadm_started(self, *words, config="dovecot.conf"):
        return subprocess.Popen(self.command("doveadm", "-c", f"{self.dir}/{config}", *words), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                                errors="surrogateescape", env={**os.environ, "PATH": debian.PATH})

    def start(self):
        self.process = subprocess.Popen(self.command("dovecot", "-F", "-c", self.dir + "/dovecot.conf"),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={**os.environ, "PATH": debian.PATH}, text=True)
        harness.wait_until(self.has_started_or_ended, "Dovecot listens")
        if self.process.poll() is not None:
            raise AssertionError(f"Dovecot did not start: {self.process.stderr.read()}\n{self.log()}")

    def has_started_or_ended(self):
        return self.process.poll() is not None or not harness.refuses(("127.0.0.1", self.imap_port))

    def stop(self):
        """Stops Dovecot and removes its directory; fails if one of its processes crashed."""
        if self.process is not None:
            # After its other children, the master of 2.3 sleeps for a second before the log process ends.
            children = self.children()
            self.process.terminate()
            harness.wait_until(lambda: all(harness.has_ended(pid) or is_log(pid) for pid in self.children()),
                               "Dovecot ends")
            self.process.kill()
            self.process.wait(harness.GUARD)
            harness.wait_until(lambda: all(map(harness.has_ended, children)), "Dovecot's log ends")
            self.process.stderr.close()
        for holder in self.port_holders:
            holder.close()
        log = self.log()
        shutil.rmtree(self.outside)
        if CRASH.search(log):
            raise AssertionError("Dovecot could not stand an answer:\n" + log)

    def children(self):
        """Returns the process ids of the master's children."""
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()
        return []

    def log(self):
        with contextlib.suppress(FileNotFoundError), \
                open(self.path("dovecot.log"), encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""


def is_log(pid):
    """Returns True if the process is Dovecot's log process."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
            open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read() == "log\n"
    return True


class WithDicts(Dovecot):
    """A Dovecot 2.3 whose dicts and auth dict are configured by these texts, with {dir} for its directory."""

    def __init__(self, root, conf, auth):
        self.files = {"90-podop.conf": conf, "auth.conf": auth}
        super().__init__("2.3", root)

    def copy_example(self):
        for name, text in self.files.items():
            self.write(name, text.format(dir=self.dir))


# --- clients ----------------------------------------------------------------------------------------------------------


class Lines:
    """A client of a protocol with lines and literals."""

    def __init__(self, port):
        self.socket = harness.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def read(self):
        """Returns the next line of the server, with its literals in it."""
        line = self.file.readline()
        while literal := re.search(rb"\{(\d+)\}\r\n$", line):
            line += self.file.read(int(literal[1])) + self.file.readline()
        if not line:
            raise AssertionError("the connection ended")
        return line.decode().removesuffix("\r\n")

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def close(self):
        self.file.close()
        self.socket.close()


def literal(text):
    """Encodes any text as an IMAP literal."""
    return f"{{{len(text.encode())}+}}\r\n{text}"


class Imap(Lines):
    """An IMAP client."""

    def __init__(self, port):
        super().__init__(port)
        self.greeting = self.read()

    def command(self, line):
        """Sends a command; returns its answer and the lines before it, without the tag and the "* "."""
        self.send("t " + line)
        lines = []
        while not (answer := self.read()).startswith("t "):
            lines.append(answer.removeprefix("* "))
        return answer.removeprefix("t "), lines


class Sieve(Lines):
    """A ManageSieve client."""

    def __init__(self, port, user, password):
        super().__init__(port)
        self.answer()
        secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.command(f'AUTHENTICATE "PLAIN" "{secret}"')

    def answer(self):
        while not (line := self.read()).startswith(("OK", "NO", "BYE")):
            pass
        if not line.startswith("OK"):
            raise AssertionError(line)

    def command(self, line):
        self.send(line)
        self.answer()


# --- the service behind podop -----------------------------------------------------------------------------------------


class Microservice:
    """The example microservice; its database stays when it is stopped."""

    def __init__(self, database):
        self.database, self.port = database, 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(EXAMPLES, "microservice", "microservice.py"), "--database", self.database,
             "--listen", f"127.0.0.1:{self.port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.GUARD)
        self.process.stdout.close()

    def ask(self, path, user="", value=None):
        """Returns the value of a path, of one user or shared, or None if there is none; or stores a new value."""
        if user and not path.endswith("/"):
            path += "/" + user
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{harness.percent(path, b'/')}",
                                         headers={"Podop-User": user} if user else {},
                                         data=None if value is None else json.dumps(value).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=harness.GUARD) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise
