"""Janitza UMG 604: all values as float32 in holding registers, high word first.

Source: Janitza, UMG 604 Modbus address list: block 19000 (common to most UMG), instantaneous block 1317.
"""

import math

from edge.sim.meter import Meter, Sample
from edge.sim.registers import Registers, f32


def umg604_registers(meter: Meter) -> Registers:
    """Return the map of one meter."""
    r = Registers()

    def show() -> Sample:
        return meter.shown

    def line_voltage(p: int) -> float:
        a, b = show().voltages_v[p], show().voltages_v[(p + 1) % 3]
        return math.sqrt(a * a + b * b + a * b)  # two phasors 120° apart

    r.add_three("holding", 19000, lambda p: f32(show().voltages_v[p]))
    r.add_three("holding", 19006, lambda p: f32(line_voltage(p)))
    r.add_three("holding", 19012, lambda p: f32(show().currents_a[p]))
    r.add_three("holding", 19020, lambda p: f32(show().powers_w[p]))
    r.add_three("holding", 19028, lambda p: f32(show().apparents_va[p]))
    r.add_three("holding", 19036, lambda p: f32(show().reactives_var[p]))
    r.add_three("holding", 19044, lambda p: f32(show().power_factors[p]))
    r.add_three("holding", 19062, lambda p: f32(meter.import_wh[p]))
    r.add_three("holding", 19070, lambda p: f32(meter.export_wh[p]))
    r.add_three("holding", 1317, lambda p: f32(show().voltages_v[p]))
    r.add_three("holding", 1325, lambda p: f32(show().currents_a[p]))
    r.add_three("holding", 1333, lambda p: f32(show().powers_w[p]))
    r.add_three("holding", 1341, lambda p: f32(show().reactives_var[p]))
    r.add("holding", 19018, lambda: f32(neutral_a(show().currents_a)))
    r.add("holding", 19026, lambda: f32(show().power_w))
    r.add("holding", 19034, lambda: f32(sum(show().apparents_va)))
    r.add("holding", 19042, lambda: f32(sum(show().reactives_var)))
    r.add("holding", 19050, lambda: f32(show().frequency_hz))
    r.add("holding", 19052, lambda: f32(1.0))  # rotation field: 1 is right
    r.add("holding", 19060, lambda: f32(sum(meter.import_wh) - sum(meter.export_wh)))
    r.add("holding", 19068, lambda: f32(sum(meter.import_wh)))
    r.add("holding", 19076, lambda: f32(sum(meter.export_wh)))
    r.add("holding", 1369, lambda: f32(show().power_w))
    r.add("holding", 1371, lambda: f32(sum(show().reactives_var)))
    r.add("holding", 1439, lambda: f32(show().frequency_hz))
    r.add("holding", 9851, lambda: f32(sum(meter.import_wh)))
    r.add("holding", 9863, lambda: f32(sum(meter.export_wh)))
    return r


def neutral_a(a: tuple[float, float, float]) -> float:
    """Return what flows back in the neutral: the sum of three phasors 120° apart."""
    squared = sum(x * x for x in a) - a[0] * a[1] - a[1] * a[2] - a[2] * a[0]
    return math.sqrt(max(0.0, squared))
