"""Read tests/vectors/devices/NAME.txt.  Shares no code with drivers/: what decides must not.

The format is described in tests/vectors/devices/README.md.
"""

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from drivers import library
from drivers.device import Device
from drivers.wire import Read, Reply, Write

FOLDER = Path(__file__).parent.parent / "vectors" / "devices"
SPACES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


@dataclass
class Part:
    """One section: "identify", "read" or "write CALL": frames, readings, absences."""

    title: str
    line: int
    replies: dict[Read, Reply] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    readings: dict[str, int | str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


@dataclass
class Golden:
    """A file of golden exchanges."""

    name: str
    head: dict[str, str]
    parts: list[Part]

    @property
    def unit(self) -> int:
        return int(self.head.get("unit", "1"))

    @property
    def writable(self) -> dict[tuple[str, int], str]:
        """(space, address) -> "volatile" or "kept"."""
        return {
            ("coil" if word.startswith("c") else "holding", int(word.removeprefix("c"), 0)): memory
            for memory, key in (("volatile", "writable"), ("kept", "kept"))
            for word in self.head.get(key, "").split()
        }

    def device(self, recognised: bool = True) -> Device:
        """Make the device, recognised by the file's first identify section."""
        device = Device(library.load(self.name), self.unit, connector=int(self.head.get("connector", "1")))
        if recognised:
            device.recognise(next(p for p in self.parts if p.title == "identify").replies)
        return device


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def load(name: str) -> Golden:
    return read(name, (FOLDER / f"{name}.txt").read_text())


def read(name: str, text: str) -> Golden:
    head: dict[str, str] = {}
    parts: list[Part] = []
    asked: bytes | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        mark, rest = line[0], line[1:].strip()
        if mark == ">":
            asked = frame(rest, head.get("framing", "none"))
            if asked[1] in (5, 6, 15, 16):
                parts[-1].writes.append(write_of(asked))
        elif mark == "<":
            assert asked is not None, f"{name}:{number}: an answer without a question"
            read, reply = exchange(asked, frame(rest, head.get("framing", "none")))
            parts[-1].replies[read] = reply
        elif mark == "=":
            key, value = rest.split(None, 1)
            parts[-1].readings[key] = int(value) if re.fullmatch(r"-?\d+", value) else value.strip('"')
        elif mark == "!":
            parts[-1].absent.append(rest)
        elif ":" in line and not parts:
            key, value = line.split(":", 1)
            head[key.strip()] = value.strip()
        else:
            parts.append(Part(line, number))
    return Golden(name, head, parts)


def frame(text: str, framing: str) -> bytes:
    """Return unit and PDU.  framing: none, rtu (with CRC), tcp (with MBAP), ascii (":…" with LRC)."""
    if framing == "ascii":
        data = bytes.fromhex(text.lstrip(":>"))
        assert sum(data) % 256 == 0, f"LRC of {text}"
        return data[:-1]
    data = bytes.fromhex(text)
    if framing == "rtu":
        assert crc(data[:-2]) == data[-2:], f"CRC of {text}: expected {crc(data[:-2]).hex(' ')}"
        return data[:-2]
    if framing == "tcp":
        assert struct.unpack(">H", data[4:6])[0] == len(data) - 6, f"length of {text}"
        return data[6:]
    return data


def crc(data: bytes) -> bytes:
    """CRC-16 as Modbus over Serial Line V1.02, 6.2.2 prints it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def exchange(asked: bytes, answered: bytes) -> tuple[Read, Reply]:
    unit, function, address, count = struct.unpack(">BBHH", asked[:6])
    read = Read(unit, SPACES[function], address, count)
    assert answered[0] == unit, f"answer of another unit: {answered.hex(' ')}"
    if answered[1] == function | 0x80:
        return read, answered[2]
    assert answered[1] == function and answered[2] == len(answered) - 3, f"answer {answered.hex(' ')}"
    data = answered[3:]
    if function in (1, 2):
        return read, tuple((data[n // 8] >> (n % 8)) & 1 for n in range(count))
    assert len(data) == 2 * count, f"{count} registers asked, answer has {len(data)} bytes: {asked.hex(' ')}"
    return read, struct.unpack(f">{count}H", data)


def write_of(asked: bytes) -> Write:
    unit, function, address, value = struct.unpack(">BBHH", asked[:6])
    if function == 5:
        assert value in (0, 0xFF00)
        return Write(unit, 5, address, (int(value == 0xFF00),))
    if function == 6:
        return Write(unit, 6, address, (value,))
    assert function == 16 and asked[6] == 2 * value == len(asked) - 7, f"request {asked.hex(' ')}"
    return Write(unit, 16, address, struct.unpack(f">{value}H", asked[7:]))
