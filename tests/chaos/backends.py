"""HTTP backends and the program of the program table, all of one store, which fail when the world says so.

A mutant is a backend or a client that breaks a promise on purpose: the checks have to find it.
"""

import asyncio
import collections
import contextlib
import json
import os
import socket
import urllib.parse

from model import MISS, now
from world import Span

JSON = b"Content-Type: application/json\r\n"


def http(status, body=b"", more=b""):
    length = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Status\r\n%s%s%s\r\n%s" % (status, JSON if body else b"", more, length, body)


class Service:
    """The answers of every backend and program, from one store."""

    def __init__(self, world):
        self.world = world
        self.random = world.random

    def get(self, space, name):
        """Returns the JSON text of a key or of the names in a directory, or MISS."""
        if name.endswith("/"):
            names = sorted(self.world.by_directory[space, name[:-1]])
            return json.dumps([full[len(name):] for full in names]) if names else MISS
        mutant = self.world.options.mutant
        if mutant and self.random.random() < 0.01:
            if mutant == "swap":
                name = self.random.choice([key for key in self.world.items if key[0] == space])[1]
            elif mutant == "miss":
                return MISS
            elif mutant == "old":
                item = self.world.item(space, name)
                return item.values[max(0, len(item.values) - 3)]
        item = self.world.items.get((space, name))
        return item.value if item else MISS

    def change(self, space, name, kind, value, number, is_answered=True):
        """Makes a change; returns False if an increment finds no key."""
        world = self.world
        if kind == "inc" and world.item(space, name).value is MISS:
            world.books.applied(space, name, kind, value, number, is_answered)
            return False
        if world.options.mutant == "lose" and self.random.random() < 0.02:
            return True
        if kind == "set":
            world.put(space, name, value)
        elif kind == "unset":
            world.put(space, name, MISS)
        else:
            world.put(space, name, str(int(world.item(space, name).value) + value))
        world.books.applied(space, name, kind, seen(value) if kind == "set" else value, number, is_answered)
        if world.options.mutant == "twice" and self.random.random() < 0.02:
            self.again = asyncio.get_running_loop().call_later(
                0.3, lambda: self.change(space, name, kind, value, number))
        return True

    def refuse(self, space, name, kind, value, number=None):
        """Does not make a change, but remembers the request."""
        self.world.books.find(space, name, kind, str(value) if kind == "set" else value, number)

    def commit(self, space, changes, number, is_answered=True):
        """Makes all changes or none; returns False if an increment finds no key."""
        for change in changes:
            if change["op"] == "inc" and self.world.item(space, change["key"]).value is MISS:
                for other in changes:
                    self.refuse(space, other["key"], other["op"], other.get("value"), number)
                return False
        for change in changes:
            value = change.get("value")
            if change["op"] == "set":
                value = str(value) if str(value).isdigit() else json.dumps(value)
            self.change(space, change["key"], change["op"], value, number, is_answered)
        return True


def seen(text):
    return text[1:-1] if text[:1] == '"' else text


def number_of(timestamp):
    """Returns the number of a transaction, which is in the nanoseconds of its timestamp, or None."""
    return int(timestamp.rpartition(".")[2]) // 1000 if timestamp else None


class Connection(asyncio.Protocol):
    """One connection of podop to a backend."""

    def __init__(self, backend):
        self.backend = backend
        self.data = b""
        self.served = 0
        self.is_over = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.backend.connections.add(self)
        if transport.get_extra_info("socket").family != socket.AF_UNIX:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.backend.is_frozen:
            transport.pause_reading()

    def connection_lost(self, fault):
        self.is_over = True
        self.backend.connections.discard(self)

    def eof_received(self):
        self.is_over = True

    def data_received(self, data):
        self.data += data
        if self.backend.thawed_at > now() - 0.5:  # a client that has left has no requests any more
            asyncio.get_running_loop().call_later(0.03, self.parse)
        else:
            self.parse()

    def parse(self):
        end = self.data.find(b"\r\n\r\n")
        if self.is_over or end < 0:
            return
        first, *lines = self.data[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(self.data) - end - 4 < length:
            return
        body = self.data[end + 4:end + 4 + length]
        self.data = self.data[end + 4 + length:]
        method, target, _ = first.split(" ")
        self.served += 1
        self.backend.serve(self, method, target, headers, body)

    def write(self, data):
        if not self.is_over:
            self.transport.write(data)

    def close(self):
        self.is_over = True
        self.transport.close()

    def reset(self):
        self.is_over = True
        self.transport.abort()


class Backend:
    """A server at some addresses or on a unix socket."""

    def __init__(self, name, world, service, addresses, path=None, is_named=False):
        self.name, self.world, self.service = name, world, service
        self.addresses, self.path, self.is_named = list(addresses), path, is_named
        self.random = world.random
        self.servers = {}
        self.connections = set()
        self.outages = []
        self.is_frozen = self.is_5xx = False
        self.thawed_at = 0.0
        self.kept_fault_rate = 0.0  # of requests on kept connections
        self.kept_ends = collections.deque(maxlen=300)  # when it ended such connections
        self.latency = 0.0
        self.hanging = 0
        world.backends[name] = self

    # availability

    async def listen(self):
        loop = asyncio.get_running_loop()
        if self.path:
            if os.path.exists(self.path):
                os.unlink(self.path)
            self.servers[None] = await loop.create_unix_server(lambda: Connection(self), self.path, backlog=512)
            return
        for address in self.addresses:
            await self.listen_at(address)

    async def listen_at(self, address):
        if address not in self.servers:
            self.servers[address] = await asyncio.get_running_loop().create_server(
                lambda: Connection(self), *address, backlog=512, reuse_address=True)

    def leave(self, address):
        """Closes one address with its connections."""
        span = Span("left an address")
        span.close()
        self.outages.append(span)
        self.servers.pop(address).close()
        for connection in list(self.connections):
            if connection.transport.get_extra_info("sockname") == address:
                connection.reset()

    async def restart(self, seconds, is_gone=False):
        """The service is gone for so long."""
        span = self.begin("refused")
        addresses = list(self.servers)
        for server in self.servers.values():
            server.close()
        self.servers.clear()
        if self.path and is_gone:
            with contextlib.suppress(FileNotFoundError):  # since Python 3.13, close() has removed it
                os.unlink(self.path)
        for connection in list(self.connections):
            if self.random.random() < 0.5:
                connection.reset()
            else:
                connection.close()
        await asyncio.sleep(seconds)
        if self.path:
            await self.listen()
        for address in addresses:
            if address is not None:
                await self.listen_at(address)
        self.end(span)

    async def freeze(self, seconds):
        """The service takes connections and reads nothing."""
        span = self.begin("frozen")
        self.is_frozen = True
        for connection in self.connections:
            connection.transport.pause_reading()
        await asyncio.sleep(seconds)
        self.is_frozen, self.thawed_at = False, now()
        for connection in self.connections:
            if not connection.transport.is_closing():
                connection.transport.resume_reading()
        await asyncio.sleep(0.05)
        self.end(span)

    async def fail(self, seconds):
        """The service answers 5xx to everything."""
        span = self.begin("5xx")
        self.is_5xx = True
        await asyncio.sleep(seconds)
        self.is_5xx = False
        self.end(span)

    def begin(self, kind):
        self.world.happens("backend " + kind, self.name)
        span = Span(kind)
        self.outages.append(span)
        del self.outages[:-60]
        return span

    def end(self, span):
        span.close()
        self.world.note(f"backend {span.kind} {self.name} is over after {span.seconds(now()):.3f}s")

    # answering

    def serve(self, connection, method, target, headers, body):
        self.world.requests[f"http {method}"] += 1
        if method == "GET" and connection.served > 1 and self.random.random() < self.kept_fault_rate:
            return self.end_kept(connection)
        space, name = (urllib.parse.unquote(part) for part in target[1:].split("/", 1))
        fault = self.world.fault_of(space, name, self)
        if method == "GET":
            if self.is_5xx:
                fault = "503"
            return self.later(connection, lambda: self.answer_get(connection, space, name, fault))
        number = number_of(headers.get("podop-timestamp", ""))
        if space == "commit-all":
            names = [change["key"] for change in json.loads(body)["ops"]]
            fault = next(filter(None, (self.world.fault_of("commit", key, self) for key in names)), None)
        if self.is_5xx:
            fault = "500"
        return self.later(connection,
                          lambda: self.answer_write(connection, method, space, name, body, number, fault))

    def later(self, connection, answer):
        delay = self.latency + (self.random.random() * 0.02 if self.random.random() < 0.2 else 0)
        if delay:
            asyncio.get_running_loop().call_later(delay, lambda: connection.is_over or answer())
        else:
            answer()

    def end_kept(self, connection):
        self.world.happens("kept connection ended", self.name)
        self.kept_ends.append(now())
        how = self.random.randrange(4)
        if how == 0:
            connection.write(http(408, b"", b"Connection: close\r\n"))
        elif how == 1:
            connection.write(b"\r\n")
        elif how == 2:
            connection.write(b"0\r\n\r\n")
        connection.close()

    def answer_get(self, connection, space, name, fault):
        value = self.service.get(space, name)
        good = http(404) if value is MISS else http(200, value.encode())
        loop = asyncio.get_running_loop()
        if fault is None:
            connection.write(good)
        elif fault in ("500", "503"):
            connection.write(http(int(fault), b'"out of order"'))
        elif fault == "close":
            connection.close()
        elif fault == "reset":
            connection.reset()
        elif fault == "truncate":
            connection.write(good[:len(good) - 2] if value is not MISS else good[:12])
            connection.close()
        elif fault == "drip":
            for position in range(len(good)):
                loop.call_later(0.04 * position, connection.write, good[position:position + 1])
        # else it hangs

    def answer_write(self, connection, method, space, name, body, number, fault):
        if self.world.options.mutant == "false-f" and self.random.random() < 0.02:
            self.make(method, space, name, body, number, True)
            return connection.write(http(500))
        if fault == "500":
            return connection.write(http(500))
        is_made = fault is None or fault == "503" or self.random.random() < 0.5
        status = self.make(method, space, name, body, number, fault is None) if is_made else 500
        if fault is None:
            connection.write(http(status))
        elif fault == "503":  # the status of a proxy whose service made the change
            connection.write(http(self.random.choice((502, 503, 504))))
        elif fault in ("close", "truncate"):
            connection.close()
        elif fault == "reset":
            connection.reset()
        return None

    def make(self, method, space, name, body, number, is_answered):
        service = self.service
        if space == "commit-all":
            return 204 if service.commit("commit", json.loads(body)["ops"], number, is_answered) else 404
        if method == "POST":
            service.change(space, name, "set", body.decode(), number, is_answered)
        elif method == "DELETE":
            existed = self.world.item(space, name).value is not MISS
            service.change(space, name, "unset", None, number, is_answered)
            return 204 if existed else 404
        elif not service.change(space, name, "inc", json.loads(body)["inc"], number, is_answered):
            return 404
        return 204


class Program(asyncio.Protocol):
    """One process of the program table, at the far end of its relay."""

    def __init__(self, world, service, programs):
        self.world, self.service, self.programs = world, service, programs
        self.data = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.programs.add(self)

    def connection_lost(self, fault):
        self.programs.discard(self)

    def die(self):
        self.world.program_deaths.append(now())
        self.world.happens("program dies")
        self.transport.abort()

    def data_received(self, data):
        *lines, self.data = (self.data + data).split(b"\n")
        for line in lines:
            request = json.loads(line, parse_float=str)
            self.world.requests["program " + request["op"]] += 1
            answer = self.answer(request)
            if answer is not None:
                self.transport.write(json.dumps({"id": request["id"], **answer}).encode() + b"\n")

    def answer(self, request):
        operation, key = request["op"], request.get("key")
        if operation in ("stop", "cancel", "more", "iterate"):
            return None if operation in ("stop", "cancel") else {"status": "permanent"}
        keys = [key] if key is not None else [change["key"] for change in request["changes"]]
        fault = next(filter(None, (self.world.fault_of("prog", name, None) for name in keys)), None)
        if operation == "get":
            if fault:
                return {"status": "temporary", "reason": "out of order"} if fault in ("500", "503") else None
            value = self.service.get("prog", key)
            return {"status": "miss"} if value is MISS else {"status": "ok", "value": json.loads(value)}
        changes = [{**change, "value": change.get("by", change.get("value"))}
                   for change in (request["changes"] if operation == "commit" else [request])]
        number = number_of(next((change["timestamp"] for change in (request, *changes) if "timestamp" in change), ""))
        if fault in ("500", "503") or fault and self.world.random.random() < 0.5:
            for change in changes:
                self.service.refuse("prog", change["key"], change["op"], change["value"], number)
            return {"status": "temporary", "reason": "out of order"} if fault in ("500", "503") else None
        is_good = self.service.commit("prog", changes, number, fault is None)
        return None if fault else {"status": "ok" if is_good else "miss"}
