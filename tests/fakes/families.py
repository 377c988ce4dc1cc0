"""Registers of a few real families, written down from their manuals, as tests/fakes/liars.py wants them."""

import struct

from tests.fakes.liars import Device


def f32(value: float) -> tuple[int, ...]:
    return struct.unpack(">2H", struct.pack(">f", value))


def text(letters: str, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}H", letters.encode().ljust(2 * count, b"\0"))


def put(registers: dict[int, int], address: int, words: tuple[int, ...]) -> None:
    registers.update({address + i: word for i, word in enumerate(words)})


# What a Heidelberg has after power-on: watchdog 15 s, fallback 0, setpoint 0, standby allowed.
HEIDELBERG_POWER_ON = {257: 15_000, 258: 0, 259: 1, 261: 0, 262: 0}


def heidelberg() -> Device:
    """Energy Control of layout 1.0.8, 16 A, vehicle plugged in.  Source: ModBus register table."""
    registers = dict.fromkeys(range(4, 19), 0) | {4: 0x108, 5: 4, 10: 230, 11: 231, 12: 229, 13: 1}
    registers |= {100: 16, 101: 6, 200: 1, 201: 0, 202: 0, 203: 108, 260: 0} | HEIDELBERG_POWER_ON
    return Device(registers)


def sdm630(voltage: float = 230.0, current: float = 5.0) -> Device:
    """Eastron SDM630.  Source: register document 1.5."""
    registers = dict.fromkeys([*range(0, 90), *range(200, 400)], 0)
    for n in range(3):
        put(registers, 2 * n, f32(voltage + n))
        put(registers, 6 + 2 * n, f32(current + n))
    put(registers, 0x46, f32(50.0))
    put(registers, 0xFC00, (0x1234, 0x5678))
    return Device(registers)


def alfen() -> tuple[Device, Device]:
    """One socket of an Alfen Eve, and its station (unit 200).  Source: Modbus Slave TCP/IP v2.3."""
    station = dict.fromkeys([*range(100, 180), *range(1100, 1106)], 0)
    put(station, 100, text("NG910-60003", 17))
    put(station, 117, text("Alfen NV", 5))
    put(station, 123, text("6.4.0", 17))
    put(station, 157, text("ACE0123456", 11))
    station[1105] = 2
    socket = dict.fromkeys([*range(300, 430), *range(1200, 1216)], 0)
    for n in range(3):
        put(socket, 306 + 2 * n, f32(230.0 + n))
        put(socket, 320 + 2 * n, f32(10.0 + n))
    put(socket, 336, f32(50.0))
    put(socket, 1200, (1,))
    put(socket, 1201, text("C2", 5))
    put(socket, 1208, (0, 60))
    put(socket, 1212, f32(6.0))
    socket[1215] = 3
    return Device(socket), Device(station)


def amps(words: tuple[int, ...]) -> float:
    """Return what a float32 write says."""
    return struct.unpack(">f", struct.pack(">2H", *words))[0]
