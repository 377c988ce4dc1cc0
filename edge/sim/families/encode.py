"""Values to registers for twins that are served from a driver table: the inverse of reading, written anew.

Shares the names of types with drivers/registers.py and nothing else.
"""

import struct
from fractions import Fraction

from edge.sim.registers import Words, words_of

SIZES = {
    "u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4,
    "acc32": 2, "acc64": 4, "bcd16": 1, "bcd32": 2, "bit": 1, "chr": 1, "mac": 3,
}  # fmt: skip
TEXTS = ("str", "strlo", "utf16", "hex", "dotted", "chr", "mac")


def number(kind: str, value: float | Fraction, little: bool = False, swap: bool = False) -> Words:
    """Encode a number; what does not fit is clipped, as an instrument would.

    little: the low word first.  swap: the two bytes of every register are swapped.
    """
    if kind == "bit":
        return (int(bool(value)),)
    size = SIZES[kind]
    if kind in ("f32", "f64"):
        data = struct.pack(">f" if kind == "f32" else ">d", float(value))
    elif kind.startswith("bcd"):
        data = bytes.fromhex(str(min(round(value), 10 ** (4 * size) - 1)).zfill(4 * size))
    else:
        bits = 16 * size
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind[0] == "i" else (0, (1 << bits) - 1)
        data = min(max(round(value), low), high).to_bytes(2 * size, "big", signed=kind[0] == "i")
    return laid_out(words_of(data), little, swap)


def text(kind: str, count: int, value: str, swap: bool = False) -> Words:
    """Encode text of `count` registers, filled up with zeros."""
    size = 2 * count
    if kind == "hex":
        data = bytes.fromhex(value if _is_hex(value, size) else value.encode().hex())
    elif kind == "dotted":
        parts = [int(p) for p in value.split(".") if p.isdigit()] or [1]
        data = bytes(p & 0xFF for p in parts)
    elif kind == "mac":
        data = bytes((2, 0, 0, 0, 0, 1))
    elif kind in ("utf16", "chr"):
        data = b"".join(b"\0" + letter.encode() for letter in value)
    else:
        data = value.encode("ascii", "replace")
    data = data[:size].ljust(size, b"\0")
    if kind == "strlo":
        data = b"".join(data[n + 1 : n + 2] + data[n : n + 1] for n in range(0, size, 2))
    return laid_out(words_of(data), False, swap)


def laid_out(words: Words, little: bool, swap: bool) -> Words:
    """Put words into the device's own order."""
    if swap:
        words = tuple((w >> 8) | ((w & 0xFF) << 8) for w in words)
    return tuple(reversed(words)) if little else words


def number_from(kind: str, words: Words, little: bool = False, swap: bool = False) -> float:
    """Decode a number that was written."""
    if kind == "bit":
        return words[0]
    words = tuple(reversed(words)) if little else words
    if swap:
        words = tuple((w >> 8) | ((w & 0xFF) << 8) for w in words)
    data = struct.pack(f">{len(words)}H", *words)
    if kind in ("f32", "f64"):
        value: float = struct.unpack(">f" if kind == "f32" else ">d", data)[0]
        return value
    return int.from_bytes(data, "big", signed=kind[0] == "i")


def _is_hex(value: str, size: int) -> bool:
    try:
        return 0 < len(bytes.fromhex(value)) <= size
    except ValueError:
        return False
