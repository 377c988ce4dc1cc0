"""Prices of a tariff over time: the only place, with the rules of windows, where local time exists.

    prices(tariff, from_wall_ms, to_wall_ms) -> list[PriceNow]

Local hours come from the time zone database, so the days on which clocks change have 23 or 25 hours,
and zones with half hours work.  A pure look-up: no clock, no state.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge.model.records import PriceNow
from edge.model.tariff import Tariff
from edge.model.units import HOUR_MS, MINUTE_MS, SECOND_MS

SATURDAY = 5


def prices(tariff: Tariff, from_wall_ms: int, to_wall_ms: int) -> list[PriceNow]:
    """Return the stretches of one price from `from_wall_ms` to `to_wall_ms`, without gaps.

    Both UTC.  The first and the last stretch are cut to what was asked for; neighbours of the same
    price are one stretch.  Empty where the time is.

    Source: URDB rate format, energyweekdayschedule and energyweekendschedule (local whole hours).
    """
    stretches: list[PriceNow] = []
    at = from_wall_ms
    while at < to_wall_ms:
        local = _local(tariff, at)
        into_the_hour = local.minute * MINUTE_MS + local.second * SECOND_MS + at % SECOND_MS
        end = min(at + HOUR_MS - into_the_hour, to_wall_ms)
        price = _price(tariff, local)
        goes_on = stretches and stretches[-1].price_micro == price
        start = stretches.pop().from_wall_ms if goes_on else at
        stretches.append(PriceNow(start, end, price, f"tariff {tariff.name}"))
        at = end
    return stretches


def _local(tariff: Tariff, wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms // SECOND_MS, ZoneInfo(tariff.timezone))


def _price(tariff: Tariff, local: datetime) -> int:
    schedule = tariff.weekend if local.weekday() >= SATURDAY else tariff.weekday
    return tariff.price_micro[schedule[local.month - 1][local.hour]]
