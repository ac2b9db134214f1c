"""A connection to podop, and the encoding of both protocols."""

import asyncio
import contextlib
import re

from model import now

ESCAPED = {b"\0": b"\x010", b"\x01": b"\x011", b"\t": b"\x01t", b"\r": b"\x01r", b"\n": b"\x01n"}
UNESCAPED = {escaped: byte for byte, escaped in ESCAPED.items()}
GUARD = 60.0


def escape(text):
    return re.sub(rb"[\0\x01\t\r\n]", lambda match: ESCAPED[match[0]], str(text).encode())


def unescape(field):
    return re.sub(rb"\x01.", lambda match: UNESCAPED[match[0]], field, flags=re.DOTALL).decode()


def line(command, *fields):
    return command.encode() + b"\t".join(map(escape, fields)) + b"\n"


def netstring(text):
    data = text.encode()
    return b"%d:%s," % (len(data), data)


class Ended(Exception):
    """The connection is over, or nothing came for far too long."""


class Wire(asyncio.Protocol):
    """A connection to podop."""

    def __init__(self):
        self.data = bytearray()
        self.is_over = False
        self.ended_at = None
        self.waiter = None
        self.transport = None

    @classmethod
    async def connect(cls, world):
        """Connects as soon as podop is there."""
        loop = asyncio.get_running_loop()
        while not world.is_over:
            with contextlib.suppress(OSError):
                if world.random.random() < 0.5:
                    return (await loop.create_unix_connection(cls, world.socket_path))[1]
                return (await loop.create_connection(cls, *world.inet))[1]
            await asyncio.sleep(0.05)
        raise asyncio.CancelledError

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        self._wake()

    def connection_lost(self, fault):
        self.is_over, self.ended_at = True, now()
        self._wake()

    def _wake(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(True)

    def write(self, data):
        self.transport.write(data)

    def close(self):
        self.transport.abort()

    async def more(self):
        """Waits until there is more than before."""
        if self.is_over:
            raise Ended("connection closed")
        loop = asyncio.get_running_loop()
        self.waiter = loop.create_future()
        guard = loop.call_later(GUARD, lambda: self.waiter.done() or self.waiter.set_result(False))
        is_news = await self.waiter
        guard.cancel()
        if not is_news:
            raise Ended("nothing came")

    async def line(self):
        while (end := self.data.find(b"\n")) < 0:
            await self.more()
        found = bytes(self.data[:end])
        del self.data[:end + 1]
        return found

    async def netstring(self):
        while (end := self.data.find(b":")) < 0:
            await self.more()
        length = int(self.data[:end])
        while len(self.data) < end + length + 2:
            await self.more()
        found = bytes(self.data[end + 1:end + 1 + length])
        if self.data[end + 1 + length] != ord(","):
            raise ValueError("not a netstring")
        del self.data[:end + length + 2]
        return found
