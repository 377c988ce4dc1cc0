"""The depot's units on real wires: TCP ports and serial lines that any outside client can open.

An address of the site file that is not of this machine is served on 127.0.0.1 instead, on a port of the
system's choosing, and `where` says so.  A serial line is a pseudo-terminal that carries bytes at the rate of
the line (edge/sim/line.py); where the site file names a path that does not exist and is not under /dev, it
becomes a link to it.
"""

import asyncio
import ipaddress
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.model.site import Line
from edge.sim.board import BoardTwin
from edge.sim.depot import CannotSimulate
from edge.sim.families import RegisterUnit
from edge.sim.line import PacedLine
from edge.sim.modbus import AsciiFrames, RtuFrames, TcpFrames, Unit


class TcpServer:
    """One host and port with its units."""

    def __init__(self, address: str, units: Mapping[int, Unit], lock: threading.Lock) -> None:
        self.address = address
        self.units = units
        self._lock = lock
        self.where = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen.  Raises CannotSimulate where the port is taken."""
        host, _, port = self.address.rpartition(":")
        if not _is_here(host):
            host, port = "127.0.0.1", "0"
        try:
            self._server = await asyncio.start_server(self._client, host.strip("[]"), int(port))
        except OSError as error:
            raise CannotSimulate(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.where = f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = TcpFrames(self.units)
        self._open.add(writer)
        try:
            keep = True
            while keep and (data := await reader.read(4096)):
                with self._lock:
                    reply, keep = frames.take(data)
                if reply:
                    writer.write(reply)
                    await writer.drain()
        except ConnectionError:
            pass  # the client is gone
        finally:
            self._open.discard(writer)
            writer.close()

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()


class LineServer:
    """One serial line, paced to its real rate: its units are stations on it, in a thread of their own.

    lock: held while a unit is asked, so that no physics step comes in between.  boards: further stations,
    each with its firmware.
    """

    def __init__(
        self,
        line: Line,
        units: Mapping[int, RegisterUnit],
        lock: threading.Lock,
        boards: Sequence[BoardTwin] = (),
    ) -> None:
        self.line = line
        self._boards = boards
        self.frames: RtuFrames | AsciiFrames = RtuFrames(units)
        if line.framing == "ascii":
            start = {n: unit.ascii_start for n, unit in units.items()}
            sleepy = frozenset(n for n, unit in units.items() if unit.sleepy)
            self.frames = AsciiFrames(units, start, sleepy)
        self.where = ""
        self._lock = lock
        self._link: Path | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Make the line and answer on it.  Raises CannotSimulate where its path is taken."""
        self._paced = PacedLine(self.line.baud, self.line.format)
        end = self._paced.end()
        self._link = link(Path(self.line.port), end)
        self.where = end if self._link is None else self.line.port
        self._paced.station(self._answer)
        for board in self._boards:
            board.start()
            self._paced.station(board.answer)
        self._thread = threading.Thread(target=self._paced.run, name=self.line.id, daemon=True)
        self._thread.start()

    def _answer(self, frame: bytes) -> bytes | None:
        with self._lock:
            replies = self.frames.take(frame)
            self.frames.silence()
        return replies[-1][1] if replies else None

    def cut(self, cut: bool) -> None:
        """Cut the line for everyone on it, or make it whole."""
        self._paced.cut = cut

    async def stop(self) -> None:
        """Close the line and take its link away."""
        if self._thread is not None:
            self._paced.stop()
            await asyncio.to_thread(self._thread.join, 2.0)
            self._thread = None
        for board in self._boards:
            board.stop()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link = None


def link(wanted: Path, target: str) -> Path | None:
    """Link `wanted` to a pseudo-terminal, where that is ours to do; return the link, or None.

    Raises CannotSimulate where something that is no link stands there already.
    """
    if wanted.is_relative_to("/dev") or not wanted.parent.is_dir():
        return None
    if wanted.is_symlink():
        wanted.unlink()  # left over from a run that was killed
    if wanted.exists():
        raise CannotSimulate(f"{wanted} exists and is no link: the simulator makes this path itself")
    wanted.symlink_to(target)
    return wanted


def _is_here(host: str) -> bool:
    """Whether an address is of this machine, as far as it can be told without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
