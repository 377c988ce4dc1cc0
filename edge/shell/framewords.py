"""What a frame says, in words: for `depot trace`.  Reads frames as they are, believes nothing.

Source: Modbus Application Protocol V1.1b3, §6 and §7.
"""

import struct

from edge.shell.framing import BITS, READS, Framing
from edge.shell.outcome import EXCEPTIONS

NAMES = {
    1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers",
    5: "coil", 6: "register", 15: "coils", 16: "registers",
}  # fmt: skip
SHOWN_MAX = 12


def say(framing: Framing, direction: str, data: bytes) -> str:
    """Say what some bytes are.  direction: "→" from us, "←" to us."""
    frames = framing.frames(data)
    if not frames:
        return "no sound frame"
    tell = _request if direction == "→" else _answer
    return "; ".join(f"unit {unit}: {tell(pdu)}" for unit, pdu in frames)


def spaced(data: bytes) -> str:
    """Return bytes as people read them in manuals: "01 03 00 0A"."""
    return data.hex(" ").upper()


def _request(pdu: bytes) -> str:
    function = pdu[0]
    if function not in NAMES or len(pdu) < 5:
        return f"function {function}, {len(pdu) - 1} bytes"
    address, second = struct.unpack_from(">HH", pdu, 1)
    place = f"{address} (0x{address:04X})"
    if function in READS:
        return f"read {second} {NAMES[function]} from {place}"
    if function in (5, 6):
        return f"write {NAMES[function]} {place} = {second}"
    return f"write {second} {NAMES[function]} from {place} = {_words(pdu[6:])}"


def _answer(pdu: bytes) -> str:
    function = pdu[0]
    if function & 0x80:
        code = pdu[1] if len(pdu) > 1 else 0
        return f"refuses function {function & 0x7F}: {code} {EXCEPTIONS.get(code, 'exception of the maker')}"
    if function in BITS:
        return f"{NAMES[function]}: {spaced(pdu[2:])}"
    if function in READS:
        return f"{(len(pdu) - 2) // 2} {NAMES[function]}: {_words(pdu[2:])}"
    if function in NAMES and len(pdu) == 5:
        address, second = struct.unpack_from(">HH", pdu, 1)
        done = f"= {second}" if function in (5, 6) else f"{second} written"
        return f"{NAMES[function]} {address} (0x{address:04X}) {done}"
    return f"function {function}, {len(pdu) - 1} bytes"


def _words(data: bytes) -> str:
    count = len(data) // 2
    words = struct.unpack_from(f">{count}H", data)
    shown = " ".join(str(word) for word in words[:SHOWN_MAX])
    return f"{shown} … ({count} in all)" if count > SHOWN_MAX else shown
