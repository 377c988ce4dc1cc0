"""How much longer the last part of a charge takes: a battery that is nearly full takes less and less.

    extra_ms(left_wh, takes_w, battery) -> ms      beyond left_wh at takes_w

Who tapers is planned as if it had to be ready that much earlier: at full power until the battery holds back,
it is then ready just in time; charged slowly, it has time to spare.

What is known of it, in this order: what was lost in earlier stays of the bay or the vehicle
(core/learned.py), less what has been lost in this one; where nothing was learned, and the charger tells the
state of charge, that the part above ASSUMED_PM takes twice as long.  A state of charge to be reached that is
below it loses nothing.  That is an assumption, not a measurement: constant current gives way to constant
voltage near the end; where, depends on battery, temperature and power.
"""

from typing import NamedTuple

from edge.core.windows import Stay
from edge.model.records import Session
from edge.model.units import HOUR_MS

# From this state of charge on, in thousandths, a vehicle of which nothing is known takes half.
ASSUMED_PM = 850


class Battery(NamedTuple):
    """usual_ms: lost in earlier stays; lost_ms: in this one.  full_w: the highest power that it has taken.

    above_wh: of what it is to get, what is above ASSUMED_PM; None where nobody tells the state of charge.
    """

    usual_ms: int = 0
    lost_ms: int = 0
    full_w: int = 0
    above_wh: int | None = None


def of(session: Session | None, stay: Stay | None, soc_pm: int | None, usual_ms: int) -> Battery:
    """Return what is known of the battery of a vehicle that is there."""
    lost_ms = session.tapered_ms if session else 0
    full_w = session.power_w_max if session else 0
    above_wh = None
    if stay is not None and soc_pm is not None and stay.window.soc_pm and stay.window.battery_wh:
        above_pm = stay.window.soc_pm - max(ASSUMED_PM, soc_pm)
        above_wh = max(0, above_pm) * stay.window.battery_wh // 1000
    return Battery(usual_ms, lost_ms, full_w, above_wh)


def extra_ms(left_wh: int, takes_w: int, battery: Battery) -> int:
    """Return how much longer than left_wh at takes_w it takes until a vehicle has it; 0 or more.

    takes_w is what it takes now, which is less already once it has begun to hold back.
    """
    if battery.above_wh == 0 or not left_wh:
        return 0
    full_w = max(takes_w, battery.full_w, 1)
    more_ms = max(0, battery.usual_ms - battery.lost_ms)
    if not battery.usual_ms and battery.above_wh is not None:
        more_ms = battery.above_wh * HOUR_MS // full_w
    at_full_ms = left_wh * HOUR_MS // full_w
    return max(0, at_full_ms + more_ms - left_wh * HOUR_MS // max(1, takes_w))
