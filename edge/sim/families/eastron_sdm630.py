"""Eastron SDM630-Modbus V2: float32 in input registers, high word first; even counts only.

Settings are float32 in holding registers; the ones of the serial line are fixed here.
Source: Eastron SDM630 Modbus register document; at most 30 values (60 registers) a read.
"""

from edge.sim.meter import Meter
from edge.sim.registers import Registers, f32, u32

GAP = 0  # addresses between the documented ones read as 0


def sdm630_registers(meter: Meter) -> Registers:
    """Return the map of one meter.  Energies are kWh."""
    r = Registers(gap=GAP, even=True, per_read=60)
    r.add_three("input", 0, lambda p: f32(meter.shown.voltages_v[p]))
    r.add_three("input", 6, lambda p: f32(meter.shown.currents_a[p]))
    r.add_three("input", 12, lambda p: f32(meter.shown.powers_w[p]))
    r.add_three("input", 18, lambda p: f32(meter.shown.apparents_va[p]))
    r.add_three("input", 24, lambda p: f32(meter.shown.reactives_var[p]))
    r.add_three("input", 30, lambda p: f32(meter.shown.power_factors[p]))
    r.add_three("input", 346, lambda p: f32(meter.import_wh[p] / 1000))
    r.add_three("input", 352, lambda p: f32(meter.export_wh[p] / 1000))
    r.add_three("input", 358, lambda p: f32((meter.import_wh[p] + meter.export_wh[p]) / 1000))
    r.add("input", 48, lambda: f32(sum(meter.shown.currents_a)))
    r.add("input", 52, lambda: f32(meter.shown.power_w))
    r.add("input", 56, lambda: f32(sum(meter.shown.apparents_va)))
    r.add("input", 60, lambda: f32(sum(meter.shown.reactives_var)))
    r.add("input", 62, lambda: f32(_total_power_factor(meter)))
    r.add("input", 70, lambda: f32(meter.shown.frequency_hz))
    r.add("input", 72, lambda: f32(sum(meter.import_wh) / 1000))
    r.add("input", 74, lambda: f32(sum(meter.export_wh) / 1000))
    r.add("input", 342, lambda: f32((sum(meter.import_wh) + sum(meter.export_wh)) / 1000))
    r.add("holding", 2, lambda: f32(60))  # demand period, min
    r.add("holding", 10, lambda: f32(3))  # three phases, four wires
    r.add("holding", 18, lambda: f32(1))  # 8E1
    r.add("holding", 28, lambda: f32(3))  # 19200 baud
    r.add("holding", 0xFC00, lambda: u32(serial_number(meter.id)))
    return r


def serial_number(id: str) -> int:
    """Return a number that stays the same for a device id."""
    return 21_000_000 + sum((n + 1) * ord(c) for n, c in enumerate(id)) % 1_000_000


def _total_power_factor(meter: Meter) -> float:
    apparent = sum(meter.shown.apparents_va)
    return meter.shown.power_w / apparent if apparent > 1 else 1.0
