"""A raw client of Dovecot's dict protocol that takes nothing on trust, and a backend that keeps what is written.

`from dict import ...`, as the module's name is also that of a type.
"""

import contextlib
import json
import re
import socket

import harness
from harness import http, shown, to_bytes

VERSIONS = ((2, 0), (2, 1), (2, 2), (3, 2), (4, 0))  # what Dovecots say in their hello
ASYNC_VERSIONS = VERSIONS[1:]  # those that understand async ids

RECURSE, NO_VALUES, EXACT = 1, 8, 16  # flags of an iteration

ESCAPED = {b"\0": b"\x010", b"\x01": b"\x011", b"\t": b"\x01t", b"\r": b"\x01r", b"\n": b"\x01n"}
UNESCAPED = {escaped: byte for byte, escaped in ESCAPED.items()}


def escape(text):
    return re.sub(rb"[\0\x01\t\r\n]", lambda match: ESCAPED[match[0]], to_bytes(text))


def unescape(field):
    """A field that podop wrote: it must be escaped as Dovecot would have done it."""
    if re.search(rb"[\0\t\r\n]|\x01(?![01trn])", field):
        raise AssertionError(f"not escaped: {shown(field)}")
    return re.sub(rb"\x01.", lambda match: UNESCAPED[match[0]], field, flags=re.DOTALL)


def line(command, *fields):
    """One line: the first field follows the command's letter, tabs stand between the others."""
    return to_bytes(command) + b"\t".join(escape(str(field) if isinstance(field, int) else field)
                                          for field in fields) + b"\n"


def hello(version, name="t", user=""):
    return line("H", version[0], version[1], 0, user, name)


class Pending:
    """A request that is owed an answer."""

    def __init__(self, kind, name, flags=0):
        self.kind = kind  # the command's letter
        self.name = name  # what it is about: key, path (of major 2: all paths), transaction id
        self.flags = flags
        self.number = None  # the async id that podop gave it
        self.rows = []  # of an iteration: (key, value)
        self.answer = None  # letter and value or reason; of an iteration b"" at its end, or F and the reason

    def __str__(self):
        return f"{self.kind} {self.name!r}"


class Dict:
    """A client of one of Dovecot's versions. What podop writes must be what that version can stand."""

    def __init__(self, address, version=(4, 0), name="t", user="bob@example.com", greet=True):
        self.sock = harness.connect(address)
        self.version, self.user = version, user
        self.pending = []  # in the order of sending
        self.unordered = {}  # async commits, by their transaction's id
        self._data = bytearray()
        self._packet = None
        self._id = 0
        if greet:
            self.send(hello(version, name, user if version[0] == 2 else ""))

    # sending

    def send(self, data):
        """Sends bytes as they are."""
        if self._packet is None:
            self.sock.sendall(data)
        else:
            self._packet += data

    @contextlib.contextmanager
    def packet(self):
        """Everything sent in its context leaves in one piece at the end."""
        self._packet = bytearray()
        yield
        data, self._packet = self._packet, None
        self.sock.sendall(data)

    def expect(self, kind, name, flags=0):
        """Counts on an answer to a request that is sent by send()."""
        request = Pending(kind, name, flags)
        if kind == "D":
            self.unordered[to_bytes(str(name))] = request
        else:
            self.pending.append(request)
        return request

    def _user_field(self, user):
        if self.version[0] == 2:
            if user is not None:
                raise ValueError("in major 2 the user is in the hello")
            return ()
        return (self.user if user is None else user,)

    def lookup(self, key, user=None):
        self.send(line("L", key, *self._user_field(user)))
        return self.expect("L", key)

    def iterate(self, path, flags=0, limit=0, user=None):
        """An iteration; in major 2 the path may be a list of paths."""
        paths = path if isinstance(path, list) else [path]
        head = (flags,) if self.version == (2, 0) else (flags, limit)
        self.send(line("I", *head, *paths, *self._user_field(user)))
        return self.expect("I", paths, flags)

    def begin(self, number=None, user=None, expire=None):
        """Begins a transaction and returns its id."""
        self._id += 1
        number = self._id if number is None else number
        more = (0 if expire is None else expire,) if self.version[0] >= 4 else ()
        self.send(line("B", number, *self._user_field(user), *more))
        return number

    def set(self, number, key, value):
        self.send(line("S", number, key, value))

    def unset(self, number, key):
        self.send(line("U", number, key))

    def increment(self, number, key, by):
        self.send(line("A", number, key, by))

    def commit(self, number):
        self.send(line("C", number))
        return self.expect("C", number)

    def rollback(self, number):
        self.send(line("R", number))

    def write(self, *changes, user=None, expire=None):
        """A whole transaction: changes are ("set", key, value), ("unset", key) or ("increment", key, number)."""
        number = self.begin(user=user, expire=expire)
        for change, *arguments in changes:
            getattr(self, change)(number, *arguments)
        return self.commit(number)

    # reading

    def read_line(self):
        """The next line without its end, or None at the end of the connection."""
        while (end := self._data.find(b"\n")) < 0:
            try:
                more = self.sock.recv(1 << 20)
            except socket.timeout:
                owed = ", ".join(str(request) for request in self.pending)
                raise AssertionError(f"nothing came; owed: {owed}; read: {shown(bytes(self._data))}") from None
            except ConnectionResetError:
                more = b""
            if not more:
                if self._data:
                    raise AssertionError(f"the connection ended within a line: {shown(bytes(self._data))}")
                return None
            self._data += more
        got = bytes(self._data[:end])
        del self._data[:end + 1]
        return got

    def read(self):
        """Takes one line to where it belongs; False at the end of the connection."""
        got = self.read_line()
        if got is None:
            return False
        try:
            self._take(got)
        except AssertionError as fault:
            raise AssertionError(f"{fault} (protocol {self.version[0]}.{self.version[1]}, line {shown(got)})") from None
        return True

    def wait(self, request):
        """The answer to a request, once it is whole."""
        while request.answer is None:
            if not self.read():
                raise AssertionError(f"connection closed instead of an answer to {request}")
        return request.answer

    def read_end(self):
        """Reads until podop closes the connection, by when it must owe nothing."""
        while self.read():
            pass
        if self.pending or self.unordered:
            raise AssertionError(f"connection closed, still owed: {', '.join(map(str, self.pending))}")

    def get(self, key, user=None):
        return self.wait(self.lookup(key, user))

    def change(self, *changes, user=None, expire=None):
        return self.wait(self.write(*changes, user=user, expire=expire))

    def rows(self, path, flags=0, limit=0, user=None):
        """The rows of an iteration that must succeed, sorted; no key may come twice."""
        request = self.iterate(path, flags, limit, user)
        if (answer := self.wait(request)) != b"":
            raise AssertionError(f"{request} ended with {shown(answer)}")
        keys = [key for key, _ in request.rows]
        if len(set(keys)) != len(keys):
            raise AssertionError(f"{request} has keys twice: {shown(repr(sorted(keys)).encode())}")
        return sorted(request.rows)

    def has_news(self):
        """True if something can be read at once, be it the end of the connection."""
        if self._data:
            return True
        self.sock.settimeout(0)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) is not None
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(harness.GUARD)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    # what a line means

    def _take(self, got):
        if self.version > (2, 0) and got[:1] == b"*":
            self._take_number(got)
        elif self.version > (2, 0) and got[:1] == b"+":
            match = re.fullmatch(rb"\+([1-9][0-9]{0,9})(?:\t(.*))?", got, re.DOTALL)
            owners = [request for request in self.pending if match and request.number == int(match[1])]
            if not owners:
                raise AssertionError("+ with an unknown number")
            self._answer(owners[0], match[2] or b"")
        elif self.unordered and got[:1] == b"A":
            number = re.match(rb"A[ONFW]([0-9]*)", got)
            if number is None or number[1] not in self.unordered:
                raise AssertionError("A of an unknown transaction")
            self._answer(self.unordered[number[1]], got[1:])
        elif self.pending:
            self._answer(self.pending[0], got)
        else:
            raise AssertionError("an answer that nobody waits for")

    def _take_number(self, got):
        match = re.fullmatch(rb"\*([1-9][0-9]{0,9})", got)
        if match is None or int(match[1]) > 0xFFFFFFFF:
            raise AssertionError("* with a number that is none")
        if any(request.number == int(match[1]) for request in self.pending):
            raise AssertionError("* with a number in use")
        owner = next((request for request in self.pending if request.number is None), None)
        if owner is None:
            raise AssertionError("a * too many")
        owner.number = int(match[1])

    def _answer(self, request, got):
        fields = got.split(b"\t")
        if request.kind == "L":
            self._answer_lookup(request, fields)
        elif request.kind == "I":
            self._answer_iterate(request, fields)
        else:
            self._answer_commit(request, fields)
        if request.answer is not None:
            if request.kind == "D":
                del self.unordered[to_bytes(str(request.name))]
            else:
                self.pending.remove(request)

    def _check_times(self, fields):
        if fields and (self.version < (2, 1) or len(fields) != 4 or not all(re.fullmatch(rb"[0-9]+", field)
                                                                            for field in fields)):
            raise AssertionError("further fields that are no times")

    def _answer_lookup(self, request, fields):
        letter, value = fields[0][:1], unescape(fields[0][1:])
        if letter not in (b"O", b"N", b"F") or letter == b"N" and value:
            raise AssertionError(f"no answer to {request}")
        if letter == b"O" and b"\0" in value:
            raise AssertionError("a value with a NUL")
        self._check_times(fields[1:])
        request.answer = letter + value

    def _answer_commit(self, request, fields):
        letter, number = fields[0][:1], fields[0][1:]
        if letter not in (b"O", b"N", b"F", b"W") or number != to_bytes(str(request.name)):
            raise AssertionError(f"no answer to {request}")
        if letter in (b"O", b"N"):
            self._check_times(fields[1:])
            request.answer = letter
        else:
            if len(fields) < 2:
                raise AssertionError("a failure without a reason")
            self._check_times(fields[2:])
            request.answer = letter + unescape(fields[1])

    def _answer_iterate(self, request, fields):
        if fields[0][:1] == b"O":
            if len(fields) != 2:
                raise AssertionError("not a row of key and value")
            key, value = unescape(fields[0][1:]), unescape(fields[1])
            paths = [to_bytes(path) for path in request.name]
            if request.flags & EXACT:
                fits = key in paths
            else:
                fits = any(key.startswith(path) and len(key) > len(path) for path in paths)
            if not fits:
                raise AssertionError(f"a row that does not belong to {request}")
            if b"\0" in key + value:
                raise AssertionError("a row with a NUL")
            if request.flags & NO_VALUES and value:
                raise AssertionError("a value that was not asked for")
            request.rows.append((key, value))
        elif fields[0][:1] == b"F":
            self._check_times(fields[1:])
            request.answer = b"F" + unescape(fields[0][1:])
        elif fields[0] == b"":
            self._check_times([] if fields[1:] == [b""] else fields[2:] if fields[1:2] == [b""] else fields[1:])
            request.answer = b""
        else:
            raise AssertionError(f"no answer to {request}")


class Store:
    """For Backend(default=...): keeps the JSON texts that are written, by request target.

    hold() puts an event before an answer; what a request does happens only after it.
    """

    def __init__(self, values=None):
        self.values = {to_bytes(target): to_bytes(text) for target, text in (values or {}).items()}
        self._held = {}

    def hold(self, method, target, gate):
        """Requests for the target wait until the gate opens."""
        self._held[method, to_bytes(target)] = gate

    def __call__(self, request):
        gate = self._held.get((request.method, request.target))
        return ((gate,) if gate else ()) + ((lambda: self._answer(request)),)

    def _answer(self, request):
        method, target = request.method, request.target
        if method == "GET":
            if target.endswith(b"/"):
                names = [key[len(target):].decode() for key in sorted(self.values) if key.startswith(target)]
                return http(json.dumps(names)) if names else http(status=404)
            return http(self.values[target]) if target in self.values else http(status=404)
        if method == "POST":
            self.values[target] = request.body
            return http(status=204)
        if target not in self.values:
            return http(status=404)
        if method == "DELETE":
            del self.values[target]
        elif method == "PATCH":
            self.values[target] = b"%d" % (int(self.values[target]) + json.loads(request.body)["inc"])
        else:
            return http(status=405)
        return http(status=204)


class DictCase(harness.Case):
    """A test with dict clients."""

    def dict(self, version=(4, 0), address=None, **options):
        client = Dict(address or self.socket, version, **options)
        self.addCleanup(client.close)
        return client

    def check_failure(self, got, table="t", letter="F"):
        """The answer is F (or W) and a printable reason that names the table, where there is one."""
        if got is None or got[:1] != to_bytes(letter):
            self.fail(f"answer is {shown(got)}, not {letter} and a reason")
        reason = got[1:]
        if not reason or re.search(rb"[\x00-\x1f\x7f]", reason):
            self.fail(f"the reason is empty or not printable: {shown(got)}")
        if table and not re.search(rb"(?<![\w-])%s(?![\w-])" % re.escape(to_bytes(table)), reason):
            self.fail(f"the reason does not name table {table}: {shown(got)}")

    def check_dict(self, got, expected, table="t"):
        """`F` and `W` stand for themselves and any reason, everything else is the whole answer."""
        if expected in ("F", "W"):
            self.check_failure(got, table, expected)
        else:
            self.check_payload(got, expected)

    def seen(self, backend):
        """What the backend was asked so far, as (method, target)."""
        return [(request.method, request.target.decode()) for request in list(backend.requests)]
