"""docs/mailu.md and examples/mailu: podop in the place of the Python podop, in front of a stand-in of Mailu's admin."""

import importlib
import os
import re
import shlex
import signal
import smtplib
import subprocess
import sys

import documents
import dovecot
import harness
from dict import DictCase
from mail_sink import LoginServer
from mailu_case import PACKAGE, PAGE, SOCKET, WithMailu, page_text, page_words, tables
from mailu_service import RATE_LIMIT, TOO_FAST, signature
from postfix_case import BASE_CF, MASTER_CF, WithPostfix

POSTFIX, DOVECOT = "/internal/postfix/", "/internal/dovecot/"
BAD_DOMAINS = [f"a_{number}.example" for number in range(12)]  # IDNA knows no `_`, so the admin answers 500
SENDER = "Sales-AbC@elsewhere.example"
SRS = f"SRS0={signature(SENDER)}=TT=elsewhere.example=Sales-AbC@example.com"

# Keys of every class that the admin tells apart, and what Postfix gets. TEMP: the admin answers 500, for a relay 400.
ANSWERS = {
    "alias": {
        "team@example.com": "OK alice@example.com,bob@example.com",
        "TEAM@Example.COM": "OK alice@example.com,bob@example.com",
        "team+x@example.com": "OK alice+x@example.com,bob+x@example.com",
        "alice@example.com": "OK alice@example.com",
        "Alice+Folder@example.com": "OK Alice+Folder@example.com",  # with fold = true, the folder would lose its case
        "alice@alt.example": "OK alice@example.com",
        "info@bücher.example": "OK info@xn--bcher-kva.example",
        "info@xn--bcher-kva.example": "OK info@xn--bcher-kva.example",
        "anybody@catch.example": "OK alice@example.com",
        "nobody@example.com": "NOTFOUND ",
        "@example.com": "OK example.com",
        "elsewhere.example": "OK elsewhere.example",
        "a@b@example.com": "NOTFOUND ",
        '"quoted"@example.com': "NOTFOUND ",
        "x@a_b.example": "TEMP",
        "x@-a.example": "TEMP",
        f"x@{'a' * 64}.example": "TEMP",
        "x y@b c.example": "TEMP",
        "/alice@example.com": "NOTFOUND ",
    },
    "domain": {
        "example.com": "OK example.com",
        "EXAMPLE.com": "OK example.com",
        "alt.example": "OK alt.example",
        "bücher.example": "OK bücher.example",
        "elsewhere.example": "NOTFOUND ",
        "[192.0.2.1]": "NOTFOUND ",
        "a/b": "NOTFOUND ",
        "a_b.example": "TEMP",
        "/example.com": "NOTFOUND ",
        "": "NOTFOUND ",
    },
    "mailbox": {
        "alice@example.com": "OK alice@example.com",
        "Alice@Example.com": "OK alice@example.com",
        "alice+x@example.com": "NOTFOUND ",
        "nobody@example.com": "NOTFOUND ",
        "alice": "TEMP",
        "a@b@example.com": "TEMP",
        "x@a_b.example": "TEMP",
        "/alice@example.com": "NOTFOUND ",
    },
    "transport": {
        "relay.example": "OK smtp:[mx.elsewhere.example]:2525",
        "user@relay.example": "OK smtp:[mx.elsewhere.example]:2525",
        "example.com": "NOTFOUND ",
        "*": "NOTFOUND ",
        "[192.0.2.1]": "NOTFOUND ",
        "relaybad.example": "TEMP",
        "user@relaybad.example": "TEMP",
        "relaynone.example": "TEMP",
        "a_b.example": "TEMP",
        "/relay.example": "NOTFOUND ",
    },
    "recipientmap": {
        SRS: "OK " + SENDER,
        SRS.lower(): "OK " + SENDER.lower(),  # with fold = true, the sender's local part would lose its case
        SRS.replace(signature(SENDER), "AAAA"): "NOTFOUND ",
        "alice@example.com": "NOTFOUND ",
        "alice": "TEMP",
        "/" + SRS: "NOTFOUND ",
    },
    "sendermap": {
        SENDER: "OK " + SRS,
        "alice@example.com": "NOTFOUND ",
        "alice@alt.example": "NOTFOUND ",
        "x@a_b.example": "NOTFOUND ",
        "elsewhere.example": "TEMP",
        "/x@elsewhere.example": "NOTFOUND ",
    },
    "senderlogin": {
        "alice@example.com": "OK alice@example.com,chief@example.com",
        "alice+x@example.com": "OK alice@example.com,chief@example.com",
        "team@example.com": "OK alice@example.com,bob@example.com,chief@example.com",
        "nobody@example.com": "OK chief@example.com",
        "nobody@elsewhere.example": "NOTFOUND ",
        "alice": "NOTFOUND ",
        "a@b@example.com": "NOTFOUND ",
        "x@a_b.example": "TEMP",
        "/alice@example.com": "NOTFOUND ",
    },
    "senderrate": {
        "alice@example.com": "NOTFOUND ",
        "nobody@example.com": "NOTFOUND ",
        "alice": "TEMP",
        "x@a_b.example": "TEMP",
        "/alice@example.com": "NOTFOUND ",
    },
    "dane": {
        "dane.example": "OK dane-only",
        "elsewhere.example": "NOTFOUND ",
        "[mx.example]:25": "NOTFOUND ",
        "/dane.example": "NOTFOUND ",
    },
}


class Page(WithMailu):
    """The page, the package and Mailu's start scripts say the same."""

    def words_of_package(self, server_type):
        sys.path.insert(0, PACKAGE)
        self.addCleanup(sys.path.remove, PACKAGE)
        podop = importlib.import_module("podop")
        return podop.command_line(0, server_type, SOCKET, tables(server_type))[1:]

    @staticmethod
    def options(words):
        """Returns the options of a command line with their arguments, in no order but that of each table."""
        pairs = list(zip(words[::2], words[1::2]))
        return (sorted(pair for pair in pairs if pair[0] not in ("--name", "--type", "--param")),
                [pair for pair in pairs if pair[0] in ("--name", "--type", "--param")])

    def test_command_lines(self):
        for server_type in ("postfix", "dovecot"):
            with self.subTest(server_type):
                written = [word.replace("{}", "§") for word in page_words(server_type)]
                self.assertEqual(self.options(written), self.options(self.words_of_package(server_type)))

    def test_check(self):
        """podop finds no fault, and has no warning."""
        for server_type in ("postfix", "dovecot"):
            with self.subTest(server_type):
                words = [word.replace("$ADMIN_ADDRESS", "admin") for word in page_words(server_type)]
                done = harness.run("PODOP", "-t", *words)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "configuration OK\n", ""))

    def test_tables_of_the_page(self):
        """The page's list of answers has each table and each URL."""
        text = page_text()
        for server_type in ("postfix", "dovecot"):
            for name, _, param in tables(server_type):
                with self.subTest(name):
                    self.assertRegex(text, rf"(?m)^\| `{name}` ")
                    if server_type == "postfix":
                        self.assertIn(param.partition("/internal/")[2].replace("§", "{}"), text)


class Lookups(WithMailu):
    """What Postfix gets, through run_server()."""

    def setUp(self):
        super().setUp()
        self.server = self.run_server("postfix")

    def test_every_class_of_keys(self):
        client = self.client()
        for table, keys in ANSWERS.items():
            for key, answer in keys.items():
                with self.subTest(table=table, key=key):
                    self.check_answer(client.ask(table, key), answer, table)

    def test_path_traversal(self):
        """No key leaves the path of its view, so nothing is asked."""
        for table in ANSWERS:
            for key in ("../../dovecot/userdb/", "x/../alice@example.com", "./alice@example.com", ".."):
                with self.subTest(table=table, key=key):
                    self.check_answer(self.client().ask(table, key), "NOTFOUND ")
        self.assertEqual(self.admin.requests, [])

    def test_long_keys_and_bytes(self):
        """Keys that made the Python podop close the connection are answered on the same one."""
        client = self.client()
        for key in ("x" * 5000 + "@example.com", b"\xff@example.com"):
            with self.subTest(key=key[-20:]):
                self.check_answer(client.ask("alias", key), "NOTFOUND ")
        self.check_answer(client.ask("mailbox", "bob@example.com"), "OK bob@example.com")

    def test_bad_keys_stop_nobody(self):
        """However many keys the admin answers with 500, it is asked for all others meanwhile and after it."""
        bad, good = self.client(), self.client()
        for domain in BAD_DOMAINS:
            self.assertRegex(bad.ask("domain", domain), b"^TEMP table domain: .* status 500$")
            self.check_answer(good.ask("domain", "example.com"), "OK example.com")
        for key in ["alice"] * len(BAD_DOMAINS):
            self.assertRegex(bad.ask("recipientmap", key), b"^TEMP table recipientmap: .* status 500$")
        self.check_answer(good.ask("recipientmap", "alice@example.com"), "NOTFOUND ")

    def test_rate_is_counted_once(self):
        """Each lookup is one GET, also when the admin has closed the idle connections."""
        client = self.client()
        for number in range(1, 9):
            self.admin.drop()
            answer = "NOTFOUND " if number <= RATE_LIMIT else "OK " + TOO_FAST
            self.check_answer(client.ask("senderrate", "bob@example.com"), answer)
            self.assertEqual(self.mailu.hits["bob@example.com"], number)
        self.assertEqual(self.admin.count(POSTFIX + "sender/rate/bob%40example.com"), 8)
        self.admin.drop()
        target = POSTFIX + "sender/rate/alice%40example.com"
        self.admin.on(target, harness.CLOSE)  # which may have counted it before
        self.check_answer(client.ask("senderrate", "alice@example.com"), "TEMP", "senderrate")
        self.assertEqual(self.admin.count(target), 1)

    def test_restart_of_the_admin(self):
        """A lookup that comes while the admin refuses connections waits for it."""
        client = self.client()
        self.admin.stop()
        client.request("alias", "team@example.com")
        self.come_back()
        self.check_payload(client.read(), ANSWERS["alias"]["team@example.com"])

    def test_podop_dies(self):
        """run_server() starts podop again, on the same socket."""
        with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as file:
            child = int(file.read())
        os.kill(child, signal.SIGKILL)
        self.server.wait_log("podop: ended with status -9, starting it again")
        self.server.wait_lines(2, "event=ready")
        self.check_answer(self.client().ask("domain", "example.com"), "OK example.com")


class Settings(WithMailu):
    """Why the page's settings are as they are, and what else it says, through its command line."""

    def test_strict_instead(self):
        """The admin's 404 is a page of HTML, so strict instead of the two lists would make a failure of each miss."""
        self.serve_page("postfix", "--set", "defaults.strict=true", "--set", "defaults.temporary=()", "--set",
                        "defaults.miss=(308)")
        self.check_answer(self.client().ask("alias", "nobody@example.com"), "TEMP", "alias")
        self.check_answer(self.client().ask("domain", "example.com"), "OK example.com")

    def test_option_of_the_guide(self):
        """The administrator's guide has one option that makes statuses mean what they did to the Python podop."""
        words = shlex.split(documents.block(*documents.GUIDE, begin="podop --socket /tmp/podop.socket --name alias"))
        words = words[words.index("--set"):]
        template = self.admin.url + "/internal/postfix/transport/{}"
        self.podop("--socket", self.socket, "--name", "transport", "--type", "url", "--param", template, *words)
        for key, answer in (("relay.example", ANSWERS["transport"]["relay.example"]), ("relaybad.example", "TEMP"),
                            ("elsewhere.example", "NOTFOUND "), ("a_b.example", "TEMP")):
            with self.subTest(key):
                self.check_answer(self.client().ask("transport", key), answer, "transport")

    def test_outage_and_recovery(self):
        self.serve_page("postfix", "--set", "defaults.timeout=200ms")
        client = self.client()
        self.admin.stop()
        for _ in range(6):
            self.assertRegex(client.ask("alias", "team@example.com"), b"^(TEMP|TIMEOUT) table alias: ")
        self.come_back()
        harness.wait_until(lambda: client.ask("alias", "team@example.com").startswith(b"OK "), "the admin is back")

    def health(self, path):
        """Runs the page's check of the health; returns its exit status."""
        text = documents.block(*PAGE, begin=path)
        text = text.replace(SOCKET, self.socket).replace("podopctl", shlex.quote(harness.binary("PODOPCTL")))
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False, timeout=harness.GUARD)
        self.assertEqual(done.stdout, "")
        return done.returncode

    def test_health_check(self):
        self.hold_clock()
        server = self.serve_page("postfix")
        check = "podopctl get domain healthcheck.invalid"
        self.assertEqual(self.health(check), 0)
        self.assertEqual(self.admin.count(POSTFIX + "domain/healthcheck.invalid"), 1)
        self.admin.stop()
        self.clock.release()  # or the lookup would wait for the admin
        self.assertEqual(self.health(check), 1)
        self.come_back()
        server.stop()
        self.assertEqual(self.health(check), 1)

    def test_health_check_of_podop_alone(self):
        skip = re.search(r"`(tables\.domain\.skip=.*?)`", page_text())[1]
        server = self.serve_page("postfix", "--set", skip)
        self.admin.stop()
        check = "podopctl get domain healthcheck.invalid"
        self.assertEqual(self.health(check), 0)
        server.stop()
        self.assertEqual(self.health(check), 1)

    def test_health_check_of_dovecot(self):
        self.hold_clock()
        self.serve_page("dovecot")
        check = "podopctl get auth userdb/healthcheck@healthcheck.invalid"
        self.assertEqual(self.health(check), 0)
        self.assertEqual(self.admin.count(DOVECOT + "userdb/healthcheck%40healthcheck.invalid"), 1)
        self.admin.stop()
        self.clock.release()
        self.assertEqual(self.health(check), 1)

    def test_fault_ends_run_server(self):
        """A fault of the configuration is not tried for ever."""
        done = subprocess.run([sys.executable, "-c", self.script("postfix", [("alias", "nonsense", "x")])], text=True,
                              capture_output=True, check=False, timeout=harness.GUARD, env=harness.clean_environment())
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertNotIn("starting it again", done.stderr)


class Dicts(WithMailu, DictCase):
    """What Dovecot gets, through run_server()."""

    def setUp(self):
        super().setUp()
        self.run_server("dovecot")

    def ask(self, table, key, user=""):
        return self.dict((3, 2), name=table, user=user).get(key)

    def test_users_and_passwords(self):
        passdb = 'O{"password":null,"nopassword":"Y","allow_real_nets":"127.0.0.0/8"}'
        userdb = 'O{"quota_rule":"*:bytes=1024000"}'
        for key, answer in {"passdb/alice@example.com": passdb, "userdb/alice@example.com": userdb,
                            "passdb/Alice@Example.com": passdb, "passdb/info@bücher.example": passdb,
                            "passdb/nobody@example.com": "N", "userdb/nobody@example.com": "N",
                            "passdb/alice": "N", "passdb/a@b@example.com": "N", "passdb/x@a_b.example": "N",
                            "passdb/alice@example.com ": "N", "passdb//alice@example.com": "N",
                            "passdb/../../dovecot/userdb/": "N", "passdb/../userdb/alice@example.com": "N",
                            "userdb/.": "N"}.items():
            with self.subTest(key):
                self.check_dict(self.ask("auth", "shared/" + key), answer, "auth")

    def test_sieve(self):
        user = "alice@example.com"
        self.check_dict(self.ask("sieve", "priv/sieve/name/default", user), "Odefault")
        self.assertRegex(self.ask("sieve", "priv/sieve/data/default", user), b'^Orequire ')
        self.check_dict(self.ask("sieve", "priv/sieve/data/default", "nobody@example.com"), "N")

    def test_quota(self):
        for name, user, value, answer in (("storage", "alice@example.com", "6219", "O"),
                                          ("messages", "alice@example.com", "3", "O"),
                                          ("storage", "nobody@example.com", "1", "F")):
            with self.subTest(name=name, user=user):
                client = self.dict((3, 2), name="quota", user=user)
                self.check_dict(client.change(("set", "priv/quota/" + name, value)), answer, "quota")
        self.assertEqual(self.mailu.quota, {"alice@example.com": 6219})

    def test_failed_writes_stop_nobody(self):
        client = self.dict((3, 2), name="quota", user="alice@example.com")
        for _ in range(8):
            self.check_dict(client.change(("set", "priv/quota/storage", "no number")), "F", "quota")
        self.check_dict(client.change(("set", "priv/quota/storage", "7")), "O")
        self.assertEqual(self.mailu.quota, {"alice@example.com": 7})


# The maps of Mailu's main.cf, without TLS, filters and DNS, and with a place for mail where Mailu has other containers.
MAIN_CF = BASE_CF + """
inet_protocols = ipv4
mynetworks = 127.0.0.9/32
mydestination =
recipient_delimiter = +
podop = socketmap:unix:{socket}:
virtual_alias_domains =
virtual_alias_maps = ${{podop}}alias
virtual_mailbox_domains = ${{podop}}domain
virtual_mailbox_maps = ${{podop}}mailbox
relay_domains = ${{podop}}transport
transport_maps = ${{podop}}transport
virtual_transport = discard:
sender_canonical_maps = ${{podop}}sendermap
sender_canonical_classes = envelope_sender
recipient_canonical_maps = ${{podop}}recipientmap
recipient_canonical_classes = envelope_recipient, header_recipient
smtpd_sender_login_maps = ${{podop}}senderlogin
smtpd_helo_required = yes
smtpd_delay_reject = yes
check_ratelimit = check_sasl_access ${{podop}}senderrate
smtpd_client_restrictions = permit_mynetworks, reject_non_fqdn_sender, permit
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_sasl_type = dovecot
smtpd_sasl_path = logins
"""
SUBMISSION = """127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=$check_ratelimit,reject_unlisted_sender,reject_authenticated_sender_login_mismatch,permit
  -o smtpd_reject_unlisted_recipient=no
"""


class Postfix(WithPostfix, WithMailu):
    """A real Postfix with Mailu's maps, and podop as the page starts it."""

    def setUp(self):
        super().setUp()
        self.submission = self.reserve_port()
        self.postfix.write("main.cf", MAIN_CF, socket=self.socket)
        self.postfix.write("master.cf", MASTER_CF + SUBMISSION, port=self.postfix.port, submission=self.submission)
        logins = LoginServer(self.postfix.path("queue/logins"))
        self.addCleanup(logins.stop)
        self.serve_page("postfix", "--set", "listen.[0].owner=postfix")
        self.postfix.start()
        self.addCleanup(self.postfix.stop)

    def submit(self, login, sender, *recipients):
        """Opens a session of a user; returns the reply to each recipient."""
        session = smtplib.SMTP("127.0.0.1", self.submission, timeout=harness.GUARD)
        self.addCleanup(session.close)
        self.assertEqual(session.docmd(f"XCLIENT ADDR=192.0.2.1 LOGIN={login}")[0], 220)
        session.ehlo("client.example")
        session.mail(sender)
        return [session.rcpt(recipient) for recipient in recipients]

    def codes(self, *arguments):
        return [code for code, _ in self.submit(*arguments)]

    def test_reception(self):
        session = self.session()
        for recipient, code, text in (
                ("alice@example.com", 250, ""), ("ALICE+Folder@Example.com", 250, ""), ("team@example.com", 250, ""),
                ("alice@alt.example", 250, ""), ("anybody@catch.example", 250, ""),
                ("info@xn--bcher-kva.example", 250, ""), ("user@relay.example", 250, ""),
                ("nobody@example.com", 550, "5.1.1"), ("/alice@example.com", 550, "5.1.1"),
                ("user@elsewhere.example", 554, "5.7.1"),
                ("user@relaybad.example", 451, "4.3.0"), ("user@a_b.example", 451, "4.3.0")):
            with self.subTest(recipient):
                self.check_recipient(session, recipient, code, text)
        self.check_bad_keys_stop_nobody(session)
        self.check_mail_is_rewritten(session)
        self.check_restart_of_the_admin(session)

    def check_bad_keys_stop_nobody(self, session):
        other = self.session()
        for domain in BAD_DOMAINS:
            self.check_recipient(session, f"user@{domain}", 451, "4.3.0")
        self.check_recipient(session, "info@xn--bcher-kva.example", 250)
        self.check_recipient(other, "anybody@catch.example", 250)

    def check_mail_is_rewritten(self, session):
        """A foreign sender gets an SRS address, and a bounce to it finds the way back, with the case of each letter."""
        session.rset()
        session.sendmail(SENDER, ["team@example.com"], b"Subject: x\r\n\r\nHello\r\n")
        for arrived in (f"from=<{SRS}>", "to=<alice@example.com>, orig_to=<team@example.com>",
                        "to=<bob@example.com>, orig_to=<team@example.com>"):
            harness.wait_until(lambda wanted=arrived: wanted in self.postfix.log(), arrived)
        self.postfix_sends("", SRS)
        harness.wait_until(lambda: f"to=<{SENDER}>, orig_to=<{SRS}>" in self.postfix.log(), "a bounce finds the sender")
        session.sendmail("/x@elsewhere.example", ["alice@example.com"], b"Subject: x\r\n\r\nHello\r\n")

    def postfix_sends(self, sender, recipient):
        """Sends a mail from the network of Mailu, which may send to every domain."""
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=harness.GUARD) as session:
            self.assertEqual(session.docmd("XCLIENT ADDR=127.0.0.9")[0], 220)
            session.sendmail(sender, [recipient], b"Subject: x\r\n\r\nHello\r\n")

    def check_restart_of_the_admin(self, session):
        self.admin.stop()
        session.rset()
        session.mail("sender@elsewhere.example")
        session.putcmd("rcpt", "TO:<bob@example.com>")
        self.come_back()
        self.assertEqual(session.getreply()[0], 250)

    def test_submission(self):
        me = "alice@example.com"
        self.assertEqual(self.codes(me, "team@example.com", "someone@elsewhere.example"), [250])
        self.assertEqual(self.codes("bob@example.com", me, "someone@elsewhere.example"), [553])
        self.assertEqual(self.codes("chief@example.com", me, "someone@elsewhere.example"), [250])
        recipients = [f"someone{number}@elsewhere.example" for number in range(RATE_LIMIT + 2)]
        self.mailu.hits.clear()
        replies = self.submit("bob@example.com", "bob@example.com", *recipients)
        self.assertEqual([code for code, _ in replies], [250] * RATE_LIMIT + [450] * 2)
        self.assertIn(b"too many emails", replies[-1][1])
        self.assertEqual(self.mailu.hits, {"bob@example.com": RATE_LIMIT + 2})


DOVECOT_CONF = """
passdb {{
  driver = dict
  args = {dir}/auth.conf
}}
userdb {{
  driver = dict
  args = {dir}/auth.conf
}}
mail_plugins = $mail_plugins quota quota_clone
protocol imap {{
  mail_plugins = $mail_plugins imap_quota
}}
protocol lmtp {{
  mail_plugins = $mail_plugins sieve
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_clone_dict = proxy:{dir}/podop.sock:quota
  sieve_before = dict:proxy:{dir}/podop.sock:sieve
}}
"""
AUTH_CONF = """
uri = proxy:{dir}/podop.sock:auth
iterate_disable = yes
default_pass_scheme = plain
password_key = passdb/%u
user_key = userdb/%u
"""


class Dovecot(WithMailu):
    """A real Dovecot 2.3 with Mailu's dicts, and podop as the page starts it."""

    def setUp(self):
        super().setUp()
        self.dovecot = dovecot.WithDicts(dovecot.root_of("2.3"), DOVECOT_CONF, AUTH_CONF)
        self.addCleanup(self.dovecot.stop)
        self.socket = self.dovecot.socket
        self.serve_page("dovecot", "--set", "listen.[0].permissions=0666")
        self.dovecot.start()

    def login(self, user):
        """Opens an IMAP session; returns it and the answer to the login."""
        session = dovecot.Imap(self.dovecot.imap_port)
        self.addCleanup(session.close)
        return session, session.command(f'LOGIN {user} "any"')[0]

    def deliver(self, user, header):
        with smtplib.LMTP(self.dovecot.path("run/lmtp"), timeout=harness.GUARD) as client:
            client.sendmail("", [user], f"{header}\r\n\r\nHello\r\n".encode())

    def test_logins_and_mail(self):
        for user in ("alice@example.com", "Alice@Example.com", "info@xn--bcher-kva.example"):
            with self.subTest(user):
                self.assertRegex(self.login(user)[1], "^OK ", self.dovecot.log())
        for user in ("nobody@example.com", "alice", '"/alice@example.com"', '"../userdb/alice@example.com"',
                     "x@a_b.example"):
            with self.subTest(user):
                self.assertRegex(self.login(user)[1], r"^NO \[AUTHENTICATIONFAILED\]", self.dovecot.log())
        self.check_delivery()

    def check_delivery(self):
        """The script of the admin runs, the quota comes from it, and what is used goes to it."""
        user = "alice@example.com"
        self.deliver(user, "X-Spam: yes")
        self.deliver(user, "Subject: x")
        session = self.login(user)[0]
        for mailbox in ("Junk", "INBOX"):
            self.assertIn(f"STATUS {mailbox} (MESSAGES 1)", session.command(f"STATUS {mailbox} (MESSAGES)")[1])
        self.assertRegex("\n".join(session.command("GETQUOTAROOT INBOX")[1]), r"STORAGE \d+ 1000\)")
        harness.wait_until(lambda: self.mailu.quota.get(user, 0) > 20, "the quota is written")
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
            self.deliver("nobody@example.com", "Subject: x")
        self.assertEqual(caught.exception.recipients["nobody@example.com"][0], 550)


if __name__ == "__main__":
    harness.main()
