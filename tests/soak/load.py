"""The clients of the run: senders of mail, readers of mail, and writers of dicts."""

import queue
import random
import smtplib
import threading
import time
from collections.abc import Callable

import dovecot
import harness
import mail
from dict import Dict
from ledger import Ledger

RETRY_S = 3  # after a temporary refusal, as in a mail server's queue
PAUSE_S = 0.3  # after a connection that failed


class Client(threading.Thread):
    """A client that does something so many times a second until it is told to stop."""

    def __init__(self, name: str, ledger: Ledger, rate: float) -> None:
        super().__init__(name=name, daemon=True)
        self.ledger, self.rate = ledger, rate
        self.random = random.Random(name)
        self.ends = threading.Event()
        self.is_broken_off = False  # the run has failed, so nothing has to be finished

    def run(self) -> None:
        """Acts at its rate, and catches up after something slow, though not without limit."""
        due = time.monotonic()
        while not self.ends.is_set():
            due = max(due, time.monotonic() - 5) + 1 / self.rate
            self.act()
            self.ends.wait(max(0.0, due - time.monotonic()))
        self.finish()

    def act(self) -> None:
        """Does what it does once."""
        raise NotImplementedError

    def finish(self) -> None:
        """Is called last."""


class Sender(Client):
    """A mail server that sends to ours, and keeps what is temporarily refused in a queue of its own."""

    def __init__(self, name: str, ledger: Ledger, rate: float, port: int, users: list[str]) -> None:
        super().__init__(name, ledger, rate)
        self.port, self.users, self.aliases = port, users, mail.aliases(users)
        self.session: smtplib.SMTP | None = None
        self.number = 0
        self.later: queue.SimpleQueue[tuple[float, str, str, set[str]]] = queue.SimpleQueue()

    def act(self) -> None:
        """Sends a new mail, and those whose time has come."""
        self.number += 1
        address, members = self._recipient()
        self.send(f"<{self.name}.{self.number}@sender.example>", address, members)
        self._send_again()

    def _recipient(self) -> tuple[str, set[str]]:
        """Returns an address and the users that get its mail."""
        if self.random.random() < 0.2:
            alias = self.random.choice(sorted(self.aliases))
            return alias, set(self.aliases[alias])
        user = self.random.choice(self.users)
        written = user if self.random.random() < 0.7 else user.replace("@", f"+x{self.number % 7}@").upper()
        return written, {user}

    def _send_again(self) -> None:
        for _ in range(self.later.qsize()):
            due, message_id, address, members = self.later.get()
            if due > time.monotonic():
                self.later.put((due, message_id, address, members))
            else:
                self.send(message_id, address, members)

    def finish(self) -> None:
        """Sends all that was refused, until it is taken."""
        end = time.monotonic() + 2 * harness.GUARD
        while not self.later.empty() and time.monotonic() < end and not self.is_broken_off:
            self._send_again()
            time.sleep(PAUSE_S)
        if not self.later.empty():
            self.ledger.violation(f"{self.later.qsize()} mails of {self.name} are still refused at the end")
        self._hang_up()

    def _hang_up(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session = None

    def send(self, message_id: str, address: str, members: set[str]) -> None:
        """Sends a mail once; it is taken, or sent again later."""
        is_sent = False
        try:
            if self.session is None:
                self.session = smtplib.SMTP("127.0.0.1", self.port, "sender.example", timeout=harness.GUARD)
                self.session.ehlo()
            answers = [self.session.mail("someone@sender.example"), self.session.rcpt(address)]
            refusals = [answer for answer in answers if answer[0] >= 400]
            if not refusals:
                is_sent = True
                answer = self.session.data(self._text(message_id, address))
                refusals = [answer] if answer[0] >= 400 else []
            if not refusals:
                self.ledger.accept(message_id, members, is_sure=True)
                return
            self._refused(address, *refusals[0])
            self._hang_up()  # an smtpd that could not look the domain up never asks again
        except (OSError, smtplib.SMTPException) as failure:
            self._hang_up()
            self.ledger.count(f"SMTP {type(failure).__name__}")
            if is_sent:
                self.ledger.accept(message_id, members, is_sure=False)
                return
        self.later.put((time.monotonic() + RETRY_S, message_id, address, members))

    def _refused(self, address: str, code: int, text: bytes) -> None:
        self.ledger.count(f"SMTP {code}")
        if code >= 500:
            self.ledger.violation(f"{address} is refused for good: {code} {text.decode(errors='replace')}")

    def _text(self, message_id: str, address: str) -> bytes:
        body = "A line of some text that fills the mail.\r\n" * self.random.randrange(1, 60)
        return (f"From: someone@sender.example\r\nTo: {address}\r\nMessage-ID: {message_id}\r\n"
                f"Subject: soak\r\n\r\n{body}").encode()


class Reader(Client):
    """A mail program of some users: it logs in, writes METADATA, and reads them back."""

    def __init__(self, name: str, ledger: Ledger, rate: float, port: int, users: list[str]) -> None:
        super().__init__(name, ledger, rate)
        self.port, self.users = port, users
        self.number = 0
        self.possible: dict[str, list[str]] = {}  # user: the values that the comment may have

    def act(self) -> None:
        """Logs in as one of the users for a moment."""
        self.visit(self.random.choice(self.users))

    def visit(self, user: str) -> None:
        """Logs in as a user for a moment."""
        try:
            session = dovecot.Imap(self.port)
        except (OSError, AssertionError):
            self.ledger.count("IMAP without a connection")
            return
        try:
            self._use(session, user)
        except (OSError, AssertionError):
            self.ledger.count("IMAP connections that broke")
        finally:
            session.close()

    def _use(self, session: dovecot.Imap, user: str) -> None:
        begin_s = int(time.time())
        answer, _ = session.command(f"LOGIN {user} {mail.PASSWORD}")
        if not answer.startswith("OK"):
            self.ledger.count("logins refused for now")
            if "UNAVAILABLE" not in answer and "Temporary" not in answer:
                self.ledger.violation(f"a login of {user} is refused: {answer}")
            return
        self.ledger.login(user, begin_s, int(time.time()) + 1)
        session.command("SELECT INBOX")
        self._write(session, user)
        self._check(session, user)
        session.command("LOGOUT")

    def _write(self, session: dovecot.Imap, user: str) -> None:
        self.number += 1
        value, letter = f"{self.name}-{self.number}", ""
        values = self.possible.setdefault(user, [])
        try:
            answer, _ = session.command(f'SETMETADATA INBOX (/private/comment "{value}")')
            letter = "O" if answer.startswith("OK") else "W"  # Dovecot says NO for F and for W
        finally:
            self.possible[user] = [value] if letter == "O" else [*values, value]
            self.ledger.written(value, letter)

    def _check(self, session: dovecot.Imap, user: str) -> None:
        answer, lines = session.command("GETMETADATA INBOX /private/comment")
        text = "\n".join(lines)
        values = self.possible[user]
        if not answer.startswith("OK") or "NIL" in text and "INTERNAL" in text:
            self.ledger.count("METADATA not read")
        elif not any(value in text for value in values):
            self.ledger.violation(f"METADATA of {user} is {text!r} after {values}")


class Writer(Client):
    """A client of dicts with keys of its own; in a table with write_behind, its last value of a key counts."""

    def __init__(self, name: str, ledger: Ledger, rate: float, socket: str, table: str) -> None:
        super().__init__(name, ledger, rate)
        self.socket, self.table = socket, table
        self.client: Dict | None = None
        self.number = 0
        self.user = f"{name}@{mail.DOMAIN}"
        self.note: Callable[[str, str, str], None] = self._note_each if table == "meta" else self._note_last

    def _note_each(self, _key: str, value: str, letter: str) -> None:
        self.ledger.written(value, letter)

    def _note_last(self, key: str, value: str, letter: str) -> None:
        self.ledger.write_last(self.table, f"{key}\t{self.user}", value, letter)

    def act(self) -> None:
        """Writes a value, and reads it."""
        self.number += 1
        key, value, letter = f"soak/k{self.number % 5}", str(self.number), ""
        if self.table == "meta":
            value = f"{self.name}-{value}"
        try:
            if self.client is None:
                self.client = Dict(self.socket, (2, 2), self.table, self.user)
            try:
                letter = self.client.change(("set", "priv/" + key, value))[:1].decode()
            finally:
                self.note(key, value, letter)
            self._check(key, value, letter)
        except (OSError, AssertionError):  # the connection ended
            self.ledger.count("dict connections that broke")
            self.finish()
            time.sleep(PAUSE_S)

    def _check(self, key: str, value: str, letter: str) -> None:
        assert self.client is not None
        got = self.client.get("priv/" + key)
        if letter == "O" and got[:1] != b"F" and got != b"O" + value.encode():
            self.ledger.violation(f"{self.table}: {key} is {got!r} right after {value!r} was written")
        self.ledger.count("dict lookups F" if got[:1] == b"F" else "dict lookups")

    def finish(self) -> None:
        """Hangs up."""
        if self.client is not None:
            self.client.close()
        self.client = None
