"""The connections of a capture: which bytes are a request, and which reply belongs to it."""

import json
import re

from capture_files import Special, lenient
from dict import EXACT
from harness import percent, shown


def as_json(value):
    """Returns the JSON text from which the captured server's reply follows."""
    if value[:1] in (b"{", b"["):
        try:
            json.loads(value)
            return value.decode()
        except ValueError:
            pass
    try:
        return json.dumps(value.decode())
    except UnicodeDecodeError:
        raise Special("a value that is not UTF-8") from None


def meaning(value):
    """Parses JSON where it is an object or array, so that blanks do not matter in a comparison."""
    if value[:1] in (b"{", b"["):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


# --- what the client of a connection was answered -------------------------------------------------------------------


class Asked:
    """A captured request and the reply to it."""

    def __init__(self, kind, name, **more):
        self.kind, self.name = kind, name
        self.key = self.user = None  # the key is target and user
        self.flags = 0
        self.ops = []
        self.rows = []
        self.number = None
        self.answer = None  # letter and value; of an iteration b"" or F
        self.gate = None
        self.sent = None
        self.__dict__.update(more)


class DictTalk:
    """A captured connection of Dovecot: which lines are requests, and which replies belong to them."""

    def __init__(self):
        self.version = self.table = None
        self.user = b""
        self.transactions = {}
        self.owed = []
        self.data = b""

    def client_line(self, line):
        """Returns the request that a line is, or None."""
        letter, fields = line[:1].decode(), [lenient(field) for field in line[1:-1].split(b"\t")]
        if letter == "H":
            self.version = (int(fields[0]), int(fields[1]))
            self.user, self.table = fields[3], fields[4].decode()
        elif letter == "L":
            user = self.user if self.version[0] == 2 else fields[1]
            return self._owe(Asked("L", fields[0], user=user, key=self.key(fields[0], user)))
        elif letter == "I":
            paths = fields[2:] if self.version[0] == 2 else fields[2:-1]
            user = self.user if self.version[0] == 2 else fields[-1]
            if len(paths) != 1 or self.version == (2, 0):
                raise Special("an iteration over several paths")
            flags = int(fields[0])
            key = self.key(paths[0], user, flags & EXACT)
            return self._owe(Asked("I", paths, user=user, flags=flags, key=key))
        elif letter == "B":
            self.transactions[fields[0]] = (self.user if self.version[0] == 2 else fields[1], [])
        elif letter in "SUA":
            user, ops = self.transactions[fields[0]]
            ops.append((letter, self.key(fields[1], user), fields[2] if letter != "U" else None))
        elif letter in "CD":
            user, ops = self.transactions.pop(fields[0])
            return self._owe(Asked(letter, fields[0], user=user, ops=ops))
        elif letter == "R":
            del self.transactions[fields[0]]
        elif letter != "T":
            raise Special(f"a line {shown(line)}")
        return None

    def _owe(self, asked):
        self.owed.append(asked)
        return asked

    def key(self, key, user, append=True):
        """Returns the target of a key's URL and its user."""
        scope, name = key.split(b"/", 1)
        if scope != b"priv":
            user = b""
        elif append:
            name += b"/" + user
        return f"/{self.table}/{percent(name, b'/')}", user

    def server_bytes(self, data):
        """Returns the requests that these bytes answer, in that order."""
        done = []
        *lines, self.data = (self.data + data).split(b"\n")
        for line in lines:
            asked = self._server_line(line)
            if asked is not None:
                self.owed.remove(asked)
                done.append(asked)
        return done

    def _server_line(self, line):
        if not self.owed:
            raise Special("a reply to no request")
        if re.search(rb"[\r\0]", line):
            raise Special("a reply with a bare CR or NUL")
        asked = next((asked for asked in self.owed if asked.kind != "D"), None)
        if line[:1] == b"*":
            free = [asked for asked in self.owed if asked.number is None]
            if not free or not re.fullmatch(rb"\*[1-9][0-9]*", line):
                raise Special("a wrong async id")
            free[0].number = line[1:]
            return None
        if line[:1] == b"+":
            number, _, line = line[1:].partition(b"\t")
            asked = next((asked for asked in self.owed if asked.number == number), None)
        elif line[:1] == b"A":
            number = re.match(rb"A[ONFW]([0-9]*)", line)
            asked = next((asked for asked in self.owed
                          if number and asked.kind == "D" and asked.name == number[1]), None)
            line = line[1:]
        if asked is None:
            raise Special("a reply to nothing")
        fields = line.split(b"\t")
        times = len(fields) > 4 and all(re.fullmatch(rb"[0-9]+", field) for field in fields[-4:])
        if times:
            del fields[-4:]
        letter, value = fields[0][:1], fields[0][1:]
        if asked.kind == "L":
            if letter not in (b"O", b"N", b"F") or len(fields) > 1:
                raise Special("no reply to a lookup")
            asked.answer = letter + (lenient(value) if letter == b"O" else b"")
        elif asked.kind == "I":
            if letter == b"O" and len(fields) == 2:
                asked.rows.append((lenient(value), lenient(fields[1])))
                if b"\0" in lenient(fields[1]):
                    raise Special("a value with NUL")
                return None
            if letter not in (b"", b"F") or letter == b"" and fields not in ([b""], [b"", b""]) or len(fields) > 2:
                raise Special("no reply to an iteration")
            asked.answer = letter
        else:
            if letter not in (b"O", b"N", b"F", b"W") or value != asked.name:
                raise Special("no reply to a commit")
            if letter == b"N" and not any(op == "A" for op, _, _ in asked.ops):
                raise Special("N to a transaction without an increment")
            asked.answer = letter
        if asked.answer and b"\0" in asked.answer:
            raise Special("a value with NUL")
        return asked


class SocketmapTalk:
    """A captured connection of Postfix."""

    version = None

    def __init__(self):
        self.owed = []
        self.data = b""
        self.table = None

    def client_line(self, data):
        match = re.fullmatch(rb"([0-9]+):([^ ]*) (.*),", data, re.DOTALL)
        self.table = match[2].decode()
        asked = Asked("P", match[3], table=self.table, key=(f"/{self.table}/{percent(match[3], b'/')}", b""))
        self.owed.append(asked)
        return asked

    def server_bytes(self, data):
        self.data += data
        match = re.match(rb"(0|[1-9][0-9]{0,6}):", self.data)
        if match is None and re.fullmatch(rb"[1-9][0-9]{0,6}", self.data):
            return []
        if match is None:
            raise Special("no netstring")
        end = match.end() + int(match[1])
        if len(self.data) <= end:
            return []
        if self.data[end:] != b"," or not self.owed:
            raise Special("no netstring, or one too many")
        payload, self.data = self.data[match.end():end], b""
        match = re.fullmatch(rb"(OK|NOTFOUND|TEMP|PERM) (.*)", payload, re.DOTALL)
        if match is None or match[1] == b"NOTFOUND" and match[2] or len(payload) > 100000 or b"\0" in match[2]:
            raise Special("no reply of podop's")
        asked = self.owed.pop(0)
        asked.answer = payload if match[1] == b"OK" else match[1]
        return [asked]
