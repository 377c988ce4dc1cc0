"""Finds out what is on a wire, without writing: which units answer, and which family knows them.

A unit that gives any answer, a refusal too, is there.  Then every family that talks on this kind of
wire looks at its identity; replies are shared, so that no register is asked twice.  Several families
may fit: some devices have no model text, and the installer chooses.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers import library
from drivers.device import Device, NotRecognised
from drivers.table import Table
from drivers.wire import Read, Reply
from edge.shell.modbus import Wire
from edge.shell.outcome import Counts, Garbage, Refused, Silent, Unplugged

# What a unit is asked to see whether it is there: any device answers or refuses one of the two.
KNOCKS = (("holding", 0, 2), ("input", 0, 2))

GATEWAY_SILENT = (10, 11)


class Match(NamedTuple):
    """A family that knows a unit, and what it says of itself.  certain: by a text, not by plausibility."""

    driver: str
    kind: str
    certain: bool
    identity: dict[str, int | str]


@dataclass
class Seen:
    """A unit that is there.  where: "HOST:PORT", or the line as "9600 8N1"."""

    where: str
    unit: int
    matches: list[Match] = field(default_factory=list)


class Setting(NamedTuple):
    """How a serial line may be set."""

    baud: int
    format: str


async def units(
    wire: Wire, where: str, numbers: Iterable[int], tables: list[Table], timeout_ms: int
) -> AsyncIterator[int | Seen]:
    """Look for units on an open wire; yield every number when it is done, and before it what was seen."""
    for unit in numbers:
        if await there(wire, unit, timeout_ms):
            yield Seen(where, unit, await matches(wire, unit, tables, timeout_ms))
        yield unit


async def there(wire: Wire, unit: int, timeout_ms: int) -> bool:
    """Say whether a unit answers at all."""
    for space, address, count in KNOCKS:
        try:
            await _ask(wire, Read(unit, space, address, count), timeout_ms)  # type: ignore[arg-type]
        except (Silent, Garbage):
            continue
        return True
    return False


async def matches(wire: Wire, unit: int, tables: list[Table], timeout_ms: int) -> list[Match]:
    """Return the families that know a unit, the surest first.

    Where none is certain, they are ordered by how much of what they read is there and is not zero.
    """
    asked = _Asked(wire, timeout_ms)
    found: list[tuple[Match, Device]] = []
    for table in tables:
        device = Device(table, unit)
        own: dict[Read, Reply] = {}
        try:
            while reads := [r for r in device.identify(own) if r not in asked.silent]:
                own |= await asked.all(reads, table)
            identity = device.recognise(own)
        except NotRecognised:
            continue
        found.append((Match(table.name, table.kind, _certain(table), identity), device))
    if len(found) > 1 and not any(match.certain for match, _ in found):
        worth = {match.driver: await _worth(device, asked) for match, device in found}
        found.sort(key=lambda one: (-worth[one[0].driver], one[0].driver))
    return sorted((match for match, _ in found), key=lambda match: not match.certain)


class _Asked:
    """What a wire was asked, and what it said: no register is read twice."""

    def __init__(self, wire: Wire, timeout_ms: int) -> None:
        self._wire, self._timeout_ms = wire, timeout_ms
        self.replies: dict[Read, Reply] = {}
        self.silent: set[Read] = set()

    async def all(self, reads: list[Read], table: Table) -> dict[Read, Reply]:
        """Ask what was not asked yet, as slowly as the family wants it; return the replies that came."""
        for read in reads:
            if read in self.replies or read in self.silent:
                continue
            await asyncio.sleep(table.limits.gap_ms / 1000)
            try:
                timeout_ms = max(self._timeout_ms, table.limits.timeout_ms)
                self.replies[read] = await _ask(self._wire, read, timeout_ms)
            except (Silent, Garbage):
                self.silent.add(read)
        return {read: self.replies[read] for read in reads if read in self.replies}


async def _worth(device: Device, asked: _Asked) -> int:
    """Return how many of a family's fast quantities the unit gives, zeros not counted."""
    reads = [read for poll in device.polls() if poll.name == "fast" for read in poll.reads]
    values = device.decode(await asked.all(reads, device.table)).values()
    return sum(isinstance(value, int) and value != 0 for value in values)


async def _ask(wire: Wire, read: Read, timeout_ms: int) -> Reply:
    """Ask once; a connection that the device closes on what it does not like is renewed."""
    try:
        return await wire.ask(read, timeout_ms, Counts())
    except Refused as error:
        if error.code in GATEWAY_SILENT:
            raise Silent(str(error)) from None
        return error.code
    except Unplugged:
        await wire.open()
        raise Silent("the connection was closed instead of an answer") from None


def _certain(table: Table) -> bool:
    """Say whether a family tells itself by a text, as its maker's name."""
    return any(
        word in condition.text for condition in table.expect for word in (" starts ", " is ", " contains ")
    )


def distinct(found: list[Seen], tables: list[Table]) -> list[Seen]:
    """Leave out what is there twice: many TCP devices answer under every unit.

    A family whose transports name several units has a connector behind each; others have one.
    """
    units_of = {t.name: {u for transport in t.transports for u in transport.units} for t in tables}
    kept: list[Seen] = []
    known: set[tuple[str, tuple[tuple[str, int | str], ...]]] = set()
    for seen in found:
        if not seen.matches:
            kept.append(seen)
            continue
        best = seen.matches[0]
        units = units_of[best.driver]
        same = (best.driver, tuple(sorted(best.identity.items())))
        if seen.unit in units or (not units and same not in known):
            kept.append(seen)
            known.add(same)
    return kept if known else kept[:1]


def for_wire(kinds: tuple[str, ...], tables: Iterable[Table]) -> list[Table]:
    """Return the families that talk on a kind of wire."""
    return [t for t in tables if any(transport.type in kinds for transport in t.transports)]


def settings(tables: Iterable[Table], kinds: tuple[str, ...] = ("rtu",)) -> list[Setting]:
    """Return the serial settings that the families know, the most frequent first."""
    counted: dict[Setting, int] = {}
    for table in tables:
        for transport in table.transports:
            if transport.type in kinds:
                for baud in dict.fromkeys((transport.baud, *transport.bauds)):
                    setting = Setting(baud, transport.format)
                    counted[setting] = counted.get(setting, 0) + (2 if baud == transport.baud else 1)
    return sorted(counted, key=lambda s: (-counted[s], -s.baud))


def default_units(tables: Iterable[Table]) -> list[int]:
    """Return the units that TCP families have by default, in order."""
    found = {unit for t in tables for transport in t.transports if transport.type == "tcp"
             for unit in (transport.unit, *transport.units)}  # fmt: skip
    return sorted(found)


def load_tables() -> list[Table]:
    """Return all families of the library."""
    return list(library.load_all().values())
