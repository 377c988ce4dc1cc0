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


# Input registers as sdm_modbus 0.6.1 (MIT) has them for SDM630; SDM72D-M V2 and, with one phase, SDM120
# and SDM230 have the same addresses there as far as they have the value.
SDM = {
    "voltage_l1_mv": 0, "voltage_l2_mv": 2, "voltage_l3_mv": 4, "current_l1_ma": 6, "current_l2_ma": 8,
    "current_l3_ma": 10, "power_l1_w": 12, "power_l2_w": 14, "power_l3_w": 16, "apparent_l1_va": 18,
    "apparent_l2_va": 20, "apparent_l3_va": 22, "reactive_l1_var": 24, "reactive_l2_var": 26,
    "reactive_l3_var": 28, "power_factor_l1_pm": 30, "power_factor_l2_pm": 32, "power_factor_l3_pm": 34,
    "power_w": 52, "apparent_va": 56, "reactive_var": 60, "power_factor_pm": 62, "frequency_mhz": 70,
    "energy_import_wh": 72, "energy_export_wh": 74, "energy_import_l1_wh": 346, "energy_import_l2_wh": 348,
    "energy_import_l3_wh": 350, "energy_export_l1_wh": 352, "energy_export_l2_wh": 354,
    "energy_export_l3_wh": 356,
}  # fmt: skip
ONE_PHASE = {"power_w": 12, "apparent_va": 18, "reactive_var": 24, "power_factor_pm": 30}


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("eastron_sdm630", SDM),
        ("eastron_sdm72d_m_v2", SDM),
        ("eastron_sdm120", SDM | ONE_PHASE),
        ("eastron_sdm230", SDM | ONE_PHASE),
    ],
)
def test_the_eastron_meters_are_laid_out_as_their_python_library_says(
    name: str, theirs: dict[str, int]
) -> None:
    ours = {p.key: p for p in library.load(name).points if p.group.space == "input" and not p.private}
    assert len(ours) >= 8
    for key, point in ours.items():
        assert (point.address, point.type.name) == (theirs[key], "f32"), key
