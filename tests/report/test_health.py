"""edge/report/health.py: no false alarm in clean months, and each kind of failure found in a seeded bad one.

A month is six-hour rows of two panels of six chargers and their meters, made by a generator that shares
nothing with the code: noise on everything, vehicles that limit themselves, warmer weather for all.
"""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from edge.model.records import Session
from edge.model.trends import DeviceHealth
from edge.model.units import DAY_MS, HOUR_MS
from edge.report.health import findings

START = 1_780_272_000_000
DAYS = 30
UNTIL = START + DAYS * DAY_MS
STRETCH = 6 * HOUR_MS
BAYS = [f"bay-{n}" for n in range(12)]

Rows = list[DeviceHealth]


def clean_month(seed: int) -> tuple[Rows, list[Session]]:
    draw = random.Random(seed)
    shares = {bay: draw.uniform(0.4, 1.0) for bay in BAYS}  # what the vehicles of a bay take at most
    error = {bay: 1 + draw.uniform(-0.01, 0.01) for bay in BAYS}  # class B registers
    rows: Rows = []
    sessions: list[Session] = []
    for n in range(DAYS * 4):
        at = START + n * STRETCH
        ambient = 15_000 + 6_000 * (n // 40) + draw.randrange(-4_000, 4_000)  # it gets warmer, for all
        for panel in range(2):
            flowed = below = 0
            for bay in BAYS[panel * 6 : panel * 6 + 6]:
                wh = draw.randrange(0, 12_000) if draw.random() < 0.8 else 0
                counted = round(wh * error[bay])
                flowed, below = flowed + wh, below + counted
                rows.append(_charger(bay, panel, at, wh, counted, ambient, shares[bay], draw))
                sessions += _sessions(bay, at, wh, draw)
            line = {"requests": 21_600, "timeouts": draw.randrange(0, 20), "errors": draw.randrange(0, 8)}
            losses = flowed * draw.randrange(3, 9) // 1_000
            rows.append(DeviceHealth(
                f"meter-{panel}", at, STRETCH, "meter", f"panel-{panel}", **line,
                energy_wh=flowed + losses, below_wh=below,
            ))  # fmt: skip
    return rows, sessions


def _charger(
    bay: str, panel: int, at: int, wh: int, counted: int, ambient: int, share: float, draw: random.Random
) -> DeviceHealth:
    charging_ms = wh * HOUR_MS // 7_000
    best = round(1_000 * share * draw.uniform(0.8, 1.0)) if draw.random() < 0.7 else 990
    return DeviceHealth(
        bay, at, STRETCH, "charger", f"panel-{panel}", 21_600, draw.randrange(30), draw.randrange(10),
        ambient + charging_ms * 20_000 // STRETCH, charging_ms,
        charging_ms // 100 if draw.random() < 0.05 else 0, draw.randrange(6), best if wh else None, counted,
    )  # fmt: skip


def _sessions(bay: str, at: int, wh: int, draw: random.Random) -> list[Session]:
    failed = int(draw.random() < 0.03)  # a handshake that fails now and then
    return [Session(f"{bay}-{at}", bay, at, at + HOUR_MS, HOUR_MS, energy_wh=wh, failed_starts=failed,
                    first_power_ms=5_000 if wh else None)] if wh or failed else []  # fmt: skip


def recent(row: Any) -> bool:
    return row.start_wall_ms >= UNTIL - 7 * DAY_MS


def bad(rows: Rows, device: str, **how: Any) -> Rows:
    """Change a device's last week; a callable makes the value of a field from the row."""
    return [
        replace(row, **{k: v(row) if callable(v) else v for k, v in how.items()})
        if row.device == device and recent(row)
        else row
        for row in rows
    ]


@pytest.mark.parametrize("seed", range(40))
def test_a_clean_month_has_no_finding(seed: int) -> None:
    rows, sessions = clean_month(seed)
    assert findings(rows, sessions, UNTIL) == []


FAILURES: dict[str, dict[str, Any]] = {
    "line": {"errors": lambda row: row.requests // 50},
    "hot": {"temperature_max_mc": lambda row: row.temperature_max_mc + 20_000},
    "derated": {"derated_ms": lambda row: row.charging_ms // 8},
    "cycles": {"closings": 20},
    "weak": {"reached_pm": lambda row: row.reached_pm and row.reached_pm * 2 // 3},
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_found_at_its_device_and_nowhere_else(kind: str, seed: int) -> None:
    rows, sessions = clean_month(seed)
    device = BAYS[seed * 2 + 1]
    found = findings(bad(rows, device, **FAILURES[kind]), sessions, UNTIL)
    assert [(one.device, one.kind) for one in found] == [(device, kind)]
    assert found[0].what and found[0].look_at


@pytest.mark.parametrize("seed", range(5))
def test_failed_starts_are_found(seed: int) -> None:
    rows, sessions = clean_month(seed)
    broken = [
        replace(s, failed_starts=1, first_power_ms=None)
        if s.charger == "bay-4" and recent(s) and n % 2
        else s
        for n, s in enumerate(sessions)
    ]
    assert [(one.device, one.kind) for one in findings(rows, broken, UNTIL)] == [("bay-4", "starts")]


@pytest.mark.parametrize("seed", range(5))
def test_a_drifting_register_is_found_and_the_right_one_is_suspected(seed: int) -> None:
    rows, sessions = clean_month(seed)
    device = BAYS[seed]
    lost = {r.start_wall_ms: (r.energy_wh or 0) // 5 for r in rows if r.device == device and recent(r)}
    changed = bad(rows, device, energy_wh=lambda row: row.energy_wh - lost[row.start_wall_ms])
    changed = bad(changed, f"meter-{seed // 6}", below_wh=lambda row: row.below_wh - lost[row.start_wall_ms])
    assert [(one.device, one.kind) for one in findings(changed, sessions, UNTIL)] == [(device, "drift")]


def test_all_at_once() -> None:
    rows, sessions = clean_month(7)
    for n, kind in enumerate(FAILURES):
        rows = bad(rows, BAYS[n], **FAILURES[kind])
    found = findings(rows, sessions, UNTIL)
    assert [(one.device, one.kind) for one in found] == [(BAYS[n], kind) for n, kind in enumerate(FAILURES)]


def test_too_little_to_stand_on_finds_nothing() -> None:
    row = DeviceHealth("bay-1", UNTIL - HOUR_MS, HOUR_MS, "charger", "p", 100, 50, 50, closings=20)
    assert findings([row], [], UNTIL) == []
    assert findings([], [], UNTIL) == []


def test_a_meter_over_other_loads_is_not_compared() -> None:
    rows, sessions = clean_month(1)
    alone = bad(rows, "meter-0", energy_wh=lambda row: row.energy_wh * 3)
    assert [one.kind for one in findings(alone, sessions, UNTIL)] == ["drift"]
    others = [replace(row, below_wh=None) for row in alone]
    assert findings(others, sessions, UNTIL) == []
