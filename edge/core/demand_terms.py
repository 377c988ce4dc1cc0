"""What the payloads of the utility's events mean here: which are applied, in which units and bounds.

Rule 1: an event is taken whole or refused whole; a refusal says payload, unit and expectation.
Rule 2: limits are rounded down (I8); a price is rounded to the nearest millionth.

Source: OpenADR 3.1.1 event-interval-payloads and units enumerations.
"""

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from edge.core.timeline import Laid, Stretch, lay
from edge.model.openadr import OpenAdrEvent, Value
from edge.model.units import SECOND_MS

LIMIT = "IMPORT_CAPACITY_LIMIT"
PRICE = "PRICE"
APPLIED = frozenset({LIMIT, PRICE})

# unit of the descriptor -> W, or kWh.  The enumeration has KW and KWH; the others are seen and unmistakable.
POWER_UNITS = {"": 1_000, "KW": 1_000, "W": 1, "MW": 1_000_000}
ENERGY_UNITS = {"": 1, "KWH": 1, "MWH": 1_000}

# A round of intervals that repeats faster than the tick has no meaning.
ROUND_MS_MIN = SECOND_MS


def not_applied(event: OpenAdrEvent) -> list[str]:
    """Return the payload types of an event that are kept and not acted on."""
    found = {payload.type for interval in event.intervals for payload in interval.payloads}
    return sorted(found - APPLIED)


def refusal(event: OpenAdrEvent, currency: str) -> str | None:
    """Return why an event cannot be obeyed as it stands; None if it can."""
    for interval in event.intervals:
        for payload in interval.payloads:
            if payload.type in APPLIED:
                if not payload.values:
                    return f"interval {interval.id}: {payload.type}: expected a number, got no value"
                for value in payload.values:
                    if why := _wrong(payload.type, value):
                        return f"interval {interval.id}: {payload.type}: {why}"
    for descriptor in event.payload_descriptors:
        units = {LIMIT: POWER_UNITS, PRICE: ENERGY_UNITS}.get(descriptor.payload_type)
        if units is not None and descriptor.units not in units:
            named = ", ".join(unit for unit in units if unit)
            return f"{descriptor.payload_type}: units: expected {named}, got {descriptor.units}"
        if descriptor.payload_type == PRICE and descriptor.currency not in ("", currency):
            return f"PRICE: currency: expected {currency}, got {descriptor.currency}"
    return _too_fast(lay(event))


def _wrong(payload_type: str, value: Value) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number, got {str(value)[:40]!r}"
    if payload_type == LIMIT and value < 0:
        return f"expected 0 or more, got {value}"
    return None


def _too_fast(laid: Laid) -> str | None:
    if laid.round_ms is not None and laid.round_ms < ROUND_MS_MIN:
        return f"duration: repeats every {laid.round_ms} ms, expected {ROUND_MS_MIN} ms at least"
    return None


def _units(event: OpenAdrEvent, payload_type: str) -> str:
    return next((d.units for d in event.payload_descriptors if d.payload_type == payload_type), "")


def limit_w(event: OpenAdrEvent, stretch: Stretch) -> int:
    """Return the limit of a stretch in W, rounded down; the lowest of several values that share it."""
    lowest = min(Decimal(str(value)) for value in stretch.values)
    scale = POWER_UNITS[_units(event, LIMIT)]
    return int((lowest * scale).to_integral_value(ROUND_FLOOR))


def price_micro(event: OpenAdrEvent, stretch: Stretch) -> int:
    """Return the price of a stretch in millionths of the currency per kWh; the first of several values."""
    price = Decimal(str(stretch.values[0])) / ENERGY_UNITS[_units(event, PRICE)]
    return int((price * 1_000_000).to_integral_value(ROUND_HALF_EVEN))
