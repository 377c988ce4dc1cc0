"""edge/core/health.py and departures.py: what is written down, tick by tick; figures worked out by hand."""

from typing import Any

from msgspec.structs import replace

from edge.core.departures import Departures
from edge.core.health import STRETCH_MS, Health
from edge.core.state import State
from edge.model.flow import Tick
from edge.model.site import Address, Charger, Meter, Node, Site
from edge.model.trends import Departure, DeviceHealth
from edge.model.units import HOUR_MS
from tests.fakes.depot_records import record
from tests.fakes.depot_records import site as fake_site

WALL = 1_784_000_000_000 // STRETCH_MS * STRETCH_MS


def site(other_ma: int = 0) -> Site:
    at = Address(1, tcp="127.0.0.1:502")
    return Site(
        "yard", "Yard", "UTC",
        (Node("main", None, (63_000,) * 3, other_max_ma=(9_000,) * 3, meter="grid"),
         Node("panel", "main", (63_000,) * 3, other_max_ma=(other_ma,) * 3, meter="m-panel")),
        (Meter("grid", "janitza_umg604", at), Meter("m-panel", "eastron_sdm630", at)),
        (Charger("bay-1", "panel", "alfen_eve", at), Charger("bay-2", "panel", "alfen_eve", at)),
    )  # fmt: skip


class Yard:
    def __init__(self, other_ma: int = 0) -> None:
        self.site = site(other_ma)
        self.state = State(self.site)
        self.health = Health(self.site)
        for bay in ("bay-1", "bay-2"):
            self.state.identified(bay, {})

    def at(self, ms: int, trusted: bool = True, **readings: Any) -> dict[str, DeviceHealth]:
        for device, values in readings.items():
            self.state.read(device.replace("_", "-"), ms, values)
        rows = self.health.step(Tick(ms, WALL + ms, trusted), self.state)
        return {row.device: row for row in rows}


AMPS = {"current_l1_ma": 15_500, "current_l2_ma": 15_400, "current_l3_ma": 15_300}


def test_a_stretch_of_a_charger() -> None:
    yard = Yard()
    yard.at(0, bay_1={"line_requests": 100, "line_timeouts": 3, "line_errors": 1, "energy_import_wh": 1_000})
    yard.state.chargers["bay-1"].tell(16_000, 1_000)
    charging = {"state": "C", "temperature_mc": 41_000, **AMPS}
    for second in range(1, 121):
        yard.at(second * 1_000, bay_1={**charging, "offered_current_ma": 14_000 if second > 60 else 16_000})
    yard.at(130_000, bay_1={"state": "B", "temperature_mc": 38_000, "energy_import_wh": 1_450})
    # The line's counters began anew with the daemon's restart: 40 since, on top of 20 before.
    yard.at(140_000, bay_1={"line_requests": 120, "line_timeouts": 3, "line_errors": 1})
    yard.at(150_000, bay_1={"line_requests": 40, "line_timeouts": 2, "line_errors": 0})
    row = yard.at(STRETCH_MS)["bay-1"]
    assert (row.start_wall_ms, row.duration_ms, row.kind, row.node) == (WALL, STRETCH_MS, "charger", "panel")
    assert (row.requests, row.timeouts, row.errors) == (60, 2, 0)
    assert (row.temperature_max_mc, row.closings, row.energy_wh) == (41_000, 1, 450)
    assert row.charging_ms == 120_000  # 120 looks a second apart
    assert row.derated_ms == 60_000  # from 61 s on, by 2 A
    assert row.reached_pm == 968  # 15.5 A of 16 A
    again = yard.at(2 * STRETCH_MS)["bay-1"]
    assert (again.requests, again.energy_wh, again.closings, again.temperature_max_mc) == (0, 0, 0, 38_000)


def test_a_setpoint_that_moves_is_no_measure() -> None:
    yard = Yard()
    for second in range(60):
        yard.state.chargers["bay-1"].tell(16_000 - second, second * 1_000)
        yard.at(second * 1_000, bay_1={"state": "C", "offered_current_ma": 6_000, **AMPS})
    row = yard.at(STRETCH_MS)["bay-1"]
    assert (row.reached_pm, row.derated_ms, row.charging_ms) == (None, 0, 59_000)


def counted(yard: Yard) -> dict[str, DeviceHealth]:
    yard.at(0, bay_1={"energy_import_wh": 100}, bay_2={"energy_import_wh": 7}, m_panel=_meter(5_000))
    yard.at(9_000, bay_1={"energy_import_wh": 1_100}, bay_2={"energy_import_wh": 507}, m_panel=_meter(6_510))
    return yard.at(STRETCH_MS)


def _meter(wh: int) -> dict[str, int | str]:
    return {**AMPS, "energy_import_wh": wh, "line_requests": wh}


def test_a_meter_over_chargers_alone_is_compared_with_them() -> None:
    rows = counted(Yard())
    panel = rows["m-panel"]
    assert (panel.kind, panel.energy_wh, panel.below_wh, panel.requests) == ("meter", 1_510, 1_500, 1_510)
    assert rows["grid"].below_wh is None, "something else hangs there"
    assert counted(Yard(other_ma=100))["m-panel"].below_wh is None


def test_without_a_clock_nothing_is_written_down() -> None:
    yard = Yard()
    assert yard.at(0, trusted=False) == yard.at(STRETCH_MS, trusted=False) == {}


# --- departures ---------------------------------------------------------------------------------------

READY = WALL + HOUR_MS


class Gate:
    def __init__(self) -> None:
        self.departures = Departures()
        self.rows: list[Departure] = []

    def at(self, minute: int, **bay: Any) -> None:
        drawn = record(fake_site(), 1)
        now = replace(drawn.chargers[0], **({"online": True, "state": "C", "ready_by_wall_ms": READY,
                                              "need_wh": 0, "vehicle": "van 12"} | bay))  # fmt: skip
        tick = replace(drawn, wall_ms=WALL + minute * 60_000, chargers=[now])
        self.rows += self.departures.step(tick, True)


def test_a_vehicle_that_has_its_energy_is_ready() -> None:
    gate = Gate()
    gate.at(0, need_wh=9_000)
    gate.at(59, need_wh=0)
    gate.at(60, ready_by_wall_ms=READY + 24 * HOUR_MS, need_wh=40_000)
    assert gate.rows == [Departure("bay-1", READY, "van 12", 0, WALL + 59 * 60_000)]


def test_one_that_lacks_some_is_not_and_is_counted_once() -> None:
    gate = Gate()
    for minute in range(55, 70):
        gate.at(minute, need_wh=9_000)
    assert gate.rows == [Departure("bay-1", READY, "van 12", 9_000, WALL + 59 * 60_000)]


def test_one_that_leaves_early_has_what_it_had_then() -> None:
    gate = Gate()
    gate.at(10, need_wh=500)
    gate.at(20, state="A", need_wh=None)
    gate.at(61, state="A", need_wh=None)
    assert [(row.short_wh, row.at_wall_ms) for row in gate.rows] == [(500, WALL + 10 * 60_000)]


def test_one_that_never_came_has_no_row() -> None:
    gate = Gate()
    gate.at(10, state="A", need_wh=None)
    gate.at(61, state="A", need_wh=None)
    assert gate.rows == []


def test_a_window_that_is_moved_is_not_over() -> None:
    gate = Gate()
    gate.at(10, need_wh=500)
    gate.at(20, ready_by_wall_ms=READY + HOUR_MS, need_wh=500)
    gate.at(61, ready_by_wall_ms=READY + HOUR_MS, need_wh=0)
    gate.at(121, ready_by_wall_ms=None)
    assert [(row.ready_by_wall_ms, row.short_wh) for row in gate.rows] == [(READY + HOUR_MS, 0)]
