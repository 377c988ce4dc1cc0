"""How high the billed demand has been so far, and how much of each tier is used: quarters in, peaks out.

    peaks = Peaks(book); peaks.fold(quarter) …     in order of time; a bill and the running daemon do the same
    peaks.ahead(wall_ms, until_wall_ms)            what one more kW costs, and above which power

Rule 1: the demand of an interval is its mean power; intervals are aligned to the tariff's own clock.
Rule 2: each demand price has its own maximum, over its own windows and period (day, month, year).
Rule 3: an interval of which less than half was measured has no mean.  Of others, what was measured stands for
        the whole: the utility's meter has seen the rest, and we have not.

Source: NREL SAM utility rate model and URDB field reference (demand windows, periods, tiers, ratchets).
"""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from edge.core.tariff import Book, Moment, interval_start
from edge.model.records import DemandNow, LoadBlock
from edge.model.tariff import DemandPrice, Subscription, Tariff, Tier
from edge.model.units import HOUR_MS, MINUTE_MS, QUARTER_MS

Period = tuple[int, ...]
"""(year, month, day) of a day, (year, month) of a month, (year,) of a tariff's year."""

_NANO_PER_MICRO = 1_000

_SURELY_LESS = 0.999_999


class Quarter(NamedTuple):
    """A stretch of load.  Energies may be fractions.

    measured_ms: for how long of it import_wh is known.  filled_wh: what flowed in the rest of it by the
    meter's counter: it is energy, and no demand, because nobody knows when it flowed.
    """

    start_wall_ms: int
    import_wh: Fraction | int
    export_wh: Fraction | int = 0
    length_ms: int = QUARTER_MS
    measured_ms: int = QUARTER_MS
    filled_wh: Fraction | int = 0

    @staticmethod
    def of(block: LoadBlock) -> "Quarter":
        """Return a stored quarter of an hour."""
        return Quarter(block.start_wall_ms, block.import_wh, block.export_wh, measured_ms=block.measured_ms)


class Peak(NamedTuple):
    """The highest mean power of a period, and when its interval began."""

    power_w: Fraction
    at_wall_ms: int


class _Interval(NamedTuple):
    start_ms: int
    period: Period
    import_wh: Fraction | int
    measured_ms: int


class Peaks:
    """The maxima of a tariff's demand prices.

    by[number][period]: of demand price `number`; number ALL is the highest at any time of the month, of
    intervals of `all_minutes`, which subscriptions, load factors and hours of use count with.
    """

    ALL = -1

    def __init__(self, book: Book) -> None:
        self._book = book
        tariff = book.tariff
        self.all_minutes = min(
            [p.minutes for p in tariff.demand] + [s.minutes for s in tariff.subscriptions], default=15
        )
        self.by: dict[int, dict[Period, Peak]] = {n: {} for n in range(-1, len(tariff.demand))}
        self.filled: dict[int, int] = {}  # Wh in the tiers of each energy price, this month or day
        self._filled_of: dict[int, Period] = {}
        self._open: dict[int, _Interval] = {}
        self._lengths: dict[int, int] = {self.ALL: self.all_minutes}
        self._lengths |= {n: price.minutes for n, price in enumerate(tariff.demand)}

    def fold(self, quarter: Quarter) -> None:
        """Count one quarter of an hour, or another stretch that lies within every interval."""
        moment = self._book.moment(quarter.start_wall_ms)
        for number in (self.ALL, *self._book.demands(moment)):
            self._demand(number, quarter, moment)
        self._fill(quarter, moment)

    def highest(self, number: int, period: Period) -> Peak | None:
        """Return the maximum of a demand price in a period, None where nothing was measured."""
        return self.by[number].get(period)

    def floor_w(self, number: int, year: int, month: int) -> Fraction:
        """Return the demand that is billed at least in a month: by ratchet and by contract."""
        price = self._book.tariff.demand[number]
        least = Fraction(price.least_w)
        ratchet = price.ratchet
        if ratchet is None:
            return least
        for back in range(1, ratchet.months + 1):
            y, m = year + (month - 1 - back) // 12, (month - 1 - back) % 12 + 1
            peak = self.by[number].get((y, m))
            if peak is not None and self._book.in_season(ratchet.season, date(y, m, 1)):
                least = max(least, peak.power_w * ratchet.share_pm / 1000)
        return least

    def ahead(self, wall_ms: int, until_wall_ms: int) -> list[DemandNow]:
        """Return what demand costs from now on: one entry for each price and period that is reached."""
        found = [
            d for n in range(len(self._book.tariff.demand)) for d in self._ahead_of(n, wall_ms, until_wall_ms)
        ]
        for subscription in self._book.tariff.subscriptions:
            found += self._above(subscription, wall_ms, until_wall_ms)
        return found

    # --- folding ------------------------------------------------------------------------------------

    def _demand(self, number: int, quarter: Quarter, moment: Moment) -> None:
        minutes = self._lengths[number]
        start_ms = interval_start(quarter.start_wall_ms, minutes, moment.offset_min)
        before = self._open.get(number)
        if before is None or before.start_ms != start_ms:
            if before is not None:
                self._settle(number, before)
            before = _Interval(start_ms, self.period(number, moment.day), 0, 0)
        now = before._replace(
            import_wh=before.import_wh + quarter.import_wh,
            measured_ms=before.measured_ms + quarter.measured_ms,
        )
        self._open[number] = now
        if quarter.start_wall_ms + quarter.length_ms >= start_ms + minutes * MINUTE_MS:
            self._settle(number, now)

    def _settle(self, number: int, interval: _Interval) -> None:
        """Count an interval that is over."""
        if interval.measured_ms * 2 < self._lengths[number] * MINUTE_MS:
            return
        highest = self.by[number].get(interval.period)
        about_w = float(interval.import_wh) * HOUR_MS / interval.measured_ms
        if highest is not None and about_w < float(highest.power_w) * _SURELY_LESS:
            return  # nearly all intervals: exact fractions take their time
        power_w = Fraction(interval.import_wh) * HOUR_MS / interval.measured_ms
        if highest is None or power_w > highest.power_w:
            self.by[number][interval.period] = Peak(power_w, interval.start_ms)

    def period(self, number: int, day: date) -> Period:
        """Return the period of a demand price that a local day is in."""
        return period_of("month" if number == self.ALL else self._book.tariff.demand[number].per, day,
                         self._book.tariff.year_begins)  # fmt: skip

    def _fill(self, quarter: Quarter, moment: Moment) -> None:
        tariff = self._book.tariff
        held = self._book.energy(moment)
        components = {tariff.energy[n].component for n in held}
        for number, price in enumerate(tariff.energy):
            if len(price.tiers) == 1:
                continue
            daily = price.tier_unit.endswith("/day")
            period = period_of("day" if daily else "month", moment.day, 1)
            if self._filled_of.get(number) != period:
                self._filled_of[number], self.filled[number] = period, 0
            whole = price.tiers_over == "component"
            if number in held or (whole and price.component in components):
                self.filled[number] += int(quarter.import_wh + quarter.filled_wh)

    # --- looking ahead ------------------------------------------------------------------------------

    def _ahead_of(self, number: int, wall_ms: int, until_ms: int) -> Iterator[DemandNow]:
        price = self._book.tariff.demand[number]
        for period, begin, end in self._stretches(price.per, wall_ms, until_ms):
            peak = self.by[number].get(period)
            already_w = peak.power_w if peak else Fraction(0)
            if price.per == "month":
                already_w = max(already_w, self.floor_w(number, *period))
            already_w = max(already_w, Fraction(price.least_w))
            yield DemandNow(
                name=price.name,
                per_kw_micro=-(-_tier(price, already_w).price_nano // _NANO_PER_MICRO),
                already_w=_up(already_w),
                already_wall_ms=peak.at_wall_ms if peak else None,
                before_w=self._before_w(number, period),
                minutes=price.minutes,
                per=price.per,
                from_wall_ms=begin,
                to_wall_ms=end,
                open_wall_ms=self._open_times(price, begin, end),
            )

    def _above(self, subscription: Subscription, wall_ms: int, until_ms: int) -> Iterator[DemandNow]:
        for period, begin, end in self._stretches("month", wall_ms, until_ms):
            peak = self.by[self.ALL].get(period)
            power_w = peak.power_w if peak else Fraction(0)
            rate_nano = subscription.overage_nano
            if subscription.subscribed_w is not None:
                power_w = max(power_w, Fraction(blocks_of(subscription, None) * subscription.block_w))
            else:
                power_w = Fraction(blocks_of(subscription, power_w) * subscription.block_w)
                rate_nano = min(rate_nano, subscription.block_nano * 1000 // subscription.block_w)
            yield DemandNow(
                name=subscription.name,
                per_kw_micro=-(-rate_nano // _NANO_PER_MICRO),
                already_w=_up(power_w),
                already_wall_ms=peak.at_wall_ms if peak else None,
                before_w=self._before_w(self.ALL, period),
                minutes=subscription.minutes,
                per="month",
                from_wall_ms=begin,
                to_wall_ms=end,
                open_wall_ms=[(begin, end)],
            )

    def _before_w(self, number: int, period: Period) -> int | None:
        earlier = [p for p in self.by[number] if p < period]
        return _up(self.by[number][max(earlier)].power_w) if earlier else None

    def _stretches(self, per: str, wall_ms: int, until_ms: int) -> Iterator[tuple[Period, int, int]]:
        begin = wall_ms
        while begin < until_ms:
            day = self._book.moment(begin).day
            period = period_of(per, day, self._book.tariff.year_begins)
            end = min(self._end_of(per, day), until_ms)
            yield period, begin, end
            begin = end

    def _end_of(self, per: str, day: date) -> int:
        if per == "day":
            following = date.fromordinal(day.toordinal() + 1)
            return self._book.starts_ms(following.year, following.month, following.day)
        if per == "month":
            return self._book.starts_ms(day.year, day.month + 1)
        first = self._book.tariff.year_begins
        return self._book.starts_ms(day.year + (1 if day.month >= first else 0), first)

    def _open_times(self, price: DemandPrice, begin_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the stretches in which the price's windows are open."""
        times: list[tuple[int, int]] = []
        at = begin_ms
        while at < end_ms:
            end = min(at // QUARTER_MS * QUARTER_MS + QUARTER_MS, end_ms)
            if self._book.holds(price.during, self._book.moment(at)):
                start = times.pop()[0] if times and times[-1][1] == at else at
                times.append((start, end))
            at = end
        return times


def period_of(per: str, day: date, year_begins: int) -> Period:
    """Return the period that a day is in: of a day, a month, or a year that begins in a month."""
    if per == "day":
        return (day.year, day.month, day.day)
    if per == "month":
        return (day.year, day.month)
    return (day.year if day.month >= year_begins else day.year - 1,)


def blocks_of(subscription: Subscription, peak_w: Fraction | None) -> int:
    """Return how many blocks are paid: those subscribed, else those that cost least for a peak."""
    if subscription.subscribed_w is not None:
        return -(-subscription.subscribed_w // subscription.block_w)
    power_w = peak_w or Fraction(0)
    whole = int(power_w // subscription.block_w)
    rest_kw = (power_w - whole * subscription.block_w) / 1000
    return whole + (1 if rest_kw * subscription.overage_nano > subscription.block_nano else 0)


def looks_back_to(tariff: Tariff, wall_ms: int) -> int:
    """Return from when on the load must be known to go on: the month, the year of annual peaks, ratchets."""
    book = Book(tariff)
    year, month = book.month_of(wall_ms)
    back = max([p.ratchet.months for p in tariff.demand if p.ratchet], default=1)
    if any(price.per == "year" for price in tariff.demand):
        back = max(back, (month - tariff.year_begins) % 12)
    return book.starts_ms(year, month - back)


def _tier(price: DemandPrice, power_w: Fraction) -> Tier:
    for tier in price.tiers:
        if tier.up_to is None or power_w < tier.up_to:
            return tier
    return price.tiers[-1]


def _up(power_w: Fraction) -> int:
    return -int(-power_w // 1)
