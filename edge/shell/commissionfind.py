"""What is on the lines and hosts of a site: recognised or not, doubled, silent, strangers; line quality.

Rule 1: nothing is written.
Rule 2: every device is asked who it is before and after its reads: two that share a unit may take turns.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from drivers.device import Device as Driver
from drivers.device import NotRecognised
from drivers.wire import Read
from edge.model.commission import Address, Found, Stranger
from edge.model.site import Board, Charger, Meter, Site
from edge.shell import buses, scan
from edge.shell.modbus import Wire
from edge.shell.outcome import Garbage, Silent, Unplugged
from edge.shell.visit import Visit

# Line quality is told by so many reads; a device that bears one in seconds gets fewer.
READS, READS_SLOW, SLOW_MS = 200, 20, 500

# What a device says of itself that does not change from one second to the next.
LASTING = ("manufacturer", "model", "serial", "firmware", "map_version", "connectors")

# How long a stranger may take to answer.
STRANGER_SERIAL_MS, STRANGER_TCP_MS = 120, 300


@dataclass
class _At:
    """One device of the site file.  seen: what came of asking it."""

    one: Meter | Charger | Board
    device: Driver
    wire: Wire
    identities: list[dict[str, int | str]] = field(default_factory=list)
    why: str = ""
    errors: int = 0
    silences: int = 0
    reads: int = 0
    took_ms: list[int] = field(default_factory=list)


class Finder:
    """units: where strangers are looked for, beside the units of the site file."""

    def __init__(
        self, site: Site, tables: tuple[Path, ...], units: range, tell: Callable[[str], None]
    ) -> None:
        self.site, self.units, self._tell = site, units, tell
        self._tables = tables
        self.on: dict[str, list[_At]] = {}
        drawn: list[Meter | Charger | Board] = [*site.meters, *site.chargers, *site.boards]
        for one in drawn:
            device = buses.device_of(site, one, tables)
            wire = buses.wire_to(site, one.at, device)
            mates = self.on.setdefault(wire.name, [])
            mates.append(_At(one, device, mates[0].wire if mates else wire))

    async def found(self) -> Found:
        """Look at all wires, hosts at the same time."""
        results = await asyncio.gather(*(self._wire(devices) for devices in self.on.values()))
        return Found(
            [address for addresses, _ in results for address in addresses],
            [stranger for _, strangers in results for stranger in strangers],
        )

    async def _wire(self, devices: list[_At]) -> tuple[list[Address], list[Stranger]]:
        wire = devices[0].wire
        try:
            await wire.open()
        except Unplugged as error:
            for at in devices:
                at.why = str(error)
            return [self._address(at) for at in devices], []
        strangers: list[Stranger] = []
        try:
            for at in devices:
                self._tell(f"{at.one.id}: {READS} reads of unit {at.device.unit} at {wire.name}")
                await self._device(at)
            strangers = await self._strangers(wire, devices)
        except Unplugged as error:
            for at in devices:
                at.why = at.why or ("" if at.identities else str(error))
        finally:
            wire.close()
        return [self._address(at) for at in devices], strangers

    async def _device(self, at: _At) -> None:
        """Ask one device who it is, read it, and ask again."""
        visit = Visit(at.wire, at.device)
        await self._who(at, visit)
        polls = at.device.polls() if at.device.recognised else []
        reads = [read for poll in polls for read in poll.reads][:1]
        if not reads:
            await self._knock(at, visit)
            return
        pacing = at.device.pacing()
        count = READS_SLOW if max(pacing.gap_ms, pacing.read_every_ms) >= SLOW_MS else READS
        await self._read(at, visit, reads[0], count)
        await self._who(at, visit)
        at.identities = [i for n, i in enumerate(at.identities) if i not in at.identities[:n]]

    async def _who(self, at: _At, visit: Visit) -> None:
        try:
            told = await visit.recognise()
            at.identities.append({key: told[key] for key in LASTING if key in told})
            at.why = ""
        except (NotRecognised, Silent, Garbage) as error:
            at.why = at.why or ("" if at.identities else str(error))

    async def _knock(self, at: _At, visit: Visit) -> None:
        """Ask somebody who was not recognised a few times more: garbled answers are answers."""
        reads = at.device.identify()
        if reads:
            await self._read(at, visit, reads[0], READS_SLOW)

    async def _read(self, at: _At, visit: Visit, read: Read, count: int) -> None:
        for _ in range(count):
            try:
                await visit.once(read)
            except Silent:
                at.silences += 1
            except Garbage:
                at.errors += 1
            else:
                at.took_ms.append(visit.counts.answer_ms)
            at.reads += 1

    async def _strangers(self, wire: Wire, devices: list[_At]) -> list[Stranger]:
        """Look for units that answer and are not in the site file.

        A TCP host often answers under every unit, so that says nothing there.
        """
        if not wire.serial:
            return []
        known = {at.device.unit for at in devices}
        tables = scan.for_wire((wire.kind,), scan.load_tables())
        found = []
        numbers = [unit for unit in self.units if unit not in known]
        self._tell(f"{wire.name}: does anybody else answer, unit {self.units[0]} to {self.units[-1]}?")
        async for got in scan.units(wire, wire.name, numbers, tables, STRANGER_SERIAL_MS):
            if isinstance(got, scan.Seen):
                looks = tuple(match.driver for match in got.matches[:3])
                found.append(Stranger(wire.name, got.unit, looks))
        return found

    def _address(self, at: _At) -> Address:
        took = sorted(at.took_ms)
        middle, longest = (took[len(took) // 2], took[-1]) if took else (0, 0)
        return Address(
            device=at.one.id,
            where=at.wire.name,
            unit=at.device.unit,
            driver=at.one.driver,
            why=at.why,
            identities=at.identities,
            reads=at.reads,
            errors=at.errors,
            silences=at.silences,
            answer_ms=(middle, longest),
        )
