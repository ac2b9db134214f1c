"""The account at the end: each mail and each write is where it was promised to be."""

import json
import sqlite3
from collections import Counter

from ledger import Ledger
from mail import MailSystem, Podop

SHOWN = 5  # examples of each kind


class Account:
    """Compares the ledger with the mailboxes, Postfix's queue and log, and the database of the service."""

    def __init__(self, ledger: Ledger, system: MailSystem, database: str, users: list[str]) -> None:
        self.ledger, self.system, self.database, self.users = ledger, system, database, users

    def check(self, podop: Podop) -> None:
        """Checks everything; what is wrong becomes a violation."""
        self._mails()
        self._outcomes(podop)
        with sqlite3.connect(self.database) as db:
            self._writes(db)
            self._last_values(db)
            self._quotas(db)
            self._logins(db)

    def _wrong(self, what: str, examples: list[str]) -> None:
        self.ledger.count(what, len(examples))
        if examples:
            self.ledger.violation(f"{len(examples)} {what}: {', '.join(examples[:SHOWN])}")

    # mails

    def _mails(self) -> None:
        """Each mail that Postfix has taken is once in the mailbox of each of its users, or still in the queue."""
        boxes = {user: self.system.mails(user) for user in self.users}
        queued = set(self.system.queued())
        known = self.ledger.accepted | self.ledger.unsure
        missing = [f"{message_id} of {user}" for message_id, users in self.ledger.accepted.items()
                   for user in sorted(users) if boxes[user][message_id] == 0 and message_id not in queued]
        twice = [f"{message_id} of {user}" for user, box in boxes.items() for message_id, number in box.items()
                 if number > 1]
        strange = [f"{message_id} of {user}" for user, box in boxes.items() for message_id in box
                   if user not in known.get(message_id, set())]
        self.ledger.count("deliveries", sum(box.total() for box in boxes.values()))
        self.ledger.count("mails queued", len(queued))
        self._wrong("mails lost", missing)
        self._wrong("mails delivered twice", twice)
        self._wrong("mails that nobody sent there", strange)

    def _outcomes(self, podop: Podop) -> None:
        outcomes = self.system.outcomes()
        for status, number in outcomes.items():
            self.ledger.count(f"deliveries {status}", number)
        self._wrong("mails bounced", ["see Postfix's log"] * (outcomes["bounced"] + outcomes["expired"]))
        self._wrong("alarms of Postfix and Dovecot", self.system.alarms())
        self._wrong("writes that podop lost", ["write_lost"] * podop.events["write_lost"])

    # writes

    def _writes(self, db: sqlite3.Connection) -> None:
        """A write that podop said was done is made once; one that it said failed is not; any other at most once."""
        made = Counter(json.loads(value) for path, value in db.execute("SELECT path, value FROM made")
                       if path.startswith("meta/"))
        self._wrong("writes lost", sorted(self.ledger.made - set(made)))
        self._wrong("writes made after F", sorted(self.ledger.not_made & set(made)))
        self._wrong("writes made twice", sorted(value for value, number in made.items()
                                                if number > 1 and self._is_ours(value)))

    def _is_ours(self, value: object) -> bool:
        return value in self.ledger.made or value in self.ledger.maybe_made

    def _last_values(self, db: sqlite3.Connection) -> None:
        """A key of one writer has the last value that was said to be written, or a later one without an answer."""
        wrong = []
        for (table, key), values in self.ledger.last.items():
            path, user = key.split("\t")
            row = db.execute("SELECT value FROM entry WHERE user = ? AND path = ?",
                             [user, f"{table}/{path}"]).fetchone()
            if row is None or row[0] not in values:
                wrong.append(f"{table} {key!r} is {row}, not {values}")
        self._wrong("last values lost", wrong)

    def _quotas(self, db: sqlite3.Connection) -> None:
        """The number of mails that Dovecot has written last is that of the mailbox."""
        wrong = []
        for user in self.users:
            row = db.execute("SELECT value FROM entry WHERE user = ? AND path = 'quota/quota/messages'",
                             [user]).fetchone()
            there = self.system.mails(user).total()
            if row is None or int(json.loads(row[0])) != there:
                made = [value for value, in db.execute("SELECT value FROM made WHERE user = ? AND "
                                                       "path = 'quota/quota/messages'", [user])]
                wrong.append(f"{user} has {there} mails, the dict says {row}, and was told {made[-6:]}")
        if wrong:
            wrong += [line for line in self.system.dovecot.log().splitlines() if "quota" in line][-SHOWN:]
        self._wrong("quotas wrong", wrong)

    def _logins(self, db: sqlite3.Connection) -> None:
        """The time of each user's last login, at which nothing failed any more, is the one that is stored."""
        wrong = []
        for user, (begin_s, end_s) in self.ledger.logins.items():
            row = db.execute("SELECT value FROM entry WHERE path = ?", [f"lastlogin/last-login/{user}"]).fetchone()
            if row is None or not begin_s <= int(json.loads(row[0])) <= end_s:
                wrong.append(f"{user} logged in from {begin_s} to {end_s}, the dict says {row}")
        self._wrong("logins lost", wrong)
