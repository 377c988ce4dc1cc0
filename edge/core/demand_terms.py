"""What the payloads of the utility's events demand of this depot: watts, from the rows of signals.py.

    refusal(event, currency)                        why an event cannot be obeyed as it stands
    parts(plan, targets)                            which parts of the site an event speaks of
    demand(plan, event, stretch, part, …)           the limit that a stretch sets there
    price_micro(event, stretch)                     what a kWh costs in it

Rule 1: an event is taken whole or refused whole; a refusal says payload, unit and expectation.
Rule 2: limits are rounded down (I8); a price is rounded to the nearest millionth.
Rule 3: full power is what the installer's maximum currents come to at nominal voltage, and never more than
    the site's own limit.

Source: OpenADR 3.1.1 event-interval-payloads and units enumerations.
"""

from collections.abc import Callable
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from edge.core.signals import APPLIED, ENERGY, POWER, SIGNALS, Signal, why_not, wrong
from edge.core.timeline import Laid, Stretch, lay
from edge.model.openadr import OpenAdrEvent
from edge.model.site import Contingency, Response, Site
from edge.model.units import SECOND_MS

# A round of intervals that repeats faster than the tick has no meaning.
ROUND_MS_MIN = SECOND_MS

# More than any limit: this stretch sets none.
NO_LIMIT = 2**62

PRICES = ("PRICE", "EXPORT_PRICE")

What = Literal["site", "charging", "each"]


class Part(NamedTuple):
    """A part of the site: a node, or chargers; neither is the whole site."""

    node: str = ""
    chargers: tuple[str, ...] = ()


WHOLE = Part()


class Plan(msgspec.Struct, frozen=True):
    """What signals are measured against here, from the site file.

    node_w: the installer's limit of every node.  charger_w: full power.  below: node -> chargers it feeds.
    binding: programs that the site file calls so, whatever the utility's server says later.
    """

    site_w: int = 0
    node_w: dict[str, int] = {}
    charger_w: dict[str, int] = {}
    below: dict[str, tuple[str, ...]] = {}
    groups: dict[str, tuple[str, ...]] = {}
    response: Response = Response()
    nominal_mv: int = 230_000
    binding: tuple[str, ...] = ()

    @classmethod
    def of(cls, site: Site) -> "Plan":
        """Return what signals are measured against at a site."""
        groups: dict[str, tuple[str, ...]] = {}
        for charger in site.chargers:
            for name in charger.groups:
                groups[name] = (*groups.get(name, ()), charger.id)
        node_w = {
            node.id: min(sum(node.limit_ma) * site.voltage_v // 1000, node.limit_w or NO_LIMIT)
            for node in site.nodes
        }
        return cls(
            site_w=node_w[site.nodes[0].id] if site.nodes else 0,
            node_w=node_w,
            charger_w={c.id: c.max_ma * len(c.phases) * site.voltage_v // 1000 for c in site.chargers},
            below={n.id: tuple(c.id for c in site.chargers if n.id in site.path(c.node)) for n in site.nodes},
            groups=groups,
            response=site.response,
            nominal_mv=site.voltage_v * 1000,
            binding=site.response.binding,
        )

    def names(self) -> set[str]:
        """Return the targets that name a part of the site."""
        return {*self.node_w, *self.charger_w, *self.groups}

    def chargers(self, part: Part) -> tuple[str, ...]:
        """Return the chargers of a part."""
        if part == WHOLE:
            return tuple(self.charger_w)
        return part.chargers or self.below[part.node]

    def most_w(self, part: Part) -> int:
        """Return what the installer lets a part import."""
        return self.node_w[part.node] if part.node else self.site_w if part == WHOLE else self.full_w(part)

    def full_w(self, part: Part) -> int:
        """Return full charging power of a part."""
        full = sum(self.charger_w[name] for name in self.chargers(part))
        return min(full, self.node_w.get(part.node, self.site_w))


class Demand(NamedTuple):
    """What a stretch demands of a part.

    limit: W; mA for each charger where what is "each"; NO_LIMIT where it sets none.  eager: vehicles do
    not wait for a lower price meanwhile.
    """

    what: What
    limit: int
    eager: bool = False


def parts(plan: Plan, targets: tuple[str, ...], whole: tuple[str, ...]) -> tuple[Part, ...]:
    """Return the parts of the site that targets name; the whole site where none does, or one means us.

    whole: the targets that mean the whole site.
    """
    named = [target for target in targets if target in plan.names()]
    if not named or set(targets) & set(whole):
        return (WHOLE,)
    return tuple(
        Part(name) if name in plan.node_w else Part("", plan.groups.get(name, (name,)))
        for name in dict.fromkeys(named)
    )


### Refusing


def acted_on(event: OpenAdrEvent) -> set[str]:
    """Return the payload types of an event that are acted on here."""
    return {kind for kind in types_of(event) if why_not(kind, units_of(event, kind)) is None}


def not_applicable(event: OpenAdrEvent) -> dict[str, str]:
    """Return the payload types that are not acted on, each with the reason."""
    found = {kind: why_not(kind, units_of(event, kind)) for kind in sorted(types_of(event))}
    return {kind: why for kind, why in found.items() if why is not None}


def types_of(event: OpenAdrEvent) -> set[str]:
    """Return the payload types of an event's intervals."""
    return {payload.type for interval in event.intervals for payload in interval.payloads}


def refusal(event: OpenAdrEvent, currency: str) -> str | None:
    """Return why an event cannot be obeyed as it stands; None if it can."""
    obeyed = acted_on(event)
    for interval in event.intervals:
        for payload in interval.payloads:
            if payload.type not in obeyed:
                continue
            signal = SIGNALS[payload.type]
            if not payload.values and (signal.numbers or payload.type == "CURVE"):
                return f"interval {interval.id}: {payload.type}: expected a number, got no value"
            for value in payload.values:
                if why := wrong(signal, value):
                    return f"interval {interval.id}: {payload.type}: {why}"
    described = {d.payload_type for d in event.payload_descriptors if _is_described(event, d.payload_type)}
    for kind in sorted(obeyed | described):
        if why := _wrong_units(event, SIGNALS[kind], currency):
            return why
    return _too_fast(lay(event))


def _is_described(event: OpenAdrEvent, kind: str) -> bool:
    """Tell whether a descriptor is of a type that is acted on here, though no interval has it yet."""
    return kind in APPLIED and why_not(kind, units_of(event, kind)) is None


def _wrong_units(event: OpenAdrEvent, signal: Signal, currency: str) -> str | None:
    units = units_of(event, signal.type)
    if signal.units and units not in signal.units:
        named = ", ".join(unit for unit in signal.units if unit)
        return f"{signal.type}: units: expected {named}, got {units or 'none'}"
    if signal.type in PRICES:
        theirs = next((d.currency for d in event.payload_descriptors if d.payload_type == signal.type), "")
        if theirs not in ("", currency):
            return f"{signal.type}: currency: expected {currency}, got {theirs}"
    return None


def _too_fast(laid: Laid) -> str | None:
    if laid.round_ms is not None and laid.round_ms < ROUND_MS_MIN:
        return f"duration: repeats every {laid.round_ms} ms, expected {ROUND_MS_MIN} ms at least"
    return None


def units_of(event: OpenAdrEvent, payload_type: str) -> str:
    """Return the unit of a payload type's descriptor, "" where none is given."""
    return next((d.units for d in event.payload_descriptors if d.payload_type == payload_type), "")


### Limits


def demand(
    plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part = WHOLE, lowest_mv: int | None = None
) -> Demand:
    """Return what a stretch of a limiting type demands of a part; of several values the lowest limit.

    lowest_mv: the lowest phase voltage at the grid connection, None while unknown: then the curve's lowest.
    """
    kind = "ALERT" if stretch.type.startswith("ALERT_") else stretch.type
    return _HOW[kind](plan, event, stretch, part, lowest_mv)


How = Callable[[Plan, OpenAdrEvent, Stretch, Part, int | None], Demand]


def _numbers(stretch: Stretch) -> list[Decimal]:
    return [Decimal(str(value)) for value in stretch.values]


def _down(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_FLOOR))


def _power(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    scale = POWER[units_of(event, stretch.type)]
    return Demand("site", _down(min(_numbers(stretch)) * scale), eager=stretch.type == "DISPATCH_SETPOINT")


def _relative(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    change = _down(min(_numbers(stretch)) * POWER[units_of(event, stretch.type)])
    # Before it begins nobody knows what will be taken then; what is known for sure is the most.
    reference = plan.most_w(part) if event.reference_w is None else event.reference_w
    return Demand("site", max(0, reference + change), eager=change > 0)


def _simple(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    level = int(max(_numbers(stretch)))
    percent = (None, *plan.response.simple_percent)[level]
    return _share(plan, part, None if percent is None else Decimal(percent) / 100)


def _offset(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    less = max(_numbers(stretch)) / 10
    return _share(plan, part, 1 - less if less > 0 else None, eager=less < 0)


def _offset_percent(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    sign = -1 if plan.response.less == "negative" else 1
    less = max(sign * number for number in _numbers(stretch))
    return _share(plan, part, 1 - less if less > 0 else None, eager=less < 0)


def _share(plan: Plan, part: Part, share: Decimal | None, eager: bool = False) -> Demand:
    limit = NO_LIMIT if share is None else _down(plan.full_w(part) * share)
    return Demand("charging", limit, eager)


def _alert(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    found = contingency(plan, stretch.type)
    share = Decimal(found.percent) / 100 if found.action == "limit" else None
    return _share(plan, part, share, eager=found.action == "charge now")


def contingency(plan: Plan, alert: str) -> Contingency:
    """Return what the depot does about an alert; one that the plan does not list is only noted."""
    rows = plan.response.contingencies
    return next((row for row in rows if row.alert == alert), Contingency(alert, "note"))


def _setpoint(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    unit = units_of(event, stretch.type)
    lowest = max(Decimal(0), min(_numbers(stretch)))
    if unit == "PERCENT":
        return _share(plan, part, min(lowest / 100, Decimal(1)))
    scale = SIGNALS["CONTROL_SETPOINT"].units[unit]
    return Demand("each" if unit == "AMPS" else "site", _down(lowest * scale))


def _curve(plan: Plan, event: OpenAdrEvent, stretch: Stretch, part: Part, mv: int | None) -> Demand:
    points = sorted((Decimal(str(v[0])), Decimal(str(v[1]))) for v in stretch.values if isinstance(v, tuple))
    # Voltages as such, or per unit of the nominal: no voltage is below 10 V, no share above 10.
    per_unit = all(x < 10 for x, _ in points)
    if mv is None:
        y = min(y for _, y in points)
    else:
        y = _between(points, Decimal(mv) / (plan.nominal_mv if per_unit else 1000))
    unit = units_of(event, stretch.type)
    if unit == "PERCENT":
        return _share(plan, part, max(Decimal(0), min(y / 100, Decimal(1))))
    return Demand("charging", max(0, _down(y * SIGNALS["CURVE"].units[unit])))


def _between(points: list[tuple[Decimal, Decimal]], x: Decimal) -> Decimal:
    """Return the curve's y at x: straight between points, level beyond its ends."""
    if x <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if left < right and x <= right:
            return low + (high - low) * (x - left) / (right - left)
    return points[-1][1]


_HOW: dict[str, How] = {
    "SIMPLE": _simple,
    "DISPATCH_SETPOINT": _power,
    "DISPATCH_SETPOINT_RELATIVE": _relative,
    "CONTROL_SETPOINT": _setpoint,
    "CONTROL_LEVEL_OFFSET": _offset,
    "CONTROL_LEVEL_OFFSET_PERCENT": _offset_percent,
    "CURVE": _curve,
    "ALERT": _alert,
    "IMPORT_CAPACITY_LIMIT": _power,
    "IMPORT_CAPACITY_SUBSCRIPTION": _power,
    "IMPORT_CAPACITY_RESERVATION": _power,
}


### Prices and floors


def power_w(event: OpenAdrEvent, stretch: Stretch) -> int:
    """Return the lowest power of a stretch in W, rounded down."""
    return _down(min(_numbers(stretch)) * POWER[units_of(event, stretch.type)])


def price_micro(event: OpenAdrEvent, stretch: Stretch) -> int:
    """Return the price of a stretch in millionths of the currency per kWh; the first of several values."""
    price = Decimal(str(stretch.values[0])) / ENERGY[units_of(event, stretch.type)]
    return int((price * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


def carbon_micro(plan: Plan, stretch: Stretch) -> int:
    """Return what GHG adds to the price of a kWh, in millionths: g/kWh times the price of a tonne.

    A gram is a millionth of a tonne, so grams times currency per tonne are millionths of the currency.
    Source: OpenADR 3.1.1 Definition, local price with GHG.
    """
    return int((Decimal(str(stretch.values[0])) * plan.response.carbon_price).to_integral_value())
