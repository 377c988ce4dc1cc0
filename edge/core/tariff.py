"""What a tariff says of a moment: the only place, with the rules of windows, where local time exists.

    Book(tariff)                  the tariff with its calendar, looked up quickly
      .moment(wall_ms)            local date, minute and kind of day
      .energy(moment)             the price of each component that holds
      .demands(moment)            which demand windows are open
    prices(tariff, from, to)      stretches of one price per kWh, for planning and people

Local hours come from the time zone database, so the days on which clocks change have 92 or 100 quarters of
an hour, and zones with half hours work.  Pure look-ups: no clock; a Book only remembers the days it has seen.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.core import holidays
from edge.model.records import PriceNow
from edge.model.tariff import KINDS, EnergyPrice, Kind, Tariff, Tier, When
from edge.model.units import MINUTE_MS, QUARTER_MS, SECOND_MS

# What a Book remembers before it begins anew: some days ahead, or the month of a bill.
_DAYS_KEPT = 800
_MOMENTS_KEPT = 4_000

_NANO_PER_MICRO = 1_000

Filled = Mapping[int, int]
"""What has gone into the tiers of an energy price so far this month (or day), in Wh, by its number."""


class Moment(NamedTuple):
    """A quarter of an hour on the tariff's own clock, by its beginning.  offset_min: of it from UTC."""

    day: date
    minute: int
    kind: Kind
    seasons: frozenset[str]
    offset_min: int


class Book:
    """A tariff that is asked about many moments."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self._zone = ZoneInfo(tariff.timezone)
        self._days: dict[date, tuple[Kind, frozenset[str]]] = {}
        self._moments: dict[int, Moment] = {}
        self._energy: dict[tuple[Kind, frozenset[str], int], list[int]] = {}
        self._components: dict[str, list[int]] = {}
        for number, price in enumerate(tariff.energy):
            self._components.setdefault(price.component, []).append(number)

    def local(self, wall_ms: int) -> datetime:
        """Return a time by the tariff's clock."""
        return datetime.fromtimestamp(wall_ms // SECOND_MS, self._zone)

    def moment(self, wall_ms: int) -> Moment:
        """Return the quarter of an hour that a time is in, at the tariff's place."""
        number = wall_ms // QUARTER_MS
        known = self._moments.get(number)
        if known is None:
            if len(self._moments) > _MOMENTS_KEPT:
                self._moments.clear()
            local = self.local(number * QUARTER_MS)
            kind, seasons = self._day(local.date())
            offset = local.utcoffset()
            assert offset is not None
            offset_min = int(offset.total_seconds()) // 60
            known = Moment(local.date(), local.hour * 60 + local.minute, kind, seasons, offset_min)
            self._moments[number] = known
        return known

    def month_of(self, wall_ms: int) -> tuple[int, int]:
        """Return the year and month of a time."""
        local = self.local(wall_ms)
        return local.year, local.month

    def starts_ms(self, year: int, month: int, day: int = 1) -> int:
        """Return when a local day begins, UTC.  month may be out of 1 to 12: it counts on."""
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        return int(datetime(year, month, day, tzinfo=self._zone).timestamp()) * SECOND_MS

    def energy(self, moment: Moment) -> list[int]:
        """Return the numbers of the energy prices that hold, one of each component at most."""
        key = (moment.kind, moment.seasons, moment.minute)
        known = self._energy.get(key)
        if known is None:
            known = self._energy[key] = self._energy_of(moment)
        return known

    def _energy_of(self, moment: Moment) -> list[int]:
        found = []
        for numbers in self._components.values():
            for number in numbers:
                if self.holds(self.tariff.energy[number].during, moment):
                    found.append(number)
                    break
        return found

    def export(self, moment: Moment) -> int | None:
        """Return the number of the export price that holds, None where exports are not paid."""
        for number, price in enumerate(self.tariff.exports):
            if self.holds(price.during, moment):
                return number
        return None

    def demands(self, moment: Moment) -> list[int]:
        """Return the numbers of the demand prices that count at this moment."""
        return [n for n, price in enumerate(self.tariff.demand) if self.holds(price.during, moment)]

    def holds(self, during: tuple[When, ...], moment: Moment) -> bool:
        """Tell whether a moment is in any of these times."""
        return any(_holds(when, moment) for when in during)

    def in_season(self, name: str, day: date) -> bool:
        """Tell whether a day is in a season; every day is in ""."""
        return not name or name in self._day(day)[1]

    def price_nano(self, moment: Moment, filled: Filled | None = None) -> int | None:
        """Return what one more kWh costs, all components; None where none holds.

        filled: what the tiers have had so far; without it, each price's first tier counts.
        """
        numbers = self.energy(moment)
        if not numbers:
            return None
        return sum(tier_at(self.tariff.energy[n], (filled or {}).get(n, 0)).price_nano for n in numbers)

    def _day(self, day: date) -> tuple[Kind, frozenset[str]]:
        known = self._days.get(day)
        if known is None:
            if len(self._days) > _DAYS_KEPT:
                self._days.clear()
            tariff = self.tariff
            holiday = bool(tariff.holidays) and day in holidays.of_year(tariff.holidays, day.year)
            kind = tariff.holiday_is if holiday else KINDS[day.weekday()]
            at = (day.month, day.day)
            seasons = {s.name for s in tariff.seasons if any(_in_span(at, span) for span in s.spans)}
            known = self._days[day] = kind, frozenset(seasons)
        return known


def tier_at(price: EnergyPrice, filled_wh: int) -> Tier:
    """Return the tier in which the next kWh is.  Tiers by kW need a month's peak: there the first counts."""
    if price.tier_unit.startswith("kWh/kW"):
        return price.tiers[0]
    for tier in price.tiers:
        if tier.up_to is None or filled_wh < tier.up_to:
            return tier
    return price.tiers[-1]


def prices(
    tariff: Tariff | Book, from_wall_ms: int, to_wall_ms: int, filled: Filled | None = None
) -> list[PriceNow]:
    """Return the stretches of one price from `from_wall_ms` to `to_wall_ms`, without gaps.

    Both UTC.  The first and the last stretch are cut to what was asked for; neighbours of the same
    price are one stretch.  Empty where the time is.  Prices are rounded up (I8).  filled: what the tiers
    have had so far; it is taken to stay so.
    """
    book = tariff if isinstance(tariff, Book) else Book(tariff)

    def up(moment: Moment) -> int | None:
        nano = book.price_nano(moment, filled)
        return None if nano is None else -(-nano // _NANO_PER_MICRO)

    return _stretches(book, from_wall_ms, to_wall_ms, up)


def export_prices(book: Book, from_wall_ms: int, to_wall_ms: int) -> list[PriceNow]:
    """Return what is paid for export, as prices() returns what import costs.  Rounded down (I8)."""
    if not book.tariff.exports:
        return []

    def down(moment: Moment) -> int | None:
        number = book.export(moment)
        return None if number is None else book.tariff.exports[number].price_nano // _NANO_PER_MICRO

    return _stretches(book, from_wall_ms, to_wall_ms, down)


def _stretches(
    book: Book, from_wall_ms: int, to_wall_ms: int, price: Callable[[Moment], int | None]
) -> list[PriceNow]:
    stretches: list[PriceNow] = []
    at = from_wall_ms
    while at < to_wall_ms:
        # Prices change at whole quarters of the local clock, and so of UTC: every zone is off by such.
        end = min(at // QUARTER_MS * QUARTER_MS + QUARTER_MS, to_wall_ms)
        micro = price(book.moment(at))
        if micro is not None:
            last = stretches[-1] if stretches else None
            goes_on = last is not None and last.price_micro == micro and last.to_wall_ms == at
            start = stretches.pop().from_wall_ms if goes_on else at
            stretches.append(PriceNow(start, end, micro, f"tariff {book.tariff.name}"))
        at = end
    return stretches


def _holds(when: When, moment: Moment) -> bool:
    if moment.kind not in when.days or (when.season and when.season not in moment.seasons):
        return False
    if when.from_min < when.to_min:
        return when.from_min <= moment.minute < when.to_min
    return moment.minute >= when.from_min or moment.minute < when.to_min


def _in_span(at: tuple[int, int], span: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    first, last = span
    return first <= at <= last if first <= last else at >= first or at <= last


def interval_start(wall_ms: int, minutes: int, offset_min: int) -> int:
    """Return when the metering interval begins that a time is in, UTC: aligned to the local clock."""
    length_ms, offset_ms = minutes * MINUTE_MS, offset_min * MINUTE_MS
    return (wall_ms + offset_ms) // length_ms * length_ms - offset_ms
