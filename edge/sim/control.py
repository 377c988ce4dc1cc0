"""The simulator's own channel: orders as JSON lines over a Unix socket, one answer a line.

It is not on the depot's wires: nothing of the product may use it.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from edge.sim.depot import Depot
from edge.sim.orders import BadOrder, Order, obey

Extra = Callable[[dict[str, Any]], dict[str, Any] | None]


class Control:
    """Listens at `path`.  extra: asked first, for orders that are not the depot's; None passes it on.

    lock: held while the depot is touched.
    """

    def __init__(self, path: Path, depot: Depot, lock: threading.Lock, extra: Extra = lambda _: None) -> None:
        self.path, self.depot, self.lock, self.extra = path, depot, lock, extra
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._client, str(self.path))
        self.path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line without end
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            order = msgspec.json.decode(line, type=dict[str, Any])
            with self.lock:
                special = self.extra(order)
                return special if special is not None else obey(self.depot, msgspec.convert(order, Order))
        except (BadOrder, msgspec.MsgspecError) as error:
            return {"error": str(error)}


def ask(path: Path, order: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Send one order to a running simulator and return its answer.  Raises OSError, BadOrder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(json.dumps(order).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
    if "error" in answer:
        raise BadOrder(answer["error"])
    return answer
