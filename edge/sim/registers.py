"""The registers of one simulated Modbus unit: what each address says, and what a write does.

Rule 1: nothing here is shared with drivers/: a wrong row or a wrong codec there must show as a
        difference, not be wrong twice in the same way.
Rule 2: a row is evaluated when it is read, so a register never shows a stale moment of its own.
Rule 3: a write covers whole fields; half a float is refused (as the devices do).

Values are plain numbers in the manual's own unit (V, A, W, kWh …): the physics side converts.
"""

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Table = Literal["holding", "input", "coil", "discrete"]
Words = tuple[int, ...]

# Modbus exception codes.  Source: Modbus Application Protocol V1.1b3, section 7.
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4


class Refused(Exception):
    """The unit answers with an exception.  code: of the Modbus specification."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


def words_of(packed: bytes) -> Words:
    """Return big-endian bytes as registers, the first bytes in the lowest address."""
    return struct.unpack(f">{len(packed) // 2}H", packed)


def packed(words: Words) -> bytes:
    """Return registers as bytes, the lowest address first."""
    return struct.pack(f">{len(words)}H", *words)


def u16(value: float) -> Words:
    """Encode a whole number of 0…65535; out of range is clipped, as an instrument would."""
    return (min(max(round(value), 0), 0xFFFF),)


def s16(value: float) -> Words:
    """Encode a signed whole number, two's complement."""
    return words_of(struct.pack(">h", min(max(round(value), -0x8000), 0x7FFF)))


def u32(value: float) -> Words:
    """Encode 32 bits, high word first."""
    return words_of(struct.pack(">I", min(max(round(value), 0), 0xFFFFFFFF)))


def u64(value: float) -> Words:
    """Encode 64 bits, high word first."""
    return words_of(struct.pack(">Q", max(round(value), 0)))


def f32(value: float) -> Words:
    """Encode IEEE 754 single, high word first."""
    return words_of(struct.pack(">f", value))


def f64(value: float) -> Words:
    """Encode IEEE 754 double, high word first."""
    return words_of(struct.pack(">d", value))


def text(value: str, length: int) -> Words:
    """Encode two ASCII characters a register, padded with zeros to `length` registers."""
    return words_of(value.encode("ascii")[: 2 * length].ljust(2 * length, b"\0"))


def float_from(words: Words) -> float:
    """Decode IEEE 754 single, high word first."""
    value: float = struct.unpack(">f", packed(words))[0]
    return value


class NoAnswer(Exception):
    """The unit does not answer this request at all."""


@dataclass(frozen=True)
class Field:
    """One value that can be read."""

    address: int
    length: int
    read: Callable[[], Words]


@dataclass(frozen=True)
class Action:
    """What a write of exactly these words does.  functions: the codes that do it; none for any."""

    address: int
    length: int
    write: Callable[[Words], None]
    functions: tuple[int, ...] = ()


def _per_table() -> dict[Table, dict[int, Any]]:
    return {"holding": {}, "input": {}, "coil": {}, "discrete": {}}


@dataclass
class Registers:
    """The map of one unit.

    gap: what an address without a field reads as; None refuses it with exception 2.
    inside: only beside a field do addresses read as `gap`; a read of nothing known is refused.
    even: Eastron meters refuse an odd number of registers.  per_read: the most that one request may ask.
    single: a request must be for exactly one field (KEBA).
    """

    gap: int | None = None
    inside: bool = False
    even: bool = False
    single: bool = False
    per_read: int = 125
    fields: dict[Table, dict[int, Field]] = field(default_factory=_per_table)
    actions: dict[Table, dict[int, Action]] = field(default_factory=_per_table)

    def add(
        self,
        table: Table,
        address: int,
        read: Callable[[], Words],
        write: Callable[[Words], None] | None = None,
    ) -> None:
        """Put a value at `address`; its length is that of what it reads now."""
        row = Field(address, len(read()), read)
        for at in range(address, address + row.length):
            if at in self.fields[table]:
                raise ValueError(f"{table} {at} has two fields")
            self.fields[table][at] = row
        if write is not None:
            self.act(table, Action(address, row.length, write))

    def act(self, table: Table, action: Action) -> None:
        """Let a write do something."""
        for at in range(action.address, action.address + action.length):
            self.actions[table][at] = action

    def add_three(self, table: Table, address: int, read: Callable[[int], Words]) -> None:
        """Put the values of L1, L2 and L3 one after the other from `address`; read gets 0, 1, 2."""
        for phase in range(3):
            self.add(table, address + phase * len(read(phase)), functools.partial(read, phase))

    def read(self, table: Table, address: int, count: int) -> Words:
        """Return the words; a field is evaluated once however many of its words are asked."""
        if not 1 <= count <= self.per_read or (self.even and count % 2):
            raise Refused(ILLEGAL_VALUE)
        rows, seen = self.fields[table], dict[int, Words]()
        first = rows.get(address)
        if self.single and not (first and first.address == address and first.length == count):
            raise Refused(ILLEGAL_ADDRESS)
        if self.inside and not any(at in rows for at in range(address, address + count)):
            raise Refused(ILLEGAL_ADDRESS)
        words: list[int] = []
        for at in range(address, address + count):
            row = rows.get(at)
            if row is None and self.gap is None:
                raise Refused(ILLEGAL_ADDRESS)
            if row is None:
                words.append(self.gap or 0)
                continue
            if row.address not in seen:
                seen[row.address] = row.read()
            words.append(seen[row.address][at - row.address])
        return tuple(words)

    def write(self, table: Table, address: int, words: Words, function: int) -> None:
        """Do what the write does: first all of it is checked for place, then each action in order."""
        at, end, todo = address, address + len(words), list[tuple[Action, Words]]()
        while at < end:
            row = self.actions[table].get(at)
            if row is None:
                raise Refused(ILLEGAL_ADDRESS)
            if row.functions and function not in row.functions:
                raise Refused(ILLEGAL_FUNCTION)
            if row.address != at or at + row.length > end:
                raise Refused(ILLEGAL_VALUE)
            todo.append((row, words[at - address : at - address + row.length]))
            at += row.length
        for row, value in todo:
            row.write(value)

    def take_in(self, other: "Registers") -> None:
        """Add what another map has and this one has not: two connectors under one unit."""
        for table in self.fields:
            self.fields[table] = {**other.fields[table], **self.fields[table]}
            self.actions[table] = {**other.actions[table], **self.actions[table]}
