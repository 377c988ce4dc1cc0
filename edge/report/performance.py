"""What was done about an event of the utility: limit, measured, complied, shed, and who was held back.

    report = performance(rows, steps, slots, charger_slots, site_usual, charging_usual)

Rule 1: an interval is complied with if, from 13.2 s after its start, nothing above the limit was read (I5).
    What was within the limit for how long is told beside it, by slots of five seconds.
Rule 2: shed is the baseline less what was measured, in what the limit is on: the import of the site, or the
    charging of all vehicles together.  Without a baseline there is none, and the report says why.
Rule 3: held back is a vehicle that got less than it could use while a limit held.

A fold over the store; figures are rounded against us (I8).  Source: docs/baselines.md; DESIGN.md, I5.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from edge.core.compliance import SETTLED_MS
from edge.core.signals import SIGNALS
from edge.model.records import ChargerSlot, Compliance, EventStep, LoadSlot
from edge.model.units import HOUR_MS, MINUTE_MS
from edge.report.baseline import Baseline

# What a picture shows before and after, at most.
AROUND_MS = 30 * MINUTE_MS

Measures = Literal["site", "charging"]


class IntervalLine(msgspec.Struct, frozen=True):
    """One interval of a limit.  measures: what the limit is on.

    within_ms: for how long the mean of five seconds (or of the slot) was within the limit; of slots_ms.
    complied: by rule 1, None where the limit was in force for less than 13.2 s.
    complied_after_ms: from the start until it was first within the limit, None if it never was.
    baseline_w, shed_w: mean powers, None without a baseline; a negative shed is more than the baseline.
    """

    interval_id: int
    start_wall_ms: int
    end_wall_ms: int
    payload_type: str
    measures: Measures
    limit_w: int
    mean_w: int
    highest_w: int
    energy_wh: int
    measured_ms: int
    complied: bool | None
    complied_after_ms: int | None
    within_ms: int
    slots_ms: int
    baseline_w: int | None
    shed_w: int | None


class VehicleLine(msgspec.Struct, frozen=True):
    """A charger during the event.  vehicle: as it was named, "" for none.  held_ms: rule 3."""

    charger: str
    vehicle: str
    energy_wh: int
    highest_w: int
    held_ms: int


class Sample(msgspec.Struct, frozen=True):
    """A stretch of the picture.  baseline_w, limit_w: None where there is none."""

    from_wall_ms: int
    to_wall_ms: int
    power_w: int
    limit_w: int | None
    baseline_w: int | None


class EventReport(msgspec.Struct, frozen=True):
    """What was done about one event.

    complied_after_ms: of the first interval.  shed_wh: of all intervals with a baseline, None without any.
    baseline_note: why there is none, or what is particular about it.
    """

    event_id: str
    program_id: str
    event_name: str
    drill: bool
    start_wall_ms: int
    end_wall_ms: int
    intervals_complied: int
    complied_after_ms: int | None
    shed_wh: int | None
    baseline_method: str
    baseline_days: list[str]
    baseline_ratio: float
    baseline_note: str
    intervals: list[IntervalLine]
    vehicles: list[VehicleLine]
    steps: list[EventStep]
    samples: list[Sample]

    @property
    def vehicles_held(self) -> list[VehicleLine]:
        """Those that got less than they could use."""
        return [line for line in self.vehicles if line.held_ms]


Usually = Callable[[int, int], Baseline]


def span(rows: Sequence[Compliance]) -> tuple[int, int]:
    """Return from when to when an event was measured."""
    return min(row.start_wall_ms for row in rows), max(row.end_wall_ms for row in rows)


def performance(
    rows: Sequence[Compliance],
    steps: Sequence[EventStep],
    slots: Sequence[LoadSlot],
    charger_slots: Sequence[ChargerSlot],
    site_usual: Usually,
    charging_usual: Usually,
) -> EventReport:
    """Return the report of an event.  rows: of its intervals, at least one.

    slots: those of the event and of half an hour around it.  …_usual: make a baseline of a time.
    """
    start, end = span(rows)
    first = rows[0]
    measures = _measures(first.payload_type)
    usual = (site_usual if measures == "site" else charging_usual)(start, end)
    intervals = [_interval(row, slots, usual) for row in rows]
    shed = [
        line.shed_w * (line.end_wall_ms - line.start_wall_ms) for line in intervals if line.shed_w is not None
    ]
    return EventReport(
        event_id=first.event_id,
        program_id=first.program_id,
        event_name=first.event_name,
        drill=first.drill,
        start_wall_ms=start,
        end_wall_ms=end,
        intervals_complied=sum(line.complied is True for line in intervals),
        complied_after_ms=first.complied_after_ms,
        shed_wh=sum(shed) // HOUR_MS if shed else None,
        baseline_method=usual.method,
        baseline_days=[day.isoformat() for day in usual.days],
        baseline_ratio=usual.ratio_ppm / 1_000_000,
        baseline_note=usual.note,
        intervals=intervals,
        vehicles=_vehicles(charger_slots, start, end),
        steps=list(steps),
        samples=_samples(slots, measures, rows, usual),
    )


def _measures(payload_type: str) -> Measures:
    signal = SIGNALS.get(payload_type)
    return "charging" if signal is not None and signal.what in ("charging", "alert") else "site"


def _interval(row: Compliance, slots: Sequence[LoadSlot], usual: Baseline) -> IntervalLine:
    measures = _measures(row.payload_type)
    within = covered = 0
    for slot in slots:
        begin, end = slot.start_wall_ms, slot.start_wall_ms + slot.duration_ms
        part = min(end, row.end_wall_ms) - max(begin, row.start_wall_ms)
        if part > 0 and slot.measured_ms:
            covered += part
            within += part if _power_w(slot, measures) <= row.limit_w else 0
    baseline_w = usual.mean_w(row.start_wall_ms, row.end_wall_ms)
    return IntervalLine(
        interval_id=row.interval_id,
        start_wall_ms=row.start_wall_ms,
        end_wall_ms=row.end_wall_ms,
        payload_type=row.payload_type,
        measures=measures,
        limit_w=row.limit_w,
        mean_w=row.mean_w,
        highest_w=row.highest_w,
        energy_wh=row.energy_wh,
        measured_ms=row.measured_ms,
        complied=_complied(row),
        complied_after_ms=row.complied_after_ms,
        within_ms=within,
        slots_ms=covered,
        baseline_w=baseline_w,
        shed_w=None if baseline_w is None else baseline_w - row.mean_w,
    )


def _complied(row: Compliance) -> bool | None:
    if row.end_wall_ms - row.start_wall_ms < SETTLED_MS:
        return None  # its highest is of before it could be obeyed
    return row.complied_after_ms is not None and row.highest_w <= row.limit_w


def _power_w(slot: LoadSlot, measures: Measures) -> int:
    """Return the mean of a slot, rounded up (I8)."""
    energy_ws = slot.energy_ws if measures == "site" else slot.charging_ws
    return -(-energy_ws * 1000 // slot.measured_ms) if slot.measured_ms else 0


def _vehicles(slots: Sequence[ChargerSlot], start: int, end: int) -> list[VehicleLine]:
    """Return a line for every charger with a vehicle during the event."""
    lines: dict[str, VehicleLine] = {}
    for slot in slots:
        if slot.start_wall_ms >= end or slot.start_wall_ms + slot.duration_ms <= start:
            continue
        part = min(end, slot.start_wall_ms + slot.duration_ms) - max(start, slot.start_wall_ms)
        old = lines.get(slot.charger, VehicleLine(slot.charger, "", 0, 0, 0))
        lines[slot.charger] = VehicleLine(
            slot.charger,
            slot.vehicle or old.vehicle,
            old.energy_wh + slot.energy_ws * part // slot.duration_ms * 1000 // HOUR_MS,
            max(old.highest_w, slot.highest_w),
            old.held_ms + slot.held_ms * part // slot.duration_ms,
        )
    return [lines[charger] for charger in sorted(lines)]


def _samples(
    slots: Sequence[LoadSlot], measures: Measures, rows: Sequence[Compliance], usual: Baseline
) -> list[Sample]:
    found = []
    for slot in slots:
        if not slot.measured_ms:
            continue
        begin, end = slot.start_wall_ms, slot.start_wall_ms + slot.duration_ms
        limits = [row.limit_w for row in rows if row.start_wall_ms < end and row.end_wall_ms > begin]
        baseline_w = usual.mean_w(begin, end) if limits else None
        found.append(Sample(begin, end, _power_w(slot, measures), min(limits, default=None), baseline_w))
    return found
