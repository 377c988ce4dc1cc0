"""Modbus devices that lie, on a pseudo-terminal or a TCP port.

Written from the Modbus specifications with bare file descriptors and sockets: no pymodbus and
nothing of edge/, so that a mistake of ours is not made twice.  A device answers from its registers,
unless a lie stands in its queue.  Each runs in a thread and takes its time like a real one: while it
delays an answer, it is deaf and its input waits.
"""

import os
import pty
import select
import socket
import struct
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field


def crc16(data: bytes) -> bytes:
    """Return the RTU checksum, bit by bit as Serial Line V1.02, 6.2.2 draws it; low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def lrc8(data: bytes) -> int:
    return -sum(data) & 0xFF


# A lie: given unit and PDU of the good answer, and how to frame one, it returns what is said instead:
# pairs of (seconds to wait before, bytes).
Frame = Callable[[int, bytes], bytes]
Said = list[tuple[float, bytes]]
Lie = Callable[[int, bytes, Frame], Said]


def truth(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit, pdu))]


def lost(unit: int, pdu: bytes, frame: Frame) -> Said:
    return []


def late(seconds: float) -> Lie:
    return lambda unit, pdu, frame: [(seconds, frame(unit, pdu))]


def doubled(gap_s: float = 0.0) -> Lie:
    return said_at(0.0, gap_s)


def said_at(*waits_s: float) -> Lie:
    """Say the answer again and again, so long after the time before."""
    return lambda unit, pdu, frame: [(wait_s, frame(unit, pdu)) for wait_s in waits_s]


def garbled(unit: int, pdu: bytes, frame: Frame) -> Said:
    data = bytearray(frame(unit, pdu))
    data[-3] ^= 0x10
    return [(0.0, bytes(data))]


def truncated(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit, pdu)[:-3])]


def stray(noise: bytes) -> Lie:
    return lambda unit, pdu, frame: [(0.0, noise + frame(unit, pdu))]


def other_unit(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit + 1, pdu))]


def other_function(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit, bytes((7 - pdu[0],)) + pdu[1:]))]


def fewer(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit, bytes((pdu[0], pdu[1] - 2)) + pdu[2:-2]))]


def more(unit: int, pdu: bytes, frame: Frame) -> Said:
    return [(0.0, frame(unit, bytes((pdu[0], pdu[1] + 2)) + pdu[2:] + b"\0\1"))]


def refused(code: int) -> Lie:
    return lambda unit, pdu, frame: [(0.0, frame(unit, bytes((pdu[0] | 0x80, code))))]


def drip(seconds: float) -> Lie:
    """Say the answer byte by byte."""
    return lambda unit, pdu, frame: [(seconds, bytes((b,))) for b in frame(unit, pdu)]


def stuck() -> Lie:
    """Say for ever what was said first, to the byte."""
    first: Said = []

    def lie(unit: int, pdu: bytes, frame: Frame) -> Said:
        first.extend([] if first else truth(unit, pdu, frame))
        return first

    return lie


def noise(data: bytes) -> Lie:
    return lambda unit, pdu, frame: [(0.0, data)]


@dataclass
class Device:
    """Registers (holding and input are the same), coils, and the lies it will tell, in order.

    written: (function, address, values) of every write that reached it.
    log: (seconds, pdu) of every request.  always: its lie whenever the queue is empty.
    """

    registers: dict[int, int] = field(default_factory=dict)
    lies: list[Lie] = field(default_factory=list)
    always: Lie = truth
    hangs_up_at: int = -1  # a read of this register makes a TcpHost close the connection
    written: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)
    log: list[tuple[float, bytes]] = field(default_factory=list)
    on_write: Callable[[int, tuple[int, ...]], None] | None = None

    def answer(self, pdu: bytes) -> bytes:
        """Return the true answer to a request."""
        self.log.append((time.monotonic(), pdu))
        function, address, count = struct.unpack(">BHH", pdu[:5])
        if function in (3, 4):
            wanted = range(address, address + count)
            if any(a not in self.registers for a in wanted):
                return bytes((function | 0x80, 2))
            return struct.pack(f">BB{count}H", function, 2 * count, *(self.registers[a] for a in wanted))
        if function == 6:
            values = (count,)
        elif function == 16:
            values = struct.unpack(f">{count}H", pdu[6 : 6 + 2 * count])
        else:
            return bytes((function | 0x80, 1))
        self.written.append((function, address, values))
        self.registers.update({address + i: v for i, v in enumerate(values)})
        if self.on_write:
            self.on_write(address, values)
        return pdu[:5]

    def lie(self) -> Lie:
        return self.lies.pop(0) if self.lies else self.always


class _Thread:
    """A thread that ends when its context does."""

    def __enter__(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        raise NotImplementedError


class PtyLine(_Thread):
    """Devices by unit on one pseudo-terminal, at .port.  framing: rtu or ascii.

    echo: the adapter gives everything back that the master sends.
    answer_start: what ASCII answers begin with (ABL: ">").
    deaf_first: seconds after which a device sleeps and misses the next request (ABL wants each twice).
    """

    def __init__(
        self, devices: dict[int, Device], framing="rtu", echo=False, answer_start=b":", deaf_first=0.0
    ):
        self.devices, self.framing, self.echo = devices, framing, echo
        self.answer_start, self.deaf_first = answer_start, deaf_first
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._heard_at = 0.0

    def stop(self) -> None:
        super().stop()
        os.close(self.master)
        os.close(self._slave)

    def _run(self) -> None:
        while not self._stop.is_set():
            request = self._hear()
            if self.echo and request:
                os.write(self.master, request)
            opened = self._unframe(request)
            if opened is None or opened[0] not in self.devices:
                continue
            if self.deaf_first and time.monotonic() - self._heard_at > self.deaf_first:
                self._heard_at = time.monotonic()
                continue
            self._heard_at = time.monotonic()
            unit, pdu = opened
            device = self.devices[unit]
            for wait_s, data in device.lie()(unit, device.answer(pdu), self._frame):
                time.sleep(wait_s)
                os.write(self.master, data)

    def _hear(self) -> bytes:
        """Return what was sent, up to a silence of 3 ms."""
        heard = b""
        while select.select([self.master], [], [], 0.003 if heard else 0.05)[0]:
            heard += os.read(self.master, 4096)
        return heard

    def _frame(self, unit: int, pdu: bytes) -> bytes:
        message = bytes((unit,)) + pdu
        if self.framing == "rtu":
            return message + crc16(message)
        return self.answer_start + (message + bytes((lrc8(message),))).hex().upper().encode() + b"\r\n"

    def _unframe(self, data: bytes) -> tuple[int, bytes] | None:
        if self.framing == "rtu":
            if len(data) < 4 or crc16(data[:-2]) != data[-2:]:
                return None
            return data[0], data[1:-2]
        if not data.startswith(b":") or not data.endswith(b"\r\n"):
            return None
        try:
            message = bytes.fromhex(data[1:-2].decode())
        except ValueError:  # two requests that ran into each other while it was deaf
            return None
        return (message[0], message[1:-1]) if lrc8(message[:-1]) == message[-1] else None

    def speak(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""
        os.write(self.master, data)

    @property
    def baud(self) -> int:
        """The rate that the master has set, as termios constant."""
        return termios.tcgetattr(self.master)[5]


class TcpHost(_Thread):
    """Devices by unit behind one TCP port on loopback, at .port.

    transaction: changes the transaction number of answers (a lie that only TCP can tell).
    most: connections that it accepts at a time; others are closed at once.
    """

    def __init__(self, devices: dict[int, Device], port: int = 0, most: int = 10):
        self.devices, self.most = devices, most
        self.transaction: Callable[[int], int] = lambda tid: tid
        self.connections = 0
        self._clients: dict[socket.socket, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]

    def stop(self) -> None:
        super().stop()
        self._listener.close()
        for client in self._clients:
            client.close()

    def hang_up(self) -> None:
        """Close all connections from our side."""
        for client in list(self._clients):
            client.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while not self._stop.is_set():
            for ready in select.select([self._listener, *self._clients], [], [], 0.02)[0]:
                if ready is self._listener:
                    self._accept()
                else:
                    self._serve(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        if len(self._clients) >= self.most:
            client.close()
        else:
            self._clients[client] = b""

    def _serve(self, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        if not data:
            del self._clients[client]
            client.close()
            return
        buffer = self._clients[client] + data
        while len(buffer) >= 8 and len(buffer) >= (end := 6 + int.from_bytes(buffer[4:6], "big")):
            tid, unit, pdu = int.from_bytes(buffer[:2], "big"), buffer[6], buffer[7:end]
            buffer = buffer[end:]
            device = self.devices.get(unit)
            if device is None:
                continue
            address, count = struct.unpack_from(">HH", pdu, 1)
            if pdu[0] in (3, 4) and address <= device.hangs_up_at < address + count:
                client.shutdown(socket.SHUT_RDWR)
                break

            def frame(unit: int, pdu: bytes, tid: int = self.transaction(tid)) -> bytes:
                return struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu

            for wait_s, said in device.lie()(unit, device.answer(pdu), frame):
                time.sleep(wait_s)
                try:
                    client.sendall(said)
                except OSError:
                    break
        if client in self._clients:
            self._clients[client] = buffer
