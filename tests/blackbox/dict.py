"""A raw client of Dovecot's dict protocol that checks each line that podop writes.

Import names from here with `from dict import ...`, as the module's name is also that of a type.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import harness
from harness import Address, Backend, shown, to_bytes

Version: TypeAlias = tuple[int, int]
Text: TypeAlias = str | bytes

VERSIONS = ((2, 0), (2, 1), (2, 2), (3, 2), (4, 0))  # that releases of Dovecot send in their hello
ASYNC_VERSIONS = VERSIONS[1:]  # those that understand async ids

RECURSE, NO_VALUES, EXACT = 1, 8, 16  # flags of an iteration

ESCAPED = {b"\0": b"\x010", b"\x01": b"\x011", b"\t": b"\x01t", b"\r": b"\x01r", b"\n": b"\x01n"}
UNESCAPED = {escaped: byte for byte, escaped in ESCAPED.items()}


def escape(text: Text) -> bytes:
    """Escapes a field as Dovecot does."""
    return re.sub(rb"[\0\x01\t\r\n]", lambda match: ESCAPED[match[0]], to_bytes(text))


def unescape(field: bytes) -> bytes:
    """Decodes a field that podop wrote; fails if Dovecot would have escaped it in another way."""
    if re.search(rb"[\0\t\r\n]|\x01(?![01trn])", field):
        raise AssertionError(f"not escaped: {shown(field)}")
    return re.sub(rb"\x01.", lambda match: UNESCAPED[match[0]], field, flags=re.DOTALL)


def line(command: Text, *fields: Text | int) -> bytes:
    """Encodes one line: the first field follows the command's letter, tabs stand between the fields."""
    return to_bytes(command) + b"\t".join(escape(str(field) if isinstance(field, int) else field)
                                          for field in fields) + b"\n"


def hello(version: Version, name: str = "t", user: str = "") -> bytes:
    """Encodes the hello of a version of the protocol."""
    return line("H", version[0], version[1], 0, user, name)


class Pending:
    """A request whose answer has not come yet."""

    def __init__(self, kind: str, name: Any, flags: int = 0) -> None:
        self.kind = kind  # the command's letter
        self.name = name  # the key, the paths or the transaction id
        self.flags = flags
        self.number: int | None = None  # the async id that podop gave it
        self.rows: list[tuple[bytes, bytes]] = []  # of an iteration: (key, value)
        self.answer: bytes | None = None  # letter and value or reason; of an iteration b"", or F and the reason

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"


class Dict(harness.Connection):
    """A client that speaks one version of the protocol, and fails on a line that this version does not allow."""

    def __init__(self, address: Address, version: Version = (4, 0), name: str = "t", user: str = "bob@example.com",
                 greet: bool = True) -> None:
        super().__init__(address)
        self.version, self.user = version, user
        self.pending: list[Pending] = []  # in the order of sending
        self.unordered: dict[bytes, Pending] = {}  # async commits, by the id of their transaction
        self._packet: bytearray | None = None
        self._id = 0
        if greet:
            self.send(hello(version, name, user if version[0] == 2 else ""))

    # sending

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        if self._packet is None:
            self.sock.sendall(data)
        else:
            self._packet += data

    @contextlib.contextmanager
    def packet(self) -> Iterator[None]:
        """Collects what is sent in its context and sends it in one piece at the end."""
        packet = self._packet = bytearray()
        yield
        self._packet = None
        self.sock.sendall(packet)

    def expect(self, kind: str, name: Any, flags: int = 0) -> Pending:
        """Notes that an answer is due to a request that was sent with send()."""
        request = Pending(kind, name, flags)
        if kind == "D":
            self.unordered[to_bytes(str(name))] = request
        else:
            self.pending.append(request)
        return request

    def _user_field(self, user: str | None) -> tuple[str, ...]:
        if self.version[0] == 2:
            if user is not None:
                raise ValueError("in major 2 the user is in the hello")
            return ()
        return (self.user if user is None else user,)

    def lookup(self, key: Text, user: str | None = None) -> Pending:
        """Sends a lookup."""
        self.send(line("L", key, *self._user_field(user)))
        return self.expect("L", key)

    def iterate(self, path: Text | list[Any], flags: int = 0, limit: int = 0, user: str | None = None) -> Pending:
        """Sends an iteration; in major 2 the path may be a list of paths."""
        paths = path if isinstance(path, list) else [path]
        head = (flags,) if self.version == (2, 0) else (flags, limit)
        self.send(line("I", *head, *paths, *self._user_field(user)))
        return self.expect("I", paths, flags)

    def begin(self, number: Any = None, user: str | None = None, expire: int | None = None) -> Any:
        """Begins a transaction and returns its id."""
        self._id += 1
        number = self._id if number is None else number
        more = (0 if expire is None else expire,) if self.version[0] >= 4 else ()
        self.send(line("B", number, *self._user_field(user), *more))
        return number

    def set(self, number: Any, key: Text, value: Text) -> None:
        """Sends a change of a transaction: sets a key."""
        self.send(line("S", number, key, value))

    def unset(self, number: Any, key: Text) -> None:
        """Sends a change of a transaction: removes a key."""
        self.send(line("U", number, key))

    def increment(self, number: Any, key: Text, by: Any) -> None:
        """Sends a change of a transaction: adds to a number."""
        self.send(line("A", number, key, by))

    def commit(self, number: Any) -> Pending:
        """Sends the commit of a transaction."""
        self.send(line("C", number))
        return self.expect("C", number)

    def rollback(self, number: Any) -> None:
        """Sends the rollback of a transaction, to which no answer is due."""
        self.send(line("R", number))

    def write(self, *changes: tuple[Any, ...], user: str | None = None, expire: int | None = None) -> Pending:
        """Sends a whole transaction: changes are ("set", key, value), ("unset", key) or ("increment", key, number)."""
        number = self.begin(user=user, expire=expire)
        for change, *arguments in changes:
            getattr(self, change)(number, *arguments)
        return self.commit(number)

    # reading

    def read_line(self) -> bytes | None:
        """Returns the next line without its end, or None at the end of the connection."""
        while (end := self._data.find(b"\n")) < 0:
            due = ", ".join(str(request) for request in self.pending)
            if not self._receive(1 << 20, f"a line (answers due: {due})"):
                return None
        got = bytes(self._data[:end])
        del self._data[:end + 1]
        return got

    def read(self) -> bool:
        """Reads one line and hands it to its request; False at the end of the connection."""
        got = self.read_line()
        if got is None:
            return False
        try:
            self._take(got)
        except AssertionError as fault:
            raise AssertionError(f"{fault} (protocol {self.version[0]}.{self.version[1]}, line {shown(got)})") from None
        return True

    def wait(self, request: Pending) -> bytes:
        """Reads until the answer to a request is whole, and returns it."""
        while request.answer is None:
            if not self.read():
                raise AssertionError(f"connection closed instead of an answer to {request}")
        return request.answer

    def read_end(self) -> None:
        """Reads until podop closes the connection; every answer must have come by then."""
        while self.read():
            pass
        if self.pending or self.unordered:
            raise AssertionError(f"connection closed, no answer yet to {', '.join(map(str, self.pending))}")

    def get(self, key: Text, user: str | None = None) -> bytes:
        """Sends a lookup and returns its answer."""
        return self.wait(self.lookup(key, user))

    def change(self, *changes: tuple[Any, ...], user: str | None = None, expire: int | None = None) -> bytes:
        """Sends a transaction and returns the answer to its commit."""
        return self.wait(self.write(*changes, user=user, expire=expire))

    def rows(self, path: Text | list[Any], flags: int = 0, limit: int = 0,
             user: str | None = None) -> list[tuple[bytes, bytes]]:
        """Returns the sorted rows of an iteration, which must succeed and send no key twice."""
        request = self.iterate(path, flags, limit, user)
        if (answer := self.wait(request)) != b"":
            raise AssertionError(f"{request} ended with {shown(answer)}")
        keys = [key for key, _ in request.rows]
        if len(set(keys)) != len(keys):
            raise AssertionError(f"{request} has keys twice: {shown(repr(sorted(keys)).encode())}")
        return sorted(request.rows)

    # assigning lines to requests

    def _take(self, got: bytes) -> None:
        if self.version > (2, 0) and got[:1] == b"*":
            self._take_number(got)
        elif self.version > (2, 0) and got[:1] == b"+":
            match = re.fullmatch(rb"\+([1-9][0-9]{0,9})(?:\t(.*))?", got, re.DOTALL)
            owners = [request for request in self.pending if match and request.number == int(match[1])]
            if not match or not owners:
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
            raise AssertionError("an answer to no request")

    def _take_number(self, got: bytes) -> None:
        match = re.fullmatch(rb"\*([1-9][0-9]{0,9})", got)
        if match is None or int(match[1]) > 0xFFFFFFFF:
            raise AssertionError("* with an invalid number")
        if any(request.number == int(match[1]) for request in self.pending):
            raise AssertionError("* with a number in use")
        owner = next((request for request in self.pending if request.number is None), None)
        if owner is None:
            raise AssertionError("* without a request that it could belong to")
        owner.number = int(match[1])

    def _answer(self, request: Pending, got: bytes) -> None:
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

    def _check_times(self, fields: list[bytes]) -> None:
        if fields and (self.version < (2, 1) or len(fields) != 4 or not all(re.fullmatch(rb"[0-9]+", field)
                                                                            for field in fields)):
            raise AssertionError("further fields that are not times")

    def _answer_lookup(self, request: Pending, fields: list[bytes]) -> None:
        letter, value = fields[0][:1], unescape(fields[0][1:])
        if letter not in (b"O", b"N", b"F") or letter == b"N" and value:
            raise AssertionError(f"not an answer to {request}")
        if letter == b"O" and b"\0" in value:
            raise AssertionError("a value with a NUL")
        self._check_times(fields[1:])
        request.answer = letter + value

    def _answer_commit(self, request: Pending, fields: list[bytes]) -> None:
        letter, number = fields[0][:1], fields[0][1:]
        if letter not in (b"O", b"N", b"F", b"W") or number != to_bytes(str(request.name)):
            raise AssertionError(f"not an answer to {request}")
        if letter in (b"O", b"N"):
            self._check_times(fields[1:])
            request.answer = letter
        else:
            if len(fields) < 2:
                raise AssertionError("a failure without a reason")
            self._check_times(fields[2:])
            request.answer = letter + unescape(fields[1])

    def _answer_iterate(self, request: Pending, fields: list[bytes]) -> None:
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
            raise AssertionError(f"not an answer to {request}")


class DictCase(harness.Case):
    """A test with dict clients."""

    def dict(self, version: Version = (4, 0), address: Address | None = None, **options: Any) -> Dict:
        """Connects a dict client."""
        client = Dict(address or self.socket, version, **options)
        self.addCleanup(client.close)
        return client

    def check_failure(self, got: bytes | None, table: str | None = "t", letter: str = "F") -> None:
        """Fails unless the answer is F (or W) and a printable reason, which names the table if there is one."""
        if got is None or got[:1] != to_bytes(letter):
            self.fail(f"answer is {shown(got)}, not {letter} and a reason")
        reason = got[1:]
        if not reason or re.search(rb"[\x00-\x1f\x7f]", reason):
            self.fail(f"the reason is empty or not printable: {shown(got)}")
        if table and not re.search(rb"(?<![\w-])%s(?![\w-])" % re.escape(to_bytes(table)), reason):
            self.fail(f"the reason does not name table {table}: {shown(got)}")

    def check_dict(self, got: bytes | None, expected: Text, table: str | None = "t") -> None:
        """Checks a whole answer; `F` and `W` stand for themselves with any reason."""
        if isinstance(expected, str) and expected in ("F", "W"):
            self.check_failure(got, table, expected)
        else:
            self.check_payload(got, expected)

    def seen(self, backend: Backend) -> list[tuple[str, str]]:
        """Returns the requests to the backend so far, as (method, target)."""
        return [(request.method, request.target.decode()) for request in list(backend.requests)]
