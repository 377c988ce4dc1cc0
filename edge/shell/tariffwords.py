"""The words of a native tariff file, as its author writes them: the schema, and what editors show.

The same tables in TOML and JSON.  Prices are per kWh, per kW or per period, in the currency; powers in kW,
energy in kWh, times "HH:MM", days of the year "MM-DD".  edge/shell/tariffread.py makes model.tariff of it.
"""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Number = Decimal  # a TOML or JSON number, taken as it is written; a text such as "0.1" too
Clock = Annotated[str, Meta(pattern=r"^\d\d:\d\d$", description='local time, "HH:MM"; "24:00" ends the day')]
DayOfYear = Annotated[str, Meta(pattern=r"^\d\d-\d\d$", description='"MM-DD"')]
Days = Annotated[
    str | list[str],
    Meta(description='"all", "weekdays", "weekend", or a list of mon tue wed thu fri sat sun holiday'),
]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No key that nobody knows is passed over: it may be a rate spelt wrongly."""


class During(_Table, frozen=True):
    """When a price holds; what is left out is always."""

    season: str = ""
    days: Days = "all"
    from_: Clock = msgspec.field(default="00:00", name="from")
    to: Clock = "24:00"


DuringTimes = Annotated[
    During | list[During], Meta(description="when: one table, or a list of which any; left out: always")
]


class EnergyTier(_Table, frozen=True):
    """A price up to an amount of energy; the last tier has no end."""

    price: Number
    up_to_kwh: Number | None = None


class PowerTier(_Table, frozen=True):
    """A price per kW up to a power; the last tier has no end."""

    price: Number
    up_to_kw: Number | None = None


class Energy(_Table, frozen=True):
    """A price per kWh.  Of one component the first that holds counts; components add up."""

    name: str = ""
    price: Number | None = None
    tiers: list[EnergyTier] = []
    tier_unit: Annotated[str, Meta(description="kWh, kWh/day, kWh/kW or kWh/kW/day")] = "kWh"
    tiers_over: Annotated[str, Meta(description='what fills tiers: this "price", or its "component"')] = (
        "price"
    )
    component: str = "energy"
    during: DuringTimes = []


class RatchetWords(_Table, frozen=True):
    """Billed at least is this share of the highest of the months before."""

    share: Annotated[Number, Meta(description="0 to 1")]
    months: int = 11
    season: str = ""


class LoadFactor(_Table, frozen=True):
    """Up to this load factor, this share of the charge is billed; the last has no end."""

    share: Annotated[Number, Meta(description="0 to 1")]
    up_to: Annotated[Number | None, Meta(description="load factor, 0 to 1")] = None


class Demand(_Table, frozen=True):
    """A price per kW of the highest mean of a metering interval inside `during`; all such prices add up."""

    name: str = ""
    price: Number | None = None
    tiers: list[PowerTier] = []
    per: Annotated[str, Meta(description="day, month or year: over which time the highest is taken")] = (
        "month"
    )
    minutes: Annotated[int | None, Meta(description="15, 30 or 60; left out: demand_minutes")] = None
    least_kw: Number = Decimal(0)
    ratchet: RatchetWords | None = None
    load_factor: list[LoadFactor] = []
    during: DuringTimes = []


class SubscriptionWords(_Table, frozen=True):
    """Power that is paid in blocks, used or not; what is above, by the kW."""

    block_kw: Number
    block_price: Number
    overage_price: Number
    subscribed_kw: Annotated[Number | None, Meta(description="left out: the blocks that cost least")] = None
    name: str = "subscription"


class FixedWords(_Table, frozen=True):
    """What is paid for being connected."""

    price: Number
    per: Annotated[str, Meta(description="day, month or year")] = "month"
    name: str = "fixed charge"


class ExportWords(_Table, frozen=True):
    """What the site is paid per kWh that it gives; the first that holds counts."""

    price: Number
    name: str = "export"
    during: DuringTimes = []


class SeasonWords(_Table, frozen=True):
    """A part of the year, both days included; it may pass New Year.  Several of one name are one season."""

    name: str
    from_: DayOfYear = msgspec.field(name="from")
    to: DayOfYear = msgspec.field()


class Head(_Table, frozen=True):
    """What the tariff is."""

    name: str
    utility: str = ""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217")] = "USD"
    timezone: Annotated[str, Meta(description="IANA name; left out: the site's")] = ""
    effective_from: Annotated[str, Meta(description='"YYYY-MM-DD"')] = ""
    effective_to: str = ""
    holidays: Annotated[
        list[str],
        Meta(
            description='"12-25", "07-04 observed", "2026-11-03", "4th thu nov", "last mon may", "easter+1"'
        ),
    ] = []
    holiday_is: Annotated[str, Meta(description="the kind of day that a holiday counts as")] = "sun"
    demand_minutes: Annotated[int, Meta(description="metering interval: 15, 30 or 60")] = 15
    year_begins: Annotated[int, Meta(description="month in which a year of annual demand begins")] = 1
    verification: Annotated[str, Meta(description="how well the figures are known")] = ""
    source: str = ""
    notes: list[str] = []


class TariffWords(_Table, frozen=True):
    """A native tariff file."""

    tariff: Head
    season: list[SeasonWords] = []
    energy: list[Energy] = []
    demand: list[Demand] = []
    subscription: list[SubscriptionWords] = []
    fixed: list[FixedWords] = []
    export: list[ExportWords] = []
    minimum: FixedWords | None = None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of native tariff files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "depot-edge tariff file",
        **_numbers(msgspec.json.schema(TariffWords)),
    }


def _numbers(part: Any) -> Any:
    """Return a schema in which a decimal is a number, as an editor sees it."""
    if isinstance(part, list):
        return [_numbers(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "decimal":
        return {**part, "type": ["number", "string"]}
    return {key: _numbers(value) for key, value in part.items()}
