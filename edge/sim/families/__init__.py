"""What devices do beyond physics: their registers and their ways, one file per family.

The four of the demonstration are written here from their manuals, apart from drivers/devices, so that a
wrong row there shows against these.  Every other family is served from its driver table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.model.site import Charger as SiteCharger
from edge.sim.charger import Charger
from edge.sim.families.alfen_eve import AlfenSocket, AlfenStation
from edge.sim.families.eastron_sdm630 import sdm630_registers
from edge.sim.families.heidelberg_energy_control import HeidelbergEnergyControl
from edge.sim.families.janitza_umg604 import umg604_registers
from edge.sim.meter import Meter
from edge.sim.registers import Registers, Table, Words


@dataclass
class RegisterUnit:
    """A device behind its registers: what a Modbus server asks."""

    device: Charger | Meter | AlfenStation
    registers: Registers

    @property
    def silent(self) -> bool:
        """Whether the device answers nothing."""
        return self.device.silent

    def heard(self) -> None:
        """A good request has come."""
        self.device.heard()

    def read(self, table: Table, address: int, count: int) -> Words:
        """Return registers."""
        return self.registers.read(table, address, count)

    def write(self, table: Table, address: int, words: Words) -> None:
        """Take registers."""
        self.registers.write(table, address, words)


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

CHARGERS: dict[str, Callable[[SiteCharger], AlfenSocket | HeidelbergEnergyControl]] = {
    "alfen_eve": AlfenSocket,
    "heidelberg_energy_control": HeidelbergEnergyControl,
}
