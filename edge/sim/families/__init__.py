"""What devices do beyond physics: their registers and their ways, one file per family.

The four of the demonstration are written here from their manuals, apart from drivers/devices, so that a
wrong row there shows against these.  Every other family is served from its driver table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers import library
from drivers.table import Transport
from edge.model.site import Charger as SiteCharger
from edge.model.site import Meter as SiteMeter
from edge.sim.charger import Charger
from edge.sim.families.alfen_eve import AlfenSocket
from edge.sim.families.eastron_sdm630 import sdm630_registers
from edge.sim.families.heidelberg_energy_control import HeidelbergEnergyControl
from edge.sim.families.janitza_umg604 import umg604_registers
from edge.sim.families.table_charger import TableCharger
from edge.sim.families.table_meter import table_meter
from edge.sim.meter import Meter
from edge.sim.registers import Registers, Words
from edge.sim.registers import Table as Space


class Device(Protocol):
    """What is behind registers: it may be silent, and it hears requests."""

    @property
    def silent(self) -> bool:
        """Whether it answers nothing."""

    def heard(self) -> None:
        """A good request has come."""


@dataclass
class RegisterUnit:
    """One unit id, and what answers there: one device, or several connectors of one station.

    ascii_start, sleepy: its ways on a line with ASCII framing.  garbled: whether collisions garble here.
    """

    devices: list[Device]
    registers: Registers
    ascii_start: str = ":"
    sleepy: bool = False
    garbled: bool = False
    _asked: int = 0

    @property
    def doubled(self) -> bool:
        """Whether another device answers under the same unit."""
        return any(getattr(device, "doubled", False) for device in self.devices)

    @property
    def silent(self) -> bool:
        """Whether nothing answers: a station lives as long as one of its connectors does.

        Of two devices under one unit behind a gateway, hardly an answer gets through whole: two in three are
        lost there.  On a line of ours they are garbled (edge/sim/servers.py).
        """
        if self.doubled and not self.garbled:
            self._asked += 1
            return self._asked % 3 > 0
        return all(device.silent for device in self.devices)

    def heard(self) -> None:
        """A good request has come."""
        for device in self.devices:
            device.heard()

    def read(self, table: Space, address: int, count: int) -> Words:
        """Return registers."""
        for device in self.devices:
            if isinstance(device, TableCharger):
                device.check_pace()
        return self.registers.read(table, address, count)

    def write(self, table: Space, address: int, words: Words, function: int) -> None:
        """Take registers."""
        self.registers.write(table, address, words, function)

    def join(self, other: "RegisterUnit") -> None:
        """Take another connector of the same station in.  Raises ValueError if both are one connector."""
        if not all(isinstance(d, TableCharger) for d in (*self.devices, *other.devices)):
            raise ValueError("two devices")
        self.devices += other.devices
        self.registers.take_in(other.registers)


@dataclass(frozen=True)
class MeterFamily:
    """sample_ms: how often its registers get new values.  class_pct: accuracy class for current."""

    sample_ms: int
    class_pct: float
    registers: Callable[[Meter], Registers]


# Sample times: UMG 604 200 ms (data sheet: measured values every 200 ms); SDM630 about twice a second.
METERS: dict[str, MeterFamily] = {
    "janitza_umg604": MeterFamily(200, 0.2, umg604_registers),
    "eastron_sdm630": MeterFamily(500, 0.5, sdm630_registers),
}
# What a meter of another family is taken to be.
SAMPLE_MS, CLASS_PCT = 500, 0.5

CHARGERS: dict[str, Callable[[SiteCharger], AlfenSocket | HeidelbergEnergyControl]] = {
    "alfen_eve": AlfenSocket,
    "heidelberg_energy_control": HeidelbergEnergyControl,
}


def charger(drawn: SiteCharger) -> Charger:
    """Return the twin of a charger.  Raises UnknownDriver, BadTable."""
    if drawn.driver in CHARGERS:
        return CHARGERS[drawn.driver](drawn)
    return TableCharger(drawn, library.load(drawn.driver))


def meter(drawn: SiteMeter, node: str, seed: int) -> Meter:
    """Return the twin of a meter.  Raises UnknownDriver."""
    family = METERS.get(drawn.driver)
    sample_ms, class_pct = (family.sample_ms, family.class_pct) if family else (SAMPLE_MS, CLASS_PCT)
    return Meter(drawn.id, node, drawn.phases, sample_ms, drawn.ratio, class_pct, seed)


def units_of(drawn: SiteMeter | SiteCharger, twin: Charger | Meter) -> dict[int, RegisterUnit]:
    """Return the unit ids under which a device answers.  Raises UnknownDriver, BadTable."""
    if isinstance(twin, TableCharger):
        maps = twin.registers_by_unit()
    elif isinstance(twin, Charger):
        maps = {drawn.at.unit: twin.registers()}
    elif drawn.driver in METERS:
        maps = {drawn.at.unit: METERS[drawn.driver].registers(twin)}
    else:
        maps = table_meter(library.load(drawn.driver), drawn.at.unit)(twin)
    ascii_ways = [t for t in _transports(drawn.driver) if t.type == "ascii"]
    start, sleepy = (ascii_ways[0].answer_start, ascii_ways[0].send_twice) if ascii_ways else (":", False)
    return {unit: RegisterUnit([twin], registers, start, sleepy) for unit, registers in maps.items()}


def _transports(driver: str) -> tuple[Transport, ...]:
    return library.load(driver).transports if driver in library.names() else ()


def port_of(drawn: SiteMeter | SiteCharger) -> str:
    """Return the host and port where a device listens: some stations have a port for every connector."""
    host, _, port = drawn.at.tcp.rpartition(":")
    connector = drawn.connector if isinstance(drawn, SiteCharger) else 1
    if connector == 1 or drawn.driver in CHARGERS:
        return drawn.at.tcp
    return f"{host}:{int(port) + (connector - 1) * library.load(drawn.driver).connectors.port_step}"


def served(driver: str) -> bool:
    """Whether there is a twin of this family."""
    return driver in METERS or driver in CHARGERS or driver in library.names()
