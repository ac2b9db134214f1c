"""Captured transcripts of Dovecot and Postfix, replayed: podop must answer so that the client would see the same.

A step is what stands below a line `##`. The backend keeps what podop writes; what the captured server knew besides,
or how it failed, is derived from its replies and scripted into the backend just before the request is sent.
"""

import json
import os
import re
from urllib.parse import unquote_to_bytes

import harness
from dict import EXACT, NO_VALUES, RECURSE, UNESCAPED, Dict, DictCase
from harness import CLOSE, Socketmap, http, percent, shown, url_table

METHODS = {"S": "POST", "U": "DELETE", "A": "PATCH"}
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "captures")

# Steps that are not replayed, or (step, n) for the n-th connection of a step, by the captures' kind.
SKIP = {
    "dict-commands": {
        "dict name with space, tab, colon; empty dict name": "tables that podop cannot have",
        ("user name with tab and newline and 0x01", 1):
            "this client sends the user's tab and newline unescaped, which is another line",
    },
    "dict-idle": {
        "server reads the request and closes without a reply: the lookup fails":
            "the server closes instead of a reply, or gives none",
    },
    "dict-multiplex": {
        "plain commit replies in the wrong order: the id in the reply is not looked at, "
        "C1 gets the O2 reply, C2 gets the F1 reply":
            "a form of reply that podop never sends",
        "server closes with two lookups pending": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-commit": {
        "O without id": "a form of reply that podop never sends",
        "O with a wrong id": "a form of reply that podop never sends",
        "F + text without id: the text is lost": "a form of reply that podop never sends",
        "A + O + id (async commit reply, only for D of old clients)": "a form of reply that podop never sends",
        "unknown letter": "a form of reply that podop never sends",
        "empty line": "a form of reply that podop never sends",
        "N, id (set)": "N to a transaction without an increment",
        "reply sent to B (must not be)": "a reply too many",
        "server closes after C, no reply": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-get": {
        "O, invalid UTF-8": "a value that podop refuses: not UTF-8",
        "O, value, extra field that is no timing": "a form of reply that podop never sends",
        "O, unescaped tab in the value: silently cut at the tab": "a form of reply that podop never sends",
        "M, several values (double-escaped list)": "a form of reply that podop never sends",
        "M, single value": "a form of reply that podop never sends",
        "M, empty": "a form of reply that podop never sends",
        "M, timing": "a form of reply that podop never sends",
        "W (not a lookup reply)": "a form of reply that podop never sends",
        "W with fields": "a form of reply that podop never sends",
        "A (not a lookup reply)": "a form of reply that podop never sends",
        "unknown letter": "a form of reply that podop never sends",
        "empty line": "a form of reply that podop never sends",
        "a line of one tab": "a form of reply that podop never sends",
        "lower-case o": "a form of reply that podop never sends",
        "async form, M": "a form of reply that podop never sends",
        "+id without *id": "a form of reply that podop never sends",
        "*id, +other id": "a form of reply that podop never sends",
        "*id, +id without reply part": "a form of reply that podop never sends",
        "O, value with escaped NUL: cut at the NUL by the C string": "a value that podop refuses: NUL",
        "O, value with raw NUL": "bytes that podop escapes or refuses",
        "O, raw CR before LF is taken as line end CRLF": "bytes that podop escapes or refuses",
        "two replies to one request": "a reply too many",
        "server answers to H (it must not): a stray line is taken as the reply of the first request":
            "a reply too many",
        "server sends a line at once after H, before the client has sent anything else": "a reply too many",
        "*id with 0": "a broken async id",
        "*id twice": "a broken async id",
        "*id not a number": "a broken async id",
        "*id beyond 32 bits": "a broken async id",
        "reply without LF, then close": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-iter": {
        "key outside of the asked prefix": "a row that was not asked for",
        "key equal to the prefix": "a row that was not asked for",
        "row with several values": "a form of reply that podop never sends",
        "row without a value field at all: broken": "a form of reply that podop never sends",
        "-V: rows without a value field: broken": "a form of reply that podop never sends",
        "N": "a form of reply that podop never sends",
        "M row": "a form of reply that podop never sends",
        "F after a row, then an empty line too many": "a reply too many",
        "two empty lines": "a reply too many",
        "server closes before the finish line": "the server closes instead of a reply, or gives none",
        "server closes before any row": "the server closes instead of a reply, or gives none",
    },
    "imap-login": {
        ("last_login: commit answered with N / W", 1): "N to a transaction without an increment",
        ("last_login: commit answered with N / W", 3): "N to a transaction without an increment",
    },
    "imap-metadata": {
        "iteration: a row outside of the prefix": "a row that was not asked for",
        "commit answered with N": "N to a transaction without an increment",
    },
    "postmap": {
        "OK, data not UTF-8": "a value that podop refuses: not UTF-8",
        ("map names: with dots, dashes, empty, with a colon", 2): "a table that podop cannot have",
        "NOTFOUND without space": "a status or form that podop never sends here",
        "NOTFOUND with text": "a status or form that podop never sends here",
        "OK without space: not found": "a status or form that podop never sends here",
        "OK, data with NUL: cut": "a value that podop refuses: NUL",
        "ok in lower case": "a status or form that podop never sends here",
        "TEMP alone": "a status or form that podop never sends here",
        "TIMEOUT with reason": "would be a matter of time",
        "unknown status": "a status or form that podop never sends here",
        "empty netstring": "a status or form that podop never sends here",
        "space only": "a status or form that podop never sends here",
        "reply of 100001 bytes": "over what Postfix takes; podop answers PERM",
        "no netstring at all": "no netstring",
        "leading zeros in the length": "no netstring",
        "length without digits": "no netstring",
        "huge length": "no netstring",
        "format error for the first of three keys on stdin": "no netstring",
        "wrong terminator": "no netstring, or one too many",
        "length too short": "no netstring, or one too many",
        "two replies to one request, second key reads the left-over": "no netstring, or one too many",
        "server closes without a reply: one retry on a new connection":
            "the server closes instead of a reply, or gives none",
        "server closes every time: error after the second try": "the server closes instead of a reply, or gives none",
        "server closes in the middle of the reply": "the server closes instead of a reply, or gives none",
    },
    "smtpd-connections": {
        ("server closes instead of a reply, once", 2): "the server closes instead of a reply, or gives none",
        ("server closes instead of a reply, always", 3):
            "the server closes instead of a reply, or gives none",
        ("server closes instead of a reply, always", 2): "the server closes instead of a reply, or gives none",
    },
    "dict-auth": {
        "iteration: row outside of the prefix": "a row that was not asked for",
    },
    "imap-acl": {
        "iteration: row key equal to the prefix": "a row that was not asked for",
    },
}

# Steps in which the captured server was made to forget or change something that the client had written.
CHANGED = {
    "dict-replies-commit": {"N, id (inc)", "N, id, timing (inc)"},
    "quota-dict": {"increment answered with N: recalculation follows in the same session",
                   "negative number stored: recalculated",
                   "stored value is no number: treated as unknown, recalculated",
                   "stored value JSON string with quotes"},
}


class Special(Exception):
    """The captured server did what podop never does."""


# --- reading the captures -------------------------------------------------------------------------------------------


def decode(text):
    """Bytes in the captures' notation."""
    if match := re.fullmatch(r"(.*)\.\.\.\[([0-9]+) bytes in all\]\.\.\.(.*)", text):
        head, tail = decode(match[1]), decode(match[3])
        return head + head[-1:] * (int(match[2]) - len(head) - len(tail)) + tail
    escapes = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
    return re.sub(rb"\\(x([0-9a-f]{2})|.)",
                  lambda match: bytes([int(match[2], 16)]) if match[2] else escapes[match[1]], text.encode())


def lenient(field):
    """A field as Dovecot reads it, whatever the server made of the escapes."""
    return re.sub(rb"\x01(.?)", lambda match: UNESCAPED.get(match[0], match[1]), field, flags=re.DOTALL)


class Capture:
    """A file as its steps: (title, events), an event being (what, connection, bytes)."""

    def __init__(self, name):
        self.name = name
        self.kind = re.sub(r"-(dovecot|postfix)[0-9.]+\.txt$", "", name)
        self.steps = [("", [])]
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            for text in file:
                self._read(text.rstrip("\n"))

    def _read(self, text):
        if text.startswith("## "):
            self.steps.append((text[3:], []))
            return
        text = re.sub(r"^\[ *[0-9.]+\] ", "", text)
        events = self.steps[-1][1]
        if match := re.match(r"([0-9]+)(?: [a-z-]+)? -- (client|server) (connected|closed|closes)", text):
            events.append((match[2] + " " + match[3], match[1], b""))
        elif match := re.match(r"([0-9]+)(?: [a-z-]+)? (>\+|>|<) (.*)", text):
            events.append((match[2], match[1], decode(match[3])))
        elif match := re.match(r"([0-9]+) [a-z-]+: (.*) -> (.*)", text):
            events.extend(((">", match[1], decode(match[2])), ("<", match[1], decode(match[3]))))
        elif match := re.match(r"([0-9]+) !!", text):
            events.append(("error", match[1], b""))
        elif not re.match(r"$|[#$|=]|==|log\||(imap|smtp|lmtp) [CS]:|  \.\.\. ", text):
            raise AssertionError(f"{self.name}: what is {text!r}")


# --- the backend ----------------------------------------------------------------------------------------------------


class Mirror:
    """The default of a backend that keeps what is written, and that can be told how to answer next."""

    def __init__(self):
        self.values = {}  # by target and user of a private key: the JSON text
        self.scripts = {}  # by method and target: steps instead of the answer
        self.gates = {}  # by method and target

    def __call__(self, request):
        where = (request.method, request.target.decode())
        gate = self.gates.get(where)
        steps = self.scripts.get(where) or (lambda: self._answer(request),)
        return ((gate,) if gate else ()) + steps

    def _answer(self, request):
        method, target = request.method, request.target.decode()
        key = (target, unquote_to_bytes("".join(request.header("Podop-User"))))
        if method == "GET" and target.endswith("/"):
            return self._list(*key)
        if method == "POST":
            self.values[key] = request.body.decode()
        elif key not in self.values:
            return http(status=404)
        elif method == "GET":
            return http(self.values[key])
        elif method == "DELETE":
            del self.values[key]
        else:
            self.values[key] = json.dumps(str(int(json.loads(self.values[key])) + json.loads(request.body)["inc"]))
        return http(status=204)

    def _list(self, path, user):
        tail = "/" + percent(user, b"/") if user else ""
        rows = {}
        for (target, owner), text in sorted(self.values.items()):
            if owner == user and target.startswith(path):
                rows[unquote_to_bytes(target[len(path):len(target) - len(tail)]).decode()] = text
        if not rows:
            return http(status=404)
        if len(rows) % 2:  # both forms are answered somewhere
            return http("{%s}" % ",".join(f"{json.dumps(name)}: {text}" for name, text in rows.items()))
        return http(json.dumps(list(rows)))


def as_json(value):
    """What a backend would have answered that the captured server made this value of."""
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
    """Objects and arrays are the same whatever their blanks."""
    if value[:1] in (b"{", b"["):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


# --- what the client of a connection was answered -------------------------------------------------------------------


class Asked:
    """A request as captured, with the reply to it."""

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
    """One connection of Dovecot's as captured: which requests its lines are, which replies belong to them."""

    def __init__(self):
        self.version = self.table = None
        self.user = b""
        self.transactions = {}
        self.owed = []
        self.data = b""

    def client_line(self, line):
        """The request that the line is, or None."""
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
        """The target of a key's URL, and whose it is."""
        scope, name = key.split(b"/", 1)
        if scope != b"priv":
            user = b""
        elif append:
            name += b"/" + user
        return f"/{self.table}/{percent(name, b'/')}", user

    def server_bytes(self, data):
        """The requests that are answered by them, in that order."""
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
            raise Special("a reply that nobody waits for")
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
    """One connection of Postfix's as captured."""

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


# --- the replay -----------------------------------------------------------------------------------------------------


class Replay:
    """A capture, carried out connection by connection in the captured order."""

    def __init__(self, case, capture):
        self.case, self.capture = case, capture
        self.mirror = Mirror()
        self.http = case.backend(default=self.mirror)
        self.model = {}  # by target: what the client must find, None for nothing
        self.written = set()  # those of them that the client wrote
        self.count = 0
        self.plan = self._plan()

    # the plan: pairs requests and replies before anything is sent, so that the backend can be told beforehand

    def _plan(self):
        """Steps as (title, actions); packets hold the requests with their captured replies."""
        skip = SKIP.get(self.capture.kind, {})
        live, ignored, plan = {}, set(), []
        for title, events in self.capture.steps:
            actions = []
            plan.append((title, actions))
            opened, here = 0, {}
            for what, number, data in events:
                if what == "client connected" or number not in live and number not in ignored:
                    opened += 1
                    live.pop(number, None)
                    ignored.discard(number)
                    if (title, opened) in skip or title in skip:
                        ignored.add(number)
                    else:
                        live[number] = [None, None]
                        here[number] = opened
                    if what == "client connected":
                        continue
                if number in ignored or title in skip:
                    if number in live and what == "client closed":
                        actions.append(("close", live.pop(number)[0]))
                    continue
                try:
                    self._plan_event(live, number, what, data, actions)
                except Special as special:
                    raise AssertionError(f"{self.capture.name}, step {title!r}, connection {number} "
                                         f"({here.get(number, 'opened before')}): {special}") from None
        for talk, _ in live.values():
            if talk is not None:
                plan[-1][1].append(("close", talk))
        return plan

    def _plan_event(self, live, number, what, data, actions):
        talk, packet = live[number]
        if talk is None and data:
            talk = live[number][0] = DictTalk() if data[:1] == b"H" else SocketmapTalk()
        if what == ">":
            packet = live[number][1] = ([], [])
            actions.append(("send", talk, packet))
        if what in (">", ">+"):
            packet[0].append(data)
            asked = talk.client_line(data)
            if asked is not None:
                packet[1].append(asked)
        elif what == "<":
            for asked in talk.server_bytes(data):
                actions.append(("answer", talk, asked))
        elif what in ("client closed", "server closes"):
            if talk is not None and (talk.owed or talk.data):
                raise Special("the connection ends and replies are owed")
            if talk is not None:
                actions.append(("close", talk))
            del live[number]
        else:
            raise Special(what)

    # carrying it out

    def run(self):
        tables = {action[1].table for _, actions in self.plan for action in actions if action[1] is not None}
        tables |= {asked.table for _, actions in self.plan for action in actions if action[0] == "send"
                   for asked in action[2][1] if asked.kind == "P"}
        self.case.socket = self.case.path("s")
        podop = self.case.serve(*[url_table(self.http, table, f"/{table}/§", value="string", max_response="16M")
                                  for table in sorted(tables)])
        self.clients = {}
        for title, actions in self.plan:
            self.title = title
            with self.case.subTest(capture=self.capture.name, step=title):
                for action in actions:
                    getattr(self, "_" + action[0])(*action[1:])
        podop.stop()

    def _send(self, talk, packet):
        if talk not in self.clients:
            if talk.version:
                self.clients[talk] = Dict(self.case.socket, talk.version, greet=False)
            else:
                self.clients[talk] = Socketmap(self.case.socket)
            self.case.addCleanup(self.clients[talk].close)
        client = self.clients[talk]
        for asked in packet[1]:
            self._prepare(talk, asked)
            if talk.version:
                name = [path.decode() for path in asked.name] if asked.kind == "I" else asked.name.decode()
                asked.sent = client.expect(asked.kind, name, asked.flags)
        client.send(b"".join(packet[0]))

    def _answer(self, talk, asked):
        client = self.clients[talk]
        asked.gate.set()
        got = client.wait(asked.sent) if talk.version else client.read()
        self.count += 1
        for where in asked.where:
            self.mirror.gates.pop(where, None)
            self.mirror.scripts.pop(where, None)
        self._check(talk, asked, got)

    def _close(self, talk):
        """The connection must still be open: it answers one more lookup, and ends when the client ends it."""
        client = self.clients.pop(talk, None)
        if client is None:
            return
        self.mirror.scripts["GET", f"/{talk.table}/still-open"] = (http(status=404),)
        if talk.version:
            client.send(b"Lshared/still-open" + (b"\n" if talk.version[0] == 2 else b"\t\n"))
            self.case.check_payload(client.wait(client.expect("L", "shared/still-open")), "N")
            client.half_close()
            client.read_end()
        else:
            self.case.check_payload(client.ask(talk.table, "still-open"), "NOTFOUND ")
            client.half_close()
            self.case.assertIsNone(client.read())
        client.close()

    def _know(self, key, text):
        """The captured server knew this value (None: it knew none); the backend has to, without being told twice."""
        if key in self.model and self.model[key] != text:
            if key in self.written and self.title not in CHANGED.get(self.capture.kind, {}):
                self.case.fail(f"{key[0]} was made {shown(repr(self.model[key]).encode())} by the client, "
                               f"and is {shown(repr(text).encode())}")
            del self.model[key]
            self.written.discard(key)
        if key not in self.model:
            self.model[key] = text
            if text is None:
                self.mirror.values.pop(key, None)
            else:
                self.mirror.values[key] = text

    def _prepare(self, talk, asked):
        """Tells the backend what it has to know for the captured reply, and to hold its answer until then."""
        asked.gate = self.http.gate()
        asked.where = [("GET", asked.key[0])] if asked.key else []
        letter = asked.answer[:1]
        if asked.kind == "P":
            self._prepare_lookup(asked, {b"TEMP": http(status=429), b"PERM": http(r'"a\u0000b"')}.get(asked.answer))
        elif asked.kind == "L":
            self._prepare_lookup(asked, http(status=500) if letter == b"F" else None)
        elif asked.kind == "I":
            self._prepare_list(talk, asked)
        else:
            self._prepare_commit(asked)
        for where in asked.where[:1]:
            self.mirror.gates[where] = asked.gate

    def _prepare_lookup(self, asked, failure):
        if failure:
            self.mirror.scripts["GET", asked.key[0]] = (failure,)
        elif asked.key[0].endswith("/"):  # an empty key, which has the target of a list
            self.mirror.scripts["GET", asked.key[0]] = (http(status=404),)
            if asked.answer[:1] != b"N":
                raise AssertionError("a value of the empty key")
        elif asked.answer[:1] == b"N":
            self._know(asked.key, None)
        elif asked.kind == "P":
            value = asked.answer[3:].decode()
            self._know(asked.key, json.dumps(value.split(",") if "," in value else value))
        else:
            self._know(asked.key, as_json(asked.answer[1:]))

    def _prepare_list(self, talk, asked):
        rows = {talk.key(key, asked.user): value for key, value in asked.rows}
        path, user = asked.key
        if asked.answer == b"F":
            self.mirror.scripts["GET", path] = (http(status=500),)
            return
        tail = len("/" + percent(user, b"/")) if user else 0
        for key in list(self.model):
            target, owner = key
            below = owner == user and target.startswith(path) and not asked.flags & EXACT
            deeper = "/" in target[len(path):len(target) - tail]
            if below and key not in rows and (asked.flags & RECURSE or not deeper):
                self._know(key, None)
        for key, value in rows.items():
            if not asked.flags & NO_VALUES or self.model.get(key) is None:
                self._know(key, as_json(value))

    def _prepare_commit(self, asked):
        asked.where = [(METHODS[op], key[0]) for op, key, _ in asked.ops]
        asked.before = len(self.http.requests)
        letter = asked.answer
        if letter == b"F":
            self.mirror.scripts[asked.where[0]] = (http(status=500),)
        elif letter == b"W":
            self.mirror.scripts[asked.where[0]] = (CLOSE,)
        else:
            self._model_commit(asked, letter)

    def _model_commit(self, asked, letter):
        self.written.update(key for _, key, _ in asked.ops)
        for op, key, value in asked.ops:
            if op == "S":
                self.model[key] = json.dumps(value.decode())
            elif op == "U":
                self.model[key] = None
            elif letter == b"N":
                self._know(key, None)
            elif self.model.get(key) is not None:
                self.model[key] = json.dumps(str(int(json.loads(self.model[key])) + int(value)))
            else:
                if key in self.model:
                    self._know(key, '"1000"')
                self.mirror.values[key] = '"1000"'
                self.model.pop(key, None)

    # what podop answered

    def _check(self, talk, asked, got):
        if asked.kind == "P":
            # an empty value is none to Postfix, and podop says so
            expected = "NOTFOUND " if asked.answer in (b"NOTFOUND", b"OK ") else asked.answer
            if expected in (b"TEMP", b"PERM"):
                self.case.check_reason(got, expected.decode(), asked.table)
            else:
                self.case.check_payload(got, expected)
        elif asked.answer[:1] in (b"F", b"W"):
            self.case.check_failure(got, talk.table, asked.answer[:1])
        elif asked.kind == "I":
            self.case.check_payload(got, b"")
            expected = [(key, b"" if asked.flags & NO_VALUES else value) for key, value in asked.rows]
            self.case.assertEqual(*(sorted(((key, meaning(value)) for key, value in rows), key=str)
                                    for rows in (asked.sent.rows, expected)))
        else:
            self.case.assertEqual((got[:1], meaning(got[1:])), (asked.answer[:1], meaning(asked.answer[1:])))
            if asked.kind in "CD":
                self._check_writes(asked)

    def _check_writes(self, asked):
        """The backend was asked for the changes of the transaction, in their order."""
        targets = {key[0] for _, key, _ in asked.ops}
        seen = [(request.method, request.target.decode(), json.loads(request.body or b"null"))
                for request in self.http.requests[asked.before:]
                if request.method != "GET" and request.target.decode() in targets]
        body = {"S": bytes.decode, "U": lambda value: None, "A": lambda value: {"inc": int(value)}}
        expected = [(METHODS[op], key[0], body[op](value)) for op, key, value in asked.ops]
        self.case.assertEqual(seen, expected)


class Captures(DictCase):
    def test_nothing_else_is_left_out(self):
        """Every step named in the tables is in a capture."""
        steps = {}
        for name in NAMES:
            capture = Capture(name)
            steps.setdefault(capture.kind, set()).update(title for title, _ in capture.steps)
        for table in (SKIP, CHANGED):
            with self.subTest(table=table):
                for kind, entries in table.items():
                    named = {entry if isinstance(entry, str) else entry[0] for entry in entries}
                    self.assertEqual(named - steps[kind], set())


def replay(name):
    def test(self):
        done = Replay(self, Capture(name))
        done.run()
        self.assertGreater(done.count, 0)
    return test


NAMES = sorted(name for name in os.listdir(FOLDER) if name.endswith(".txt"))
for file in NAMES:
    setattr(Captures, "test_" + re.sub(r"\W", "_", file[:-4]), replay(file))


if __name__ == "__main__":
    harness.main()
