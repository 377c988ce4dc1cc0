"""Ports: how a TCP connection and a serial line are opened.  What is said on them is modbus.py's."""

import asyncio
import contextlib
import os

from pymodbus.transport.serialtransport import create_serial_connection

from edge.model.site import Line
from edge.shell import framing as fr
from edge.shell.framing import Framing
from edge.shell.modbus import CONNECT_S, Link, Wire


def tcp(host: str, port: int = 502) -> Wire:
    """Return a wire to a Modbus TCP host, not yet connected."""

    async def connect(link: Link) -> None:
        await asyncio.get_running_loop().create_connection(lambda: link, host, port)

    return Wire(f"{host}:{port}", fr.Tcp(), connect)


def serial_line(line: Line, physical: bool | None = None) -> Wire:
    """Return a wire on a serial port, not yet opened.

    A port "socket://HOST:PORT" is a gateway that passes serial frames on as they are.
    physical: bytes take the line's time, so an answer that is faster was not meant for us.  None finds
        it out: a pseudo-terminal or gateway is not a line.

    Raises ValueError with the expectation if the format is none.
    """
    bits, parity, stop = _format(line.format)
    char_bits = 1 + bits + (parity != "N") + stop
    char_s = char_bits / line.baud
    # 3.5 characters of silence separate frames; above 19200 Bd a fixed time (Serial Line V1.02, 2.5.1.1).
    gap_s = 3.5 * char_s if line.baud <= 19200 else 0.00175
    framing: Framing = fr.Ascii() if line.framing == "ascii" else fr.Rtu()
    gateway = line.port.startswith("socket://")

    async def connect(link: Link) -> None:
        loop = asyncio.get_running_loop()
        if gateway:
            host, _, port = line.port.removeprefix("socket://").rpartition(":")
            await loop.create_connection(lambda: link, host, int(port))
            return
        pseudo = _pseudo_terminal(line.port)
        # It has neither parity nor 7 bits, and says "Invalid argument" when it is asked for them again.
        data_bits, parity_set = (8, "N") if pseudo else (bits, parity)
        wire.physical = not pseudo if physical is None else physical
        transport, _ = await create_serial_connection(
            loop, lambda: link, line.port, line.baud, data_bits, parity_set, stop, CONNECT_S
        )
        with contextlib.suppress(OSError, ValueError, NotImplementedError, AttributeError):
            # USB adapters collect bytes for 16 ms by default, which is half of a short exchange.
            transport.sync_serial.set_low_latency_mode(True)  # type: ignore[attr-defined]

    wire = Wire(line.port, framing, connect, char_s=char_s, gap_s=gap_s)
    return wire


def _pseudo_terminal(port: str) -> bool:
    """Say whether a port, or what it links to, is a pseudo-terminal: a simulated line."""
    return os.path.realpath(port).startswith("/dev/pts/")


def _format(text: str) -> tuple[int, str, int]:
    """Return data bits, parity and stop bits of "8E1"."""
    if len(text) == 3 and text[0] in "78" and text[1] in "NEO" and text[2] in "12":
        return int(text[0]), text[1], int(text[2])
    raise ValueError(f'format "{text}": expected data bits 7 or 8, parity N, E or O, stop bits 1 or 2: "8E1"')
