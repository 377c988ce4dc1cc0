"""The depot's units on real wires: TCP ports and serial lines that any outside client can open.

An address of the site file that is not of this machine is served on 127.0.0.1 instead, on a port of the
system's choosing, and `where` says so.  A serial line is a pseudo-terminal that carries bytes at the rate of
the line (edge/sim/line.py); where the site file names a path that does not exist and is not under /dev, it
becomes a link to it.  A line has one master, and that is the daemon: whoever wants to look beside it opens
the service line, a second pseudo-terminal with the same devices, linked as the path and `-service`.
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
from edge.sim.line import PacedLine, Station
from edge.sim.modbus import AsciiFrames, RtuFrames, TcpFrames, Unit

# What stands behind the path of a line in the path of its service line.
SERVICE = "-service"


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

    lock: held while a unit is asked, so that no physics step comes in between.  boards: further stations
    on the line, each with its firmware.
    where, service: the paths of the line and of its service line, once started.
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
        self.where = ""
        self.service = ""
        self._units = units
        for unit in units.values():
            unit.garbled = True
        self._lock = lock
        self._links: list[Path] = []
        self._running: list[tuple[PacedLine, threading.Thread]] = []

    async def start(self) -> None:
        """Make both lines and answer on them.  Raises CannotSimulate where a path is taken."""
        self.where = self._open(self.line.port, self._boards)
        self.service = self._open(f"{self.line.port}{SERVICE}")

    def _open(self, wanted: str, boards: Sequence[BoardTwin] = ()) -> str:
        """Run a line with our units on it, linked to a path where that can be; return where it is."""
        paced = PacedLine(self.line.baud, self.line.format)
        end = paced.end()
        linked = link(Path(wanted), end)
        if linked is not None:
            self._links.append(linked)
        paced.station(self._station())
        for board in boards:
            board.start()
            paced.station(board.answer)
        thread = threading.Thread(target=paced.run, name=wanted, daemon=True)
        thread.start()
        self._running.append((paced, thread))
        return end if linked is None else wanted

    def _station(self) -> Station:
        """Return who answers on one line: frames of two masters are not taken for one another's."""
        frames: RtuFrames | AsciiFrames = RtuFrames(self._units)
        if self.line.framing == "ascii":
            start = {n: unit.ascii_start for n, unit in self._units.items()}
            sleepy = frozenset(n for n, unit in self._units.items() if unit.sleepy)
            frames = AsciiFrames(self._units, start, sleepy)

        def answer(frame: bytes) -> bytes | None:
            with self._lock:
                replies = frames.take(frame)
                frames.silence()
            return _collided(replies[-1][1], self._units.get(replies[-1][0])) if replies else None

        return answer

    def cut(self, cut: bool) -> None:
        """Cut the line for everyone on it, or make it whole."""
        for paced, _ in self._running:
            paced.cut = cut

    async def stop(self) -> None:
        """Close the lines and take their links away."""
        for paced, thread in self._running:
            paced.stop()
            await asyncio.to_thread(thread.join, 2.0)
        for board in self._boards:
            board.stop()
        for linked in self._links:
            linked.unlink(missing_ok=True)
        self._running, self._links = [], []


def _collided(reply: bytes, unit: RegisterUnit | None) -> bytes:
    """Return a reply as it arrives: two devices that answer at once garble each other."""
    if unit is None or not unit.doubled:
        return reply
    return bytes(byte & (0x3F if n % 3 else 0xFF) for n, byte in enumerate(reply))


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
