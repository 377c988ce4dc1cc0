"""What a vehicle really takes of what it is offered: its phases and its own maximum, learned as it charges.

A three-phase charger does not know that a vehicle has one phase before it charges; a plan that counted on
three would miss the departure.  Nothing is concluded before a setpoint has settled, and everything is
forgotten when the vehicle leaves.  A session keeps it over a restart (records.Session).
"""

from dataclasses import dataclass

from edge.core.asks import CAN_CHARGE
from edge.core.state import ChargerKnown
from edge.model.records import Session
from edge.model.units import PHASES

# IEC 61851-1 gives a vehicle 5 s to follow; then it ramps.
SETTLED_MS = 30_000

# A phase is in use from here on: what a charger itself takes is less.
USED_MA = 2_000

# So much below its setpoint, a vehicle is held back by itself.  Less than what unused.py leaves above its
# draw: that lowers the setpoint soon after, and nothing would be learned.
BELOW_MA = 1_000
MARGIN_MA = 1_000

# A draw that flickers must not make plans anew.
FLICKER_MA = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """phases: those of the charger that the vehicle uses, None while unknown.  most_ma: its own maximum."""

    phases: tuple[int, ...] | None = None
    most_ma: int | None = None

    def of(self, max_ma: int, phases: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """Return what it takes of a charger: its current and its phases."""
        most_ma = max_ma if self.most_ma is None else min(max_ma, self.most_ma)
        return most_ma, self.phases or phases


def restored(row: Session) -> Taken:
    """Return what was known of the vehicle of a session when the gateway last ran."""
    phases = tuple(p for p in PHASES if row.took_phases >> p & 1)
    return Taken(phases or None, row.took_most_ma)


def bits(taken: Taken) -> int:
    """Return the phases that a vehicle uses as bits; 0 while unknown."""
    return sum(1 << p for p in taken.phases or ())


def fold(taken: Taken, known: ChargerKnown, phases: tuple[int, ...], now_ms: int) -> Taken:
    """Return what is known of a vehicle after a tick.  phases: of its charger, site indices."""
    if "state" not in known.values:
        return taken  # not asked yet: what was known before a restart still holds
    if known.state not in CAN_CHARGE:
        return Taken()
    told_ma, drawn, since = known.told_ma, known.latest_ma, known.changed_at_ms
    if not told_ma or drawn is None or since is None or now_ms - since < SETTLED_MS:
        return taken
    used = tuple(p for p in PHASES if p in phases and drawn[p] >= USED_MA)
    if not used:
        return taken  # it waits, or is full: nothing to learn
    highest_ma = max(drawn)
    most_ma = taken.most_ma
    if highest_ma < told_ma - BELOW_MA:
        if most_ma is None or abs(highest_ma + MARGIN_MA - most_ma) >= FLICKER_MA:
            most_ma = highest_ma + MARGIN_MA
    elif most_ma is not None and highest_ma >= most_ma - MARGIN_MA // 2:
        most_ma = None  # it takes more than was thought
    more = taken.phases and len(taken.phases) > len(used)
    return Taken(taken.phases if more else used, most_ma)
