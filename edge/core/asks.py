"""What each charger could use now, by when, and why not more.

A vehicle with a charge window follows the plan of the day: it asks for what is planned, for more where that
costs nothing, and for all that it can take as soon as its departure is at stake: when it could hardly wait
any longer at its own maximum, or has fallen behind the plan.

Without a plan (none came in time, or none knows this vehicle) a simple rule holds: the cheapest stretches of
time that are enough, earlier first among equals; one that is short of time takes them all.  That rule is on
the safe side: it counts on the vehicle's own share of the site, and leaves a tenth in reserve.

A vehicle without a window gets what the installer chose: charge now, or not at all.
"""

import hashlib
from dataclasses import dataclass, replace

from edge.core.dayplan import Step
from edge.core.prospect import SLACK_MS
from edge.core.windows import Stay, clock, missing_wh
from edge.model.records import PriceNow
from edge.model.units import HOUR_MS, IEC_61851_MIN_MA, SECOND_MS

# Energy is bought for a tenth more than is needed: losses in the cable, pauses, a battery that tapers.
RESERVE = (11, 10)

# Behind the plan: a reading's worth of energy, above the plan's own reserve of a fiftieth.
BEHIND_WH = 200

CAN_CHARGE = ("B", "C", "D")


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What is known of a charger's vehicle.

    state: IEC 61851-1 letter.  max_ma: the least of installer's, device's and vehicle's maximum.
    share_w: what it can count on.  session_wh: charged since it came.  urged: why it is not to wait for a
    lower price, "" where nothing says so.  exempt: from the utility's signals.
    takes_w: at max_ma, on the phases that it uses.  step: what the plan has for it now, None without one.
    soc_pm: its state of charge in thousandths, where the charger tells it.
    starts_after: UTC ms before which it does not begin, drawn at random; 0 for none.
    full: it has stopped by itself.  taper_ms: how much longer than at takes_w it needs (core/taper.py).
    """

    charger: str
    state: str
    max_ma: int
    share_w: int
    session_wh: int
    stay: Stay | None
    urged: str = ""
    exempt: bool = False
    takes_w: int = 0
    step: Step | None = None
    starts_after: int = 0
    soc_pm: int | None = None
    full: bool = False
    taper_ms: int = 0


@dataclass(frozen=True, slots=True)
class Want:
    """What a vehicle could use now.  max_ma 0: nothing.  priority: lower is served first.

    left_ms: until it is to be ready, laxity_ms: how long it could still wait; None without a window.
    exempt: from the utility's signals, so it is served before all others.
    planned_ma: what the plan has for it now, None where it does not follow one.  behind: it has fallen
    behind it.  hurries: it is to have more at once, whatever is planned.  give_ma: what it is to give back,
    where that can be used.
    """

    charger: str
    max_ma: int
    because: str
    priority: int
    left_ms: int | None
    need_wh: int | None
    promise: str
    laxity_ms: int | None = None
    exempt: bool = False
    planned_ma: int | None = None
    behind: bool = False
    hurries: bool = False
    give_ma: int = 0


def want(vehicle: Vehicle, prices: list[PriceNow], wall_ms: int, timezone: str, without_window: str) -> Want:
    """Return what a vehicle could use at wall_ms.

    prices: stretches from now on, in order of time, without gaps; empty where no price is known.
    """
    if vehicle.state not in CAN_CHARGE:
        words = {"A": "no vehicle", "E": "charger shows an error", "F": "charger is out of order"}
        return _nothing(vehicle, words.get(vehicle.state, "charger does not say what it does"))
    if vehicle.max_ma < IEC_61851_MIN_MA:
        return _nothing(vehicle, "its maximum is below 6 A")
    if vehicle.stay is None:
        if without_window == "never":
            return _nothing(vehicle, "no charge window")
        why = "no charge window: charges now"
        now = Want(vehicle.charger, vehicle.max_ma, why, 0, None, None, "", exempt=vehicle.exempt)
        return _delayed(now, vehicle, wall_ms, timezone)
    found = _with_window(vehicle, vehicle.stay, prices, wall_ms, timezone)
    if vehicle.stay.because:
        found = replace(found, because=f"{found.because}; {vehicle.stay.because}")
    return _delayed(_on_arrival(found, vehicle, vehicle.stay), vehicle, wall_ms, timezone)


def _on_arrival(want: Want, vehicle: Vehicle, stay: Stay) -> Want:
    """Return what a vehicle wants while it lacks what it is to have at once: all, whatever it costs."""
    first_wh = min(stay.window.arrive_wh, stay.window.need_wh)
    if not want.need_wh or vehicle.session_wh >= first_wh or want.max_ma == vehicle.max_ma:
        return want
    why = f"has {kwh(vehicle.session_wh)} of the {kwh(first_wh)} that it gets on arrival"
    return replace(want, max_ma=vehicle.max_ma, because=why, hurries=True)


def _delayed(want: Want, vehicle: Vehicle, wall_ms: int, timezone: str) -> Want:
    """Return what a vehicle wants, less what it must still wait for by the draw, if it has the time."""
    left_ms = vehicle.starts_after - wall_ms
    hurried = want.laxity_ms is not None and want.laxity_ms <= left_ms
    if left_ms <= 0 or want.max_ma == 0 or vehicle.urged or hurried:
        return want
    because = f"starts at {clock(vehicle.starts_after, timezone)}, after a random delay"
    return replace(want, max_ma=0, because=because)


def _nothing(vehicle: Vehicle, because: str) -> Want:
    priority = vehicle.stay.window.priority if vehicle.stay else 0
    return Want(vehicle.charger, 0, because, priority, None, None, "")


def _with_window(vehicle: Vehicle, stay: Stay, prices: list[PriceNow], wall_ms: int, timezone: str) -> Want:
    priority = stay.window.priority
    left_wh = missing_wh(stay.window, vehicle.session_wh, vehicle.soc_pm)
    by = clock(stay.ready_by_wall_ms, timezone)
    given = _giving(vehicle, stay, left_wh, wall_ms, timezone)
    if given is not None:
        return given
    if not stay.window.stated and (left_wh == 0 or vehicle.full):
        what = "has stopped by itself" if vehicle.full else "has what it usually takes, and goes on"
        return Want(vehicle.charger, vehicle.max_ma, what, priority, None, 0, "ready", exempt=vehicle.exempt)
    if left_wh == 0:
        soc = stay.window.soc_pm if vehicle.soc_pm is not None else 0
        done = f"has its {soc // 10} %" if soc else f"has its {kwh(stay.window.need_wh)}"
        return Want(vehicle.charger, 0, done, priority, None, 0, "ready")
    if vehicle.step is not None:
        return _as_planned(vehicle, stay, vehicle.step, left_wh, wall_ms, timezone)
    over, under = RESERVE
    needs_ms = left_wh * over * HOUR_MS // (under * max(1, vehicle.share_w)) + vehicle.taper_ms
    left_ms = stay.ready_by_wall_ms - wall_ms
    laxity_ms = left_ms - needs_ms
    promise = "yes" if laxity_ms >= 0 else "at risk"
    wait_until = None
    if not vehicle.urged:  # without time to wait, no stretch is left out
        wait_until = cheaper_from(prices, wall_ms, stay.ready_by_wall_ms, needs_ms)
    if wait_until is not None:
        because = f"waits for a lower price at {clock(wait_until, timezone)}, ready by {by}"
        return Want(vehicle.charger, 0, because, priority, left_ms, left_wh, promise, laxity_ms)
    because = f"needs {kwh(left_wh)} by {by}" + (f"; {vehicle.urged}" if vehicle.urged else "")
    return Want(
        vehicle.charger,
        vehicle.max_ma,
        because,
        priority,
        left_ms,
        left_wh,
        promise,
        laxity_ms,
        vehicle.exempt,
    )


def _giving(vehicle: Vehicle, stay: Stay, left_wh: int, wall_ms: int, timezone: str) -> Want | None:
    """Return that a vehicle gives back, where the plan has that and nothing speaks against it now.

    It has more than it keeps, and time to take in again what is needed at half of its power.
    """
    step, window = vehicle.step, stay.window
    if step is None or step.current_ma >= 0 or step.unmet_wh > 0 or step.until_wall_ms is None:
        return None
    if not window.discharge or vehicle.soc_pm is None or vehicle.soc_pm <= window.keep_pm or vehicle.urged:
        return None
    left_ms = stay.ready_by_wall_ms - wall_ms
    laxity_ms = left_ms - 2 * left_wh * HOUR_MS // max(1, vehicle.takes_w) - SLACK_MS
    if laxity_ms < 0:
        return None
    until = clock(step.until_wall_ms, timezone)
    return Want(
        vehicle.charger,
        0,
        f"gives back until {until}, keeps {window.keep_pm // 10} %",
        window.priority,
        left_ms,
        left_wh,
        "yes" if left_wh else "ready",
        laxity_ms,
        planned_ma=0,
        give_ma=-step.current_ma,
    )


def _as_planned(vehicle: Vehicle, stay: Stay, step: Step, left_wh: int, wall_ms: int, timezone: str) -> Want:
    """Return what the plan has for a vehicle, or all that it can take where its departure is at stake."""
    by = clock(stay.ready_by_wall_ms, timezone)
    left_ms = stay.ready_by_wall_ms - wall_ms
    needs_ms = left_wh * HOUR_MS // max(1, vehicle.takes_w)
    blur_wh = stay.window.battery_wh // 100 if stay.window.discharge else 0  # chargers tell whole percents
    behind = step.left_wh + step.unmet_wh + BEHIND_WH + blur_wh < left_wh
    laxity_ms = left_ms - needs_ms - min(SLACK_MS, needs_ms) - vehicle.taper_ms
    max_ma, because = vehicle.max_ma, f"needs {kwh(left_wh)} by {by}"
    if step.unmet_wh > 0:
        because += f", {kwh(step.unmet_wh)} more than the limits leave it"
    elif laxity_ms < 0:
        because += ", no time to lose"
    elif behind:
        because += ", behind its plan"
    elif vehicle.urged:
        because += f"; {vehicle.urged}"
    elif step.until_wall_ms is None:
        max_ma = min(max_ma, IEC_61851_MIN_MA)  # a remainder, which must not raise a peak
    elif not step.ahead:
        max_ma = max(0, min(max_ma, step.current_ma))
        if not max_ma:
            because = f"planned from {clock(step.until_wall_ms, timezone)}, ready by {by}"
    in_time = step.unmet_wh == 0 and laxity_ms >= 0 and not behind
    return Want(
        vehicle.charger,
        max_ma,
        because,
        stay.window.priority,
        left_ms,
        left_wh,
        "yes" if in_time else "at risk",
        laxity_ms if in_time else min(laxity_ms, -1),
        vehicle.exempt,
        planned_ma=max(0, step.current_ma),
        behind=behind,
    )


def cheaper_from(prices: list[PriceNow], wall_ms: int, until_ms: int, needs_ms: int) -> int | None:
    """Return when the next stretch worth charging in begins, None if that is now.

    Takes the cheapest stretches between now and until_ms, earlier first among equals, until they last for
    needs_ms.  Where prices are not known to the end, the time without a price counts as the dearest.
    """
    stretches = [
        (p.price_micro, max(p.from_wall_ms, wall_ms), min(p.to_wall_ms, until_ms))
        for p in prices
        if p.to_wall_ms > wall_ms and p.from_wall_ms < until_ms
    ]
    if not stretches or stretches[0][1] > wall_ms:
        return None  # no price for now: there is nothing to wait for
    chosen: list[int] = []
    covered_ms = 0
    for _, begin, end in sorted(stretches):
        if covered_ms >= needs_ms:
            break
        chosen.append(begin)
        covered_ms += end - begin
    return None if covered_ms < needs_ms or wall_ms in chosen else min(chosen)


def delay_ms(site: str, charger: str, began_wall_ms: int, most_ms: int) -> int:
    """Return a delay from 0 to most_ms, to the second: the same for the same start, and spread evenly.

    The core has no chance of its own (I6), so it is drawn from a digest of who starts when.
    """
    digest = hashlib.sha256(f"{site}\n{charger}\n{began_wall_ms}".encode()).digest()
    return int.from_bytes(digest[:8]) % (most_ms // SECOND_MS + 1) * SECOND_MS


def kwh(energy_wh: int) -> str:
    """Return energy as people read it: 12345 → "12.3 kWh", rounded down."""
    return f"{energy_wh // 1000}.{energy_wh % 1000 // 100} kWh"
