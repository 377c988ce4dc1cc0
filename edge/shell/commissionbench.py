"""The bench on real wires: bus masters as the daemon has them, and a tick a second.

The daemon must not run: a line has one master.  Between two tests the depot is paused, and goes on to be told
so; when this process ends, setpoints expire and chargers fall back by themselves (I4).
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from drivers.device import Device as Driver
from edge.core.commission_bench import Bench
from edge.model.commission import Device, Found, Hold, Supervises, Trace
from edge.model.flow import AnyEvent, SetCurrent, SetRelays, Tick
from edge.model.site import Board, Charger, Meter, Site
from edge.model.units import SECOND_MS
from edge.shell import buses
from edge.shell.bus import Master
from edge.shell.clock import Clock
from edge.shell.commissionfiles import listed
from edge.shell.commissionfind import Finder
from edge.shell.member import Member

# What feeds the watchdogs of devices that any question feeds; the others hear writes alone.
FED_BY_READING = ("any_request", "station_poll")

# A pause begins when no test has gone on for so long.
IDLE_S = 2.0

# How long devices get to be recognised before the first test.
START_S = 8.0


class WiredBench:
    """The bench of edge/shell/commission.py.  tables: directories with further device tables."""

    def __init__(self, site: Site, tables: tuple[Path, ...] = (), units: range = range(1, 33)) -> None:
        self.site = site
        self.bench = Bench(site)
        self._tables, self._units = tables, units
        self._clock = Clock()
        self._masters: list[Master] = []
        self._member: dict[str, tuple[Master, Member]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._idle: asyncio.TimerHandle | None = None
        drawn: list[Meter | Charger | Board] = [*site.meters, *site.chargers, *site.boards]
        self._drivers: dict[str, Driver] = {one.id: buses.device_of(site, one, tables) for one in drawn}

    async def close(self) -> None:
        """Let go of all wires."""
        if self._idle is not None:
            self._idle.cancel()
        for master in self._masters:
            master.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks, self._masters, self._member = [], [], {}

    async def find(self, tell: Callable[[str], None]) -> Found:
        """Look at every line and host, before the masters have them."""
        await self.close()
        return await Finder(self.site, self._tables, self._units, tell).found()

    async def hold(self, hold: Hold) -> Trace:
        """Do it for its time."""
        await self._start()
        if self._idle is not None:
            self._idle.cancel()
        refused = self._begin(hold)
        now_ms = self._clock.now_ms()
        if refused:
            self._rest_soon()
            return Trace(now_ms, now_ms, refused=refused)
        done, _ = await asyncio.wait(
            self._tasks, timeout=hold.for_ms / SECOND_MS, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()  # masters and ticks do not end by themselves: this raises what ended one
        for _, member in self._member.values():
            member.muted = ""
        self._rest_soon()
        return self.bench.end(self._clock.now_ms())

    def supervises(self, charger: str) -> Supervises:
        """Say how a charger watches us: as it has told, else as its table says."""
        member = self._member[charger][1] if charger in self._member else None
        drawn = next(c for c in self.site.chargers if c.id == charger)
        how = member.supervision if member else self._drivers[charger].supervision(drawn.valid_for_ms)
        return Supervises(how.kind, how.time_ms, "questions" if how.kind in FED_BY_READING else "writes")

    def trust(self, meters: frozenset[str], chargers: frozenset[str]) -> None:
        """Count on these."""
        self.bench.holder.trusted, self.bench.holder.located = meters, chargers

    def state(self, charger: str) -> str:
        """Return its latest letter."""
        return self.bench.states.get(charger, "")

    def devices(self) -> list[Device]:
        """Return the devices, with what they told when they were recognised."""
        return listed(self.site, self.bench.identities)

    def wall_ms(self) -> int:
        """Return UTC."""
        return self._clock.wall_ms()

    # Inside --------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Open the wires and wait until the devices have been recognised, but not for ever."""
        if self._tasks:
            return
        self._masters = buses.build(self.site, self._said, self._clock, self._tables)
        self._member = {name: (m, member) for m in self._masters for name, member in m.members.items()}
        self._begin(Hold(0, "pause"))
        self._tasks = [asyncio.create_task(master.run()) for master in self._masters]
        self._tasks.append(asyncio.create_task(self._ticks()))
        for _ in range(round(START_S * 10)):
            await asyncio.sleep(0.1)
            if len(self.bench.identities) == len(self._member):
                await asyncio.sleep(1.5)  # and have told their first values
                break

    def _begin(self, hold: Hold) -> str:
        refused = self.bench.begin(hold, self._clock.now_ms(), self._clock.wall_ms())
        if not refused:
            for name, (_, member) in self._member.items():
                member.muted = self._muted(name) if name in hold.silent else ""
        return refused

    def _muted(self, name: str) -> Literal["writes", "all"]:
        """Say what a device must not hear, to be left alone: reading does not feed every watchdog."""
        if name in {m.id for m in self.site.meters}:
            return "all"
        if name in {b.id for b in self.site.boards}:
            return "writes"
        return "all" if self.supervises(name).heard == "questions" else "writes"

    def _rest_soon(self) -> None:
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_S, lambda: self._begin(Hold(0, "pause")))

    async def _ticks(self) -> None:
        """Tick at every whole second of the clock, for which the masters read."""
        while True:
            now_ms = self._clock.now_ms()
            await asyncio.sleep((SECOND_MS - now_ms % SECOND_MS) / SECOND_MS)
            self._said(Tick(self._clock.now_ms(), self._clock.wall_ms()))

    def _said(self, event: AnyEvent) -> None:
        """Take an event in, and hand what comes of it to the masters."""
        for command in self.bench.handle(event):
            match command:
                case SetCurrent():
                    until_ms = self._clock.now_ms() + command.valid_for_ms
                    master, _ = self._member[command.charger]
                    master.set_current(command.charger, command.current_ma, until_ms)
                case SetRelays():
                    until_ms = self._clock.now_ms() + command.valid_for_ms
                    master, _ = self._member[command.board]
                    master.set_relays(command.board, command.relays, until_ms)
                case _:
                    pass
