"""Alfen Eve (NG9xx): one or two sockets under units 1 and 2, the station under unit 200.

A setpoint holds for the validity time that the installer set in the station (60 s as delivered), then
the safe current applies; also from power-on until the first write.  Addresses without a register read
as all ones.  A value of several registers must be written in one request.

Source: Alfen, Implementation of Modbus Slave TCP/IP for Alfen NG9xx platform, v2.3, 2020-10-30.
"""

import functools
import math
from dataclasses import dataclass

from edge.model.site import Charger as SiteCharger
from edge.sim.charger import Charger
from edge.sim.registers import (
    ILLEGAL_VALUE,
    Refused,
    Registers,
    Words,
    f32,
    f64,
    float_from,
    s16,
    text,
    u16,
    u32,
    u64,
)

STATION_UNIT = 200
VALIDITY_MS = 60_000  # as delivered
ALL_ONES = 0xFFFF


class AlfenSocket(Charger):
    """One socket.  Its safe current is the site's fallback_ma, its validity time the site's valid_for_ms."""

    def __init__(self, site: SiteCharger) -> None:
        super().__init__(site.id, site.phases, site.max_ma / 1000, site.fallback_ma / 1000)
        self.validity_ms = site.valid_for_ms or VALIDITY_MS
        self.phases_used = len(site.phases)

    @property
    def valid_ms(self) -> int:
        """How long the setpoint still holds; 0 when the safe current applies."""
        return max(0, self.told.at_ms + self.validity_ms - self.now_ms) if self.told else 0

    def applied_a(self) -> float:
        """Return the setpoint while it is valid, else the safe current; never above its own maximum."""
        wanted = self.told.current_ma / 1000 if self.told and self.valid_ms else self.fallback_a
        return min(wanted, self.max_a)

    def _setpoint_a(self) -> float:
        return self.told.current_ma / 1000 if self.told else self.max_a

    def _write_setpoint(self, words: Words) -> None:
        amps = float_from(words)
        if not math.isfinite(amps) or amps < 0:
            raise Refused(ILLEGAL_VALUE)
        self.take_setpoint(amps)

    def _write_phases(self, words: Words) -> None:
        if words[0] not in (1, 3):
            raise Refused(ILLEGAL_VALUE)
        self.phases_used = words[0]

    def registers(self) -> Registers:
        """Return the map of one socket."""
        r = Registers(gap=ALL_ONES)
        self._meter(r)
        r.add("holding", 1200, lambda: u16(0 if self.fault else 1))
        r.add("holding", 1201, lambda: text(self.state, 5))
        r.add("holding", 1206, lambda: f32(self.applied_a()))
        r.add("holding", 1208, lambda: u32(self.valid_ms // 1000))
        r.add("holding", 1210, lambda: f32(self._setpoint_a()),
              self._write_setpoint)  # fmt: skip
        r.add("holding", 1212, lambda: f32(self.fallback_a))
        r.add("holding", 1214, lambda: u16(1 if self.valid_ms else 0))
        r.add("holding", 1215, lambda: u16(self.phases_used), self._write_phases)
        return r

    def _line_voltage(self, p: int) -> float:
        a, b = self.voltages_v[p], self.voltages_v[(p + 1) % 3]
        return math.sqrt(a * a + b * b + a * b)  # two phasors 120° apart

    def _meter(self, r: Registers) -> None:
        """Add the socket's own energy meter, 300 to 425."""
        r.add("holding", 300, lambda: u16(0b11))  # initialised, updated
        r.add("holding", 301, lambda: u64(100))  # ms since its last value
        r.add("holding", 305, lambda: u16(0))  # on RTU
        r.add_three("holding", 306, lambda p: f32(self.voltages_v[p] if p < len(self.phases) else 0.0))
        r.add_three("holding", 312, lambda p: f32(self._line_voltage(p)))
        r.add_three("holding", 320, lambda p: f32(self.currents_a[p]))
        r.add_three("holding", 328, lambda _: f32(1.0))
        r.add_three("holding", 338, lambda p: f32(self.currents_a[p] * self.voltages_v[p]))
        r.add_three("holding", 346, lambda p: f32(self.currents_a[p] * self.voltages_v[p]))
        r.add_three("holding", 354, lambda _: f32(0.0))
        r.add_three("holding", 362, lambda p: f64(self.energy_phase_wh[p]))
        r.add_three("holding", 378, lambda _: f64(0.0))
        r.add("holding", 318, lambda: f32(0.0))
        r.add("holding", 326, lambda: f32(sum(self.currents_a)))
        r.add("holding", 334, lambda: f32(1.0))
        r.add("holding", 336, lambda: f32(50.0))
        r.add("holding", 344, lambda: f32(self.power_w))
        r.add("holding", 352, lambda: f32(self.power_w))
        r.add("holding", 360, lambda: f32(0.0))
        r.add("holding", 374, lambda: f64(self.energy_wh))
        r.add("holding", 390, lambda: f64(0.0))


@dataclass
class AlfenStation:
    """The station behind one or two sockets: unit 200."""

    sockets: list[AlfenSocket]

    @property
    def silent(self) -> bool:
        """Whether the station answers: it lives as long as one of its sockets does."""
        return all(s.silent for s in self.sockets)

    def heard(self) -> None:
        """A good request has come; only the sockets' setpoints matter."""

    def registers(self) -> Registers:
        """Return the map of the station."""
        r = Registers(gap=ALL_ONES)
        first = self.sockets[0]
        r.add("holding", 100, lambda: text("ALF_SIM" if len(self.sockets) == 1 else "ALF_SIM_DUO", 17))
        r.add("holding", 117, lambda: text("Alfen NV", 5))
        r.add("holding", 122, lambda: s16(1))
        r.add("holding", 123, lambda: text("6.4.0-4210", 17))
        r.add("holding", 140, lambda: text("NG910", 17))
        r.add("holding", 157, lambda: text(f"SIM-{first.id}", 11))
        for n, part in enumerate((2026, 1, 1, 0, 0, 0)):  # its clock was never set
            r.add("holding", 168 + n, functools.partial(s16, part))
        r.add("holding", 174, lambda: u64(first.now_ms))
        r.add("holding", 178, lambda: s16(0))
        r.add("holding", 1100, lambda: f32(max(s.max_a for s in self.sockets)))
        r.add("holding", 1102, lambda: f32(31.0))
        r.add("holding", 1104, lambda: u16(0))
        r.add("holding", 1105, lambda: u16(len(self.sockets)))
        return r
