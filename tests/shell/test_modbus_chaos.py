"""Whatever devices say and whenever, a value that is returned is the value that was asked for.

Every register holds its unit and its own address, so an answer to another question cannot look right.
Lies are drawn at random; the seed is in the test's name.
"""

import asyncio
import random

import pytest

from drivers.wire import Read
from edge.model.site import Line
from edge.shell.outcome import Counts, WireError
from edge.shell.ports import serial_line, tcp
from tests.fakes import liars
from tests.fakes.liars import Device, PtyLine, TcpHost

UNITS = (1, 3, 4)  # numbers that are function codes too, which confuses readers that hunt for frames
TIMEOUT_MS = 60
QUESTIONS = 40


def truth(unit: int, address: int) -> int:
    return unit << 12 | address


def devices(dice: random.Random, *, worst: bool) -> dict[int, Device]:
    """worst: also lies that a serial frame cannot carry any proof against."""
    lies = [
        liars.truth, liars.truth, liars.truth, liars.lost, liars.truncated, liars.other_unit,
        liars.other_function, liars.fewer, liars.more, liars.refused(6), liars.drip(0.002),
        liars.late(0.08), liars.late(0.2), liars.late(0.3), liars.noise(b"\1\3\4"), liars.doubled(),
    ]  # fmt: skip
    if not worst:
        lies += [liars.garbled, liars.stray(b"\0\1"), liars.stray(b"\4\3\4\0")]

    def lie(unit, pdu, frame):
        return dice.choice(lies)(unit, pdu, frame)

    return {u: Device({a: truth(u, a) for a in range(300)}, always=lie) for u in UNITS}


async def ask_much(wire, dice: random.Random) -> tuple[int, Counts]:
    answered, counts = 0, Counts()
    for _ in range(QUESTIONS):
        unit, address, size = dice.choice(UNITS), dice.randrange(290), dice.choice((2, 2, 2, 4))
        if not wire.connected:
            await wire.open()
        try:
            words = await wire.ask(
                Read(unit, dice.choice(("holding", "input")), address, size), TIMEOUT_MS, counts
            )
        except WireError:
            continue
        assert words == tuple(truth(unit, address + n) for n in range(size))
        answered += 1
    wire.close()
    return answered, counts


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_on_a_serial_line(framing, seed):
    dice = random.Random(seed)
    with PtyLine(devices(dice, worst=False), framing=framing) as line:

        async def story():
            wire = serial_line(Line("a", line.port, framing=framing))
            answered, counts = await ask_much(wire, dice)
            assert answered > 3
            assert counts.errors > 0 and counts.timeouts > 0

        asyncio.run(story())


@pytest.mark.parametrize("seed", range(2))
def test_on_tcp(seed):
    dice = random.Random(seed)
    with TcpHost(devices(dice, worst=True)) as host:

        async def story():
            answered, _ = await ask_much(tcp("127.0.0.1", host.port), dice)
            assert answered > 3

        asyncio.run(story())
