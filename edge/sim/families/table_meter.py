"""A meter of any family that has a driver table."""

from collections.abc import Callable

from drivers.table import Table
from edge.sim.families.from_table import Map, Truth, known_of, nominal
from edge.sim.meter import Meter
from edge.sim.registers import Registers


def truth_of(meter: Meter, ratios: dict[str, int]) -> Truth:
    """Return what a meter shows, in quantities."""
    shown = meter.shown
    found: dict[str, int | str] = {
        "power_w": nominal(shown.power_w),
        "apparent_va": nominal(sum(shown.apparents_va)),
        "reactive_var": nominal(sum(shown.reactives_var)),
        "power_factor_pm": nominal(1000 * shown.power_w / max(1.0, sum(shown.apparents_va))),
        "frequency_mhz": nominal(shown.frequency_hz * 1000),
        "energy_import_wh": nominal(sum(meter.import_wh)),
        "energy_export_wh": nominal(sum(meter.export_wh)),
        "energy_net_wh": nominal(sum(meter.import_wh) - sum(meter.export_wh)),
        "manufacturer": "SIM",
        "serial": "SIM1",
        **ratios,
    }
    for n in range(3):
        found |= {
            f"voltage_l{n + 1}_mv": nominal(shown.voltages_v[n] * 1000),
            f"current_l{n + 1}_ma": nominal(shown.currents_a[n] * 1000),
            f"power_l{n + 1}_w": nominal(shown.powers_w[n]),
            f"apparent_l{n + 1}_va": nominal(shown.apparents_va[n]),
            f"reactive_l{n + 1}_var": nominal(shown.reactives_var[n]),
            f"power_factor_l{n + 1}_pm": nominal(shown.power_factors[n] * 1000),
            f"energy_import_l{n + 1}_wh": nominal(meter.import_wh[n]),
            f"energy_export_l{n + 1}_wh": nominal(meter.export_wh[n]),
        }
    return found


def table_meter(table: Table, unit: int) -> Callable[[Meter], dict[int, Registers]]:
    """Return what makes the registers of a meter of this family, by unit."""

    def registers(meter: Meter) -> dict[int, Registers]:
        ratios = {"ct_ratio": 1, "pt_ratio": 1}
        known = known_of(table, truth_of(meter, ratios))
        return Map(
            table, unit, 1, known, lambda: {k: v for k, v in truth_of(meter, ratios).items() if k in known}
        ).by_unit

    return registers
