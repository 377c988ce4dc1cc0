"""The control socket: how `depot status`, `why`, `window` and `events` talk to the running daemon.

A Unix socket in the daemon's state directory, for its user and group only.  One JSON object a line:

    {"do": "why", "charger": "bay-3"}      ->  {"answer": {…}}
    {"do": "window_remove", "id": "x"}     ->  {"error": "id: there is no window 'x'; …"}

Rule 1: nothing that comes in here can hurt the daemon: lines, waiting and connections are bounded, and
        every fault of a request is answered, not raised.
Rule 2: who may connect is the file system's matter (0660); there is no password to lose.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec

from edge.shell.answers import DeskError, NothingRecordedError
from edge.shell.controlask import Ask
from edge.shell.controlusers import AnyAskReception
from edge.shell.desk import Desk
from edge.shell.exclusions import ExclusionWish
from edge.shell.statedir import CONTROL_SOCKET
from edge.shell.windows import WindowWish

log = logging.getLogger(__name__)

# Linux keeps 108 bytes for a socket's path, the closing zero included: unix(7).
PATH_MAX = 107

REQUEST_MAX = 64 * 1024
ANSWER_MAX = 16 * 1024 * 1024
IDLE_S = 30.0
CONNECTIONS_MAX = 16


class AskStatus(Ask, frozen=True, tag="status"):
    """The depot now."""

    def of(self, desk: Desk, who: str) -> object:
        return desk.status()


class AskWhy(Ask, frozen=True, tag="why"):
    """Why a charger gets what it gets, now or at a time (UTC ms); null where nothing is recorded of it."""

    charger: str
    at_wall_ms: int | None = None

    def of(self, desk: Desk, who: str) -> object:
        try:
            return desk.why(self.charger, self.at_wall_ms)
        except NothingRecordedError:
            return None


class AskWindows(Ask, frozen=True, tag="windows"):
    """All charge windows."""

    def of(self, desk: Desk, who: str) -> object:
        return desk.windows()


class AskWindowAdd(Ask, frozen=True, tag="window_add"):
    """Add a charge window, or replace the operator's window of that id."""

    window: WindowWish

    def of(self, desk: Desk, who: str) -> object:
        return desk.window_add(self.window, who)


class AskWindowImport(Ask, frozen=True, tag="window_import"):
    """What would become of windows of a file; with apply, add them, all or none.  windows: line and wish."""

    windows: list[tuple[int, WindowWish]]
    apply: bool = False

    def of(self, desk: Desk, who: str) -> object:
        return desk.window_import(self.windows, who, self.apply)


class AskWindowRemove(Ask, frozen=True, tag="window_remove"):
    """Remove a charge window of the operator."""

    id: str

    def of(self, desk: Desk, who: str) -> object:
        return desk.window_remove(self.id, who)


class AskWindowForget(Ask, frozen=True, tag="window_forget"):
    """Have the stays of a bay forgotten."""

    charger: str

    def of(self, desk: Desk, who: str) -> object:
        return desk.window_forget(self.charger, who)


class AskEvents(Ask, frozen=True, tag="events"):
    """The utility's events."""

    def of(self, desk: Desk, who: str) -> object:
        return desk.events()


class AskOptOut(Ask, frozen=True, tag="opt_out"):
    """Opt out of an event with a reason, or back in."""

    id: str
    reason: str = ""
    back_in: bool = False

    def of(self, desk: Desk, who: str) -> object:
        return desk.opt_out(self.id, self.reason, who, self.back_in)


class AskOptOutStanding(Ask, frozen=True, tag="opt_out_standing"):
    """Opt out of all that a program sends, "" of everything; or back in."""

    program: str = ""
    reason: str = ""
    back_in: bool = False

    def of(self, desk: Desk, who: str) -> object:
        return desk.opt_out_standing(self.program, self.reason, who, self.back_in)


class AskGrid(Ask, frozen=True, tag="grid"):
    """The grid operator's limits."""

    def of(self, desk: Desk, who: str) -> object:
        return desk.grid()


class AskGridBeat(Ask, frozen=True, tag="grid_beat"):
    """A heartbeat of the grid operator's box, with what it limits to for so long."""

    id: str
    limit_w: int | None = None
    for_s: int | None = None

    def of(self, desk: Desk, who: str) -> object:
        return desk.grid_beat(self.id, self.limit_w, self.for_s)


class AskGridReset(Ask, frozen=True, tag="grid_reset"):
    """Take a lockout back."""

    id: str
    installer: bool = False

    def of(self, desk: Desk, who: str) -> object:
        return desk.grid_reset(self.id, who, self.installer)


class AskExclusions(Ask, frozen=True, tag="exclusions"):
    """What people have entered about outages."""

    def of(self, desk: Desk, who: str) -> object:
        return desk.exclusions()


class AskExclusionAdd(Ask, frozen=True, tag="exclusion_add"):
    """Enter an outage, maintenance or a repair."""

    entry: ExclusionWish

    def of(self, desk: Desk, who: str) -> object:
        return desk.exclusion_add(self.entry, who)


class AskExclusionEnd(Ask, frozen=True, tag="exclusion_end"):
    """Give an entry the end that nobody knew."""

    id: str
    to_time: str

    def of(self, desk: Desk, who: str) -> object:
        return desk.exclusion_end(self.id, self.to_time, who)


class AskExclusionWithdraw(Ask, frozen=True, tag="exclusion_withdraw"):
    """Withdraw an entry."""

    id: str
    because: str

    def of(self, desk: Desk, who: str) -> object:
        return desk.exclusion_withdraw(self.id, self.because, who)


AnyAsk = (
    AskStatus
    | AskWhy
    | AskWindows
    | AskWindowAdd
    | AskWindowImport
    | AskWindowRemove
    | AskWindowForget
    | AskEvents
    | AskOptOut
    | AskOptOutStanding
    | AskGrid
    | AskGridBeat
    | AskGridReset
    | AskExclusions
    | AskExclusionAdd
    | AskExclusionEnd
    | AskExclusionWithdraw
    | AnyAskReception
)

_decode = msgspec.json.Decoder(AnyAsk).decode


def answer(desk: Desk, line: bytes, who: str) -> bytes:
    """Return the answer to one request line, as one line.  Raises nothing."""
    try:
        request = _decode(line)
    except msgspec.DecodeError as error:  # ValidationError is a DecodeError
        return _line({"error": str(error)})
    return _done(request, desk, who)


async def _answered(desk: Desk, line: bytes, who: str) -> bytes:
    """Return the answer as `answer` does; what waits for the disk, from a thread."""
    try:
        request = _decode(line)
    except msgspec.DecodeError as error:
        return _line({"error": str(error)})
    return await asyncio.to_thread(_done, request, desk, who) if request.slow else _done(request, desk, who)


def _done(request: Ask, desk: Desk, who: str) -> bytes:
    try:
        found = request.of(desk, who)
    except DeskError as error:
        return _line({"error": str(error)})
    except Exception:
        log.exception("a request on the control socket failed")
        return _line({"error": "the daemon could not answer; its log says why"})
    return _line({"answer": found})


def _line(message: object) -> bytes:
    return msgspec.json.encode(message) + b"\n"


async def serve(desk: Desk, path: Path) -> None:
    """Serve the control socket at `path` until cancelled, then remove it.

    Raises OSError where the path is too long, cannot be made, or another daemon answers there.
    """
    listener = listening(path)
    open_now: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(open_now) >= CONNECTIONS_MAX:
            writer.write(_line({"error": f"more than {CONNECTIONS_MAX} connections; try again"}))
            writer.close()
            return
        open_now.add(writer)
        try:
            await _talk(desk, reader, writer)
        finally:
            open_now.discard(writer)
            writer.close()

    server = await asyncio.start_unix_server(talk, sock=listener, limit=REQUEST_MAX)
    try:
        await server.serve_forever()
    finally:
        for writer in open_now:
            writer.close()
        _remove(path)


async def _talk(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer line after line until the other side ends, is idle, or sends a line that is too long."""
    who = person(writer.get_extra_info("socket"))
    with contextlib.suppress(TimeoutError, ConnectionError):
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), IDLE_S)
            except ValueError:  # readline() says it so when a line is beyond the limit
                writer.write(_line({"error": f"request: expected at most {REQUEST_MAX} bytes"}))
                await asyncio.wait_for(writer.drain(), IDLE_S)
                return
            if not line:
                return
            writer.write(await _answered(desk, line, who))
            await asyncio.wait_for(writer.drain(), IDLE_S)


def person(connection: socket.socket) -> str:
    """Return the user at the other end, as the kernel knows them: the name, else the number."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def listening(path: Path) -> socket.socket:
    """Return a socket bound at `path` with mode 0660; a socket that a dead daemon left is replaced."""
    if len(os.fsencode(path)) > PATH_MAX:
        raise OSError(f"{path}: too long for a Unix socket; expected a state directory of up to 90 bytes")
    if path.is_socket():
        if _answers(path):
            raise OSError(f"{path}: another daemon answers there; expected one daemon per state directory")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Nobody can connect between bind and listen, so nobody can slip in before chmod.
        listener.bind(os.fspath(path))
        path.chmod(0o660)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True


class NoDaemonError(Exception):
    """No daemon answers in this state directory."""


def ask(state: Path, request: Ask, timeout_s: float = 5.0) -> Any:
    """Ask the daemon of a state directory, and return its answer as plain JSON values.

    For commands: blocks.  Raises NoDaemonError where none answers, DeskError where it says no.
    """
    path = state / CONTROL_SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(timeout_s)
            wire.connect(os.fspath(path))
            wire.sendall(_line(request))
            reply = _read_line(wire)
        message: dict[str, Any] = msgspec.json.decode(reply, type=dict)
    except (OSError, msgspec.DecodeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NoDaemonError(
            f"no daemon answers at {path} ({why}); expected `depot run` or `depot demo` there"
        ) from None
    if "error" in message:
        raise DeskError(str(message["error"]))
    return message.get("answer")


def _read_line(wire: socket.socket) -> bytes:
    parts, size = [], 0
    while size < ANSWER_MAX:
        part = wire.recv(65536)
        if not part:
            raise OSError("the daemon hung up")
        parts.append(part)
        size += len(part)
        if part.endswith(b"\n"):
            return b"".join(parts)
    raise OSError(f"an answer of more than {ANSWER_MAX} bytes")
