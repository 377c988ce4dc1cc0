"""Registers to values and back: types, word and byte order, sentinels.  Knows no device.

A type is a word of a device table: u16 i16 u32 i32 u64 i64, f32 f64, acc32 acc64 (SunSpec
accumulators), bcd16 bcd32, bit (coils and discrete inputs), chr (one letter in the low byte), and
with a count of registers: str:N (two ASCII letters a register, high byte first), strlo:N (low byte
first), utf16:N (one letter a register), hex:N (bytes), dotted:N (bytes as "3.10.27", IPv4), mac.

Registers hold 16 bits, high byte first (Modbus Application Protocol V1.1b3, 4.2); how a value of
several registers is laid out is the device's own choice and stands in its table.
"""

import math
import struct
from typing import Literal

import msgspec

from drivers.wire import Words

Order = Literal["big", "little"]
Raw = int | float | str

_NUMBERS = {
    "u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4,
    "acc32": 2, "acc64": 4, "bcd16": 1, "bcd32": 2, "bit": 1, "chr": 1, "mac": 3,
}  # fmt: skip
_COUNTED = ("str", "strlo", "utf16", "hex", "dotted")
TEXTS = (*_COUNTED, "chr", "mac")


class Type(msgspec.Struct, frozen=True):
    """A register type.  count: registers (or bits) that one value takes."""

    name: str
    count: int

    @property
    def is_text(self) -> bool:
        """Whether values are text."""
        return self.name in TEXTS

    @property
    def is_float(self) -> bool:
        """Whether values are IEEE 754 numbers."""
        return self.name in ("f32", "f64")

    @property
    def bits(self) -> int:
        """How many bits a value has."""
        return 1 if self.name == "bit" else 16 * self.count

    def __str__(self) -> str:
        return f"{self.name}:{self.count}" if self.name in _COUNTED else self.name


def type_of(word: str) -> Type:
    """Read a type as a table writes it.  Raises ValueError with the types that exist."""
    name, _, count = word.partition(":")
    if name in _COUNTED and count.isdigit() and 1 <= int(count) <= 125:
        return Type(name, int(count))
    if name in _NUMBERS and not count:
        return Type(name, _NUMBERS[name])
    known = " ".join([*_NUMBERS, *(f"{c}:N" for c in _COUNTED)])
    raise ValueError(f"type {word!r} is none of: {known}")


def decode(kind: Type, words: Words, order: Order = "big", swap: bool = False) -> Raw | None:
    """Turn registers into a number or text; None where a number or text cannot be made of them.

    order: "big" has the high word first.  swap: the two bytes of every register are swapped.
    """
    if kind.name == "bit":
        return words[0]
    if swap:
        words = tuple((w >> 8) | ((w & 0xFF) << 8) for w in words)
    if kind.is_text:
        return _text(kind, words)
    data = struct.pack(f">{len(words)}H", *(reversed(words) if order == "little" else words))
    if kind.is_float:
        number: float = struct.unpack(">f" if kind.name == "f32" else ">d", data)[0]
        return number if math.isfinite(number) else None
    if kind.name.startswith("bcd"):
        digits = data.hex()
        return int(digits) if digits.isdecimal() else None
    return int.from_bytes(data, "big", signed=kind.name.startswith("i"))


def _text(kind: Type, words: Words) -> str | None:
    data = struct.pack(f">{len(words)}H", *words)
    if kind.name == "hex":
        return data.hex()
    if kind.name == "dotted":
        return ".".join(str(byte) for byte in data)
    if kind.name == "mac":
        return data.hex(":")
    if kind.name == "strlo":
        data = b"".join(data[n + 1 : n + 2] + data[n : n + 1] for n in range(0, len(data), 2))
    if kind.name == "chr":
        data = data[1:2]
    if kind.name == "utf16" and not any(data[0::2]):
        data = data[1::2]  # else two letters a register after all: firmware differs (Vestel)
    if not data.strip(b"\xff"):
        return None
    letters = data.split(b"\0", 1)[0] if data[:1] != b"\0" else data.lstrip(b"\0")  # left padded
    text = "".join(c for c in letters.decode("ascii", "replace") if c.isprintable()).strip()
    return text or None


def encode(kind: Type, raw: int | float, order: Order = "big", swap: bool = False) -> Words:
    """Turn a number into registers.  A float that needs rounding is rounded down.

    Raises ValueError if it does not fit, or the type cannot be written.
    """
    if kind.name == "bit":
        return (int(bool(raw)),)
    if kind.is_text or kind.name.startswith("bcd"):
        raise ValueError(f"type {kind} cannot be written")
    if kind.is_float:
        data = struct.pack(">f", _f32_below(raw)) if kind.name == "f32" else struct.pack(">d", raw)
    else:
        try:
            data = int(raw).to_bytes(2 * kind.count, "big", signed=kind.name.startswith("i"))
        except OverflowError:
            raise ValueError(f"{raw} does not fit into {kind}") from None
    words: Words = struct.unpack(f">{kind.count}H", data)
    if order == "little":
        words = tuple(reversed(words))
    return tuple((w >> 8) | ((w & 0xFF) << 8) for w in words) if swap else words


def _f32_below(number: float) -> float:
    """Return the nearest 32-bit float that is not above the number: setpoints never round up (I8)."""
    near: float = struct.unpack(">f", struct.pack(">f", number))[0]
    if near <= number:
        return near
    (bits,) = struct.unpack(">i", struct.pack(">f", near))
    below: float = struct.unpack(">f", struct.pack(">i", bits - 1 if near > 0 else bits + 1))[0]
    return below


SENTINELS = ("ones", "max", "min", "zero", "nan")


def is_none(kind: Type, words: Words, raw: Raw | None, sentinels: tuple[str | int, ...]) -> bool:
    """Say whether a value means "not available".

    sentinels: words of SENTINELS, or numbers as the manual prints them (unsigned or signed).
    NaN, infinity, text of nothing but 0xFF and broken BCD are never a value.
    """
    if raw is None:
        return True
    if not sentinels or isinstance(raw, str):
        return False
    top = 1 << (kind.bits - 1)
    bits = {  # both word orders: a device that fills with 0x7FFF… need not follow its own
        int.from_bytes(struct.pack(f">{len(words)}H", *words), "big"),
        int.from_bytes(struct.pack(f">{len(words)}H", *reversed(words)), "big"),
    }
    patterns = {"ones": 2 * top - 1, "max": top - 1, "min": top}
    return any(
        raw == (0 if s == "zero" else s) or (patterns.get(s) if isinstance(s, str) else s) in bits
        for s in sentinels
    )
