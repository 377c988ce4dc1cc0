"""Runs a Depot in real time: its units on wires, a step every 100 ms, listeners who get every look."""

import asyncio
import threading
import time
from collections.abc import Callable

from edge.sim.depot import STEP_MS, Depot, Look
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
        self.servers += [LineServer(drawn[id], units, self.lock) for id, units in lines.items()]

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
            self.depot.step(now_ms)
            look = self.depot.look()
        for listener in self.listeners:
            listener(look)
