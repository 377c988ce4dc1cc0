"""German EnWG section 14a: what the grid operator may always lower chargers to, and the word of its box.

    pmin_w(chargers, heat_pump_w) -> W          the guaranteed minimum of all controllable devices together
    Box: heard(…), at(…)                        the state machine behind a heartbeat (EEBUS LPC, as far as
                                                its words reach us through a bridge)

    start ──> failsafe ──heartbeat──> unlimited <──limit over── limited
                 ^  |                     └──────limit told──────^  |
                 |  └─2 h without a word─> autonomous              |
                 └────────────── 120 s without a heartbeat ────────┘

Rule 1: while nobody knows (a start, a lost heartbeat), the failsafe limit holds; it ends with the next
    heartbeat, or after two hours.
Rule 2: a limit ends with its own duration, whatever the box does.

Source: BNetzA BK6-22-300 Anlage 1, 4.5 (Pmin, GZF); EEBUS use case Limitation of Power Consumption as
coded in evcc (heartbeat 120 s, failsafe duration minimum 2 h).
"""

from typing import Literal, NamedTuple

from edge.model.units import HOUR_MS, SECOND_MS

DEVICE_W = 4_200
HEAT_PUMP_FROM_W = 11_000

# How many devices run at once, in hundredths, by their number from 2; nine and more alike.
GZF = {2: 80, 3: 75, 4: 70, 5: 65, 6: 60, 7: 55, 8: 50}
GZF_MANY = 45

BEAT_MS = 120 * SECOND_MS
FAILSAFE_MS = 2 * HOUR_MS

Word = Literal["failsafe", "unlimited", "limited", "autonomous"]


def pmin_w(chargers: int, heat_pump_w: int = 0) -> int:
    """Return what controllable devices together may take at least, W.

    heat_pump_w: the sum of heat pumps above 11 kW each, which count as one device.
    """
    pumps = heat_pump_w > HEAT_PUMP_FROM_W
    devices = chargers + (1 if pumps else 0)
    if devices == 0:
        return 0
    first = max(DEVICE_W, heat_pump_w * 4 // 10) if pumps else DEVICE_W
    return first + (devices - 1) * GZF.get(devices, GZF_MANY) * DEVICE_W // 100


class Box(NamedTuple):
    """What the grid operator's box has said.  Times are monotonic.

    since_ms: since when the state holds; beat_ms: the last heartbeat.  ends_ms: of the limit, None for none.
    """

    state: Word = "failsafe"
    since_ms: int = 0
    beat_ms: int = 0
    limit_w: int = 0
    ends_ms: int | None = None


def heard(box: Box, now_ms: int, limit_w: int | None, for_ms: int | None) -> Box:
    """Return the box after a heartbeat and what it limits to."""
    if limit_w is None:
        since = box.since_ms if box.state == "unlimited" else now_ms
        return Box("unlimited", since, now_ms)
    since = box.since_ms if box.state == "limited" else now_ms
    return Box("limited", since, now_ms, limit_w, None if for_ms is None else now_ms + for_ms)


def at(box: Box, now_ms: int) -> Box:
    """Return the box as time has passed."""
    if box.state in ("unlimited", "limited") and now_ms - box.beat_ms > BEAT_MS:
        return Box("failsafe", now_ms, box.beat_ms)
    if box.state == "failsafe" and now_ms - box.since_ms >= FAILSAFE_MS:
        return Box("autonomous", now_ms, box.beat_ms)
    if box.state == "limited" and box.ends_ms is not None and now_ms >= box.ends_ms:
        return Box("unlimited", now_ms, box.beat_ms)
    return box
