"""edge/report/indicators.py: a small month whose figures are worked out by hand, and the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.model.records import (
    ChargeBlock,
    Compliance,
    Kept,
    LoadBlock,
    PortInterval,
    Session,
)
from edge.model.trends import Departure, DeviceHealth
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from edge.report.indicators import DEFINITIONS, Facts, indicators, page
from edge.report.uncontrolled import Peaks, peaks
from edge.shell.store import Store

JULY = 1_782_864_000_000  # 2026-07-01T00:00:00Z
AUGUST = JULY + 31 * DAY_MS
ROOT = Path(__file__).parent.parent.parent


def session(n: int, hours: float, charging_h: float, kwh: float, start: int = JULY, **fields: Any) -> Session:
    length = int(hours * HOUR_MS)
    base: dict[str, Any] = {
        "power_w_max": 10_000, "starts": 1, "end_reason": "unplugged", "port": f"P{n % 2}", "stop": "vehicle",
        "first_power_ms": n * 1_000,
    }  # fmt: skip
    return Session(
        f"s{n}", f"bay-{n % 2}", start + n * DAY_MS, start + n * DAY_MS + length, length,
        int(charging_h * HOUR_MS), int(kwh * 1000), **(base | fields),
    )  # fmt: skip


SESSIONS = [
    session(1, 10, 2, 20),
    session(2, 10, 3, 30, failed_starts=1),  # a second try
    session(3, 5, 1, 5, stop="fault"),
    session(4, 5, 0, 0, first_power_ms=None, failed_starts=1),  # never started
    session(5, 10, 0, 0, first_power_ms=None),  # asked for nothing
    session(6, 1, 1, 99, start=AUGUST),  # another month
]


def month(**fields: Any) -> dict[str, tuple[int | None, int]]:
    found = indicators(Facts((JULY, AUGUST), **fields))
    return {one.id: (one.value, one.of) for one in found}


def test_sessions() -> None:
    found = month(sessions=SESSIONS)
    assert found["charge_start_success"] == (750_000, 4)  # 1, 2, 3 of 1, 2, 3, 4
    assert found["first_try_success"] == (500_000, 4)  # 1, 3
    assert found["charge_end_success"] == (666_666, 3)  # 1, 2 of 1, 2, 3
    assert found["session_success"] == (500_000, 4)
    assert found["charge_start_time_p50"] == (2_000, 3)
    assert found["charge_start_time_p90"] == (3_000, 3)
    assert found["charging_speed_mean"] == (55_000 // 6, 3)  # 55 kWh in 6 h
    assert found["charging_speed_peak"] == (10_000, 3)
    assert found["energy"] == (55_000, 5)
    assert found["charging"] == (150_000, 5)  # 6 h of 40 h
    assert found["idle"] == (850_000, 5)


def test_load_events_departures_and_meters() -> None:
    measured = [(9_000, 3_000), (10_000, 8_000), (10_001, 20_000), (11_000, None)]
    kind, end = "IMPORT_CAPACITY_LIMIT", JULY + HOUR_MS
    compliance = [
        Compliance("e", "p", "n", n, JULY, end, kind, 10_000, 9_000, highest_w, 1, after_ms)
        for n, (highest_w, after_ms) in enumerate(measured)
    ]
    departures = [Departure("bay-1", JULY + n, "", short, JULY) for n, short in enumerate((0, 0, 500))]
    health = [
        DeviceHealth("m", JULY, HOUR_MS, "meter", energy_wh=10_000, below_wh=9_700),
        DeviceHealth("grid", JULY, HOUR_MS, "meter", energy_wh=90_000),
        DeviceHealth("bay-1", JULY, HOUR_MS, "charger", energy_wh=9_700),
    ]
    found = month(compliance=compliance, departures=departures, health=health)
    assert found["events_met"] == (500_000, 4)
    assert found["time_to_comply_p95"] == (20_000, 3)
    assert found["ready_by_departure"] == (666_666, 3)
    assert found["energy_short_at_departure"] == (500, 3)
    assert found["energy_efficiency"] == (970_000, 1)


def test_what_nothing_is_known_of_is_none() -> None:
    found = month()
    assert {name for name, (value, _) in found.items() if value is not None} == {"energy"}
    assert found["energy"] == (0, 0)


def test_the_peak_without_control() -> None:
    """Two vehicles come at 00:00 and need 5 kWh each, at 10 kW; we gave them less, for longer."""
    quarter = 15 * MINUTE_MS
    blocks = [LoadBlock(JULY + n * quarter, 2_000 + 1_250, 0, 1_250, quarter) for n in range(8)]
    two = [
        Session(f"s{n}", f"bay-{n}", JULY, JULY + 2 * HOUR_MS, 2 * HOUR_MS, HOUR_MS, 5_000, power_w_max=5_000)
        for n in range(2)
    ]
    # Other load 8 kW; with control 13 kW; without, both at 10 kW for half an hour: 28 kW.
    assert peaks(blocks, two, {"bay-0": 10_000, "bay-1": 10_000}) == Peaks(13_000, 28_000)
    assert peaks(blocks, two, {}) == Peaks(13_000, 18_000)  # at the highest power that was seen
    assert peaks([], two, {}) == Peaks(None, None)
    unmeasured = [LoadBlock(JULY, 9_000, 0, 0, quarter // 3), *blocks[1:]]
    assert peaks(unmeasured, [], {}) == Peaks(13_000, 8_000)
    at = JULY + 10 * MINUTE_MS
    late = [Session("s", "bay-0", at, None, energy_wh=2_500, power_w_max=10_000)]
    # 5 min of 10 kW are 833 Wh, 3.3 kW in the mean of the first quarter-hour; the rest is 6.7 kW in the next.
    assert peaks(blocks[:1], late, {}) == Peaks(13_000, 8_000 + 3_333)
    assert peaks(blocks[:3], late, {}) == Peaks(13_000, 8_000 + 6_666)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "depot.db"
    kept = Store(path, "boot")
    kept.remember("timezone", "UTC")
    kept.remember("site", "yard")
    rows: list[Kept] = [*SESSIONS, LoadBlock(JULY, 5_000, 0, 0, 900_000), ChargeBlock("s1", JULY, "bay-1", 9)]
    for port in ("P0", "P1"):
        rows.append(PortInterval(port, JULY, "up", "available", JULY + 10 * DAY_MS, 10 * DAY_MS))
        rows.append(PortInterval(port, JULY + 11 * DAY_MS, "up", "available", AUGUST, 20 * DAY_MS))
    rows.append(PortInterval("P0", JULY + 10 * DAY_MS, "down", "fault", JULY + 11 * DAY_MS, DAY_MS))
    for row in rows:
        kept.keep(row)
    kept.heartbeat(AUGUST)
    kept.close()
    return path


def test_the_command(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """P0 was down for one day of 31; of P1 nobody saw one day."""
    call = ["indicators", "--month", "2026-07", "--store", str(store)]
    assert main([*call, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["site"]) == ("depot-edge/indicators/1", "yard")
    found = {name: one["value"] for name, one in document["indicators"].items()}
    month_ms, day = 31 * DAY_MS, DAY_MS
    assert found["uptime"] == ((month_ms - day) * 1_000_000 // month_ms + 1_000_000) // 2
    assert found["uptime_conservative"] == found["uptime_worst_port"] == 30 * 1_000_000 // 31
    assert found["mean_time_between_failures"] == 60 * day
    assert found["mean_time_to_repair"] == day
    assert found["occupied"] == 40 * HOUR_MS * 1_000_000 // (2 * month_ms)
    # 55 kWh of what two ports of 10 kW, the highest seen, could have given.
    assert found["capacity_factor"] == 55_000 * 1_000_000 // (2 * 10_000 * 31 * 24)
    assert found["peak"] == 20_000
    assert all(one["definition"] and one["source"] for one in document["indicators"].values())
    assert main(call) == 0
    assert "98.38 %" in capsys.readouterr().out
    assert main(["indicators", "--month", "2026-01", "--store", str(store)]) == 1
    assert main(["indicators", "--month", "July", "--store", str(store)]) == 2


def test_health_of_a_store_without_devices(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "--store", str(store), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"until_wall_ms": AUGUST, "rows": 0, "look_at": []}


def test_health_lists_what_to_look_at(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Store(store, "boot")
    rows = [
        DeviceHealth(f"bay-{n}", AUGUST - k * DAY_MS, DAY_MS, "charger", "panel", 80_000, 40, 4,
                     75_000 if n and k < 7 else 30_000)
        for n in range(2) for k in range(1, 30)
    ]  # fmt: skip
    for row in rows:
        kept.keep(row)
    kept.close()
    assert main(["health", "--store", str(store)]) == 1
    out = capsys.readouterr().out
    assert "bay-1" in out and "75 °C" in out and "bay-0" not in out
    assert main(["health", "--store", str(store), "--month", "2026-06"]) == 1  # nothing is recorded of it
    cool = Store(store, "boot")
    for row in rows:
        cool.keep(DeviceHealth("bay-1", row.start_wall_ms, DAY_MS, "charger", "panel", 80_000, 40, 4, 30_000))
    cool.close()
    assert main(["health", "--store", str(store), "--json"]) == 0


def test_the_page_is_the_definitions() -> None:
    assert (ROOT / "docs" / "indicators.md").read_text().endswith(page())
    assert len({one.id for one in DEFINITIONS}) == len(DEFINITIONS)
