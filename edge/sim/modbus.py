"""A Modbus server's side of the protocol: request bytes in, reply bytes out.  No socket, no port, no clock.

Rule 1: a unit that is not there, or is silent, says nothing; it does not answer with an exception.
Rule 2: every whole request in the buffer is answered, in order; clients may pipeline.
Rule 3: garbage is dropped and never wedges the receiver.

Why not pymodbus' server: it answers for every unit on a line (exception 4 instead of silence), answers
only the first of pipelined TCP requests, and stays silent for good after garbage on a TCP connection
(seen with pymodbus 3.16.1).  A simulator that outside clients and fault tests lean on may do none of it,
and devices that are silent on purpose are half of its job.

Source: Modbus Application Protocol V1.1b3; Messaging on TCP/IP V1.0b, 3.1; Serial Line V1.02, 2.5.1, 6.2.2.
"""

import contextlib
import struct
from collections.abc import Mapping
from typing import Protocol

from edge.sim.registers import (
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    NoAnswer,
    Refused,
    Table,
    Words,
    packed,
    words_of,
)

WRITE_COIL, WRITE_ONE, WRITE_COILS, WRITE_MANY = 5, 6, 15, 16
BIT_TABLES: dict[int, Table] = {1: "coil", 2: "discrete"}
TABLES: dict[int, Table] = {3: "holding", 4: "input"}
COIL_ON = 0xFF00
BROADCAST = 0


class Unit(Protocol):
    """What answers under one unit id."""

    @property
    def silent(self) -> bool:
        """Whether requests are swallowed: the device is off, unplugged or asleep."""

    def heard(self) -> None:
        """A good request for this unit has come: what watchdogs wait for."""

    def read(self, table: Table, address: int, count: int) -> Words:
        """Return the registers, or raise Refused or NoAnswer."""

    def write(self, table: Table, address: int, words: Words, function: int) -> None:
        """Take the registers, or raise Refused."""


Units = Mapping[int, Unit]


def reply_pdu(unit: Unit, pdu: bytes) -> bytes:
    """Return a unit's answer to one request PDU, exceptions included."""
    try:
        return _do(unit, pdu[0], pdu[1:])
    except Refused as refusal:
        return bytes((pdu[0] | 0x80, refusal.code))


def _do(unit: Unit, function: int, body: bytes) -> bytes:
    if function in (*TABLES, *BIT_TABLES) and len(body) == 4:
        return _read(unit, function, *struct.unpack(">HH", body))
    if function in (WRITE_ONE, WRITE_COIL) and len(body) == 4:
        address, value = struct.unpack(">HH", body)
        if function == WRITE_COIL and value not in (0, COIL_ON):
            raise Refused(ILLEGAL_VALUE)
        table: Table = "holding" if function == WRITE_ONE else "coil"
        unit.write(table, address, (value if function == WRITE_ONE else int(value == COIL_ON),), function)
        return bytes((function,)) + body
    if function in (WRITE_MANY, WRITE_COILS) and len(body) >= 5:
        address, count, size = struct.unpack(">HHB", body[:5])
        expected = 2 * count if function == WRITE_MANY else (count + 7) // 8
        if size != expected or len(body) != 5 + size or not 1 <= count <= 123:
            raise Refused(ILLEGAL_VALUE)
        if function == WRITE_MANY:
            unit.write("holding", address, words_of(body[5:]), function)
        else:
            unit.write("coil", address, bits_of(body[5:], count), function)
        return bytes((function,)) + body[:4]
    known = function in (*TABLES, *BIT_TABLES, WRITE_COIL, WRITE_ONE, WRITE_COILS, WRITE_MANY)
    raise Refused(ILLEGAL_VALUE if known else ILLEGAL_FUNCTION)


def _read(unit: Unit, function: int, address: int, count: int) -> bytes:
    if not 1 <= count <= 125:
        raise Refused(ILLEGAL_VALUE)
    if function in TABLES:
        data = packed(unit.read(TABLES[function], address, count))
    else:
        data = packed_bits(unit.read(BIT_TABLES[function], address, count))
    return bytes((function, len(data))) + data


def packed_bits(bits: Words) -> bytes:
    """Return bits as bytes, the first in the lowest bit."""
    return bytes(sum(bit << n for n, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def bits_of(data: bytes, count: int) -> Words:
    """Return the first `count` bits of bytes."""
    return tuple(data[n // 8] >> n % 8 & 1 for n in range(count))


def _answer(units: Units, unit_id: int, pdu: bytes) -> bytes | None:
    unit = units.get(unit_id)
    if unit is None or unit.silent or not pdu:
        return None
    unit.heard()
    try:
        return reply_pdu(unit, pdu)
    except NoAnswer:
        return None


class TcpFrames:
    """One TCP connection's buffer."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.buffer = b""

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """Return what to send, and whether the connection is still worth keeping.

        A wrong protocol id or an impossible length cannot be re-synchronised on a stream: close it.
        """
        self.buffer += data
        out = b""
        while len(self.buffer) >= 7:
            tid, protocol, length, unit_id = struct.unpack(">HHHB", self.buffer[:7])
            if protocol != 0 or not 2 <= length <= 254:
                return out, False
            if len(self.buffer) < 6 + length:
                break
            pdu, self.buffer = self.buffer[7 : 6 + length], self.buffer[6 + length :]
            answer = _answer(self.units, unit_id, pdu)
            if answer is not None:
                out += struct.pack(">HHHB", tid, 0, len(answer) + 1, unit_id) + answer
        return out, True


def crc16(frame: bytes) -> bytes:
    """Return the two check bytes, low byte first.  Source: Serial Line V1.02, 6.2.2."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def request_length(buffer: bytes) -> int | None:
    """Return how long the RTU request at the start of the buffer is; None where more is needed."""
    if len(buffer) < 2:
        return None
    if buffer[1] not in (WRITE_COILS, WRITE_MANY):
        return 8  # all other functions of these devices have two words behind them
    return 9 + buffer[6] if len(buffer) > 6 else None


class RtuFrames:
    """The receiver of all simulated units behind one port of a serial line.

    Frames are told apart by their length and check, and by `silence` (3.5 characters or a little more
    without a byte), which the port reports.
    """

    def __init__(self, units: Units) -> None:
        self.units = units
        self.buffer = b""
        self.garbled = 0

    def take(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (unit, whole reply frame) for each request that is now complete."""
        self.buffer += data
        replies = []
        while (length := request_length(self.buffer)) is not None and len(self.buffer) >= length:
            frame = self.buffer[:length]
            if crc16(frame[:-2]) != frame[-2:]:
                break  # wait for silence: nothing on a line tells where the next request starts
            self.buffer = self.buffer[length:]
            if frame[0] == BROADCAST:
                self._broadcast(frame[1:-2])
                continue
            answer = _answer(self.units, frame[0], frame[1:-2])
            if answer is not None:
                reply = frame[:1] + answer
                replies.append((frame[0], reply + crc16(reply)))
        return replies

    def _broadcast(self, pdu: bytes) -> None:
        for unit in self.units.values():
            if not unit.silent:
                unit.heard()
                with contextlib.suppress(NoAnswer):
                    reply_pdu(unit, pdu)

    def silence(self) -> None:
        """Forget what is not a whole request: the line went quiet."""
        self.garbled += bool(self.buffer)
        self.buffer = b""


def lrc(frame: bytes) -> int:
    """Return the check byte of ASCII framing.  Source: Serial Line V1.02, 6.2.1."""
    return -sum(frame) & 0xFF


class AsciiFrames:
    """The receiver of all simulated units behind one port of a line with ASCII framing.

    start: what a unit's answers begin with, where it is not ":".  sleepy: units that only wake at a request
    and answer it when it comes again (ABL).
    """

    def __init__(self, units: Units, start: Mapping[int, str], sleepy: frozenset[int]) -> None:
        self.units, self.start, self.sleepy = units, start, sleepy
        self.buffer = b""
        self.garbled = 0
        self._woken_by = b""

    def take(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (unit, whole reply frame) for each request that is now complete."""
        self.buffer += data
        replies = []
        while (end := self.buffer.find(b"\r\n")) >= 0:
            line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
            frame = self._frame(line[line.rfind(b":") :])
            if frame is None:
                self.garbled += 1
                continue
            if frame[0] in self.sleepy and frame != self._woken_by:
                self._woken_by = frame
                continue
            self._woken_by = b""
            answer = _answer(self.units, frame[0], frame[1:])
            if answer is not None:
                reply = frame[:1] + answer
                text = self.start.get(frame[0], ":") + (reply + bytes((lrc(reply),))).hex().upper() + "\r\n"
                replies.append((frame[0], text.encode()))
        return replies

    @staticmethod
    def _frame(line: bytes) -> bytes | None:
        try:
            frame = bytes.fromhex(line[1:].decode("ascii"))
        except ValueError:
            return None
        whole = line[:1] == b":" and len(frame) >= 3 and lrc(frame[:-1]) == frame[-1]
        return frame[:-1] if whole else None

    def silence(self) -> None:
        """Silence means little here: characters may be a second apart.  Only a flood is forgotten."""
        if len(self.buffer) > 1024:
            self.buffer = b""
            self.garbled += 1
