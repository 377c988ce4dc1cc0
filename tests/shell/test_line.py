"""The paced line carries bytes at the rate of a real one, and punishes talking at once."""

import asyncio
import os
import threading
import time
import tty

import pytest

from drivers.wire import Read
from edge.model.site import Line
from edge.shell.outcome import Refused, Silent
from edge.shell.ports import serial_line
from edge.sim.line import PacedLine
from tests.fakes.liars import crc16


@pytest.fixture
def line():
    it = PacedLine(19200, "8E1")
    thread = threading.Thread(target=it.run, daemon=True)
    it.begin = thread.start
    yield it
    it.stop()
    thread.join(5)


def opened(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    return fd


def test_bytes_take_their_time(line):
    left, right = opened(line.end()), opened(line.end())
    line.begin()
    began = time.monotonic()
    os.write(left, bytes(100))
    got = b""
    while len(got) < 100:
        got += os.read(right, 100)
    took = time.monotonic() - began
    assert 100 * 11 / 19200 <= took < 1.4 * 100 * 11 / 19200
    assert line.counted.collisions == 0


def test_two_at_once_are_garbled_and_counted(line):
    left, middle, right = (opened(line.end()) for _ in range(3))
    line.begin()
    os.write(left, b"\0" * 20)
    os.write(right, b"\0" * 20)
    time.sleep(0.1)
    assert any(os.read(middle, 100))
    assert line.counted.collisions >= 1


def test_the_wire_keeps_the_silence_between_frames(line):
    """A station here hears a frame only if 3.5 characters of silence end it, as a real one does."""
    heard = []

    def station(frame: bytes) -> bytes | None:
        heard.append(frame)
        message = bytes((1, 3, 4, 0, 7, 0, 8))
        return message + crc16(message) if frame[:1] == b"\1" and crc16(frame[:-2]) == frame[-2:] else None

    path = line.end()
    line.station(station)
    line.begin()

    async def ask():
        wire = serial_line(Line("a", path), physical=True)
        await wire.open()
        for _ in range(20):
            assert await wire.ask(Read(1, "holding", 0, 2), 100) == (7, 8)
        with pytest.raises(Silent):
            await wire.ask(Read(2, "holding", 0, 2), 50)
        assert await wire.ask(Read(1, "holding", 0, 2), 100) == (7, 8)
        wire.close()

    asyncio.run(ask())
    assert {len(frame) for frame in heard} == {8}, "no two frames run together"
    assert (line.counted.collisions, line.counted.crowded) == (0, 0)


def test_a_request_without_silence_before_it_is_lost(line):
    """The stations must punish a hurried master, or the test above proves nothing."""
    heard = []

    def station(frame: bytes) -> bytes:
        heard.append(frame)
        return b"answer"

    fd = opened(line.end())
    line.station(station)
    line.begin()
    for _ in range(50):  # a busy machine may be no hurried master: then again
        os.write(fd, b"first")
        got = b""
        while len(got) < 6:
            got += os.read(fd, 100)
        before = len(heard)
        os.write(fd, b"second")
        while len(heard) == before:
            time.sleep(0.001)
        if heard[-1] == b"\0second":
            break
        while len(got) < 12:
            got += os.read(fd, 100)
    assert heard[-2:] == [b"first", b"\0second"]
    assert line.counted.crowded


def test_a_refusal_is_shorter_and_therefore_sooner(line):
    """The fastest that a line can carry is reckoned with what came, not with what was hoped for."""

    def station(frame: bytes) -> bytes | None:
        message = bytes((1, 0x83, 2))
        return message + crc16(message)

    path = line.end()
    line.station(station)
    line.begin()

    async def ask():
        wire = serial_line(Line("a", path), physical=True)
        await wire.open()
        with pytest.raises(Refused):
            await wire.ask(Read(1, "holding", 0, 125), 200)
        wire.close()

    asyncio.run(ask())
