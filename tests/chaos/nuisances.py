"""Clients that misbehave: each may do harm to itself only."""

import asyncio

from clients import Client, Dict, Socketmap
from model import now
from wire import Ended, Wire, line, netstring


async def stall(world):
    """Asks for much, reads nothing for a while, and leaves."""
    world.happens("client stalls")
    wire = await Wire.connect(world)
    wire.transport.pause_reading()
    table = world.random.choice([world.tables[name] for name in ("plain", "cached", "unixt")])
    if world.random.random() < 0.5:
        wire.write(line("H", 4, 0, 0, "", table.name))
        for number in range(64):
            if world.random.random() < 0.5:
                wire.write(line("I", 0, 0, "shared/long/", ""))
            else:
                wire.write(line("L", f"shared/huge{number % 3}", ""))
    else:
        wire.write(b"".join(netstring(f"{table.name} big{number % 4}") for number in range(300)))
    if world.random.random() < 0.7:
        await asyncio.sleep(world.random.uniform(1, 8))
    else:
        await stay(world, wire, table)
    wire.close()


async def stay(world, wire, table):
    """Reads nothing for so long that podop must have hung up."""
    start = now()
    # twice, as the kernel takes some bytes at first
    patience = 2 * max(table.t_max for table in world.tables.values()) + 2
    while now() - start - world.lost.seconds(start, now()) < patience and not world.is_over:
        await asyncio.sleep(0.1)
    wire.transport.resume_reading()
    last, read = now(), -1
    while not wire.is_over and now() - last < 5 and not world.is_over:
        if len(wire.data) != read:
            last, read = now(), len(wire.data)
        await asyncio.sleep(0.1)
    was_much = len(wire.data) > 2000000  # less than that may be in buffers of the kernel
    is_excused = world.is_over or any(span.meets(start, now()) for span in world.restarts)
    if was_much and not wire.is_over and not is_excused:
        world.violations.add("a client that reads nothing stays", f"{table.name}: it got {len(wire.data)} bytes")


async def leave(world):
    """Asks, and leaves before the answers."""
    world.happens("client leaves")
    wire = await Wire.connect(world)
    if world.random.random() < 0.5:
        asked = [world.choose_lookup() for _ in range(40)]
        wire.write(b"".join(netstring(f"{table.name} {name}") for table, name in asked))
    else:
        table = world.tables["plain"]
        wire.write(line("H", 3, 2, 0, "", table.name))
        for _ in range(20):
            wire.write(line("L", "shared/" + world.choose_name(table), ""))
        wire.write(line("I", 0, 0, "shared/dir/", "") + line("B", 7, "") + line("S", 7, "shared/never", "made"))
    await asyncio.sleep(world.random.choice((0, 0.001, 0.01, 0.1)))
    wire.close()


async def send_half(world):
    """Begins a request and does not end it."""
    world.happens("client sends a half")
    wire = await Wire.connect(world)
    hello = b"H4\t0\t0\t\tplain\n"
    wire.write(world.random.choice((b"12:plai", b"99", hello + b"Lshared/s", b"H4", hello + b"B1\tu\n")))
    await asyncio.sleep(world.random.uniform(0.1, 5))
    wire.close()


async def send_garbage(world):
    """Sends what is no request; podop hangs up."""
    world.happens("client sends garbage")
    wire = await Wire.connect(world)
    wire.write(world.random.choice((b"GET / HTTP/1.1\r\n\r\n", bytes(world.random.randrange(256) for _ in range(500)),
                                    b"99999999999:", b"H9\t0\t0\t\tplain\n", b"5:plain;5:plain,")))
    await asyncio.sleep(world.random.uniform(0.1, 2))
    wire.close()


async def flood(world):
    """Asks for hundreds of keys at once, and reads all answers."""
    world.happens("client floods")
    client: Client
    if world.random.random() < 0.5:
        client = postfix = Socketmap(world)
        postfix.wire = await Wire.connect(world)
        asked = postfix.ask([world.choose_lookup(is_quick=True) for _ in range(300)], is_timed=False)
    else:
        table = world.tables[world.random.choice(("plain", "cached", "unixt"))]
        client = dovecot = Dict(world, table, (4, 0), "bob")
        await dovecot.connect()
        for _ in range(300):
            dovecot.lookup(world.choose_name(table), factor=100)
        dovecot.flush()
        asked = dovecot.answers()
    try:
        await asked
    except (Ended, ValueError) as fault:
        client.ended(fault)
    client.wire.close()


ALL = {"stall": stall, "leave": leave, "halves": send_half, "garbage": send_garbage, "flood": flood}
