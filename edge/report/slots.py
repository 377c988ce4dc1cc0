"""Sums over slots of the fine load: what flowed in a time, and how well it is known.

A slot that lies across the edge of the time counts with its share; where reports are asked for, slots end at
their intervals' ends, and nothing is shared.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from edge.model.records import ChargerSlot, LoadSlot
from edge.model.units import HOUR_MS

Quality = Literal["OK", "ESTIMATED", "MISSING"]

# Below this part of the time measured, nothing is said; up to that, it is an estimate.
_KNOWN_PERCENT, _SURE_PERCENT = 50, 95


class Slot(Protocol):
    """What the slots of the site and of chargers have in common."""

    @property
    def start_wall_ms(self) -> int: ...
    @property
    def duration_ms(self) -> int: ...
    @property
    def measured_ms(self) -> int: ...
    @property
    def energy_ws(self) -> int: ...


class Flow(NamedTuple):
    """What flowed in a time.  energy_ws: import, of what was measured.  highest_w, limit_w: None for none."""

    length_ms: int
    measured_ms: int
    energy_ws: int
    charging_ws: int = 0
    highest_w: int | None = None
    limit_w: int | None = None
    charging_limit_w: int | None = None
    held_ms: int = 0

    @property
    def quality(self) -> Quality:
        """Say how well it is known."""
        if self.measured_ms * 100 >= self.length_ms * _SURE_PERCENT:
            return "OK"
        return "ESTIMATED" if self.measured_ms * 100 >= self.length_ms * _KNOWN_PERCENT else "MISSING"

    @property
    def mean_w(self) -> int | None:
        """The mean power while it was measured, None where too little was; rounded up (I8)."""
        known = self.measured_ms and self.quality != "MISSING"
        return -(-self.energy_ws * 1000 // self.measured_ms) if known else None

    @property
    def energy_wh(self) -> int | None:
        """The energy of the whole time: what was measured, the rest alike; None where too little was."""
        mean = self.mean_w
        if mean is None:
            return None
        if self.quality == "OK" and self.measured_ms >= self.length_ms:
            return -(-self.energy_ws * 1000 // HOUR_MS)
        return -(-self.energy_ws * 1000 * self.length_ms // (self.measured_ms * HOUR_MS))


def site_flow(slots: Iterable[LoadSlot], from_wall_ms: int, to_wall_ms: int) -> Flow:
    """Return what flowed at the site's root in a time."""
    measured = energy = charging = 0
    highest: int | None = None
    limits: list[int] = []
    charging_limits: list[int] = []
    for slot in slots:
        part, whole = _overlap(slot, from_wall_ms, to_wall_ms)
        if not part:
            continue
        measured += slot.measured_ms * part // whole
        energy += slot.energy_ws * part // whole
        charging += slot.charging_ws * part // whole
        if slot.highest_w is not None:
            highest = slot.highest_w if highest is None else max(highest, slot.highest_w)
        limits += [] if slot.limit_w is None else [slot.limit_w]
        charging_limits += [] if slot.charging_limit_w is None else [slot.charging_limit_w]
    lowest, lowest_charging = min(limits, default=None), min(charging_limits, default=None)
    return Flow(to_wall_ms - from_wall_ms, measured, energy, charging, highest, lowest, lowest_charging)


def chargers_flow(
    slots: Iterable[ChargerSlot], chargers: Sequence[str], from_wall_ms: int, to_wall_ms: int
) -> Flow:
    """Return what went into the vehicles at some chargers in a time, summed.

    Without a vehicle there is no slot, and nothing flows.  highest_w: the sum of the highest of each, which
    need not have been at the same moment.
    """
    measured = energy = held = unmeasured = 0
    highest: dict[str, int] = {}
    for slot in slots:
        part, whole = _overlap(slot, from_wall_ms, to_wall_ms)
        if slot.charger not in chargers or not part:
            continue
        measured += slot.measured_ms * part // whole
        unmeasured += (slot.duration_ms - slot.measured_ms) * part // whole
        energy += slot.energy_ws * part // whole
        held += slot.held_ms * part // whole
        highest[slot.charger] = max(highest.get(slot.charger, 0), slot.highest_w)
    length = to_wall_ms - from_wall_ms
    known = measured + unmeasured
    seen = length * measured // known if known else length
    return Flow(length, seen, energy, energy, sum(highest.values()), held_ms=held)


def _overlap(slot: Slot, from_wall_ms: int, to_wall_ms: int) -> tuple[int, int]:
    """Return how much of a slot lies in a time, and its length; 0 and 1 for nothing."""
    part = min(to_wall_ms, slot.start_wall_ms + slot.duration_ms) - max(from_wall_ms, slot.start_wall_ms)
    return (part, slot.duration_ms) if part > 0 and slot.duration_ms > 0 else (0, 1)
