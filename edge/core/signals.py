"""Every event payload type of OpenADR 3.1.1, and what becomes of it in this depot: one table, SIGNALS.

Rule 1: a type of the enumeration has exactly one row; docs/signals.md is this table in words, and a test
    holds the two together.
Rule 2: what is not obeyed says why not.  A type without a row is private to a programme: kept, named,
    not obeyed.
Rule 3: a row knows no site.  What its values mean in watts here is demand_terms.py.

    limit   lowers what the site, all chargers together, or a part of the site may take
    price   what energy costs, for choosing when to charge
    floor   charging that does not wait for a lower price, or is exempt from signals
    shown   told to people, acted on by them

Source: OpenADR 3.1.1, event-interval-payloads enumeration (types, bounds); units enumeration.
"""

from typing import Literal, NamedTuple

from edge.model.openadr import Value

Becomes = Literal["limit", "price", "floor", "shown", "not applicable"]

# unit of the descriptor -> W, kWh …  The enumeration has KW and KWH; the others are seen and unmistakable.
POWER = {"": 1_000, "KW": 1_000, "W": 1, "MW": 1_000_000}
ENERGY = {"": 1, "KWH": 1, "MWH": 1_000}
ANY: dict[str, int] = {}


class Signal(NamedTuple):
    """A payload type.

    what: a limit's object: "site" (import), "charging" (all chargers together), "alert" (by the contingency
    plan); else "".  units: accepted in the descriptor, with what one is in our integers; empty is any.
    least, most: of each value, None for no bound; whole: integers only.  says: for people.
    """

    type: str
    becomes: Becomes
    says: str
    what: str = ""
    units: dict[str, int] = ANY
    least: float | None = None
    most: float | None = None
    whole: bool = False
    numbers: bool = True


_ALERT = "by the contingency plan: a limit on charging, charging at once, or only a note"
_FEE = "the price of reserving; this depot buys no capacity by itself"


def _alert(name: str) -> Signal:
    return Signal(f"ALERT_{name}", "limit", _ALERT, "alert", numbers=False)


_ROWS = (
    Signal("SIMPLE", "limit", "charging at most a share of full power, by level", "charging",
           least=0, most=3, whole=True),
    Signal("PRICE", "price", "the price of energy, in place of the tariff's", units=ENERGY),
    Signal("PRICE_ALTERNATE", "not applicable", "a second form of energy; the depot takes electricity only"),
    Signal("EXPORT_PRICE", "price", "what a kWh costs while the site would export it", units=ENERGY),
    Signal("CHARGE_STATE_SETPOINT", "floor", "vehicles below it charge without waiting for a lower price",
           units={"PERCENT": 10, "KWH": 1_000}, least=0),
    Signal("DISPATCH_SETPOINT", "limit", "no more than this, and vehicles do not wait to reach it",
           "site", units=POWER, least=0),
    Signal("DISPATCH_SETPOINT_RELATIVE", "limit",
           "so much more or less than when it began; more: vehicles do not wait",
           "site", units=POWER),
    Signal("DISPATCH_INSTRUCTION", "not applicable", "words agreed outside of OpenADR; none are agreed here"),
    Signal("CONTROL_SETPOINT", "limit",
           "a power of the target, a current for each charger, or a share of full charging", "site",
           units={"KW": 1_000, "W": 1, "MW": 1_000_000, "AMPS": 1_000, "PERCENT": 1}),
    Signal("CONTROL_LEVEL_OFFSET", "limit", "ten per cent of full charging power less a level; below 0: "
           "vehicles do not wait", "charging", least=-10, most=10, whole=True),
    Signal("CONTROL_LEVEL_OFFSET_PERCENT", "limit", "that share of full charging power less; more: "
           "vehicles do not wait", "charging", units={"": 1, "PERCENT": 1}, least=-1, most=1),
    Signal("GHG", "price", "g/kWh, added to the price by the carbon price when hours are chosen", least=0),
    Signal("CURVE", "limit", "volt-watt: charging by the lowest voltage at the grid connection", "charging",
           units={"KW": 1_000, "W": 1, "MW": 1_000_000, "PERCENT": 1}, numbers=False),
    Signal("OLS", "not applicable", "a shape of the day's use without a power: nothing to limit or pay"),
    Signal("IMPORT_CAPACITY_SUBSCRIPTION", "limit", "with what is reserved, the import of the site", "site",
           units=POWER, least=0),
    Signal("IMPORT_CAPACITY_RESERVATION", "limit", "is added to the subscription while it holds", "site",
           units=POWER, least=0),
    Signal("IMPORT_CAPACITY_RESERVATION_FEE", "shown", _FEE),
    Signal("IMPORT_CAPACITY_AVAILABLE", "shown", "what could be reserved", units=POWER, least=0),
    Signal("IMPORT_CAPACITY_AVAILABLE_PRICE", "shown", _FEE),
    Signal("EXPORT_CAPACITY_SUBSCRIPTION", "floor", "with what is reserved: beyond it vehicles do not wait",
           units=POWER, least=0),
    Signal("EXPORT_CAPACITY_RESERVATION", "floor", "is added to the export subscription while it holds",
           units=POWER, least=0),
    Signal("EXPORT_CAPACITY_RESERVATION_FEE", "shown", _FEE),
    Signal("EXPORT_CAPACITY_AVAILABLE", "shown", "what could be reserved", units=POWER, least=0),
    Signal("EXPORT_CAPACITY_AVAILABLE_PRICE", "shown", _FEE),
    Signal("IMPORT_CAPACITY_LIMIT", "limit", "the import of the site", "site", units=POWER, least=0),
    Signal("EXPORT_CAPACITY_LIMIT", "floor", "no charger feeds back; beyond it vehicles do not wait",
           units=POWER, least=0),
    *map(_alert, ("GRID_EMERGENCY", "BLACK_START", "POSSIBLE_OUTAGE", "FLEX_ALERT", "FIRE", "FREEZING",
                  "WIND", "TSUNAMI", "AIR_QUALITY", "OTHER")),
    Signal("CTA2045_REBOOT", "not applicable", "for CTA-2045 modules; no charger here has one"),
    Signal("CTA2045_SET_OVERRIDE_STATUS", "floor", "1: the utility lets signals be overridden; "
           "capacity limits stay", least=0, most=1, whole=True),
)  # fmt: skip

SIGNALS: dict[str, Signal] = {row.type: row for row in _ROWS}

# What is acted on; the rest is shown, or named with its reason.
APPLIED = frozenset(row.type for row in _ROWS if row.becomes in ("limit", "price", "floor"))

# Limits that are a property of the grid: an exempt vehicle does not lift them, nor does an override.
CAPACITY = frozenset({"IMPORT_CAPACITY_LIMIT", "IMPORT_CAPACITY_SUBSCRIPTION", "IMPORT_CAPACITY_RESERVATION"})

PRIVATE = "a private type that is not agreed here"


def why_not(payload_type: str, units: str) -> str | None:
    """Return why a payload is not acted on; None if it is.  units: of its descriptor."""
    signal = SIGNALS.get(payload_type)
    if signal is None:
        return PRIVATE
    if signal.becomes in ("shown", "not applicable"):
        return signal.says
    if payload_type in ("CURVE", "CONTROL_SETPOINT") and units not in signal.units:
        named = ", ".join(signal.units)
        return f"a setting whose unit is not one of {named}; such as an inverter's, and there is none here"
    return None


def wrong(signal: Signal, value: Value) -> str | None:
    """Return what is wrong with one value, and what was expected; None if nothing is."""
    if signal.type == "CURVE":
        return None if isinstance(value, tuple) else f"expected a point, got {str(value)[:40]!r}"
    if not signal.numbers:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number, got {str(value)[:40]!r}"
    if signal.whole and value != int(value):
        return f"expected a whole number, got {value}"
    if signal.least is not None and value < signal.least:
        bound = f"{signal.least:g} or more" if signal.most is None else f"{signal.least:g} to {signal.most:g}"
        return f"expected {bound}, got {value}"
    if signal.most is not None and value > signal.most:
        return f"expected {signal.least:g} to {signal.most:g}, got {value}"
    return None
