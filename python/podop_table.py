"""Tables for podop in Python, run by a table of type "program" in podop.conf.

A table is an object with some of these methods, each of them ordinary or ``async``:

    get(key)             returns the value: a text, a number, a list, anything that JSON has; None or KeyError is a miss
    set(key, value)      stores a text
    unset(key)           removes a key; KeyError if it does not exist
    inc(key, by)         adds an int to the number of a key; KeyError if it does not exist
    iterate(path)        returns what is below a path that ends in "/": names without the path, or pairs of name and
                         value, as a list, a dict, a generator or an asynchronous generator
    commit(changes)      makes a transaction, which is a list of Change: all of it, or nothing
    transaction()        instead of commit: returns a context manager around set, unset and inc

``serve({"alias": AliasTable()})`` at the end of the file answers podop. Any exception but KeyError is a temporary
failure, and its text is the reason that Postfix or Dovecot logs. Temporary, Permanent and Uncertain choose the kind of
failure. Uncertain is for a write that may have been made, for example because a connection was lost during its commit.

Without commit and transaction, the changes of a transaction are made one after the other, and the first that fails ends
it. The result is then uncertain, because the changes before it were made. With either of them, a KeyError of inc ends
the whole transaction: nothing of it must remain, and Dovecot is told that the key does not exist.

A method gets more arguments if it has parameters of these names:

    user                 the user whose key it is, or None. A method without it refuses keys that belong to one user.
    expire, timestamp    of set; None if Dovecot did not set them
    recurse, values      of iterate: whether to list names with a "/" in them, and whether values are needed

Tables of the Python podop work unchanged: ``get(key, ns=None)``, ``set(key, value, ns=None)`` and ``iter(cat)``.

``python3 -m podop_table check FILE get KEY`` tries a table without podop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import inspect
import itertools
import json
import os
import queue
import runpy
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

__all__ = ["Change", "Functions", "Miss", "Permanent", "Temporary", "Uncertain", "serve"]

WORKERS = 16  # threads for the methods that are not async
MAX_RESPONSE = 1 << 20  # bytes of an answer if podop sets no limit; the default of its setting max_response
MAX_REQUEST = 64 << 20  # bytes of a request; podop's own limits are far below
MAX_UNDER_WAY = 1000  # requests that are read and not yet answered
PART_ROWS, PART_BYTES = 500, 128 << 10  # of an iteration, in one answer
PART_SECONDS = 1  # then the rows that are there are sent
BATCH = 64  # rows that are taken from a generator in one step
VALUES_AT_ONCE = 8  # lookups of values that an iteration makes at the same time
MAX_REASON = 500  # bytes
MAX_DEPTH = 60  # nested lists in a value; podop allows 64 in a line, and the answer itself has some

Call = Callable[[], Any]
Request = dict[str, Any]
Answer = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


# --- for the authors of tables ---------------------------------------------------------------------------------------


class Miss(KeyError):
    """There is no such key. Any KeyError means the same."""


class Temporary(Exception):
    """The request failed and may succeed later; the text is the reason. So do other exceptions, with their class."""


class Permanent(Exception):
    """The request will always fail; the text is the reason."""


class Uncertain(Exception):
    """A write may have been made completely, in part or not at all; the text is the reason."""


@dataclass(frozen=True)
class Change:
    """One change of a transaction."""

    op: str  # "set", "unset" or "inc"
    key: str
    value: str = ""  # of a set
    by: int = 0  # of an inc
    user: str | None = None  # the user whose key it is; None: all users share it
    expire: int | None = None  # of a set: seconds until the key expires
    timestamp: float | None = None  # of a set: when Dovecot made the change, in seconds since 1970


class Functions:
    """A table of functions instead of methods::

        alias = Functions()

        @alias.get
        def lookup(key):
            ...

        serve({"alias": alias})
    """

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}

    def _keep(self, name: str, function: F) -> F:
        self.functions[name] = function
        return function

    def get(self, function: F) -> F:
        return self._keep("get", function)

    def set(self, function: F) -> F:
        return self._keep("set", function)

    def unset(self, function: F) -> F:
        return self._keep("unset", function)

    def inc(self, function: F) -> F:
        return self._keep("inc", function)

    def iterate(self, function: F) -> F:
        return self._keep("iterate", function)

    def commit(self, function: F) -> F:
        return self._keep("commit", function)

    def transaction(self, function: F) -> F:
        return self._keep("transaction", function)


def serve(tables: Mapping[str, object], *, workers: int = WORKERS, max_response: int | None = None) -> None:
    """Answers podop on standard input and output until podop closes them.

    Ordinary methods run in this number of worker threads, async ones in one event loop, and requests overlap. A
    generator may continue in another thread than it began in. Standard output is reserved for answers: what a table
    prints goes to standard error, as tracebacks do, and so to podop's log.
    """
    service = Service(tables, workers, max_response or most_bytes())
    if os.isatty(0):
        print("requests are expected from podop; python3 -m podop_table check FILE asks by hand", file=sys.stderr)
    requests, answers = take_pipes()
    asyncio.run(Server(service, requests, answers).run())


def most_bytes() -> int:
    """Returns the number of bytes of an answer that podop accepts, which it sets in the environment."""
    text = os.environ.get("PODOP_MAX_RESPONSE", "")
    return int(text) if text.isdecimal() else MAX_RESPONSE


# --- the methods of a table, and their parameters --------------------------------------------------------------------

ARGUMENTS = {"get": 1, "set": 2, "unset": 1, "inc": 2, "iterate": 1, "iter": 1, "commit": 1, "transaction": 0}


class Method:
    """One method of a table."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function
        self.is_async = inspect.iscoroutinefunction(function)
        parameters: list[inspect.Parameter] = []
        with contextlib.suppress(ValueError):  # some functions in C have no signature
            parameters = list(inspect.signature(function).parameters.values())
        self.options = {p.name for p in parameters[ARGUMENTS[name]:] if p.kind in (p.POSITIONAL_OR_KEYWORD,
                                                                                  p.KEYWORD_ONLY)}

    @property
    def is_original(self) -> bool:
        """Whether it is a method for the Python podop."""
        return "ns" in self.options

    def bind(self, *arguments: Any, user: str | None = None, **options: Any) -> Call:
        """Returns the call, with those of the options that the method has parameters for."""
        named = {name: value for name, value in options.items() if name in self.options}
        if self.is_original:
            named["ns"] = user
        elif "user" in self.options:
            named["user"] = user
        elif user is not None and self.name != "iter":  # which returns names only; get is told the user
            raise Permanent(f"{self.name} has no parameter user, and this key is a user's own")
        return functools.partial(self.function, *arguments, **named)


class Table:
    """The methods of a table, by name."""

    def __init__(self, name: str, table: object) -> None:
        self.methods: dict[str, Method] = {}
        for method in ARGUMENTS:
            function = table.functions.get(method) if isinstance(table, Functions) else getattr(table, method, None)
            if callable(function):
                self.methods[method] = Method(method, function)
        if "iter" in self.methods:
            self.methods.setdefault("iterate", self.methods["iter"])
        if not self.methods.keys() & {"get", "set", "iterate"}:
            raise TypeError(f"table {name} has no method get, set or iterate")

    def method(self, name: str) -> Method:
        if name not in self.methods:
            raise Permanent(f"the table has no {name}")
        return self.methods[name]

    def bind_change(self, change: Change) -> tuple[Method, Call]:
        """Returns the method that makes a change, and the call."""
        method = self.method(change.op)
        if change.op == "unset":
            return method, method.bind(change.key, user=change.user)
        if change.op == "inc":
            return method, method.bind(change.key, change.by, user=change.user)
        value = decoded(change.value) if method.is_original else change.value
        return method, method.bind(change.key, value, user=change.user, expire=change.expire,
                                   timestamp=change.timestamp)


def decoded(text: str) -> Any:
    """Returns the value of a text that is JSON, as tables of the Python podop expect it; otherwise the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# --- requests and answers as JSON ------------------------------------------------------------------------------------


def encode(value: Any) -> str:
    """Returns JSON in one line, or raises an exception with the reason. Bytes become text."""
    check_depth(value, MAX_DEPTH + 1)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_text)


def check_depth(value: Any, most: int) -> None:
    """Raises an exception for a value that is nested deeper than podop allows."""
    if isinstance(value, (dict, list, tuple)):
        if most == 0:
            raise ValueError(f"more than {MAX_DEPTH} lists within each other")
        for item in value.values() if isinstance(value, dict) else value:
            check_depth(item, most - 1)


def as_text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON")


def field(request: Request, name: str, kind: type[Any]) -> Any:
    """Returns a mandatory member of a request."""
    value = request.get(name)
    if not isinstance(value, kind):
        raise Permanent(f"a request without {name}")
    return value


def owner(request: Request) -> str | None:
    """Returns the user to whom the key of a request belongs, or None."""
    return str(field(request, "user", str)) if request.get("private") else None


def change_of(request: Request) -> Change:
    """Returns the change that a request, or a part of a transaction, asks for."""
    op, key, user = field(request, "op", str), field(request, "key", str), owner(request)
    if op == "set":
        return Change(op, key, value=field(request, "value", str), user=user, expire=request.get("expire"),
                      timestamp=request.get("timestamp"))
    if op == "inc":
        return Change(op, key, by=field(request, "by", int), user=user)
    if op == "unset":
        return Change(op, key, user=user)
    raise Permanent(f"no such operation: {op}")


def failure(error: BaseException) -> Answer:
    """Returns the answer for an exception. The traceback of an unexpected one goes to the log."""
    if isinstance(error, KeyError):
        return {"status": "miss"}
    text = str(error)
    if not isinstance(error, (Temporary, Permanent, Uncertain)):
        traceback.print_exception(error, file=sys.stderr)
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    line = line.encode()[:MAX_REASON].decode(errors="ignore")
    status = ("permanent" if isinstance(error, Permanent) else
              "uncertain" if isinstance(error, Uncertain) else "temporary")
    return {"status": status, "reason": line or "failed"}


# --- operations ------------------------------------------------------------------------------------------------------


def caught(call: Call) -> tuple[Any, BaseException | None]:
    """Returns what a call returns or raises, as values, because a future cannot hold a StopIteration."""
    try:
        return call(), None
    except BaseException as error:  # pylint: disable=broad-except
        return None, error


@contextlib.contextmanager
def no_miss_after(rows: Sequence[Any]) -> Iterator[None]:
    """Turns a KeyError after the first row into a failure: a partial list must not be taken for none."""
    try:
        yield
    except KeyError as error:
        if rows:
            raise RuntimeError(f"KeyError in the middle of a list: {error}") from error
        raise


def batch(source: Iterator[Any]) -> list[Any]:
    """Returns the next items of an ordinary generator or list."""
    items: list[Any] = []
    with no_miss_after(items):
        for item in itertools.islice(source, BATCH):
            items.append(item)
    return items


class Iteration:
    """A list that is sent in parts."""

    def __init__(self, service: Service, table: Table, request: Request) -> None:
        self.service, self.table = service, table
        self.path, self.user = field(request, "key", str), owner(request)
        self.recurse, self.values = bool(request.get("recurse")), bool(request.get("values"))
        limit = request.get("limit")
        self.left = limit if isinstance(limit, int) and limit > 0 else sys.maxsize
        self.source: Iterator[Any] | AsyncIterator[Any] | None = None
        self.rows: deque[str] = deque()  # rows in JSON that are not sent yet
        self.is_exhausted = self.is_stopped = False
        self.handed_out: list[str] = []  # the rows of the last part

    async def open(self) -> Iterator[Any] | AsyncIterator[Any]:
        """Gets the list from the table."""
        method = self.table.method("iterate")
        result = await self.service.run(method.bind(self.path, user=self.user, recurse=self.recurse,
                                                    values=self.values), method.is_async)
        if isinstance(result, (str, bytes)):
            raise TypeError("iterate gave a text, not a list")
        if isinstance(result, Mapping):
            result = result.items()
        source: Iterator[Any] | AsyncIterator[Any] = aiter(result) if hasattr(result, "__aiter__") else iter(result)
        return source

    async def close(self) -> None:
        """Closes a generator, so that it can clean up."""
        is_async = isinstance(self.source, AsyncIterator)
        close = getattr(self.source, "aclose" if is_async else "close", None)
        try:
            if close is not None:
                await self.service.run(close, is_async)
        except (Exception, SystemExit) as error:  # pylint: disable=broad-except
            failure(error)  # for the log

    async def part(self) -> Answer:
        """Returns the next rows, and whether there are more."""
        with no_miss_after(self.handed_out or self.rows):
            await self.fill()
        rows: list[str] = []
        room = self.service.part_bytes
        while self.rows and len(rows) < PART_ROWS and (not rows or len(self.rows[0].encode()) < room):
            rows.append(self.rows.popleft())
            room -= len(rows[-1].encode()) + 1
        self.handed_out = rows
        return {"status": "ok", "rows": rows, "more": bool(self.rows) or not self.is_exhausted}

    async def fill(self) -> None:
        """Gets as many rows as fit into an answer."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + PART_SECONDS
        if self.source is None:
            self.source = await self.open()
        while not self.is_exhausted and not self.is_stopped and len(self.rows) < PART_ROWS and clock() < deadline:
            if sum(map(len, self.rows)) >= self.service.part_bytes:
                break
            await self.fetch(self.source)

    async def fetch(self, source: Iterator[Any] | AsyncIterator[Any]) -> None:
        """Takes some items from the table, and looks up the values that they lack."""
        items = [self.pair(item) for item in await self.take(source)]
        if not self.recurse:
            items = [item for item in items if "/" not in item[0]]
        items = items[:self.left]
        self.left -= len(items)
        self.is_exhausted = self.is_exhausted or self.left == 0
        for first in range(0, len(items), VALUES_AT_ONCE):
            group = items[first:first + VALUES_AT_ONCE]
            for (name, _, _), value in zip(group, await asyncio.gather(*itertools.starmap(self.value, group))):
                if value is not None or not self.values:
                    self.rows.append(encode([name, value]))

    async def take(self, source: Iterator[Any] | AsyncIterator[Any]) -> list[Any]:
        """Returns the next items of either kind of generator."""
        if isinstance(source, AsyncIterator):
            items: list[Any] = []
            with no_miss_after(items):
                async for item in source:
                    items.append(item)
                    if len(items) == BATCH:
                        break
        else:
            items = await self.service.run(functools.partial(batch, source), False)
        self.is_exhausted = len(items) < BATCH
        return items

    @staticmethod
    def pair(item: Any) -> tuple[str, Any, bool]:
        """Returns the name of an item, its value, and whether it has one."""
        if isinstance(item, str):
            return item, None, False
        name, value = item
        if not isinstance(name, str):
            raise TypeError(f"iterate gave a name of type {type(name).__name__}")
        return name, value, True

    async def value(self, name: str, value: Any, has_value: bool) -> Any:
        """Returns the value of a row; None if it is not needed, or does not exist any more."""
        if not self.values or has_value:
            return value if self.values else None
        try:
            return await self.service.value(self.table, self.path + name, self.user)
        except KeyError:
            return None


class Service:
    """Turns requests into answers."""

    def __init__(self, tables: Mapping[str, object], workers: int, max_response: int) -> None:
        self.tables = {name: Table(name, table) for name, table in tables.items()}
        self.pool = ThreadPoolExecutor(workers, "table")
        self.max_response = max_response
        self.part_bytes = min(PART_BYTES, max_response // 2)
        self.iterations: dict[int, Iteration] = {}  # those that were not stopped, by the request's id

    async def run(self, call: Call, is_async: bool) -> Any:
        """Calls a method of a table, in a worker thread or in the event loop."""
        if is_async:
            return await call()
        result, error = await asyncio.get_running_loop().run_in_executor(self.pool, caught, call)
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    async def answer(self, number: int, request: Request) -> str:
        """Returns the answer to a request as a line, which is always JSON, and never too long."""
        try:
            return self.line(number, await self.operate(number, request))
        except asyncio.CancelledError:
            error: BaseException = Temporary("cancelled")
        except (Exception, SystemExit) as surprise:  # pylint: disable=broad-except
            error = surprise
        if (iteration := self.iterations.pop(number, None)) is not None:
            await iteration.close()
        return self.line(number, failure(error))

    def line(self, number: int, answer: Answer) -> str:
        """Returns an answer in JSON. Its rows are in JSON already."""
        rows: list[str] | None = answer.pop("rows", None)
        line = encode({"id": number, **answer})
        if rows is not None:
            line = f'{line[:-1]},"rows":[{",".join(rows)}]}}'
        if len(line.encode()) > self.max_response:  # encode() raises for half a surrogate pair
            raise Temporary(f"the answer has more than {self.max_response} bytes")
        return line

    async def operate(self, number: int, request: Request) -> Answer:
        op = field(request, "op", str)
        if op == "more":
            if number not in self.iterations:
                raise Temporary("no such iteration")
            return await self.part(number, self.iterations[number])
        name = field(request, "table", str)
        if name not in self.tables:
            raise Temporary(f"no such table in this program: {name}")
        table = self.tables[name]
        if op == "get":
            value = await self.value(table, field(request, "key", str), owner(request))
            return {"status": "miss"} if value is None else {"status": "ok", "value": value}
        if op == "iterate":
            iteration = self.iterations[number] = Iteration(self, table, request)
            return await self.part(number, iteration)
        if op == "commit":
            await self.commit(table, [change_of(change) for change in field(request, "changes", list)])
        else:
            change = change_of(request)
            method, call = table.bind_change(change)
            with missing(change):
                await self.run(call, method.is_async)
        return {"status": "ok"}

    async def value(self, table: Table, key: str, user: str | None) -> Any:
        method = table.method("get")
        return await self.run(method.bind(key, user=user), method.is_async)

    async def part(self, number: int, iteration: Iteration) -> Answer:
        """Returns the next part of an iteration, and closes it after the last one."""
        answer = await iteration.part()
        if iteration.is_stopped or not answer["more"]:
            self.iterations.pop(number, None)
            await iteration.close()
        return answer

    async def commit(self, table: Table, changes: list[Change]) -> None:
        """Makes a transaction by the method of the table, or within its context manager, or change by change."""
        if "commit" in table.methods:
            method = table.methods["commit"]
            await self.run(method.bind(changes), method.is_async)
            return
        calls = [(change, *table.bind_change(change)) for change in changes]
        transaction = table.methods.get("transaction")
        if transaction is not None and not any(method.is_async for _, method, _ in calls):
            await self.run(functools.partial(within, transaction.function, calls), False)
            return
        async with transaction.function() if transaction is not None else contextlib.nullcontext():
            for number, (change, method, call) in enumerate(calls):
                with part_of_many(transaction is None and number > 0), missing(change, is_part=True):
                    await self.run(call, method.is_async)


@contextlib.contextmanager
def missing(change: Change, is_part: bool = False) -> Iterator[None]:
    """Turns a KeyError in a set into a failure, and ignores one of an unset within a transaction."""
    try:
        yield
    except KeyError as error:
        if change.op == "set":
            raise RuntimeError(f"KeyError in set: {error}") from error
        if change.op != "unset" or not is_part:
            raise


@contextlib.contextmanager
def part_of_many(has_made_others: bool) -> Iterator[None]:
    """Turns a failure into Uncertain if other changes were made before, which cannot be undone."""
    try:
        yield
    except (KeyError, Uncertain):
        raise
    except (Exception, SystemExit) as error:  # pylint: disable=broad-except
        if not has_made_others:
            raise
        raise Uncertain(f"changes before this one were made: {failure(error)['reason']}") from error


def within(transaction: Call, calls: Sequence[tuple[Change, Method, Call]]) -> None:
    """Makes a transaction in one thread."""
    with transaction():
        for change, _, call in calls:
            with missing(change, is_part=True):
                call()


# --- pipes to and from podop -----------------------------------------------------------------------------------------


def take_pipes() -> tuple[int, int]:
    """Reserves standard input and output for podop: tables print to standard error, and read nothing."""
    requests, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout.flush()  # what has been printed so far
    sys.stdout = sys.stderr
    return requests, answers


def lines(descriptor: int) -> Iterator[bytes]:
    """Yields whole lines. Reading takes no lock, because this thread is abandoned when the process ends."""
    data = bytearray()
    while chunk := os.read(descriptor, 1 << 16):
        data += chunk
        if b"\n" in chunk:
            *whole, rest = data.split(b"\n")
            data = bytearray(rest)
            yield from whole
        if len(data) > MAX_REQUEST:
            raise ValueError(f"a request of more than {MAX_REQUEST} bytes")


class Server:
    """Reads requests in one thread and writes answers in another, so that neither blocks the event loop."""

    def __init__(self, service: Service, requests: int, answers: int) -> None:
        self.service = service
        self.requests, self.answers = requests, answers
        self.permits = threading.Semaphore(MAX_UNDER_WAY)  # one for each line that is read and not answered
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # answers to be written; None: no more
        self.ended = asyncio.Event()
        self.tasks: dict[int, asyncio.Task[str]] = {}  # by the request's id
        self.endings: set[asyncio.Task[None]] = set()  # of iterations that were stopped

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.ended.set)
        threading.Thread(target=self.read, args=[loop], daemon=True).start()
        writer = threading.Thread(target=self.write)
        writer.start()
        await self.ended.wait()
        while under_way := {*self.tasks.values(), *self.endings}:
            await asyncio.wait(under_way)
        for iteration in self.service.iterations.values():
            await iteration.close()
        self.lines.put(None)
        writer.join()
        self.service.pool.shutdown()

    def read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reads requests, in a thread, as long as there are permits."""
        with contextlib.suppress(RuntimeError):  # the loop has ended before the input
            try:
                for line in lines(self.requests):
                    self.permits.acquire()
                    loop.call_soon_threadsafe(self.accept, line)
            except (OSError, ValueError) as error:
                print(f"podop_table: {error}", file=sys.stderr)
            loop.call_soon_threadsafe(self.ended.set)

    def write(self) -> None:
        """Writes answers, in a thread."""
        is_broken = False
        while (line := self.lines.get()) is not None:
            data = memoryview(line.encode() + b"\n")
            try:
                while data and not is_broken:
                    data = data[os.write(self.answers, data):]
            except OSError:
                is_broken = True  # podop has ended, and the input with it; requests under way still finish
            self.permits.release()

    def accept(self, line: bytes) -> None:
        """Starts a request."""
        try:
            request = json.loads(line)
            number, op = request["id"], request["op"]
            if not isinstance(number, int):
                raise TypeError(number)
        except (ValueError, LookupError, TypeError, RecursionError):
            print(f"podop_table: not a request: {line[:200]!r}", file=sys.stderr)
            self.permits.release()
            return
        if op in ("stop", "cancel"):
            self.forget(number)
            self.permits.release()
            return
        task = asyncio.create_task(self.service.answer(number, request), name=op)
        self.tasks[number] = task
        task.add_done_callback(functools.partial(self.done, number))

    def done(self, number: int, task: asyncio.Task[str]) -> None:
        """Sends an answer; a task that was cancelled before it began has none."""
        cancelled = self.service.line(number, failure(Temporary("cancelled")))
        self.lines.put(cancelled if task.cancelled() else task.result())
        if self.tasks.get(number) is task:
            del self.tasks[number]

    def forget(self, number: int) -> None:
        """Ends a request whose answer is not needed any more. It is answered in any case."""
        task = self.tasks.get(number)
        iteration = self.service.iterations.pop(number, None)
        if iteration is not None:
            iteration.is_stopped = True  # if it is busy, it closes itself
            if task is None:
                ending = asyncio.create_task(iteration.close())
                self.endings.add(ending)
                ending.add_done_callback(self.endings.discard)
        elif task is not None and task.get_name() == "get":
            task.cancel()


# --- trying a table by hand ------------------------------------------------------------------------------------------

WORDS = {"get": ("key",), "set": ("key", "value"), "unset": ("key",), "inc": ("key", "by"), "iterate": ("key",)}
FOUND, MISSED, USAGE, FAILED = 0, 1, 64, 75  # exit status


class Parser(argparse.ArgumentParser):
    """Reports wrong usage as the other programs of podop do."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n{self.format_usage()}")


class Served(BaseException):
    """Raised by serve() in a file that is tried: what it would serve."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service


def load(file: str) -> Service | None:
    """Runs a file up to its serve(), and returns what that would serve; None if it does not call serve()."""
    from unittest import mock  # pylint: disable=import-outside-toplevel # not needed by tables

    def instead(tables: Mapping[str, object], *, workers: int = WORKERS, max_response: int | None = None) -> None:
        raise Served(Service(tables, workers, max_response or most_bytes()))

    sys.argv = [file]
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    try:
        with mock.patch("podop_table.serve", instead):
            runpy.run_path(file, run_name="__main__")
    except Served as served:
        return served.service
    return None


def request_of(options: argparse.Namespace, tables: Sequence[str]) -> Request:
    """Returns the request of a command line, or raises a ValueError with the reason."""
    op, *words = options.words
    if op not in WORDS:
        raise ValueError(f"no such operation: {op}; there are: {' '.join(WORDS)}")
    names = WORDS[op]
    if len(words) == len(names) and len(tables) == 1:
        words.insert(0, tables[0])
    if len(words) != len(names) + 1:
        raise ValueError(f"{op} takes {' '.join(['TABLE', *names])}; the tables are: {' '.join(tables)}")
    request: Request = {"op": op, **dict(zip(("table", *names), words)), "recurse": options.recurse,
                        "values": not options.no_values, "limit": options.limit}
    if "by" in request:
        request["by"] = int(request["by"])
    if options.user is not None:
        request |= {"user": options.user, "private": True}
    return request


def show(answer: Answer) -> int:
    """Prints an answer as text and returns the exit status."""
    def text(value: Any) -> str:
        return value if isinstance(value, str) else encode(value)

    if answer["status"] == "miss":
        return MISSED
    if answer["status"] != "ok":
        print(f"{answer['status']}: {answer['reason']}", file=sys.stderr)
        return FAILED
    if "value" in answer:
        print(text(answer["value"]))
    for name, value in answer.get("rows", []):
        print(name if value is None else f"{name}\t{text(value)}")
    return FOUND


async def ask(service: Service, request: Request) -> int:
    """Sends the requests that podop would send, and prints the answers."""
    while True:
        answer = json.loads(await service.answer(1, request))
        status = show(answer)
        if not answer.get("more"):
            return status
        request = {"op": "more"}


def main() -> int:
    """python3 -m podop_table"""
    parser = Parser(prog="python3 -m podop_table", usage="%(prog)s check FILE [OP [TABLE] KEY [VALUE|BY]] [options]",
                    description="Tries the tables of a file without podop. OP is get, set, unset, inc or iterate; "
                    "without it, the tables are named.",
                    epilog="Exit status: 0 found or done, 1 a miss, 64 wrong usage, 75 a failure.")
    parser.add_argument("check", choices=["check"], help=argparse.SUPPRESS)
    parser.add_argument("file", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--user", help="the key belongs to this user")
    parser.add_argument("--recurse", action="store_true", help="iterate: also names with a / in them")
    parser.add_argument("--no-values", action="store_true", help="iterate: only names")
    parser.add_argument("--limit", type=int, default=0, help="iterate: maximum number of rows")
    options = parser.parse_intermixed_args()
    service = load(options.file)
    if service is None:
        print(f"{options.file} does not call serve()", file=sys.stderr)
        return USAGE
    if not options.words:
        for name, table in service.tables.items():
            print(f"{name}: {' '.join(method for method in table.methods if method != 'iter')}")
        return FOUND
    try:
        request = request_of(options, list(service.tables))
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE
    return asyncio.run(ask(service, request))


if __name__ == "__main__":
    import podop_table  # the module that the file of a table imports, which is another object than this one

    sys.exit(podop_table.main())
