"""Tables against what others have written down: a second opinion that shares nothing with ours."""

import json
from pathlib import Path

import pytest

from drivers import library
from drivers.table import Point

sunspec2 = pytest.importorskip("sunspec2", reason="pysunspec2 carries the alliance's model definitions")

UNITS = {"ma": "A", "mv": "V", "w": "W", "va": "VA", "var": "var", "wh": "Wh", "mhz": "Hz", "pm": "Pct"}


def model(number: int) -> dict[int, dict[str, object]]:
    """Return the points of a SunSpec model by their offset from the model's id."""
    folder = Path(sunspec2.__file__).parent / "models" / "json"
    points, offset = {}, 0
    for point in json.loads((folder / f"model_{number}.json").read_text())["group"]["points"]:
        points[offset] = point
        offset += point["size"]
    return points


def rows(number: int) -> list[Point]:
    return [p for p in library.load("sunspec_meter").points if number in p.group.models]


# The same offsets hold for single, split, wye and delta: what a model lacks reads as a sentinel.
@pytest.mark.parametrize("number", [1, 201, 202, 203, 204, 211, 212, 213, 214])
def test_every_sunspec_row_is_a_point_of_the_alliances_own_model(number: int) -> None:
    theirs = model(number)
    ours = {
        "int16": "i16",
        "float32": "f32",
        "acc32": "acc32",
        "sunssf": "i16",
        "bitfield32": "u32",
        "string": "str",
    }
    assert rows(number)
    for row in rows(number):
        point = theirs[row.address]
        assert ours[str(point["type"])] == row.type.name, row.row
        assert point["size"] == row.type.count, row.row
        if point.get("units"):
            assert point["units"] == UNITS[row.key.rpartition("_")[2]], row.row
        if row.sf:
            scale = next(p for p in rows(number) if p.key == row.sf)
            assert theirs[scale.address]["name"] == point["sf"], row.row


@pytest.mark.parametrize("number", [203, 213])
def test_what_the_rows_are_called_is_what_the_alliance_calls_them(number: int) -> None:
    phases = {"l1": "A", "l2": "B", "l3": "C"}
    begins = {
        "current": "Aph",
        "voltage": "PhVph",
        "power": "Wph",
        "energy_import": "TotWhImpPh",
        "energy_export": "TotWhExpPh",
    }
    checked = 0
    for row in rows(number):
        stem, _, phase = row.key.rpartition("_")[0].rpartition("_")
        if stem in begins and phase in phases:
            assert model(number)[row.address]["name"] == begins[stem] + phases[phase]
            checked += 1
    assert checked == 15


# Offsets and widths as aiophoenixcontactcharx 1.0.0 (MIT) has them from UM EN CHARX SEC, rev. 08, B3.
CHARX = {
    "voltage_l1_mv": (232, 2), "voltage_l2_mv": (234, 2), "voltage_l3_mv": (236, 2),
    "current_l1_ma": (238, 2), "current_l2_ma": (240, 2), "current_l3_ma": (242, 2),
    "power_w": (244, 2), "reactive_var": (246, 2), "apparent_va": (248, 2), "energy_import_wh": (250, 4),
    "vehicle_id": (265, 10), "tag": (275, 10), "session_time_s": (285, 2), "charge_time_s": (287, 2),
    "session_energy_wh": (289, 4), "error_code": (293, 2),
    "offered_current_ma": (297, 1), "x_status": (299, 1),
    "enabled": (300, 1), "setpoint_ma": (301, 1), "available": (304, 1), "fallback_ma": (306, 1),
    "supervision_time_ms": (307, 1),
}  # fmt: skip


def test_the_charx_controller_is_laid_out_as_its_python_library_says() -> None:
    fast = [p for p in library.load("phoenix_charx_sec").points if p.group.every == "fast"]
    assert {p.key: (p.address - 1000, p.type.count) for p in fast} == CHARX
