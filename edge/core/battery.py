"""When a vehicle that may give back does, and when it takes: exact for one battery, given all the rest.

    best(battery, slots) -> changes         Wh into (+) or out of (-) the battery, slot by slot

The cost of a slot is convex and piecewise linear in what goes into the battery: what is taken out saves
import first and is exported after that, what is taken in comes from the site's own surplus first.  So is the
cost of all that is left to do, as a function of what is in the battery; backwards in time it is the infimal
convolution of the two, which for such functions is to sort their pieces by slope.  That is the whole dynamic
programme, without a grid of states.

Rule 1: a kWh given back costs more than one of the battery: losses of the way in and out are taken there.
Rule 2: nothing goes below what is kept, and what is needed by the departure is worth more than any price.
Rule 3: this is a plan.  What really is given back is decided every second (core/giving.py).

Source: value functions of storage, e.g. Bertsekas, Dynamic Programming and Optimal Control, vol. 1, 4.2;
infimal convolution of convex functions: Rockafellar, Convex Analysis, theorem 16.4.
"""

from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

Piece = tuple[float, float]  # slope, in money per Wh, and width, in Wh

# Out of the vehicle comes so much of what went in.  An assumption: published round trips of bidirectional
# chargers are between 0.8 and 0.9.
ROUND_TRIP = 0.85

# What is needed by the departure, and what a peak must not exceed: beyond any price of energy.
NEEDED = 1e6
SHAVED = 1e3

# A gain of less than this, money per Wh, is none: plans should not flutter.
NOTHING = 1e-12


class Battery(NamedTuple):
    """Wh: in it now, the least that stays in it, what it holds, what it is to have in the end."""

    now: float
    keep: float
    full: float
    target: float


class Slot(NamedTuple):
    """What one slot offers.

    out: pieces of what can be taken out, the most worth first; slopes are what a Wh of the battery saves.
    into: pieces of what can be taken in, the cheapest first; slopes are what a Wh costs.
    """

    out: tuple[Piece, ...]
    into: tuple[Piece, ...]


def slot(
    price: float,
    own_price: float,
    net_w: float,
    gives_w: float,
    takes_w: float,
    export_w: float,
    wear: float,
    hours: float,
    peak_w: float | None = None,
) -> Slot:
    """Return what a slot offers.  Prices and wear: money per kWh.

    net_w: what the site takes without this vehicle, negative where it exports.  gives_w, takes_w: the most of
    the vehicle.  export_w: what may be exported at most.  peak_w: above it the site should not go.
    """
    most_w = max(0.0, min(gives_w, net_w + export_w))
    saves_w = min(most_w, max(0.0, net_w))
    shaves_w = 0.0 if peak_w is None else min(saves_w, max(0.0, net_w - peak_w))
    pieces = [
        (price + SHAVED * 1000 - wear, shaves_w),
        (price - wear, saves_w - shaves_w),
        (own_price - wear, most_w - saves_w),
    ]
    out = tuple((worth / 1000 * ROUND_TRIP, watts * hours / ROUND_TRIP) for worth, watts in pieces)
    own_w = min(takes_w, max(0.0, -net_w))
    paid_w = takes_w - own_w
    if peak_w is not None:
        paid_w = min(paid_w, max(0.0, peak_w - net_w - own_w))
    into = ((own_price / 1000, own_w * hours), (price / 1000, paid_w * hours))
    if price < 0 or own_price < 0:
        out = ()  # who is paid for taking gives nothing back; and the cost stays convex
    return Slot(tuple(p for p in out if p[1] > 0), tuple(p for p in into if p[1] > 0))


def best(battery: Battery, slots: Sequence[Slot]) -> list[float]:
    """Return the cheapest changes of the battery, slot by slot, Wh; what is not needed is not taken.

    A battery below what it keeps gives nothing back.
    """
    low = min(battery.now, battery.keep)
    after = _values(battery, slots, low)
    changes = []
    level = battery.now
    for here, ahead in zip(slots, after, strict=True):
        pieces = here if battery.now >= battery.keep else here._replace(out=())
        change = _change(pieces, ahead, level, low, battery.full)
        level += change
        changes.append(change)
    return changes


def _values(battery: Battery, slots: Sequence[Slot], low: float) -> list[list[Piece]]:
    """Return, for the end of every slot, the cost of all that follows: its pieces from `low` to full."""
    target = min(max(battery.target, low), battery.full)
    value: list[Piece] = [(-NEEDED, target - low), (0.0, battery.full - target)]
    found = [value]
    for here in reversed(slots[1:]):
        pieces = list(value)
        for slope, width in (*here.out, *here.into):
            insort(pieces, (-slope, width))
        value = _clipped(pieces, sum(width for _, width in here.into), battery.full - low)
        found.append(value)
    return found[::-1]


def _clipped(pieces: list[Piece], before: float, width: float) -> list[Piece]:
    """Return the pieces without the first so much, and no longer than the width."""
    found = []
    for slope, length in pieces:
        skipped = min(before, length)
        before -= skipped
        kept = min(length - skipped, width)
        width -= kept
        if kept > 0:
            found.append((slope, kept))
    return found


def _change(here: Slot, ahead: list[Piece], level: float, low: float, full: float) -> float:
    """Return the change after which one Wh more would cost more now than it saves later."""
    room = level - low
    steps: list[Piece] = []  # what a Wh more costs now, from the most taken out to the most taken in
    for slope, width in here.out:
        steps.append((slope, min(width, room)))
        room -= steps[-1][1]
    out = sum(width for _, width in steps)
    steps = [*reversed(steps), *here.into]
    position, change = level - out, -out
    values = _clipped(list(ahead), position - low, full - position)
    while steps and values:
        (cost, width), (later, length) = steps[0], values[0]
        gain = cost + later
        if gain > -NOTHING and (change >= 0 or gain > NOTHING):
            break
        part = min(width, length) if change >= 0 else min(width, length, -change)
        change += part
        steps[0], values[0] = (cost, width - part), (later, length - part)
        steps = steps if steps[0][1] > 0 else steps[1:]
        values = values if values[0][1] > 0 else values[1:]
    return change
