"""What to look at before it fails: trends of devices over a month, against thresholds and their own past.

    findings(rows, sessions, until_wall_ms) -> list[Finding]

Rule 1: the last RECENT_MS is held against what was before it; without a week of that, only against the fixed
        thresholds.  A device is compared with itself: a bay whose vehicle never takes more is not weak.
Rule 2: a threshold needs enough to stand on (so many requests, rows, starts): nothing is found in noise.
Rule 3: a finding says the figures and the threshold, and what to look at.  It changes nothing by itself.

Sources of the thresholds: `Limits`, each beside its figure.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from edge.model.records import Session
from edge.model.trends import DeviceHealth
from edge.model.units import DAY_MS, HOUR_MS

RECENT_MS = 7 * DAY_MS


class Limits(msgspec.Struct, frozen=True):
    """The thresholds.  _pm in thousandths, _ppm in millionths."""

    # A sound line or switch loses next to nothing; a loose shield or a missing terminator costs per cent.
    line_ppm: int = 10_000
    line_times: int = 5
    line_requests: int = 5_000
    # Enclosed chargers derate between 60 and 80 °C inside; a clogged filter or dead fan adds 15 K and more.
    hot_mc: int = 70_000
    warmer_mc: int = 12_000
    derated_ppm: int = 50_000
    derated_charging_ms: int = 2 * HOUR_MS
    # At 50 a day a contactor that is good for 100,000 closings under load is worn after 5.5 years.
    closings_a_day: int = 50
    # One start in five that fails is no longer the vehicles' luck (core/attempts.py: what a failed start is).
    failed_ppm: int = 200_000
    failed_starts: int = 3
    # One phase of three lost, or a worn contact, shows as a current that stays a tenth and more below.
    weak_pm: int = 900
    # Two class B meters (EN 50470-3, 1 % each) may differ by 2 %, but not begin to.
    drift_ppm: int = 20_000
    drift_wh: int = 5_000
    rows: int = 8


class Finding(msgspec.Struct, frozen=True):
    """Something to look at.  kind: line, hot, derated, cycles, starts, weak, drift."""

    device: str
    kind: str
    what: str
    look_at: str


class _Part(NamedTuple):
    """A device's rows: before, and recent."""

    before: list[DeviceHealth]
    recent: list[DeviceHealth]


def findings(
    rows: Iterable[DeviceHealth],
    sessions: Iterable[Session],
    until_wall_ms: int,
    limits: Limits | None = None,
) -> list[Finding]:
    """Return what to look at, by device.  rows, sessions: of a month or more up to until_wall_ms."""
    limits = limits or Limits()
    since = until_wall_ms - RECENT_MS
    parts: dict[str, _Part] = {}
    for row in sorted(rows, key=lambda row: row.start_wall_ms):
        part = parts.setdefault(row.device, _Part([], []))
        (part.recent if row.start_wall_ms >= since else part.before).append(row)
    found: list[Finding] = []
    for device, part in parts.items():
        for rule in (_line, _hot, _derated, _cycles, _weak):
            what = rule(part, limits)
            if what:
                found.append(Finding(device, rule.__name__[1:], what, LOOK_AT[rule.__name__[1:]]))
        found += _drift(device, part, parts, limits)
    found += _starts([s for s in sessions if s.start_wall_ms >= since], limits)
    return sorted(found, key=lambda one: (one.device, one.kind))


LOOK_AT = {
    "line": "cable, shield, terminator and address of the line; for TCP the switch and its port",
    "hot": "fan, filter, sun on the enclosure, terminals that have come loose",
    "derated": "temperature of the charger and of its connector, firmware limits",
    "cycles": "short cycling: minimum on and off times, vehicles that keep waking; the contactor's wear",
    "starts": "connector, pilot contact, the charger's log; try another vehicle",
    "weak": "fuses and phases of the supply, contactor, connector; whether another kind of vehicle gets more",
    "drift": "energy registers against a reference meter; current transformers and their ratio",
}


def _line(part: _Part, limits: Limits) -> str:
    bad, asked = _sum(part.recent, _failed), _sum(part.recent, lambda r: r.requests)
    if asked < limits.line_requests or bad * 1_000_000 < limits.line_ppm * asked:
        return ""
    before, of = _sum(part.before, _failed), _sum(part.before, lambda r: r.requests)
    if of >= limits.line_requests and bad * of < limits.line_times * before * asked:
        return ""
    was = f", {before / of:.2%} before" if of else ""
    sound = limits.line_ppm / 10_000
    return f"{bad / asked:.1%} of {asked} requests failed{was}; at most {sound:g} % is sound"


def _failed(row: DeviceHealth) -> int:
    return row.timeouts + row.errors


def _sides(part: _Part) -> tuple[list[DeviceHealth], list[DeviceHealth]]:
    """Return the recent rows, and those before."""
    return part.recent, part.before


def _hot(part: _Part, limits: Limits) -> str:
    now, before = (_median([r.temperature_max_mc for r in rows]) for rows in _sides(part))
    if now is None:
        return ""
    if now >= limits.hot_mc:
        return f"{now / 1000:.0f} °C, from {limits.hot_mc // 1000} °C on chargers derate"
    if before is not None and len(part.before) >= limits.rows and now - before >= limits.warmer_mc:
        return f"{now / 1000:.0f} °C, {(now - before) / 1000:.0f} K warmer than before"
    return ""


def _derated(part: _Part, limits: Limits) -> str:
    charging = _sum(part.recent, lambda r: r.charging_ms)
    derated = _sum(part.recent, lambda r: r.derated_ms)
    if charging < limits.derated_charging_ms or derated * 1_000_000 < limits.derated_ppm * charging:
        return ""
    return (
        f"applied less than it was told for {derated / charging:.0%} of {charging / HOUR_MS:.0f} h charging"
    )


def _cycles(part: _Part, limits: Limits) -> str:
    closings, span = _sum(part.recent, lambda r: r.closings), _sum(part.recent, lambda r: r.duration_ms)
    if span < DAY_MS or closings * DAY_MS < limits.closings_a_day * span:
        return ""
    return f"{closings * DAY_MS / span:.0f} closings of the contactor a day, from {limits.closings_a_day} on"


def _weak(part: _Part, limits: Limits) -> str:
    now, before = ([r.reached_pm for r in rows if r.reached_pm is not None] for rows in _sides(part))
    if len(now) < limits.rows or len(before) < limits.rows:
        return ""
    if max(now) * 1_000 >= limits.weak_pm * max(before):
        return ""
    return f"reaches {max(now) / 10:.0f} % of its setpoint at best, {max(before) / 10:.0f} % before"


def _drift(device: str, part: _Part, parts: dict[str, _Part], limits: Limits) -> list[Finding]:
    """Hold chargers' counters against the meter above them, and say whose follows the difference best."""
    ratio = [_ratios(rows, limits) for rows in part]
    if min(map(len, ratio)) < limits.rows:
        return []
    before, now = (round(median(values)) for values in ratio)
    if abs(now - before) < limits.drift_ppm:
        return []
    node = part.recent[0].node
    suspect = _suspect(part.recent, before, [rows.recent for rows in parts.values()])
    words = f"chargers below {node} count {now / 10_000:.1f} % of {device}, {before / 10_000:.1f} % before"
    return [Finding(suspect or device, "drift", words, LOOK_AT["drift"])]


def _ratios(rows: Sequence[DeviceHealth], limits: Limits) -> list[int]:
    return [
        row.below_wh * 1_000_000 // row.energy_wh
        for row in rows
        if row.below_wh is not None and row.energy_wh is not None and row.energy_wh >= limits.drift_wh
    ]


def _suspect(meter: Sequence[DeviceHealth], before_ppm: int, others: Iterable[list[DeviceHealth]]) -> str:
    """Return the charger whose energy explains the difference best: by its covariance with it, normed."""
    wrong = {
        row.start_wall_ms: row.below_wh - row.energy_wh * before_ppm // 1_000_000
        for row in meter
        if row.below_wh is not None and row.energy_wh is not None
    }
    best, name = 0.0, ""
    for rows in others:
        pairs = [
            (row.energy_wh, wrong[row.start_wall_ms])
            for row in rows
            if row.kind == "charger" and row.energy_wh is not None and row.start_wall_ms in wrong
        ]
        score = _correlation(pairs)
        if pairs and score > best:
            best, name = score, rows[0].device
    return name


def _correlation(pairs: Sequence[tuple[int, int]]) -> float:
    """Return how much of the second the first explains, 0 to 1."""
    if len(pairs) < 2:
        return 0.0
    mean_x, mean_y = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    xy = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    xx, yy = sum((x - mean_x) ** 2 for x, _ in pairs), sum((y - mean_y) ** 2 for _, y in pairs)
    return xy * xy / (xx * yy) if xx and yy else 0.0


def _starts(sessions: Sequence[Session], limits: Limits) -> list[Finding]:
    by_charger: dict[str, list[Session]] = {}
    for row in sessions:
        if row.first_power_ms is not None or row.failed_starts:
            by_charger.setdefault(row.charger, []).append(row)
    found = []
    for charger, own in by_charger.items():
        failed = sum(row.failed_starts > 0 for row in own)
        if failed >= limits.failed_starts and failed * 1_000_000 >= limits.failed_ppm * len(own):
            words = f"{failed} of {len(own)} sessions had a failed start"
            found.append(Finding(charger, "starts", words, LOOK_AT["starts"]))
    return found


def _sum(rows: Iterable[DeviceHealth], of: Callable[[DeviceHealth], int]) -> int:
    return sum(map(of, rows))


def _median(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(median(known)) if known else None
