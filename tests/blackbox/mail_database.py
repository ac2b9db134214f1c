"""The database of examples/sql_table with two mailboxes in it, and the program that serves it to podop."""

import contextlib
import importlib
import os
import re
import sys
from typing import Any

import harness
import postgres

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(SOURCE, "examples", "sql_table")
TABLES = ("domain", "mailbox", "alias", "auth", "meta", "quota", "lastlogin", "acl", "sieve")

# The passwords are secret and wonderland.
ROWS = """
INSERT INTO domain VALUES ('example.com');
INSERT INTO mailbox VALUES ('bob@example.com', '{BOB}', 2048000);
INSERT INTO mailbox VALUES ('alice@example.com', '{ALICE}', 0);
INSERT INTO alias VALUES ('team@example.com', 'bob@example.com');
INSERT INTO alias VALUES ('team@example.com', 'alice@example.com');
"""
PASSWORDS = {
    "BOB": "{SSHA512}MHxExOFgNBt6WIgaZgaMjK084UAQ1l+kvznGRDR1GdQr7yRrU4qg3vRxq0lV6ic2i9L8ygHVu7VmYSUJGNmkeCUrseA=",
    "ALICE": "{BLF-CRYPT}$2y$05$XYsoHs0C8cuvp83aPnAafurPLtaon5PEQhAT4UNQOtS5qIMBbpnwm",
}


def program_table(name: str, path: str) -> dict[str, Any]:
    """Returns the settings of a program table that a Python file answers."""
    return {"name": name, "type": "program", "param": f"{sys.executable} {path}"}


def read(name: str) -> str:
    """Returns a file of the example."""
    with open(os.path.join(EXAMPLE, name), encoding="utf-8") as file:
        return file.read()


def configuration() -> str:
    """Returns the podop.conf in the example's README."""
    return read("README.md").partition("In `podop.conf`:\n")[2].partition("\nand likewise")[0]


class Sqlite:
    """The example as it is, but for the path of the database."""

    module = "sqlite3"

    def __init__(self, case: harness.Case) -> None:
        self.address = case.path("mail.db")

    def connect(self) -> Any:
        """Opens a connection of DB-API 2."""
        return importlib.import_module(self.module).connect(self.address)

    def fill(self) -> None:
        """Creates the schema and inserts some rows."""
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            text = re.sub("--.*", "", read("schema.sql")) + ROWS.format(**PASSWORDS)
            for statement in filter(str.strip, text.split(";")):
                cursor.execute(statement)
            connection.commit()

    def rows(self, sql: str) -> list[Any]:
        """Returns the rows of a query."""
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows: list[Any] = cursor.fetchall()
            return rows

    def execute(self, sql: str) -> None:
        """Executes a statement and commits."""
        with contextlib.closing(self.connect()) as connection:
            connection.cursor().execute(sql)
            connection.commit()

    def write(self, case: harness.Case) -> str:
        """Writes the program, which is the example with another database, and returns its path."""
        text = read("sql_table.py")
        line = f"DATABASE = {self.module!r}, {self.address!r}"
        text, count = re.subn(r"(?m)^DATABASE = .*", line, text)
        case.assertEqual(count, 1)
        if not os.path.lexists(case.path("podop_table.py")):
            os.symlink(os.path.join(SOURCE, "python", "podop_table.py"), case.path("podop_table.py"))
        return case.write("sql_table.py", text)


class PostgreSQL(Sqlite):
    """The same with a real PostgreSQL."""

    module = "psycopg2"

    def __init__(self, case: harness.Case) -> None:
        try:
            importlib.import_module(self.module)
        except ImportError:
            harness.need(False, "python3-psycopg2")
        self.server = postgres.Postgres()
        case.addCleanup(self.server.remove)
        self.server.start()
        self.address = self.server.address
