"""Light Modbus devices for tests/bench/bus.py, in a process of their own so that only the master is measured.

    python -m tests.bench._bus_servers tcp CHARGERS METERS     prints a JSON list of ports
    python -m tests.bench._bus_servers line UNIT...            prints the path of a paced line of meters
    python -m tests.bench._bus_servers chargers UNIT...        the same with chargers

They end when their standard input does.
"""

import asyncio
import json
import struct
import sys
import threading
from collections.abc import Callable

from edge.sim.line import PacedLine
from tests.fakes import families
from tests.fakes.liars import Device, crc16


class Memory:
    """A unit's registers as one string of bytes: a read is a slice."""

    def __init__(self, registers: dict[int, int]) -> None:
        self._bytes = bytearray(2 * 0x10000)
        for address, word in registers.items():
            struct.pack_into(">H", self._bytes, 2 * address, word)

    def answer(self, pdu: bytes) -> bytes:
        function, address, count = struct.unpack_from(">BHH", pdu)
        if function in (3, 4):
            return bytes((function, 2 * count)) + self._bytes[2 * address : 2 * (address + count)]
        words = pdu[3:5] if function == 6 else pdu[6:]
        self._bytes[2 * address : 2 * address + len(words)] = words
        return pdu[:5]


class TcpUnit(asyncio.Protocol):
    def __init__(self, units: dict[int, Memory]) -> None:
        self._units, self._buffer = units, b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 8:
            end = 6 + int.from_bytes(self._buffer[4:6], "big")
            if len(self._buffer) < end:
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            answer = self._units[request[6]].answer(request[7:])
            self._transport.write(request[:4] + struct.pack(">HB", len(answer) + 1, request[6]) + answer)


def janitza() -> dict[int, int]:
    registers: dict[int, int] = {}
    for n in range(3):
        families.put(registers, 19000 + 2 * n, families.f32(230.0 + n))
        families.put(registers, 19012 + 2 * n, families.f32(50.0 + n))
        families.put(registers, 19020 + 2 * n, families.f32(11_500.0))
    families.put(registers, 19050, families.f32(50.0))
    return registers


async def serve_tcp(chargers: int, meters: int) -> None:
    loop, ports = asyncio.get_running_loop(), []
    for n in range(chargers + meters):
        socket, station = families.alfen()
        charger = {1: Memory(socket.registers), 200: Memory(station.registers)}
        units = charger if n < chargers else {1: Memory(janitza())}
        server = await loop.create_server(lambda units=units: TcpUnit(units), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def serve_line(make: Callable[[], Device], units: list[int]) -> None:
    line = PacedLine(19200, "8E1")
    memories = {unit: Memory(make().registers) for unit in units}

    def station(frame: bytes) -> bytes | None:
        if len(frame) < 4 or frame[0] not in memories or crc16(frame[:-2]) != frame[-2:]:
            return None
        answer = frame[:1] + memories[frame[0]].answer(frame[1:-2])
        return answer + crc16(answer)

    line.station(station)
    print(line.end(), flush=True)
    thread = threading.Thread(target=line.run, daemon=True)
    thread.start()
    sys.stdin.read()
    line.stop()
    thread.join(5)
    print(json.dumps({"collisions": line.counted.collisions, "late_ms_max": line.counted.late_s_max * 1000}))


if __name__ == "__main__":
    if sys.argv[1] == "tcp":
        asyncio.run(serve_tcp(int(sys.argv[2]), int(sys.argv[3])))
    else:
        make = families.sdm630 if sys.argv[1] == "line" else families.heidelberg
        serve_line(make, [int(word) for word in sys.argv[2:]])
