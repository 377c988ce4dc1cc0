"""A time-of-use tariff: which price holds at which local hour.

Energy prices only, first tier, rate with its adjustment.  Demand charges, tiers and blocks belong to
the planner and come beside these fields.
"""

import msgspec

# Twelve months of 24 local hours, each the number of a period.
Schedule = tuple[tuple[int, ...], ...]


class Tariff(msgspec.Struct, frozen=True):
    """A tariff as a URDB file tells it.

    timezone: whose hours these are.  price_micro: by period, millionths of the currency per kWh.
    weekday: Monday to Friday, weekend: Saturday and Sunday; [month 0-11][hour 0-23] -> period.
    verification: how well the figures are known, in the words of the file.
    """

    name: str
    utility: str
    timezone: str
    currency: str
    price_micro: tuple[int, ...]
    weekday: Schedule
    weekend: Schedule
    verification: str = ""
