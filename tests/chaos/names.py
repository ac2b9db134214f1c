"""Name servers that answer well, badly or not at all."""

import asyncio
import collections
import struct

from world import Span

TYPES = {"A": 1, "MX": 15, "AAAA": 28}
MAIL_HOST = "mail.chaos.test"
MODES = {"servfail": 2, "formerr": 1, "refused": 5, "referral": 0, "silent": None, "dead": None}


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


class Zone:
    """The records that all name servers have."""

    def __init__(self):
        self.addresses = {}  # name: list of IPv4 addresses
        self.addresses6 = {}
        self.ttl = 1

    def answer(self, name, kind):
        """Returns the records, or None if there is no such name."""
        if name in self.addresses:
            if kind == TYPES["A"]:
                return [(kind, bytes(map(int, address.split(".")))) for address in self.addresses[name]]
            return [(kind, data) for data in self.addresses6.get(name, ())] if kind == TYPES["AAAA"] else []
        if name.endswith(".mx.test"):
            host = MAIL_HOST if name.startswith("hit") else "mail.elsewhere.test"
            return [(kind, struct.pack("!H", 10) + wire_name(host))] if kind == TYPES["MX"] else []
        return None


class NameServer(asyncio.DatagramProtocol):
    """One server; its mode is the way in which it fails, or None."""

    def __init__(self, address, zone, world):
        self.address, self.zone, self.world = address, zone, world
        self.mode = None
        self.bad = collections.deque(maxlen=60)
        self.transport = None
        world.name_servers.append(self)

    async def listen(self):
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self.address, 53))

    async def turn(self, mode):
        """Fails in a way from now on, or no longer."""
        if self.mode is not None:
            self.bad[-1].close()
        if mode is not None:
            self.world.happens("name server " + mode)
            self.bad.append(Span(mode))
        if mode == "dead":  # no server listens: the kernel refuses at once
            self.transport.close()
        elif self.mode == "dead":
            await self.listen()
        self.mode = mode

    def connection_made(self, transport):
        self.transport = transport

    def error_received(self, fault):
        pass

    def datagram_received(self, data, peer):
        self.world.requests["dns"] += 1
        if self.mode == "silent" or len(data) < 17:
            return
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        kind = struct.unpack_from("!H", data, at + 1)[0]
        name, question = ".".join(labels).lower(), data[12:at + 5]
        if self.world.fault_of("dns", name, None):
            return
        records = self.zone.answer(name, kind)
        code = 3 if records is None else 0
        flags = 0x8180
        if self.mode is not None:
            records, code = [], MODES[self.mode]
            flags = 0x8100 if self.mode == "referral" else flags
        packed = b"".join(b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, self.zone.ttl, len(data)) + data
                          for kind, data in records or ())
        head = data[:2] + struct.pack("!5H", flags | code, 1, len(records or ()), 0, 0)
        self.transport.sendto(head + question + packed, peer)
