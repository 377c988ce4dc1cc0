"""Runs a Depot in real time: its units on wires, a step every 100 ms, listeners who get every look."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.sim.board import BoardTwin
from edge.sim.depot import STEP_MS, CannotSimulate, Depot, Look
from edge.sim.orders import BadOrder
from edge.sim.servers import LineServer, TcpServer

Listener = Callable[[Look], None]


def monotonic_ms() -> int:
    """Return the system's monotonic clock, the same in every process of this machine."""
    return time.monotonic_ns() // 1_000_000


class Simulator:
    """One depot on wires.  listeners get the truth after every step."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        for charger in depot.chargers.values():
            charger.clock = monotonic_ms
        self.listeners: list[Listener] = []
        self.lock = threading.Lock()  # serial lines live in threads of their own
        tcp, lines = depot.units()
        drawn = {line.id: line for line in depot.site.lines}
        self.servers: list[TcpServer | LineServer] = [
            TcpServer(address, units, self.lock) for address, units in tcp.items()
        ]
        self._flash: tempfile.TemporaryDirectory[str] | None = None
        self.boards: dict[str, BoardTwin] = {}
        if depot.site.boards:
            self._flash = tempfile.TemporaryDirectory(prefix="depot-boards-")
            folder = Path(self._flash.name)
            self.boards = {b.id: BoardTwin(b, folder / b.id) for b in depot.site.boards}
        for board in depot.site.boards:
            if not board.at.line:
                raise CannotSimulate(f"board {board.id}: expected line: a board has no network")
            lines.setdefault(board.at.line, {})
        self.lines = {
            id: LineServer(drawn[id], units, self.lock, self._boards_on(id)) for id, units in lines.items()
        }
        self.servers += self.lines.values()

    async def start(self) -> None:
        """Open all ports, or none."""
        try:
            for server in self.servers:
                await server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all ports."""
        for server in self.servers:
            await server.stop()
        if self._flash is not None:
            self._flash.cleanup()

    def order(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """Take an order for a board or a line; None where it is none."""
        match order:
            case {"do": "input", "device": str(id), "number": int(number), "closed": bool(closed)}:
                self._board(id).turn(number, closed)
            case {"do": "relays", "device": str(id)}:
                return self._board(id).report()
            case {"do": "cut" | "join" as do, "device": str(id)}:
                if id not in self.lines:
                    raise BadOrder(f"device: {id!r} is no line of {', '.join(self.lines)}")
                self.lines[id].cut(do == "cut")
            case _:
                return None
        return {"done": order["do"]}

    def _boards_on(self, line: str) -> list[BoardTwin]:
        return [board for board in self.boards.values() if board.drawn.at.line == line]

    def _board(self, id: str) -> BoardTwin:
        if id not in self.boards:
            raise BadOrder(f"device: {id!r} is no board of {', '.join(self.boards)}")
        return self.boards[id]

    async def run(self) -> None:
        """Step for ever, in real time.  After a stall the missed steps are made up, up to a second."""
        due = monotonic_ms()
        while True:
            now = monotonic_ms()
            due = max(due, now - 1_000)
            while due <= now:
                self.step(due)
                due += STEP_MS
            await asyncio.sleep(max(0.0, (due - monotonic_ms()) / 1000))

    def step(self, now_ms: int) -> None:
        """Make one step and show it."""
        with self.lock:
            for board in self.boards.values():
                for charger, guard_a in board.guards_a().items():
                    self.depot.chargers[charger].guard_a = guard_a
            self.depot.step(now_ms)
            look = self.depot.look()
        for listener in self.listeners:
            listener(look)
