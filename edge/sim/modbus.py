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

import struct
from collections.abc import Mapping
from typing import Protocol

from edge.sim.registers import (
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    Refused,
    Table,
    Words,
    packed,
    words_of,
)

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
TABLES: dict[int, Table] = {READ_HOLDING: "holding", READ_INPUT: "input"}
BROADCAST = 0


class Unit(Protocol):
    """What answers under one unit id."""

    @property
    def silent(self) -> bool:
        """Whether requests are swallowed: the device is off, unplugged or asleep."""

    def heard(self) -> None:
        """A good request for this unit has come: what watchdogs wait for."""

    def read(self, table: Table, address: int, count: int) -> Words:
        """Return the registers, or raise Refused."""

    def write(self, table: Table, address: int, words: Words) -> None:
        """Take the registers, or raise Refused."""


Units = Mapping[int, Unit]


def reply_pdu(unit: Unit, pdu: bytes) -> bytes:
    """Return a unit's answer to one request PDU, exceptions included."""
    try:
        return _do(unit, pdu[0], pdu[1:])
    except Refused as refusal:
        return bytes((pdu[0] | 0x80, refusal.code))


def _do(unit: Unit, function: int, body: bytes) -> bytes:
    if function in TABLES and len(body) == 4:
        address, count = struct.unpack(">HH", body)
        if not 1 <= count <= 125:
            raise Refused(ILLEGAL_VALUE)
        words = unit.read(TABLES[function], address, count)
        return bytes((function, 2 * len(words))) + packed(words)
    if function == WRITE_ONE and len(body) == 4:
        address, value = struct.unpack(">HH", body)
        unit.write("holding", address, (value,))
        return bytes((function,)) + body
    if function == WRITE_MANY and len(body) >= 5:
        address, count, size = struct.unpack(">HHB", body[:5])
        if size != 2 * count or len(body) != 5 + size or not 1 <= count <= 123:
            raise Refused(ILLEGAL_VALUE)
        unit.write("holding", address, words_of(body[5:]))
        return bytes((function,)) + body[:4]
    raise Refused(ILLEGAL_FUNCTION if function not in (3, 4, 6, 16) else ILLEGAL_VALUE)


def _answer(units: Units, unit_id: int, pdu: bytes) -> bytes | None:
    unit = units.get(unit_id)
    if unit is None or unit.silent or not pdu:
        return None
    unit.heard()
    return reply_pdu(unit, pdu)


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
    if buffer[1] not in (15, WRITE_MANY):
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
                reply_pdu(unit, pdu)

    def silence(self) -> None:
        """Forget what is not a whole request: the line went quiet."""
        self.garbled += bool(self.buffer)
        self.buffer = b""
