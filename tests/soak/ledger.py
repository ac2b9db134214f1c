"""What was sent, what was promised about it, and whether the promises were kept."""

import collections
import threading


class Ledger:
    """The books of a run. All threads use it, so each method takes the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: collections.Counter[str] = collections.Counter()
        self.violations: list[str] = []
        self.accepted: dict[str, set[str]] = {}  # Message-ID: the users that must have it once
        self.unsure: dict[str, set[str]] = {}  # Postfix went away before it said whether it has the mail
        self.made: set[str] = set()  # values of dict writes that podop said were done
        self.maybe_made: set[str] = set()  # W, or no answer
        self.not_made: set[str] = set()  # F
        self.last: dict[tuple[str, str], list[str]] = {}  # (table, key): the values that the store may end with
        self.logins: dict[str, tuple[int, int]] = {}  # user: the seconds between which the last login was

    def count(self, what: str, number: int = 1) -> None:
        """Counts events of a kind."""
        with self._lock:
            self.counts[what] += number

    def violation(self, text: str) -> None:
        """Notes something that must never happen."""
        with self._lock:
            self.counts["violations"] += 1
            if len(self.violations) < 100:
                self.violations.append(text)

    def accept(self, message_id: str, users: set[str], is_sure: bool) -> None:
        """Notes that Postfix has taken a mail, or may have taken it."""
        with self._lock:
            (self.accepted if is_sure else self.unsure)[message_id] = users
            self.counts["mails" if is_sure else "mails unsure"] += 1

    def written(self, value: str, letter: str) -> None:
        """Notes the answer to a write of a value that no other write has: O, F, W or "" for none."""
        with self._lock:
            {"O": self.made, "F": self.not_made}.get(letter, self.maybe_made).add(value)
            self.counts[f"dict writes {letter or 'without an answer'}"] += 1

    def write_last(self, table: str, key: str, value: str, letter: str) -> None:
        """Notes the answer to the latest write of a key that one writer has for itself."""
        with self._lock:
            self.counts[f"dict writes {letter or 'without an answer'}"] += 1
            values = self.last.setdefault((table, key), [])
            if letter == "O":
                values[:] = [value]
            elif letter != "F":
                values.append(value)

    def login(self, user: str, begin_s: int, end_s: int) -> None:
        """Notes a login."""
        with self._lock:
            self.logins[user] = begin_s, end_s
            self.counts["logins"] += 1
