"""What each vehicle is promised: ready in time for certain, at risk, or not; why, and what would change it.

    judged = judge(bay, want, facts, tick, timezone)        every tick, every vehicle with a window
    commands = Promises().step(tick, judged)                what is news is kept, and the network is told

Rule 1: "yes" is certain as far as anybody can know: the plan has all of it within the limits, with the
        forecast's margin, the vehicle follows, and it could still wait.
Rule 2: "no" is said as soon as the plan cannot give all of it, with the figure.
Rule 3: what is in doubt is "at risk", with the doubt: nobody is told "yes" of a vehicle that takes nothing.
Rule 4: a promise is told when it has held for a while: a vehicle that has just come has no plan yet.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.core.asks import CAN_CHARGE, Vehicle, Want, kwh
from edge.core.state import ChargerKnown
from edge.core.windows import clock, missing_wh
from edge.model.flow import AnyCommand, Keep, Tick
from edge.model.records import Promise
from edge.model.units import HOUR_MS, MINUTE_MS, SECOND_MS, amps_text

# News when it has held for so long.  A new plan takes a second or two.
HOLDS_MS = 20 * SECOND_MS

# A vehicle that is offered current and takes none for so long has a reason of its own.
TAKES_NOTHING_MS = 3 * MINUTE_MS


# What a charger itself takes.
NOTHING_MA = 1_000


@dataclass(frozen=True, slots=True)
class Judged:
    """A promise.  promise: "yes", "at risk", "no" or "ready".  short_wh: what will be missing."""

    charger: str
    vehicle: str
    ready_by_wall_ms: int
    need_wh: int
    promise: str
    short_wh: int = 0
    why: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a promise depends on besides the plan.

    silent: the charger does not answer.  offered_ms: since when it is offered current and takes none.
    offered_ma: how much.
    """

    silent: bool = False
    offered_ms: int = 0
    offered_ma: int = 0


def judge(bay: Vehicle, want: Want, facts: Facts, tick: Tick, timezone: str) -> Judged | None:
    """Return the promise to a vehicle, None where none is there or no window holds."""
    stay = bay.stay
    if stay is None or not want.promise:
        return None
    window = stay.window
    left_wh = missing_wh(window, bay.session_wh, bay.soc_pm)
    total_wh = bay.session_wh + left_wh

    def said(promise: str, why: str = "", change: str = "", short_wh: int = 0) -> Judged:
        due = stay.ready_by_wall_ms
        return Judged(bay.charger, window.vehicle, due, total_wh, promise, short_wh, why, change)

    if want.promise == "ready":
        return said("ready")
    left_ms = max(0, stay.ready_by_wall_ms - tick.wall_ms)
    fading = ", which falls as it gets full" if bay.taper_ms else ""
    most_wh = bay.takes_w * max(0, left_ms - bay.taper_ms) // HOUR_MS
    if most_wh < left_wh:
        short_wh = left_wh - most_wh
        later_ms = short_wh * HOUR_MS // max(1, bay.takes_w)
        why = f"it can have at most {kwh(bay.session_wh + most_wh)} of {kwh(total_wh)}: its own maximum"
        why += fading
        return said("no", why, _later(stay.ready_by_wall_ms + later_ms, short_wh, timezone, ""), short_wh)
    step = bay.step
    if step is not None and step.unmet_wh > 0:
        has = kwh(max(0, total_wh - step.unmet_wh))
        place = step.held or f"its own maximum{fading}"
        why = f"it can have at most {has} of {kwh(total_wh)}: {place}"
        later = None if step.later_ms is None else stay.ready_by_wall_ms + step.later_ms
        more = "a higher priority" if step.held else ""
        return said("no", why, _later(later, step.unmet_wh, timezone, more), step.unmet_wh)
    if facts.silent:
        return said("at risk", "the charger does not answer", "look at the charger and its line")
    if facts.offered_ms >= TAKES_NOTHING_MS:
        since = facts.offered_ms // MINUTE_MS
        why = f"it takes nothing of the {amps_text(facts.offered_ma)} offered for {since} min"
        return said("at risk", why, "look at its own timer, its cable, its battery")
    if want.behind:
        return said(
            "at risk",
            "it has got less than was planned",
            "it is served before the others until it has caught up",
        )
    if want.promise != "yes":
        needed_ms = left_wh * HOUR_MS // max(1, bay.takes_w if step else bay.share_w) + bay.taper_ms
        why = f"it needs {_span(needed_ms)} of the {_span(left_ms)} left"
        at = "at its own maximum" if step else "at its share of the site"
        return said("at risk", f"{why} {at}", "it is served before the others")
    return said("yes")


def _later(ready_wall_ms: int | None, short_wh: int, timezone: str, more: str) -> str:
    """Return what would make it possible."""
    ways = [f"ready by about {clock(ready_wall_ms, timezone)}"] if ready_wall_ms is not None else []
    ways += [f"{kwh(short_wh)} less"] + ([more] if more else [])
    return ", or ".join(ways)


def _span(ms: int) -> str:
    minutes = ms // MINUTE_MS
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


class Promises:
    """Remembers what was told, so that only news is."""

    def __init__(self) -> None:
        self._idle: dict[str, int] = {}  # charger -> since when it is offered current and takes none
        self._told: dict[str, tuple[int, str]] = {}  # charger -> ready by, promise
        self._since: dict[str, tuple[tuple[int, str], int]] = {}

    def facts(self, charger: str, shows: ChargerKnown, silent: bool, now_ms: int) -> Facts:
        """Return what a charger shows of interest; call it every tick."""
        told_ma = shows.told_ma or 0
        drawn_ma = max(shows.latest_ma) if shows.latest_ma else None
        idle = told_ma > 0 and drawn_ma is not None and drawn_ma < NOTHING_MA and shows.state in CAN_CHARGE
        if not idle or silent:
            self._idle.pop(charger, None)
            return Facts(silent)
        return Facts(False, now_ms - self._idle.setdefault(charger, now_ms), told_ma)

    def step(self, tick: Tick, judged: Iterable[Judged]) -> list[AnyCommand]:
        """Return the promises that are news."""
        if not tick.wall_trusted:
            return []
        found: list[AnyCommand] = []
        here: set[str] = set()
        for each in judged:
            here.add(each.charger)
            now = (each.ready_by_wall_ms, each.promise)
            if self._since.get(each.charger, (None, 0))[0] != now:
                self._since[each.charger] = (now, tick.at_ms)
            held_ms = tick.at_ms - self._since[each.charger][1]
            if self._told.get(each.charger) == now or held_ms < HOLDS_MS:
                continue
            self._told[each.charger] = now
            found.append(Keep(_row(each, tick.wall_ms), tell="network"))
        for gone in self._since.keys() - here:
            del self._since[gone]
        return found


def _row(judged: Judged, wall_ms: int) -> Promise:
    return Promise(
        charger=judged.charger,
        ready_by_wall_ms=judged.ready_by_wall_ms,
        wall_ms=wall_ms,
        vehicle=judged.vehicle,
        need_wh=judged.need_wh,
        promise=judged.promise,
        short_wh=judged.short_wh,
        why=judged.why,
        change=judged.change,
    )
