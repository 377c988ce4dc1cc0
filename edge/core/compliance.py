"""What the site did while a limit of the utility held: measured power, folded tick by tick.

Rule 1: time is counted on the monotonic clock; the wall clock only says which interval it was.
Rule 2: what was not measured is not counted: a gap is neither zero nor the last value.
Rule 3: loads are rounded up (I8).

Source: OpenADR 3.1.1 User Guide 7.5 (reports follow the event's interval ids); DESIGN.md I5 (13.2 s).
"""

import msgspec

from edge.core.timeline import Stretch
from edge.model.flow import Tick
from edge.model.openadr import OpenAdrEvent
from edge.model.records import Compliance

# Meter 1 s, decision 0.2, write 2, charger 5, vehicle 5 (IEC 61851-1): from then on the limit must hold.
SETTLED_MS = 13_200

# A reading holds no longer than this; the meter is then silent (I3).
READING_HOLDS_MS = 5_000

_WMS_PER_WH = 3_600_000


class Measure(msgspec.Struct, frozen=True):
    """One interval of a limit while it lasts.

    start_wall_ms, began_at_ms: since when it is measured, on both clocks: the interval's start, or receipt
    if that was later; the present where neither was a moment ago (after a restart, or a change).
    """

    stretch: Stretch
    limit_w: int
    start_wall_ms: int
    began_at_ms: int
    last_at_ms: int
    last_w: int | None = None
    energy_wms: int = 0
    measured_ms: int = 0
    highest_w: int | None = None
    highest_settled_w: int | None = None
    complied_after_ms: int | None = None


def begin(stretch: Stretch, limit_w: int, received_wall_ms: int, tick: Tick) -> Measure:
    """Return a measure that has seen nothing yet."""
    start = max(stretch.from_wall_ms, received_wall_ms)
    if not 0 <= tick.wall_ms - start <= READING_HOLDS_MS:
        start = tick.wall_ms
    return Measure(stretch, limit_w, start, tick.at_ms - (tick.wall_ms - start), tick.at_ms)


def measured(measure: Measure, at_ms: int, site_w: int | None) -> Measure:
    """Return the measure with what the meter says now; site_w is None while it is unknown."""
    passed_ms = at_ms - measure.last_at_ms
    energy_wms, measured_ms = measure.energy_wms, measure.measured_ms
    if measure.last_w is not None and passed_ms <= READING_HOLDS_MS:
        energy_wms += measure.last_w * passed_ms
        measured_ms += passed_ms
    complied, highest, settled = measure.complied_after_ms, measure.highest_w, measure.highest_settled_w
    if site_w is not None:
        since_ms = at_ms - measure.began_at_ms
        if complied is None and site_w <= measure.limit_w:
            complied = since_ms
        highest = site_w if highest is None else max(highest, site_w)
        if since_ms >= SETTLED_MS:
            settled = site_w if settled is None else max(settled, site_w)
    return msgspec.structs.replace(
        measure,
        last_at_ms=at_ms,
        last_w=site_w,
        energy_wms=energy_wms,
        measured_ms=measured_ms,
        highest_w=highest,
        highest_settled_w=settled,
        complied_after_ms=complied,
    )


def ended(measure: Measure, event: OpenAdrEvent, wall_ms: int, drill: bool = False) -> Compliance | None:
    """Return the row of an interval that is over; None if nothing was measured in it.

    wall_ms: now; an interval that was cancelled or changed ends here, not where it should have.
    """
    if measure.highest_w is None:
        return None
    stretch, settled = measure.stretch, measure.highest_settled_w
    end = wall_ms if stretch.to_wall_ms is None else min(wall_ms, stretch.to_wall_ms)
    mean = _up(measure.energy_wms, measure.measured_ms) if measure.measured_ms else measure.highest_w
    return Compliance(
        event_id=event.id,
        program_id=event.program_id,
        event_name=event.name,
        interval_id=stretch.interval_id,
        start_wall_ms=measure.start_wall_ms,
        end_wall_ms=max(end, measure.start_wall_ms),
        payload_type=stretch.type,
        limit_w=measure.limit_w,
        mean_w=mean,
        highest_w=measure.highest_w if settled is None else settled,
        energy_wh=_up(measure.energy_wms, _WMS_PER_WH),
        complied_after_ms=measure.complied_after_ms,
        measured_ms=measure.measured_ms,
        drill=drill,
    )


def _up(number: int, divisor: int) -> int:
    return -(-number // divisor)
