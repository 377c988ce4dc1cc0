"""A tariff: what energy, power and the connection cost, and when.

    bill of a month  =  fixed + energy + demand + subscription - export, at least the minimum

Prices are whole billionths of the currency (`_nano`) per kWh, per kW or per period: public tariffs give six
decimals and more, and a month's bill multiplies them.  Amounts of money are millionths (`_micro`).
Local times are minutes after midnight; which day is a holiday, and what that changes, is the tariff's.

edge/shell/tarifffile.py reads a file into these; docs/tariffs.md says what every field means on a bill.
"""

from typing import Literal

import msgspec

Kind = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
KINDS: tuple[Kind, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
WEEKDAYS, WEEKEND = KINDS[:5], KINDS[5:7]

DAY_MIN = 1440

# What a tier's `up_to` counts.  "kWh": of the month; "kWh/day": of the day; "kWh/kW": hours of use, that is
# kWh of the month per kW of its highest demand; "kWh/kW/day": the same of the day.
TierUnit = Literal["kWh", "kWh/day", "kWh/kW", "kWh/kW/day"]


class Season(msgspec.Struct, frozen=True):
    """A part of the year by name.  spans: (month, day) to (month, day), both included; may pass New Year."""

    name: str
    spans: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


class When(msgspec.Struct, frozen=True):
    """When a price holds.  season: "" for all year.  days: kinds of day.

    from_min, to_min: local minutes, the end excluded; from after to is the evening and the morning of each
    such day.
    """

    season: str = ""
    days: tuple[Kind, ...] = KINDS
    from_min: int = 0
    to_min: int = DAY_MIN


ALWAYS: tuple[When, ...] = (When(),)


class Tier(msgspec.Struct, frozen=True):
    """A price up to an amount: of energy in Wh (or Wh per kW), of power in W.  up_to None: without end."""

    price_nano: int
    up_to: int | None = None


class EnergyPrice(msgspec.Struct, frozen=True):
    """A price per kWh.  Of one component, the first that holds counts; components add up.

    tiers_over: what fills the tiers: the energy of this "price", or of the whole "component".
    """

    name: str
    tiers: tuple[Tier, ...]
    during: tuple[When, ...] = ALWAYS
    component: str = "energy"
    tier_unit: TierUnit = "kWh"
    tiers_over: Literal["price", "component"] = "price"


class Ratchet(msgspec.Struct, frozen=True):
    """The demand billed is at least share_pm ‰ of the highest of the `months` before.

    season: only months that begin in it give a ratchet; "" for all.
    """

    share_pm: int
    months: int = 11
    season: str = ""


class LoadFactorStep(msgspec.Struct, frozen=True):
    """Up to this load factor, in ‰ of the month, share_pm ‰ of the charge is billed.  None: above all."""

    share_pm: int
    up_to_pm: int | None = None


class DemandPrice(msgspec.Struct, frozen=True):
    """A price on the highest mean power of a clock-aligned interval inside `during`.

    Each has its own maximum, and all of them add up: windows may overlap.  per: over which time the maximum
    is taken and paid: each "day", each "month", or the "year" (paid in twelfths, the difference as it rises).
    minutes: of the interval.  least_w: billed at least.
    """

    name: str
    tiers: tuple[Tier, ...]
    during: tuple[When, ...] = ALWAYS
    per: Literal["day", "month", "year"] = "month"
    minutes: int = 15
    least_w: int = 0
    ratchet: Ratchet | None = None
    load_factor: tuple[LoadFactorStep, ...] = ()


class Subscription(msgspec.Struct, frozen=True):
    """Power that is paid in whole blocks, whether used or not, and what is above by the kW.

    block_nano: per block and month.  overage_nano: per kW of the month's highest demand above.
    subscribed_w: None where the file does not say: the bill then takes the blocks that cost least.
    """

    name: str
    block_w: int
    block_nano: int
    overage_nano: int
    subscribed_w: int | None = None
    minutes: int = 15


class Fixed(msgspec.Struct, frozen=True):
    """What is paid for being connected.  per "year": a twelfth each month; "day": each day of the month."""

    name: str
    price_nano: int
    per: Literal["day", "month", "year"] = "month"


class Export(msgspec.Struct, frozen=True):
    """What is paid to the site per kWh that it gives.  The first that holds counts."""

    name: str
    price_nano: int
    during: tuple[When, ...] = ALWAYS


class Tariff(msgspec.Struct, frozen=True):
    """A tariff as its file tells it.

    timezone: whose clock and calendar these are.  holidays: rules of core/holidays.py; holiday_is: the kind
    of day that they count as.  year_begins: the month in which a year of "per year" begins.
    minimum: a bill is at least this; "day": for each day of the month.
    effective_from, effective_to: ISO dates between which the figures hold, both included; "" is open.
    verification: how well the figures are known.  notes: what the file says beyond what is read.
    """

    name: str
    timezone: str
    utility: str = ""
    currency: str = "USD"
    energy: tuple[EnergyPrice, ...] = ()
    demand: tuple[DemandPrice, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    exports: tuple[Export, ...] = ()
    minimum: Fixed | None = None
    seasons: tuple[Season, ...] = ()
    holidays: tuple[str, ...] = ()
    holiday_is: Kind = "sun"
    year_begins: int = 1
    effective_from: str = ""
    effective_to: str = ""
    verification: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
