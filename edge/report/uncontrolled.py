"""The peak that the same month would have had without control: what load management is worth.

    peaks(blocks, sessions, full_w) -> Peaks

Without control every vehicle charges from the moment it is plugged in, at its port's full power, until it has
the energy that it got; what else the site takes is as measured.  Peaks are means of clock quarter-hours, as
utility meters keep them.  Quarter-hours of which less than half was measured count for neither.
"""

from collections.abc import Iterable, Mapping

import msgspec

from edge.model.records import LoadBlock, Session
from edge.model.units import HOUR_MS, QUARTER_MS


class Peaks(msgspec.Struct, frozen=True):
    """Highest means of a quarter-hour, W.  None where nothing was measured."""

    with_control_w: int | None
    without_control_w: int | None


def peaks(blocks: Iterable[LoadBlock], sessions: Iterable[Session], full_w: Mapping[str, int]) -> Peaks:
    """Return both peaks.  full_w: by port or charger; one that is not in it charges at its highest power."""
    measured = [block for block in blocks if 2 * block.measured_ms >= QUARTER_MS]
    charging = _charging_wms(sessions, full_w)
    with_w = [_mean_w(block, block.import_wh * HOUR_MS) for block in measured]
    without_w = [
        _mean_w(block, max(0, block.import_wh - block.charging_wh) * HOUR_MS)
        + charging.get(block.start_wall_ms, 0) // QUARTER_MS
        for block in measured
    ]
    return Peaks(max(with_w, default=None), max(without_w, default=None))


def _mean_w(block: LoadBlock, energy_wms: int) -> int:
    return energy_wms // max(1, min(QUARTER_MS, block.measured_ms))


def _charging_wms(sessions: Iterable[Session], full_w: Mapping[str, int]) -> dict[int, int]:
    """Return what sessions would have taken by quarter-hours, in W·ms, without control."""
    taken: dict[int, int] = {}
    for row in sessions:
        power_w = full_w.get(row.port or row.charger, row.power_w_max)
        if power_w <= 0:
            continue
        at_ms, left_wms = row.start_wall_ms, row.energy_wh * HOUR_MS
        while left_wms > 0:
            quarter = at_ms // QUARTER_MS * QUARTER_MS
            until_ms = quarter + QUARTER_MS
            part = min(left_wms, power_w * (until_ms - at_ms))
            taken[quarter] = taken.get(quarter, 0) + part
            at_ms, left_wms = until_ms, left_wms - part
    return taken
