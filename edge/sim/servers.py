"""The depot's units on real wires: TCP ports and serial lines that any outside client can open.

An address of the site file that is not of this machine is served on 127.0.0.1 instead, on a port of the
system's choosing, and `where` says so.  A serial line is a pseudo-terminal; where the site file names a
path that does not exist (and is not under /dev), it becomes a link to it.
"""

import asyncio
import contextlib
import ipaddress
import os
import tty
from collections.abc import Mapping
from pathlib import Path

from edge.model.site import Line
from edge.sim.depot import CannotSimulate
from edge.sim.modbus import RtuFrames, TcpFrames, Unit

TURNAROUND_S = 0.005  # a slave thinks a little before it answers
LEAST_SILENCE_S = 0.02  # ends a frame; 3.5 characters at 19200 are 2 ms, but a pty's reader may be late
CHARACTER_BITS = 11  # start, 8 data, parity, stop


class TcpServer:
    """One host and port with its units."""

    def __init__(self, address: str, units: Mapping[int, Unit]) -> None:
        self.address = address
        self.units = units
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
    """One serial line: all of its units behind one port of the line."""

    def __init__(self, line: Line, units: Mapping[int, Unit]) -> None:
        self.line = line
        self.frames = RtuFrames(units)
        self.where = ""
        self._fds: list[int] = []
        self._link: Path | None = None
        self._silence: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Make the pseudo-terminal and answer on it.  Raises CannotSimulate where its path is taken."""
        ours, theirs = os.openpty()
        self._fds = [ours, theirs]  # theirs stays open: no hang-up when a client closes
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self.where = os.ttyname(theirs)
        self._link = link(Path(self.line.port), self.where)
        if self._link is not None:
            self.where = self.line.port
        asyncio.get_running_loop().add_reader(ours, self._read, ours)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, 4096)
        except OSError:
            return
        loop = asyncio.get_running_loop()
        if self._silence is not None:
            self._silence.cancel()
        gap_s = max(LEAST_SILENCE_S, 3.5 * CHARACTER_BITS / self.line.baud)
        self._silence = loop.call_later(gap_s, self.frames.silence)
        for _, reply in self.frames.take(data):
            loop.call_later(TURNAROUND_S, self._send, fd, reply)

    def _send(self, fd: int, reply: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(fd, reply)

    async def stop(self) -> None:
        """Close the line and take its link away."""
        if self._fds:
            asyncio.get_running_loop().remove_reader(self._fds[0])
        if self._silence is not None:
            self._silence.cancel()
        for fd in self._fds:
            os.close(fd)
        self._fds = []
        if self._link is not None:
            self._link.unlink(missing_ok=True)


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
