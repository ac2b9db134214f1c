"""examples/sql_table over its pipes: every table, and transactions, with SQLite and with a real PostgreSQL."""

import contextlib
import os
from typing import Any

import harness
import mail_database
from python_table_case import Program, Tables

BOB = {"user": "bob@example.com", "private": True}


class WithSqlite(Tables):
    """The example's program, with a database that has some rows."""

    database_class = mail_database.Sqlite
    database: Any

    def setUp(self):
        super().setUp()
        self.database = self.database_class(self)
        self.database.fill()
        self.p = self.started()

    def started(self):
        with open(self.path("stderr"), "ab") as stderr:
            program = Program(self.database.write(self), stderr)
        self.addCleanup(self.end, program)
        return program

    def get(self, key, table="meta", **members):
        """Returns a value, or the status if there is none."""
        answer = self.p.ask("get", key, table, **members)
        return answer["value"] if answer["status"] == "ok" else answer["status"]

    def entries(self):
        """Returns what the database itself holds."""
        return sorted(self.database.rows("SELECT dict, owner, path, value FROM entry"))


class Sqlite(WithSqlite):
    def test_postfix(self):
        for table, key, value in (("domain", "example.com", "example.com"), ("domain", "example.org", "miss"),
                                  ("mailbox", "bob@example.com", "example.com/bob/"),
                                  ("mailbox", "nobody@example.com", "miss"), ("mailbox", "", "miss"),
                                  ("alias", "team@example.com", ["alice@example.com", "bob@example.com"]),
                                  ("alias", "bob@example.com", ["bob@example.com"]),
                                  ("alias", "nobody@example.com", "miss"), ("alias", "' OR 1=1 --%s?", "miss")):
            with self.subTest(table=table, key=key):
                self.assertEqual(self.get(key, table), value)

    def test_catch_all(self):
        """It is an entry as any other: podop looks for it, after an alias and a mailbox."""
        self.database.execute("INSERT INTO alias VALUES ('@example.com', 'alice@example.com')")
        self.database.execute("INSERT INTO alias VALUES ('alice@example.com', 'bob@example.com')")
        for key, value in (("@example.com", ["alice@example.com"]), ("any@example.com", "miss"),
                           ("team@example.com", ["alice@example.com", "bob@example.com"]),
                           ("bob@example.com", ["bob@example.com"]), ("alice@example.com", ["bob@example.com"]),
                           ("@example.org", "miss"), ("example.com", "miss"), ("any", "miss"), ("", "miss")):
            with self.subTest(key):
                self.assertEqual(self.get(key, "alias"), value)

    def test_sieve(self):
        """There is always a script to run first: the user's, the shared one, or one that does nothing."""
        self.assertEqual(self.get("sieve/name/first", "sieve", **BOB), "nothing")
        self.assertRegex(self.get("sieve/data/nothing", "sieve", **BOB), "^#")
        self.assertEqual(self.get("sieve/name/second", "sieve", **BOB), "miss")
        self.p.ask("set", "sieve/name/first", "sieve", value="all")
        self.assertEqual(self.get("sieve/name/first", "sieve", **BOB), "all")
        self.p.ask("set", "sieve/name/first", "sieve", value="own", **BOB)
        self.assertEqual(self.get("sieve/name/first", "sieve", **BOB), "own")

    def test_users(self):
        self.assertEqual(self.get("passdb/bob@example.com", "auth")["password"],
                         mail_database.PASSWORDS["BOB"])
        self.assertEqual(self.get("userdb/bob@example.com", "auth"), {"quota_rule": "*:bytes=2048000"})
        self.assertEqual(self.get("userdb/alice@example.com", "auth"), {})
        for key in ("passdb/nobody@example.com", "userdb/nobody@example.com", "other/bob@example.com"):
            with self.subTest(key=key):
                self.assertEqual(self.get(key, "auth"), "miss")
        names = self.p.iterate("userdb/", table="auth", values=False)["rows"]
        self.assertEqual(names, [["alice@example.com", None], ["bob@example.com", None]])
        self.assertEqual(self.p.iterate("passdb/", table="auth")["rows"], [])

    def test_entries(self):
        for text in ("one", "", "12", "two\nlines", "Grüße, 你好, 🎉", "x" * 100_000):
            with self.subTest(text=text[:40]):
                self.assertEqual(self.p.ask("set", "k", "meta", value=text, **BOB), {"status": "ok"})
                self.assertEqual(self.get("k", **BOB), text)
        self.assertEqual((self.get("k"), self.get("k", "quota", **BOB)), ("miss", "miss"))
        self.p.ask("set", "k", "meta", value="all")
        self.assertEqual((self.get("k"), self.get("k", **BOB)), ("all", "x" * 100_000))
        self.assertEqual(self.p.ask("unset", "k", "meta", **BOB), {"status": "ok"})
        self.assertEqual(self.p.ask("unset", "k", "meta", **BOB), {"status": "miss"})
        self.assertEqual(self.entries(), [("meta", "", "k", "all")])

    def test_increments(self):
        self.assertEqual(self.p.ask("inc", "n", "quota", by=1, **BOB), {"status": "miss"})
        self.p.ask("set", "n", "quota", value="10", **BOB)
        numbers = [self.p.send("inc", "n", "quota", by=by, **BOB) for by in (5, -3) * 20]
        self.assertEqual([self.p.answer(number)["status"] for number in numbers], ["ok"] * 40)
        self.assertEqual(self.get("n", "quota", **BOB), "50")  # none of them was lost
        self.p.ask("set", "n", "quota", value="ten", **BOB)
        self.assertEqual(self.p.ask("inc", "n", "quota", by=1, **BOB),
                         {"status": "permanent", "reason": "n is not a number"})

    def test_lists(self):
        changes = [{"op": "set", "key": f"d/{n:04}", "value": str(n)} for n in range(1200)]
        changes += [{"op": "set", "key": key, "value": "x"} for key in ("d0", "d", "d/sub/k", "D/k", "d%/k", "d_k")]
        self.assertEqual(self.p.ask("commit", table="meta", changes=changes), {"status": "ok"})
        rows = [[f"{n:04}", str(n)] for n in range(1200)]
        self.assertEqual(self.p.iterate("d/", table="meta", recurse=False)["rows"], rows)
        self.assertEqual(self.p.iterate("d/", table="meta")["rows"], [*rows, ["sub/k", "x"]])
        self.assertEqual(self.p.iterate("d%/", table="meta")["rows"], [["k", "x"]])
        self.assertEqual(len(self.p.iterate("", table="meta")["rows"]), 1206)
        self.assertEqual(self.p.iterate("d/", table="meta", **BOB)["rows"], [])

    def test_transactions(self):
        """All or nothing, with a failure in the middle or at the end."""
        self.p.ask("set", "n", "meta", value="1")
        before = self.entries()
        begin = [{"op": "set", "key": "a", "value": "1"}, {"op": "unset", "key": "n"},
                 {"op": "set", "key": "b", "value": "2", **BOB}]
        for bad, status in (({"op": "inc", "key": "nothing", "by": 1}, "miss"),
                            ({"op": "inc", "key": "a", "by": "x"}, "permanent"),
                            ({"op": "inc", "key": "text", "by": 1}, "permanent")):
            with self.subTest(bad=bad, status=status):
                changes = [*begin, {"op": "set", "key": "text", "value": "t"}, bad,
                           {"op": "set", "key": "z", "value": "3"}]
                self.assertEqual(self.p.ask("commit", table="meta", changes=changes)["status"], status)
                self.assertEqual(self.entries(), before)
        changes = [*begin, {"op": "unset", "key": "nothing"}, {"op": "inc", "key": "a", "by": 41}]
        self.assertEqual(self.p.ask("commit", table="meta", changes=changes), {"status": "ok"})
        self.assertEqual(self.entries(), [("meta", "", "a", "42"), ("meta", "bob@example.com", "b", "2")])

    def test_failure_of_the_database_in_the_middle(self):
        """A transaction that the database itself ends leaves no change."""
        with contextlib.closing(self.database.connect()) as connection:
            connection.cursor().execute("ALTER TABLE entry RENAME TO full_entry")
            connection.cursor().execute("CREATE TABLE entry (dict TEXT, owner TEXT, path TEXT, value TEXT "
                                        "CHECK (value <> 'bad'), PRIMARY KEY (dict, owner, path))")
            connection.commit()
        changes = [{"op": "set", "key": key, "value": key} for key in ("a", "b", "bad", "c")]
        answer = self.p.ask("commit", table="meta", changes=changes)
        self.assertEqual(answer["status"], "temporary")
        self.assertRegex(answer["reason"], "(Error|CheckViolation): ")
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.p.ask("commit", table="meta", changes=changes[:2]), {"status": "ok"})
        self.assertEqual(len(self.entries()), 2)

    def test_killed_in_the_middle(self):
        """A transaction that was never committed ends with its program."""
        text = self.database.write(self)
        with open(text, encoding="utf-8") as file:
            source = file.read()
        source = source.replace("    def unset(self, key, user=None):\n",
                                "    def unset(self, key, user=None):\n"
                                f"        open({self.path('begun')!r}, 'w').close(); threading.Event().wait()\n")
        with open(self.path("stderr"), "ab") as stderr:
            program = Program(self.write("waits.py", source), stderr)
        program.send("commit", table="meta", changes=[{"op": "set", "key": "a", "value": "1"},
                                                      {"op": "unset", "key": "a"}])
        self.signal_of("begun")
        self.assertEqual(self.entries(), [])
        program.process.kill()
        program.wait()
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.p.ask("set", "a", "meta", value="2"), {"status": "ok"})

    def test_no_database(self):
        self.take_away()
        for op, members in (("get", {}), ("set", {"value": "v"}), ("unset", {}), ("inc", {"by": 1}), ("iterate", {}),
                            ("commit", {"changes": [{"op": "unset", "key": "k"}] * 2})):
            with self.subTest(op=op, members=members):
                answer = self.p.ask(op, "k", "meta", **members)
                self.assertEqual(answer["status"], "temporary", (op, answer))
                self.assertIn("OperationalError: ", answer["reason"])
        self.bring_back()
        for _ in range(40):  # by whichever thread
            self.assertEqual(self.get("team@example.com", "alias"), ["alice@example.com", "bob@example.com"])

    def take_away(self):
        self.p.end()
        os.rename(self.database.address, self.path("away"))
        self.p = self.started()

    def bring_back(self):
        self.p.end()
        os.rename(self.path("away"), self.database.address)
        self.p = self.started()


class PostgreSQL(Sqlite):
    database_class = mail_database.PostgreSQL

    def connect_all(self):
        """Gives every thread a connection."""
        numbers = [self.p.send("get", f"{n}", "meta") for n in range(200)]
        for number in numbers:
            self.p.answer(number)

    def take_away(self):
        self.connect_all()
        self.database.server.stop()

    def bring_back(self):
        self.database.server.start()

    def test_restart_between_requests(self):
        """No request fails."""
        for _ in range(2):
            self.connect_all()
            self.database.server.stop()
            self.database.server.start()
            numbers = [self.p.send("get", "team@example.com", "alias") for _ in range(50)]
            numbers += [self.p.send("set", f"k{n}", "meta", value="v") for n in range(50)]
            changes = [{"op": "set", "key": "a", "value": "1"}, {"op": "inc", "key": "a", "by": 1}]
            numbers += [self.p.send("commit", table="meta", changes=changes) for _ in range(50)]
            self.assertEqual({self.p.answer(number)["status"] for number in numbers}, {"ok"})
        self.assertEqual(self.get("a"), "2")

    def test_connection_lost_within_a_transaction(self):
        """It fails as a whole, although the database is back at once."""
        changes = [{"op": "set", "key": "a", "value": "1"}, {"op": "unset", "key": "gate"},
                   {"op": "set", "key": "b", "value": "2"}]
        self.p.ask("set", "gate", "meta", value="1")
        with contextlib.closing(self.database.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM entry WHERE path = 'gate' FOR UPDATE")
            number = self.p.send("commit", table="meta", changes=changes)
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            harness.wait_until(lambda: self.database.rows(waiting), "the transaction waits for the gate")
            self.database.rows(f"SELECT pg_terminate_backend(pid) FROM ({waiting}) AS waiting")
            self.assertEqual(self.p.answer(number)["status"], "temporary")
            connection.rollback()
        self.assertEqual(self.entries(), [("meta", "", "gate", "1")])
        self.assertEqual(self.p.ask("commit", table="meta", changes=changes), {"status": "ok"})
        self.assertEqual(self.entries(), [("meta", "", "a", "1"), ("meta", "", "b", "2")])

    def test_connection_lost_at_the_end(self):
        """Whether the database has committed is unknown."""
        with open(self.database.write(self), encoding="utf-8") as file:
            source = file.read()
        commit = "                here.connection.commit()\n"
        self.assertIn(commit, source)
        source = source.replace(commit, f"""                open({self.path('begun')!r}, 'w').close()
                while not __import__('os').path.exists({self.path('go')!r}): threading.Event().wait(0.01)
{commit}""")
        with open(self.path("stderr"), "ab") as stderr:
            program = Program(self.write("sql_table.py", source), stderr)
        self.addCleanup(self.end, program)
        number = program.send("set", "k", "meta", value="v")
        self.signal_of("begun")
        self.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE state = 'idle in transaction'")
        self.write("go", "")
        self.assertEqual(program.answer(number)["status"], "uncertain")

    def test_what_it_cannot_hold(self):
        self.assertEqual(self.p.ask("set", "k", "meta", value="a\0b")["status"], "permanent")
        self.assertEqual(self.get("a\0b"), "permanent")
        self.assertEqual(self.p.ask("set", "k", "meta", value="v"), {"status": "ok"})


if __name__ == "__main__":
    harness.main()
