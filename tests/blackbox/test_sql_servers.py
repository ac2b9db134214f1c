"""examples/sql_table under podop, with a real Postfix, a real Dovecot 2.3, and SQLite or PostgreSQL."""

import contextlib
import re
import sys

import dict as dicts
from typing import Any
import harness
import mail_database
from dovecot import ALICE, BOB, literal
from dovecot_case import FAILED, NOT_FOUND, WithDovecot
from postfix_case import WithPostfix

TEAM = "alice@example.com,bob@example.com"


class Transactions(dicts.DictCase):
    """Dovecot's transactions in the database."""

    database_class = mail_database.Sqlite
    database: Any

    def setUp(self):
        super().setUp()
        self.database = self.database_class(self)
        self.database.fill()
        self.serve(mail_database.program_table("meta", self.database.write(self)))

    def entries(self):
        return sorted(self.database.rows("SELECT owner, path, value FROM entry"))

    def test_all_or_nothing(self):
        client = self.dict(name="meta")
        self.assertEqual(client.change(("set", "shared/n", "ten")), b"O")
        for bad, answer in ((("increment", "shared/n", 1), b"F"), (("increment", "priv/nothing", 1), b"N")):
            with self.subTest(bad=bad, answer=answer):
                got = client.change(("set", "priv/a", "1"), ("unset", "shared/n"), ("set", "shared/n", "ten"), bad,
                                    ("set", "shared/z", "1"))
                self.assertEqual(got[:1], answer, got)
                self.assertEqual(self.entries(), [("", "n", "ten")])
        self.assertEqual(client.change(("set", "priv/a", "1"), ("increment", "priv/a", 41), ("unset", "shared/n"),
                                       ("unset", "shared/nothing")), b"O")
        self.assertEqual(self.entries(), [(BOB, "a", "42")])
        self.assertEqual(client.get("priv/a"), b"O42")

    def test_lists(self):
        client = self.dict(name="meta")
        client.change(*(("set", f"priv/d/{n:04}", f"{n}\t\n") for n in range(1500)))
        rows = client.rows("priv/d/")
        self.assertEqual(rows, [(b"priv/d/%04d" % n, b"%d\t\n" % n) for n in range(1500)])


class Readme(harness.Case):
    def test_configuration(self):
        """The podop.conf of the README is right, and its tables exist."""
        text = mail_database.configuration()
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
        names = re.findall(r'name = "(\w+)"', text)
        self.assertTrue(names)
        self.assertLessEqual(set(names), set(mail_database.TABLES))


class TransactionsInPostgreSQL(Transactions):
    database_class = mail_database.PostgreSQL


class PostfixCase(WithPostfix):
    """A Postfix whose tables are the database, which podop serves as the example's README says."""

    database_class = mail_database.Sqlite
    database: Any

    def setUp(self):
        super().setUp()
        self.database = self.database_class(self)
        self.database.fill()
        program = f"{sys.executable} {self.database.write(self)}"
        text = mail_database.configuration()
        for old, new in (("/usr/bin/python3 /etc/podop/sql_table.py", program), ("/run/podop/podop.sock", self.socket),
                         ("127.0.0.1:9100", f"127.0.0.1:{self.reserve_port()}"),
                         ('group = "vmail"', 'owner = "postfix"'), ('user = "podop";', "")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.podop("-c", self.write("podop.conf", text), "--set", "defaults.timeout=60s")  # ten programs start at once


class Postfix(PostfixCase):
    def check(self, *cases):
        """Checks what postmap gets: each case is a table, a key, and the value or None."""
        for table, key, value in cases:
            with self.subTest(table=table, key=key):
                done = self.postfix.run("postmap", "-q", key, f"socketmap:unix:{self.socket}:{table}")
                self.assertEqual((done.stdout, done.stderr), ("" if value is None else value + "\n", ""))

    def test_postmap(self):
        self.check(("alias", "team@example.com", TEAM), ("alias", "Team@Example.com", TEAM), ("alias", BOB, BOB),
                   ("alias", "nobody@example.com", None), ("domain", "example.com", "example.com"),
                   ("domain", "Example.COM", "example.com"), ("domain", "example.org", None),
                   ("mailbox", BOB, "example.com/bob/"), ("mailbox", "Bob+x@Example.COM", "example.com/bob/"),
                   ("mailbox", "nobody@example.com", None), ("mailbox", "", None))

    def test_catch_all(self):
        """An address with an alias of its own, with a mailbox, or with neither."""
        self.database.execute("INSERT INTO alias VALUES ('@example.com', 'alice@example.com')")
        self.database.execute("INSERT INTO alias VALUES ('@xn--bcher-kva.example', 'bob@example.com')")
        self.check(("alias", "any@example.com", ALICE), ("alias", "Any+x@Example.Com", ALICE),
                   ("alias", "@example.com", ALICE), ("alias", "a@b@example.com", ALICE),
                   ("alias", "team@example.com", TEAM), ("alias", "TEAM+x@example.com", TEAM.replace("@", "+x@")),
                   ("alias", "BOB@example.com", BOB),
                   ("alias", "bob+x@example.com", "bob+x@example.com"), ("alias", "any@bücher.example", BOB),
                   ("alias", "any@example.org", None), ("alias", "example.com", None), ("alias", "any", None))

    def test_recipients(self):
        self.addCleanup(self.postfix.stop)
        self.postfix.start()
        session = self.session()
        for address in (BOB, ALICE, "team@example.com", "Bob@Example.COM"):
            with self.subTest(address=address):
                self.check_recipient(session, address, 250)
        self.check_recipient(session, "nobody@example.com", 550, "5.1.1")
        self.check_recipient(session, "bob@elsewhere.example", 554, "5.7.1")


class PostfixWithPostgreSQL(Postfix):
    database_class = mail_database.PostgreSQL

    def test_database_goes_and_comes_back(self):
        self.addCleanup(self.postfix.stop)
        self.postfix.start()
        self.check_recipient(self.session(), BOB, 250)
        self.database.server.stop()
        self.check_recipient(self.session(), BOB, 451, "4.3.0")
        self.check_recipient(self.session(), "nobody@example.com", 451, "4.3.0")
        self.database.server.start()
        self.check_recipient(self.session(), BOB, 250)
        self.check_recipient(self.session(), "nobody@example.com", 550)


class Dovecot(WithDovecot):
    """Dovecot 2.3 as the examples configure it."""

    database_class = mail_database.Sqlite
    database: Any = None

    def table(self, name):
        if self.database is None:
            self.database = self.database_class(self)
            self.database.fill()
            self.program = self.database.write(self)
        return mail_database.program_table(name, self.program)

    def setUp(self):
        super().setUp()
        self.dovecot.start()

    def serve_dovecot(self, *tables):
        return super().serve_dovecot(*(table for table in tables if table["name"] in mail_database.TABLES))

    def entries(self, name):
        return {(owner, path): value for owner, path, value in
                self.database.rows(f"SELECT owner, path, value FROM entry WHERE dict = '{name}'")}

    def test_users(self):
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0, self.dovecot.log())  # {SSHA512}
        self.assertEqual(self.auth_test("Alice@example.com", "wonderland")[0], 0)  # {BLF-CRYPT}
        for name, password in ((BOB, "wonderland"), (ALICE, "secret"), ("nobody@example.com", "secret"), (BOB, "")):
            with self.subTest(name=name, password=password):
                self.check_failure(name, password)
        self.assertIn("*:bytes=2048000", self.user(BOB)[1])
        self.assertEqual(self.user("nobody@example.com")[0], 67)
        self.assertEqual(self.user("*"), (0, f"{ALICE}\n{BOB}\n"))
        client = self.imap(BOB, "secret")
        self.assertIn('QUOTA "User quota" (STORAGE 0 2000)', self.ok(client, "GETQUOTAROOT INBOX"))
        harness.wait_until(lambda: ("", "last-login/" + BOB) in self.entries("lastlogin"), "last login")

    def test_metadata(self):
        client = self.bob()
        texts = {"/private/comment": "one line", "/private/vendor/x/lines": "two\r\nlines\r\n",
                 "/private/vendor/x/utf8": "Grüße, 你好, 🎉", "/shared/comment": "for\tall", "/private/vendor/x/e": "12"}
        pairs = " ".join(f"{name} {literal(value)}" for name, value in texts.items())
        self.ok(client, f"SETMETADATA INBOX ({pairs})")
        for name, value in texts.items():
            with self.subTest(name=name, value=value):
                self.check_metadata(client, name, value)
        stored = self.entries("meta")
        self.assertEqual(len(stored), 5)
        self.assertEqual([owner for (owner, path) in stored if path.endswith("/comment") and owner], [BOB])
        self.ok(client, "SETMETADATA INBOX (/private/comment NIL)")
        self.check_metadata(client, "/private/comment", None)
        lines = self.ok(client, "GETMETADATA (DEPTH infinity) INBOX (/private/vendor)")
        self.assertEqual(sorted(re.findall(r"/private/\S+", "\n".join(lines))),
                         ["/private/vendor/x/e", "/private/vendor/x/lines", "/private/vendor/x/utf8"])
        self.ok(client, "CREATE Work")
        self.ok(client, 'SETMETADATA Work (/private/comment "a" /shared/comment "b")')
        self.ok(client, "DELETE Work")
        self.assertEqual(len(self.entries("meta")), 4)

    def test_doveadm_dict(self):
        self.dict("set", "priv/n", "10", user=BOB)
        self.dict("inc", "priv/n", "5", user=BOB)
        self.check_value("priv/n", "15", user=BOB)
        self.check_miss("priv/n", user=ALICE)
        self.dict("inc", "priv/nothing", "5", user=BOB, status=NOT_FOUND)
        self.dict("unset", "priv/n", user=BOB)
        self.check_miss("priv/n", user=BOB)

    def test_broken_database(self):
        """No answer says that a user or a password is wrong."""
        with contextlib.closing(self.database.connect()) as connection:
            connection.cursor().execute("ALTER TABLE mailbox RENAME TO away")
            connection.commit()
        for name in (BOB, "nobody@example.com"):
            with self.subTest(name=name):
                self.check_failure(name, "secret", is_temporary=True)
                self.assertEqual(self.user(name)[0], FAILED)
        with contextlib.closing(self.database.connect()) as connection:
            connection.cursor().execute("ALTER TABLE away RENAME TO mailbox")
            connection.commit()
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0)


class DovecotWithPostgreSQL(Dovecot):
    database_class = mail_database.PostgreSQL

    def test_database_goes_and_comes_back(self):
        client = self.bob()
        self.ok(client, 'SETMETADATA INBOX (/private/comment "kept")')
        self.database.server.stop()
        for name in (BOB, "nobody@example.com"):
            with self.subTest(name=name):
                self.check_failure(name, "secret", is_temporary=True)
        for command in ("GETMETADATA INBOX /private/comment", 'SETMETADATA INBOX (/private/comment "x")'):
            with self.subTest(command=command):
                self.assertRegex(client.command(command)[0], r"^NO \[(SERVERBUG|UNAVAILABLE)\]")
        self.database.server.start()
        self.check_metadata(client, "/private/comment", "kept")
        self.assertEqual(self.auth_test(BOB, "secret")[0], 0)


if __name__ == "__main__":
    harness.main()
