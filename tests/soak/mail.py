"""The mail system of the run: a Postfix and a Dovecot of the black-box tests, and podop between them and the web
servers with the tables of examples/mail-system."""

import contextlib
import os
import re
from collections import Counter

import dovecot
import harness
import postfix_case
from web import Web

SOURCE = dovecot.SOURCE
DIRECT = ("auth", "lastlogin", "sieve")  # tables whose service has no nginx in front
DOMAIN = "example.com"
PASSWORD = "secret"

MAIN_CF = postfix_case.BASE_CF + """
inet_protocols = ipv4
mynetworks =
mydestination =
local_recipient_maps =
recipient_delimiter = +
podop = proxy:socketmap:unix:{socket}:
virtual_alias_domains =
virtual_alias_maps = ${{podop}}alias
virtual_mailbox_domains = ${{podop}}domain
virtual_mailbox_maps = ${{podop}}mailbox
virtual_transport = lmtp:unix:LMTP
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = reject_unlisted_recipient
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000000
smtpd_hard_error_limit = 1000000
max_use = 10
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 10s
"""
MASTER_CF = postfix_case.MASTER_CF + "lmtp      unix  - - n - - lmtp\n"


def users(number: int) -> list[str]:
    """Returns the addresses of the users."""
    return [f"u{index:02}@{DOMAIN}" for index in range(number)]


def aliases(names: list[str]) -> dict[str, list[str]]:
    """Returns aliases, each of three users."""
    return {f"list{index:02}@{DOMAIN}": [names[(index + step) % len(names)] for step in (0, 1, 3)]
            for index in range(len(names) // 2)}


def entries(names: list[str]) -> dict[str, str]:
    """Returns what the service knows of the users and aliases: {path: JSON}."""
    found = {}
    for name in names:
        found[f"mailbox/{name}"] = f'"{name}"'
        found[f"auth/passdb/{name}"] = f'{{"password": "{{PLAIN}}{PASSWORD}"}}'
        found[f"auth/userdb/{name}"] = '{"quota_rule": "*:bytes=100000000000", "quota_storage_size": "100G"}'
    for alias, members in aliases(names).items():
        found[f"alias/{alias}"] = "[" + ", ".join(f'"{member}"' for member in members) + "]"
    return found


def message_id(path: str) -> str:
    """Returns the Message-ID of a mail in a file, be it one of Maildir or of Postfix's queue; "" if there is none."""
    with open(path, "rb") as file:
        found = re.search(rb"Message-ID: *(<[^>]*>)", file.read(8192))
    return found[1].decode() if found else ""


class Podop:
    """podop, which is started again after each stop; `lines` counts the events of all of its logs."""

    def __init__(self, folder: str, socket: str, web: Web) -> None:
        self.socket, self.control = socket, os.path.join(folder, "control")
        self.web, self.file = web, os.path.join(folder, "podop.conf")
        self.process: harness.Podop | None = None
        self.starts = 0
        self.events: Counter[str] = Counter()

    def configure(self, timeout: str = "5s", ttl: str = "60s", more: str = "") -> None:
        """Writes the configuration of examples/mail-system with the places of this run, and some other settings."""
        with open(os.path.join(SOURCE, "examples", "mail-system", "podop.conf"), encoding="utf-8") as example:
            text = example.read()

        def url(match: re.Match[str]) -> str:
            return (self.web.direct if match[1] in DIRECT else self.web.proxied) + f"/{match[1]}/"

        text = re.sub(r"http://127\.0\.0\.1:9101/(\w+)/", url, text)
        text = re.sub(r'(?m)^user = .*', 'log = { level = "info"; };', text)
        text = re.sub(r"(?m)^listen = .*", f'listen = ( {{ socket = "{self.socket}"; permissions = "0666"; }} );', text)
        text = text.replace("/run/podop/control.sock", self.control)
        text = text.replace('timeout = "5s"', f'timeout = "{timeout}"').replace('ttl = "60s"', f'ttl = "{ttl}"')
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text + more)

    def start(self) -> None:
        """Starts podop and waits until it serves."""
        self.process = harness.Podop("-c", self.file)
        self.process.wait_ready()
        self.starts += 1

    def stop(self) -> None:
        """Stops podop, which must end with status 0, and keeps what it has logged as counts."""
        process, self.process = self.process, None
        if process is not None:
            process.stop()
            self._count(process)

    def _count(self, process: harness.Podop) -> None:
        for line in process.log:
            event = re.search(r"event=(\S+)", line)
            self.events[event[1] if event else line] += 1

    @property
    def pid(self) -> int:
        """The process id; 0 while it does not run."""
        process = self.process
        return process.pid if process is not None else 0


class MailSystem:
    """Postfix and Dovecot. They are not started yet."""

    def __init__(self) -> None:
        version = dovecot.installed_version()[:3] or "2.3"
        self.dovecot = dovecot.Dovecot(version, dovecot.root_of(version))
        self.socket = self.dovecot.socket
        self.postfix = postfix_case.Postfix(self.socket, main=MAIN_CF.replace("LMTP", self.dovecot.dir + "/run/lmtp"),
                                            master=MASTER_CF)

    def start(self) -> None:
        """Starts both."""
        self.dovecot.start()
        harness.wait_until(lambda: os.path.exists(self.dovecot.path("run/lmtp")), "Dovecot listens for LMTP")
        self.postfix.start()

    def queued(self) -> list[str]:
        """Returns the Message-IDs of the mails in Postfix's queue; "" for one that has no header yet."""
        found = []
        for name in ("maildrop", "incoming", "active", "deferred"):
            for folder, _, files in os.walk(self.postfix.path("queue/" + name)):
                for file in files:
                    with contextlib.suppress(FileNotFoundError):  # it is delivered now
                        found.append(message_id(os.path.join(folder, file)))
        return found

    def mails(self, user: str) -> Counter[str]:
        """Returns the Message-IDs of the mails of a user, and how often each is there."""
        found: Counter[str] = Counter()
        for folder, _, files in os.walk(self.dovecot.path(f"mail/{user}/Maildir")):
            if os.path.basename(folder) in ("new", "cur"):
                found.update(message_id(os.path.join(folder, name)) for name in files)
        return found

    def outcomes(self) -> Counter[str]:
        """Returns how often Postfix has logged each status of a delivery."""
        return Counter(re.findall(r"(?m) status=(\w+) ", self.postfix.log()))

    def alarms(self) -> list[str]:
        """Returns the lines of both logs that say that a program failed."""
        found = re.findall(r"(?m)^.*(?:panic: |fatal: |Panic: |Raw backtrace|killed by signal).*$",
                           self.postfix.log() + self.dovecot.log())
        return [line for line in found if "signal 15" not in line]

    def stop(self) -> None:
        """Stops both; fails when a process of Dovecot crashed."""
        self.postfix.stop()
        self.postfix.remove()
        self.dovecot.stop()
