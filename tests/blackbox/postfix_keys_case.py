"""A Postfix for each kind of map, all with the same content, and what each does with the same mails."""

import contextlib
import json
import os
import re
import subprocess
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import debian
import harness
import postfix_case
from mail_sink import LoginServer, Sink
from postfix_keys_maps import MAPS
from postfix_outcomes import outcomes

RELEASES = {"3.7": "bookworm", "3.10": "trixie"}
PLACES = ("mailbox", "local", "relay", "other")  # LMTP sockets of the sink, in the folder "sink" of the queue
CACHE = {"ttl": "1h", "negative_ttl": "1h"}  # of the url tables
MAIN_CF = postfix_case.BASE_CF + """
inet_protocols = all
myorigin = local.example
mydestination = local.example
mynetworks = 127.0.0.0/8
recipient_delimiter = +-
local_transport = lmtp:unix:sink/local
virtual_transport = lmtp:unix:sink/mailbox
relay_transport = lmtp:unix:sink/relay
default_transport = smtp
relayhost = [127.0.0.1]:{smtp}
smtp_connection_cache_on_demand = no
lmtp_connection_cache_on_demand = no
in_flow_delay = 0
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 10000
smtpd_hard_error_limit = 10000
smtpd_junk_command_limit = 10000
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = sink/logins
smtpd_reject_unlisted_sender = yes
virtual_alias_maps = $first_alias_maps, $second_alias_maps
virtual_alias_recursion_limit = 100
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_client_restrictions = check_client_access {check_client_access}
smtpd_helo_restrictions = check_helo_access {check_helo_access}
smtpd_sender_restrictions = check_sender_access {check_sender_access}, reject_sender_login_mismatch
smtpd_recipient_restrictions = check_recipient_access {check_recipient_access}
"""
SERVICES = postfix_case.MASTER_CF + """
smtp      unix  - - n -     - smtp
lmtp      unix  - - n -     - lmtp
"""


# --- the maps of one kind ---------------------------------------------------------------------------------------------


def contents(port):
    """Yields the maps with their content; `port` is that of the sink."""
    for table in MAPS.values():
        yield table, json.loads(json.dumps(table.content).replace("{port}", str(port)))


def normal(key):
    """Returns a key in the form that podop gives it: folded, and its domain in A-labels."""
    local, at, domain = key.casefold().rpartition("@")
    if not domain.isascii():
        domain = ".".join(label.encode("idna").decode() if label else "" for label in domain.split("."))
    return local + at + domain


def lines(content):
    """Yields the lines of a file: a domain with an umlaut is there in both spellings, as Postfix knows one only."""
    for key, value in content.items():
        for spelling in {key.casefold(): key, normal(key): normal(key)}.values():
            yield f"{quoted(spelling)} {value if isinstance(value, str) else ','.join(value)}\n"


def quoted(key):
    """Returns a key as a file of postmap(1) needs it."""
    return f'"{key}"' if " " in key and not key.startswith('"') else key


class HashKind:
    """Maps of postmap(1), which Postfix searches itself."""

    name = "hash"

    def name_of(self, postfix, table):
        """Returns the name of a map in main.cf."""
        return f"hash:{postfix.dir}/maps/{table.table}"

    def write(self, postfix, table, content):
        """Writes a map."""
        with open(postfix.path(f"maps/{table.table}"), "w", encoding="utf-8") as file:
            file.writelines(lines(content))
        done = postfix.run("postmap", self.name_of(postfix, table))
        if done.returncode:
            raise AssertionError(done.stderr)


class PodopKind:
    """Maps that podop answers; `name` is the type of its tables."""

    def __init__(self, name):
        self.name = name

    def name_of(self, postfix, table):
        return f"socketmap:unix:{postfix.dir}/podop.sock:{self.name}-{table.table}"

    def write(self, postfix, table, content):
        """Writes nothing, as podop has the content."""


# --- a Postfix of one kind --------------------------------------------------------------------------------------------


class KeysPostfix(postfix_case.Postfix):
    """A Postfix with maps of one kind, whose mails go to the sink."""

    def __init__(self, kind, root, sink, smtp_port):
        super().__init__("", root, main="", master=SERVICES)
        self.kind = kind
        for name in ("maps", "queue/sink"):
            os.mkdir(self.path(name), 0o755)
        names = {parameter: kind.name_of(self, table) for parameter, table in MAPS.items()}
        settings = "".join(f"{parameter} = {name}\n" for parameter, name in names.items()
                           if not parameter.startswith("check_"))
        self.write("main.cf", MAIN_CF + settings, smtp=smtp_port, **names)
        for table, content in contents(smtp_port):
            kind.write(self, table, content)
        self.logins = LoginServer(self.path("queue/sink/logins"))
        for place in PLACES:
            sink.serve_lmtp(place, self.path("queue/sink/" + place))

    @property
    def podop_socket(self):
        """The path at which podop has to listen, as the test sees it."""
        return self.path("podop.sock")

    def remove(self):
        self.logins.stop()
        super().remove()

    def is_idle(self):
        """Returns True if every mail was delivered, returned or deferred."""
        return not any(os.listdir(self.path(f"queue/{name}")) for name in ("maildrop", "incoming", "active"))


# --- the service behind podop's url tables ----------------------------------------------------------------------------


def service(port):
    """Returns the answer function of a service that knows each key in one spelling only."""
    known = {f"/{table.table}/": {normal(key): value for key, value in content.items()}
             for table, content in contents(port)}

    def answer(request):
        folder, key = re.fullmatch("(/.*?/)(.*)", request.target.decode()).groups()
        value = known[folder].get(urllib.parse.unquote(key))
        return harness.http("null", 404) if value is None else harness.http(json.dumps(value))

    return answer


def tables(kind, case, backend, port):
    """Yields the tables of podop: of type json with files that the test case writes, or of type url."""
    for table, content in contents(port):
        name = f"{kind}-{table.table}"
        if kind == "json":
            path = case.write(f"{table.table}.json", json.dumps(content, ensure_ascii=False))
            yield {"name": name, "type": "json", "param": path, "key": table.key}
        else:
            yield harness.url_table(backend, name, f"/{table.table}/§", key=table.key, cache=CACHE)


# --- a test with all of them ------------------------------------------------------------------------------------------


def root_of(version):
    """Returns the root directory of a Postfix of this version: "" for the installed one, else a chroot."""
    harness.need(os.geteuid() == 0, "root, to run Postfix")
    if installed_version().startswith(version + "."):
        return ""
    return debian.with_peers(RELEASES[version])


def installed_version():
    """Returns the version of the installed Postfix, or ""."""
    with contextlib.suppress(OSError):
        return subprocess.run(["postconf", "-dh", "mail_version"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": postfix_case.PATH}).stdout
    return ""


class WithKinds(harness.Case):
    """Starts a Postfix for each kind of map, and compares what they do."""

    def start(self, version, *kinds):
        """Starts the sink, the Postfixes, and podop for those whose maps it answers."""
        root = root_of(version)
        holder = harness.reserve()
        self.addCleanup(holder.close)
        self.port = harness.number(holder)
        self.sink = Sink()
        self.addCleanup(self.sink.stop)
        for number in range(1, 5):
            self.sink.serve_smtp(f"smtp {number}", f"127.0.0.{number}", self.port)
        self.postfixes = []
        for kind in kinds:
            postfix = KeysPostfix(kind, root, self.sink, self.port)
            self.postfixes.append(postfix)
            self.addCleanup(postfix.remove)
        self.start_podop([postfix for postfix in self.postfixes if isinstance(postfix.kind, PodopKind)])
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.start_postfix, self.postfixes))

    def start_postfix(self, postfix):
        self.addCleanup(postfix.stop)
        postfix.start()

    def start_podop(self, postfixes):
        """Starts podop with the tables of these Postfixes."""
        backend = self.backend(default=service(self.port))
        self.serve(*(table for postfix in postfixes for table in tables(postfix.kind.name, self, backend, self.port)),
                   listen=[{"socket": postfix.podop_socket, "permissions": "0666"} for postfix in postfixes])

    def send(self, mails):
        """Sends the mails through each Postfix; returns what each made of them."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda postfix: outcomes(postfix, self.sink, mails), self.postfixes))
