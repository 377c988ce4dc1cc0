"""Plain words for people: currents, energies, times, states, reasons.

Rule 1: page, terminal and API say the same sentence; it is made here and nowhere else.
Rule 2: times are local to the site and name the day when it is not today.
Rule 3: words explain what the core has decided; they never decide.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from edge.model.learning import LearnedNow
from edge.model.records import ChargerNow, EventNow, PlanNow
from edge.model.site import Window
from edge.model.units import PHASE_NAMES, amps_text

# IEC 61851-1 Table A.8 (states of the control pilot), in the words of the yard.
IEC_STATES = {
    "A": "no vehicle",
    "B": "vehicle connected",
    "C": "charging",
    "D": "charging, ventilation on",
    "E": "pilot fault",
    "F": "charger not available",
    "X": "state unknown",
}

DAY_MIN = 24 * 60
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# What the core promises a vehicle with a charge window (I12), in the words of the yard.
PROMISES = {
    "yes": "certain",
    "at risk": "at risk",
    "no": "not in time",
    "ready": "has all that it needs",
}


# Where an event of the utility stands.
STEPS = {
    "received": "to come",
    "expired": "over before it was obeyed",
    "far": "to come",
    "near": "begins soon",
    "active": "holds now",
    "done": "over",
}


def amps(current_ma: int) -> str:
    """Return a current for a narrow place: whole amperes from 100 A, else one decimal place at most."""
    if abs(current_ma) >= 100_000:
        return f"{current_ma / 1000:.0f} A"
    return amps_text(round(current_ma / 100) * 100)


def kw(power_w: int) -> str:
    """Return a power: 740 W below 1 kW, one decimal place above."""
    return f"{power_w} W" if abs(power_w) < 1000 else f"{power_w / 1000:.1f} kW"


def kwh(energy_wh: int) -> str:
    """Return an energy in kWh with one decimal place."""
    return f"{energy_wh / 1000:.1f} kWh"


def price(price_micro: int, currency: str) -> str:
    """Return a price per kWh with up to five decimal places and no trailing zeros beyond two."""
    whole, _, rest = f"{price_micro / 1_000_000:.5f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} {currency}/kWh"


def money(amount_micro: int, currency: str) -> str:
    """Return an amount to the cent: 1234567890 → "1,234.57 USD"."""
    cents = (abs(amount_micro) + 5_000) // 10_000
    sign = "-" if amount_micro < 0 and cents else ""
    return f"{sign}{cents // 100:,}.{cents % 100:02} {currency}"


def clock(wall_ms: int, zone: ZoneInfo | None, now_ms: int | None = None, seconds: bool = False) -> str:
    """Return a local time of day; with the weekday where `now_ms` is another day, the date beyond a week.

    zone: None for the one of this machine.
    """
    at = datetime.fromtimestamp(wall_ms / 1000, zone)
    text = at.strftime("%H:%M:%S" if seconds else "%H:%M")
    if now_ms is None:
        return text
    days = (at.date() - datetime.fromtimestamp(now_ms / 1000, zone).date()).days
    if days == 0:
        return text
    return f"{at.strftime('%a')} {text}" if abs(days) < 7 else f"{at.strftime('%Y-%m-%d')} {text}"


def minutes(of_day: int) -> str:
    """Return minutes after midnight as HH:MM."""
    return f"{of_day // 60:02d}:{of_day % 60:02d}"


def ago(age_ms: int) -> str:
    """Return an age: 3 s, 5 min, 2 h."""
    seconds = age_ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def kind(now: ChargerNow) -> str:
    """Return which of the six pictures of a charger this is."""
    if not now.online:
        return "offline"
    if now.state in ("E", "F"):
        return "fault"
    held = now.granted_ma == 0 and now.asked_ma > 0
    if now.state in ("C", "D"):
        return "paused" if held else "charging"
    if now.state == "B":
        return "paused" if held else "waiting"
    return "free" if now.state == "A" else "fault" if now.state == "X" else "waiting"


def state(now: ChargerNow) -> str:
    """Return a charger's state as a person in the yard would say it."""
    if not now.online:
        return "not answering"
    if now.state == "B" and now.granted_ma > 0:
        return "connected, not charging"
    if kind(now) == "paused":
        return "connected, paused" if now.state == "B" else "told to pause"
    return IEC_STATES.get(now.state, now.state or "state unknown")


def phases(indices: Sequence[int]) -> str:
    """Return site phase indices as people write them: L1, or L1 L2 L3."""
    return " ".join(PHASE_NAMES[i] for i in indices)


def ready(now: ChargerNow, zone: ZoneInfo, wall_ms: int) -> str:
    """Return by when the vehicle is ready, what is still missing and whether it will be there in time."""
    if now.ready_by_wall_ms is None:
        return ""
    by = clock(now.ready_by_wall_ms, zone, wall_ms)
    if now.state == "A":
        return f"a charge window runs until {by}"
    parts = [f"ready by {by}"]
    if now.need_wh:
        parts.append(f"{kwh(now.need_wh)} to go")
    if now.promise:
        parts.append(PROMISES.get(now.promise, now.promise))
    return ", ".join(parts)


def promise(now: ChargerNow) -> str:
    """Return why a vehicle may not be ready, and what would change it; "" where it will be."""
    if not now.promise_why:
        return ""
    return now.promise_why + (f"; would help: {now.promise_change}" if now.promise_change else "")


def late(now: ChargerNow) -> bool:
    """Tell whether the vehicle may not have what it needs in time (I12)."""
    return now.promise not in ("", "yes", "ready")


def plan(now: PlanNow, zone: ZoneInfo, wall_ms: int, currency: str) -> str:
    """Return the plan in a sentence: for whom, at what cost, how good, and what is wrong with it."""
    if not now.number:
        return f"none, so that the earliest departure comes first: {now.trouble}"
    coming = f" and {now.expected} to come" if now.expected else ""
    parts = [
        f"made at {clock(now.made_wall_ms, zone, wall_ms)} for {now.vehicles} there{coming}",
        f"{now.cost_micro / 1e6:.2f} {currency}, at most {now.gap_ppm / 1e4:.2f} % above the least possible",
    ]
    if now.unmet_wh:
        parts.append(f"{kwh(now.unmet_wh)} do not fit within the limits")
    if now.forecast_error_w is not None:
        parts.append(f"other load was foreseen within {kw(now.forecast_error_w)} in the mean")
    if now.trouble:
        parts.append(f"the next one fails: {now.trouble}")
    return "; ".join(parts)


def learned(row: LearnedNow) -> str:
    """Return what is usual at a bay in a sentence."""
    kind = "days off" if row.day_off else "workdays"
    later = row.leaves_min // DAY_MIN
    day = "" if not later else " the next day" if later == 1 else f" {later} days later"
    return (
        f"{row.charger}: on {row.came} of {row.days} {kind} about {minutes(row.arrives_min)}; "
        f"in {row.kept} of {row.stays} stays until {minutes(row.leaves_min % DAY_MIN)}{day} or later, "
        f"{kwh(row.need_wh)} or less" + ("" if row.used else "; not used: there is no [default_window]")
    )


def learned_errors(row: LearnedNow) -> str:
    """Return how far what was said of the last stays was off; "" before one was measured."""
    if row.leaves_error_min is None or row.need_error_wh is None:
        return ""
    came = "" if row.arrival_error_min is None else f"arrival within {row.arrival_error_min} min, "
    off = f"departure within {row.leaves_error_min} min, energy within {kwh(row.need_error_wh)} in the mean"
    worse = f"{row.left_early} left earlier and {row.took_more} took more than was counted on"
    return f"{came}{off}; of {row.measured}, {worse}"


def comply(event: EventNow, zone: ZoneInfo, now_ms: int) -> str:
    """Return whether an event will be complied with, and who misses what because of it; "" if unknown."""
    outlook = event.outlook
    if outlook is None:
        return ""
    head = f"will comply: {kw(outlook.load_w)} expected"
    if not outlook.complies:
        head = f"will not comply: {kw(outlook.least_w)} cannot be lowered"
    missing = [
        f"{s.vehicle or s.charger} misses {kwh(s.missing_wh)} of what it needs by "
        f"{clock(s.ready_by_wall_ms, zone, now_ms)}"
        for s in outlook.short
    ]
    return "; ".join([head, *missing])


def days(names: Sequence[str]) -> str:
    """Return weekdays shortly: daily, mon–fri, sat sun, mon wed."""
    on = [name in names for name in DAY_NAMES]
    if all(on):
        return "daily"
    picked = [i for i, is_on in enumerate(on) if is_on]
    if len(picked) > 2 and picked == list(range(picked[0], picked[-1] + 1)):
        return f"{DAY_NAMES[picked[0]]}–{DAY_NAMES[picked[-1]]}"
    return " ".join(DAY_NAMES[i] for i in picked)


def window(w: Window) -> str:
    """Return a charge window as a sentence."""
    whom = w.charger or w.group or w.vehicle
    who = f" for {w.vehicle}" if w.vehicle and not w.follows else ""
    when = " ".join(w.dates) if w.dates else days(w.days)
    battery = kwh(w.battery_wh) if w.battery_wh else "its battery"
    needs = f"{w.soc_pm / 10:g} % of {battery}" if w.soc_pm else kwh(w.need_wh)
    needs = f"{w.distance_m / 1000:g} km" if w.distance_m else needs
    more = [f"{kwh(w.arrive_wh)} of it at once"] if w.arrive_wh else []
    more += [f"not on {' '.join(w.not_on)}"] if w.not_on else []
    more += [] if w.holidays else ["not on holidays"]
    more += ["must leave"] if w.must_leave else []
    return ", ".join(
        [
            f"{whom}{who}: {when} {minutes(w.from_min)} to {minutes(w.ready_by_min)}",
            needs,
            f"priority {w.priority}",
            *more,
        ]
    )
