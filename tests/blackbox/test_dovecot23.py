"""podop under a real Dovecot 2.3, in front of the example microservice: what examples/dovecot-2.3 promises."""

import re
import smtplib

import dovecot
import harness
from dovecot import ALICE, BOB, TABLES, literal
from dovecot_case import FAILED, NOT_FOUND, USAGE, WithDovecot
from harness import http, url_table


class Doveadm(WithDovecot):
    """Each command and flag of doveadm dict."""

    def setUp(self):
        super().setUp()
        if self.through_dict_server:
            self.dovecot.start()

    def test_texts_come_back(self):
        texts = ["one", "", " blanks ", "two\nlines\n", "tab\t, CR\r, CRLF\r\n, \x01 and \\", "Grüße, 你好, 🎉",
                 '"quoted"', "12", "1.10", "null", "true", "[1]", '{"a": 1 }', "x" * 65_000]
        for number, text in enumerate(texts):
            with self.subTest(text=text[:20]):
                self.dict("set", f"priv/{number}", text, table="meta", user=BOB)
                self.check_value(f"priv/{number}", text, table="meta", user=BOB)
                self.assertEqual(self.service.ask(f"meta/{number}", BOB), text)

    def test_json_goes_out_as_json(self):
        for number, (text, value) in enumerate([("12", 12), ("1.10", 1.1), ("true", True), ("text", "text"), ("", ""),
                                                ('{"a":1}', {"a": 1})]):
            with self.subTest(text):
                self.dict("set", f"shared/{number}", text)
                self.check_value(f"shared/{number}", text)
                self.assertEqual(self.service.ask(f"quota/{number}"), value)

    def test_keys(self):
        for key in ("a", "a b", "a/b/c", "50%", "%20", "é/ü", 'quote"s', "back\\slash", "tab\tand\nline", "x" * 500):
            with self.subTest(key[:20]):
                self.check_miss("shared/" + key)
                self.dict("set", "shared/" + key, "x")
                self.check_value("shared/" + key, "x")
                self.assertEqual(self.service.ask("quota/" + key), "x")

    def test_everyone_has_keys_of_their_own(self):
        self.dict("set", "priv/k", "bob's", user=BOB)
        self.check_miss("priv/k", user=ALICE)
        self.dict("set", "priv/k", "alice's", user=ALICE)
        self.dict("set", "shared/k", "everybody's", user=ALICE)
        self.check_value("priv/k", "bob's", user=BOB)
        self.check_value("priv/k", "alice's", user=ALICE)
        self.check_value("shared/k", "everybody's", user=BOB)
        self.check_value("shared/k", "everybody's")
        self.assertEqual(self.service.ask("quota/k", BOB), "bob's")
        self.dict("get", "priv/k", status=USAGE)

    def test_unset(self):
        self.dict("set", "priv/k", "v", user=BOB)
        self.dict("unset", "priv/k", user=BOB)
        self.check_miss("priv/k", user=BOB)
        self.dict("unset", "priv/k", user=BOB)

    def test_increment(self):
        self.dict("inc", "priv/n", "5", user=BOB, status=NOT_FOUND)
        self.check_miss("priv/n", user=BOB)
        self.dict("set", "priv/n", "10", user=BOB)
        self.dict("inc", "priv/n", "5", user=BOB)
        self.dict("inc", "--", "priv/n", "-3", user=BOB)
        self.check_value("priv/n", "12", user=BOB)
        self.dict("set", "priv/n", "ten", user=BOB)
        self.assertIn("409", self.dict("inc", "priv/n", "1", user=BOB, status=FAILED))

    def rows(self, *words, **options):
        """Returns the rows of an iteration, as pairs or, without values, as names."""
        rows = self.dict("iter", *words, **options)
        return sorted((row["key"], row["value"]) if "value" in row else row["key"] for row in rows or [])

    def test_iterate(self):
        for key, value in (("list/a", "1"), ("list/b", "two\nlines"), ("list/sub/c", ""), ("listen", "no")):
            self.dict("set", "priv/" + key, value, user=BOB)
            self.dict("set", "priv/" + key, "alice's", user=ALICE)
            self.dict("set", "shared/" + key, "everybody's")
        rows = [("priv/list/a", "1"), ("priv/list/b", "two\nlines"), ("priv/list/sub/c", "")]
        self.assertEqual(self.rows("priv/list/", user=BOB), rows[:2])
        self.assertEqual(self.rows("-R", "priv/list/", user=BOB), rows)
        self.assertEqual(self.rows("-V", "priv/list/", user=BOB), [key for key, _ in rows[:2]])
        self.assertEqual(self.rows("-R", "-V", "priv/list/", user=BOB), [key for key, _ in rows])
        self.assertEqual(self.rows("-1", "priv/list/a", user=BOB), rows[:1])
        self.assertEqual(self.rows("-1", "-R", "-V", "priv/list/a", user=BOB), ["priv/list/a"])
        self.assertEqual(self.rows("-R", "shared/list/"),
                         [("shared/list/" + name, "everybody's") for name in ("a", "b", "sub/c")])
        self.assertEqual(self.rows("-R", "priv/nothing/", user=BOB), [])
        self.assertEqual(self.rows("-1", "priv/nothing", user=BOB), [])

    def test_service_down(self):
        self.dict("set", "shared/k", "v")
        self.service.stop()
        for words in (("get", "shared/k"), ("set", "shared/k", "w"), ("unset", "shared/k"), ("inc", "shared/k", "1"),
                      ("iter", "shared/")):
            with self.subTest(words):
                self.assertRegex(self.dict(*words, status=FAILED), "table quota")
        self.service.start()
        harness.wait_until(lambda: self.finds("shared/k"), "podop asks again what it left alone for a while")
        self.check_value("shared/k", "v")


class DoveadmThroughDictServer(Doveadm):
    through_dict_server = True


class Multiplexed(WithDovecot):
    """Dovecot's dict server sends the requests of all its clients over one connection."""

    through_dict_server = True

    def test_a_slow_key_delays_no_other(self):
        backend = self.backend()
        slow = backend.gate()
        backend.on("/slow", (slow, http('"slow"')))
        backend.on("/fast", http('"fast"'))
        self.server.stop()
        self.serve_dovecot(*(url_table(backend, name) for name in TABLES))
        self.dovecot.start()
        with self.dovecot.doveadm_started("dict", "get", self.target("quota"), "shared/slow") as process:
            backend.wait_target("/slow")
            for _ in range(3):
                self.check_value("shared/fast", "fast")
            self.assertIsNone(process.poll())
            slow.set()
            self.assertEqual(process.communicate(timeout=harness.GUARD)[0].strip(), "slow")


class Users(WithDovecot):
    """passdb, userdb and the list of users."""

    def setUp(self):
        super().setUp()
        self.dovecot.start()

    def test_auth_test(self):
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0)
        self.assertEqual(self.auth_test("BOB@Example.com", "secret")[0], 0)
        self.check_failure(BOB, "Secret")
        self.check_failure(BOB, "")
        self.check_failure("nobody@example.com", "secret")

    def test_passdb_values(self):
        cases = [
            ({"password": "x"}, "x", "good"),
            ({"password": "{PLAIN}x\\\"y/€🎉"}, "x\\\"y/€🎉", "good"),
            ({"password": "{SHA256}LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="}, "x", "good"),
            ({"password": None, "nopassword": "Y"}, "anything", "good"),
            ({"password": None, "nopassword": "Y", "allow_real_nets": "127.0.0.1/8"}, "anything", "good"),
            ({"password": "x", "allow_nets": "192.0.2.1"}, "x", "bad"),
            ({"password": "{PLAIN}x"}, "y", "bad"),
            ({"password": 12}, "12", "good"),
            ({"password": True, "a": False, "b": 1.5e3}, "true", "good"),
            (["x"], "x", "temporary"),
            ("x", "x", "temporary"),
            ({"password": ["x"]}, "x", "temporary"),
            ({"password": "x", "sub": {}}, "x", "temporary"),
            ({"": "x", "password": "x"}, "x", "temporary"),
        ]
        for number, (value, password, outcome) in enumerate(cases):
            with self.subTest(value=value):
                user = f"u{number}@example.com"
                self.service.ask(f"auth/passdb/{user}", value=value)
                if outcome == "good":
                    self.assertEqual(self.auth_test(user, password)[0], 0, self.dovecot.log())
                else:
                    self.check_failure(user, password, outcome == "temporary")

    def test_userdb(self):
        self.service.ask("auth/userdb/carol@example.com", value={"home": "/home/carol ö\t", "gid": 8, "mail": None})
        self.service.ask("auth/userdb/dave@example.com", value={})
        self.service.ask("auth/userdb/bad@example.com", value="x")
        status, text = self.user(BOB)
        self.assertEqual(status, 0)
        self.assertIn(f"{self.dovecot.dir}/mail/{BOB}", text)
        status, text = self.user("carol@example.com")
        self.assertEqual(status, 0)
        self.assertRegex(text, r"(?m)^home\s+/home/carol ö")
        self.assertRegex(text, r"(?m)^gid\s+8$")
        self.assertEqual(self.user("dave@example.com")[0], 0)
        self.assertEqual(self.user("bad@example.com")[0], FAILED)
        self.assertEqual(self.user("nobody@example.com")[0], 67)

    def test_list_of_users(self):
        self.service.ask("auth/userdb/zoë@example.org", value={})
        users = [ALICE, BOB, "zoë@example.org"]
        self.assertEqual(sorted(self.user("*")[1].splitlines()), users)
        self.assertEqual(sorted(self.user("*@example.com")[1].splitlines()), users[:2])
        for number in range(500):
            self.service.ask(f"auth/userdb/u{number}@example.net", value={})
        self.assertEqual(len(self.user("*")[1].splitlines()), 503)

    def test_service_down(self):
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0)
        self.service.stop()
        self.check_all_temporary()
        self.service.start()
        harness.wait_until(lambda: self.auth_test(BOB, "secret")[0] == 0, "podop asks again what it left alone")

    def test_podop_down(self):
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0)
        self.server.stop()
        self.check_all_temporary()
        self.serve_dovecot(*map(self.table, TABLES))
        # A Dovecot process that could not connect does not try again within the same second.
        harness.wait_until(lambda: self.auth_test(BOB, "secret")[0] == 0, "bob logs in")
        harness.wait_until(lambda: self.user(BOB)[0] == 0, "bob is known")

    def test_podop_restarts(self):
        """No login fails after a restart of podop."""
        for _ in range(2):
            self.bob()
            self.server.stop()
            self.server = self.serve_dovecot(*map(self.table, TABLES))
        self.assertEqual(self.user(BOB)[0], 0)

    def check_all_temporary(self):
        """Checks that nothing answers that a user or a password is wrong."""
        self.check_failure(BOB, "secret", is_temporary=True)
        self.check_failure("nobody@example.com", "secret", is_temporary=True)
        for name in (BOB, "nobody@example.com"):
            with self.subTest(name=name):
                self.assertEqual(self.user(name)[0], FAILED)
        self.assertNotEqual(self.user("*"), (0, ""))
        for name in (BOB, "nobody@example.com"):
            with self.subTest(name=name):
                answer, _ = self.imap().command(f"LOGIN {name} secret")
                self.assertRegex(answer, r"^NO \[UNAVAILABLE\]")

    def test_imap_logins(self):
        self.bob()
        self.imap("BOB@Example.com", "secret")
        for name, password in ((BOB, "Secret"), (BOB, '""'), (BOB, "wonderland"), ("bobb@example.com", "secret"),
                               ("bob@example", "secret"), ("bob", "secret"), ("nobody@example.com", "secret"),
                               ('"bob@example.com/"', "secret"), ('"../userdb/bob@example.com"', "secret")):
            with self.subTest(name=name, password=password):
                answer, _ = self.imap().command(f"LOGIN {name} {password}")
                self.assertRegex(answer, r"^NO \[AUTHENTICATIONFAILED\]", self.dovecot.log())

    def test_user_without_userdb(self):
        self.service.ask("auth/passdb/half@example.com", value={"password": "x"})
        client = self.imap()
        client.send("t LOGIN half@example.com x")
        # Dovecot closes the connection, now and then without an answer.
        self.assertRegex(client.file.readline(), rb"^(t NO \[UNAVAILABLE\].*\r\n)?$")


class Mail(WithDovecot):
    """What mail processes read and write."""

    def setUp(self):
        super().setUp()
        self.dovecot.start()
        self.script("")  # without any, 2.4.1 keeps mail back

    def lmtp(self):
        client = smtplib.LMTP(self.dovecot.path("run/lmtp"), timeout=harness.GUARD)
        self.addCleanup(client.close)
        return client

    def deliver(self, user, subject="test"):
        self.lmtp().sendmail("", [user], f"Subject: {subject}\r\n\r\nHello\r\n".encode())

    def test_metadata(self):
        client = self.bob()
        entries = {"/private/comment": "one line", "/private/vendor/x/lines": "two\r\nlines\r\n",
                   "/private/vendor/x/utf8": "Grüße, 你好, 🎉", "/shared/comment": "for\tall", "/private/vendor/x/e": ""}
        pairs = " ".join(f"{name} {literal(value)}" for name, value in entries.items())
        self.ok(client, f"SETMETADATA INBOX ({pairs})")
        for name, value in entries.items():
            with self.subTest(name=name, value=value):
                self.check_metadata(client, name, value)
        self.ok(client, "SETMETADATA INBOX (/private/comment NIL)")
        self.check_metadata(client, "/private/comment", None)
        lines = self.ok(client, "GETMETADATA (DEPTH infinity) INBOX (/private/vendor)")
        self.assertEqual(sorted(re.findall(r"/private/\S+", "\n".join(lines))),
                         ["/private/vendor/x/e", "/private/vendor/x/lines", "/private/vendor/x/utf8"])
        lines = self.ok(client, "GETMETADATA (DEPTH 1) INBOX (/shared)")
        self.assertEqual(re.findall(r"/shared/\S+", "\n".join(lines)), ["/shared/comment"])
        self.ok(client, 'SETMETADATA "" (/private/vendor/vendor.dovecot/x "server")')
        self.assertIn("server", "\n".join(self.ok(client, 'GETMETADATA "" /private/vendor/vendor.dovecot/x')))

    def test_metadata_is_private(self):
        client = self.bob()
        self.ok(client, 'SETMETADATA INBOX (/private/comment "bob")')
        guid = next(iter(self.service.ask("meta/", BOB))).partition("/")[0]
        self.assertEqual(self.service.ask(f"meta/{guid}/comment", BOB), "bob")
        self.assertNotIn("comment", "\n".join(self.ok(client, "GETMETADATA (DEPTH infinity) INBOX (/shared)")))
        self.check_metadata(self.alice(), "/private/comment", None)

    def test_metadata_of_a_deleted_mailbox(self):
        client = self.bob()
        self.ok(client, "CREATE Work")
        self.ok(client, 'SETMETADATA Work (/private/comment "a" /shared/comment "b")')
        self.assertEqual(len(self.service.ask("meta/", BOB)), 1)
        self.ok(client, "DELETE Work")
        self.assertEqual((self.service.ask("meta/", BOB), self.service.ask("meta/")), ({}, {}))

    def test_metadata_with_the_service_down(self):
        client = self.bob()
        self.ok(client, 'SETMETADATA INBOX (/private/comment "kept")')
        self.service.stop()
        for command in ("GETMETADATA INBOX /private/comment", 'SETMETADATA INBOX (/private/comment "x")'):
            with self.subTest(command=command):
                self.assertRegex(client.command(command)[0], r"^NO \[(SERVERBUG|UNAVAILABLE)\]")
        self.service.start()
        self.check_metadata(client, "/private/comment", "kept")

    def test_quota_clone(self):
        self.deliver(BOB)
        harness.wait_until(lambda: self.service.ask("quota/quota/messages", BOB) == 1, "quota after a delivery")
        size = self.service.ask("quota/quota/storage", BOB)
        self.assertGreater(size, 10)
        client = self.bob()
        self.ok(client, "APPEND INBOX " + literal("Subject: two\r\n\r\nHello\r\n"))
        self.ok(client, "LOGOUT")
        harness.wait_until(lambda: self.service.ask("quota/quota/messages", BOB) == 2, "quota after an APPEND")
        self.assertGreater(self.service.ask("quota/quota/storage", BOB), size)

    def test_quota_limit(self):
        self.service.ask(f"auth/userdb/{BOB}", value=self.quota_field)
        self.assertIn('QUOTA "User quota" (STORAGE 0 2000)', self.ok(self.bob(), "GETQUOTAROOT INBOX"))

    def test_last_login(self):
        self.bob()
        harness.wait_until(lambda: self.service.ask(f"lastlogin/last-login/{BOB}"), "last login")
        self.assertGreater(self.service.ask(f"lastlogin/last-login/{BOB}"), 1_600_000_000)
        self.assertIsNone(self.service.ask(f"lastlogin/last-login/{ALICE}"))

    def script(self, text, data_id="1"):
        """Gives bob a Sieve script that runs before his own."""
        self.service.ask("sieve/sieve/name/first", BOB, data_id)
        self.service.ask("sieve/sieve/data/" + data_id.replace("/", "\\|"), BOB, text)

    def test_sieve_script(self):
        self.script('require ["fileinto", "mailbox", "copy"];\r\nif header :is "subject" "a" {\r\n'
                    '  fileinto :copy :create "First";\r\n}\r\n')
        own = dovecot.Sieve(self.dovecot.sieve_port, BOB, "secret")
        self.addCleanup(own.close)
        own.command('PUTSCRIPT "own" ' + literal('require ["fileinto", "mailbox"];\r\nfileinto :create "Own";\r\n'))
        own.command('SETACTIVE "own"')
        for subject in ("a", "b"):
            self.deliver(BOB, subject)
        client = self.bob()
        self.assertEqual(self.messages(client, "First"), 1)
        self.assertEqual(self.messages(client, "Own"), 2)
        self.assertEqual(self.messages(client, "INBOX"), 0)

    def messages(self, client, mailbox):
        """Returns the number of messages in a mailbox."""
        return int(re.search(r"MESSAGES (\d+)", "\n".join(self.ok(client, f"STATUS {mailbox} (MESSAGES)")))[1])

    def test_sieve_changes_and_failures(self):
        self.script('redirect "x";')  # an error: it is told in the log, and the mail is kept
        self.deliver(BOB)
        self.script('require ["fileinto", "mailbox"]; fileinto :create "New";', "a/b c")
        self.deliver(BOB)
        client = self.bob()
        self.assertEqual((self.messages(client, "INBOX"), self.messages(client, "New")), (1, 1))
        self.service.ask("sieve/sieve/name/first", BOB, "gone")
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            self.deliver(BOB)
        self.assertEqual(caught.exception.smtp_code, 451)

    def test_shared_mailboxes(self):
        bob, alice = self.bob(), self.alice()
        self.assertNotIn("shared/", "\n".join(self.ok(alice, 'LIST "" *')))
        self.ok(bob, "CREATE Team")
        self.ok(bob, f"SETACL Team {ALICE} lrs")
        self.assertEqual(self.service.ask(f"acl/shared-boxes/user/{ALICE}/{BOB}"), 1)
        self.assertIn(f"shared/{BOB}/Team", "\n".join(self.ok(self.alice(), 'LIST "" *')))
        self.ok(bob, "SETACL Team anyone lr")
        self.assertEqual(self.service.ask(f"acl/shared-boxes/anyone/{BOB}"), 1)
        self.ok(bob, f"DELETEACL Team {ALICE}")
        self.assertIn(f"shared/{BOB}/Team", "\n".join(self.ok(self.alice(), 'LIST "" *')))
        self.ok(bob, "DELETEACL Team anyone")
        self.assertEqual(self.service.ask("acl/"), {})
        self.assertNotIn("shared/", "\n".join(self.ok(self.alice(), 'LIST "" *')))

    def test_lmtp(self):
        self.deliver(BOB)
        self.deliver("bob+folder@example.com")
        self.assertEqual(self.messages(self.bob(), "INBOX"), 2)
        self.check_recipient("nobody@example.com", 550)
        self.service.stop()
        self.check_recipient(BOB, 451)
        self.check_recipient("nobody@example.com", 451)
        self.service.start()
        self.check_recipient(BOB, 250)

    def check_recipient(self, address, code):
        client = self.lmtp()
        client.ehlo_or_helo_if_needed()
        client.mail("")
        self.assertEqual(client.rcpt(address)[0], code, self.dovecot.log())


class MailThroughDictServer(Mail):
    through_dict_server = True


if __name__ == "__main__":
    harness.main()
