"""A month's bill under a tariff, line by line, from quarters of an hour.

    bill(tariff, quarters, "2026-07") -> Bill

quarters: of the month, and of as much before it as ratchets and annual peaks look back (core/peaks.py:
looks_back_to).  Amounts are exact fractions until a line is written; a line is rounded to a millionth, and
the sum is that of its lines.

docs/tariffs.md says what each kind of line means, where it is from, and where other programs differ.
"""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

import msgspec

from edge.core.peaks import Peak, Peaks, Quarter, blocks_of, period_of
from edge.core.tariff import Book
from edge.model.tariff import DemandPrice, EnergyPrice, Tariff, Tier
from edge.model.units import HOUR_MS, QUARTER_MS

_NANO_PER_MICRO = 1_000


class Line(msgspec.Struct, frozen=True):
    """One line of a bill.

    kind: energy, demand, subscription, fixed, export, minimum.  quantity: in `unit` (kWh, kW, kW·day, block,
    day, month), exact as a decimal; price_nano: for one of it, 0 where more than one price is in the line.
    at_wall_ms: when the demand was reached.
    """

    kind: str
    name: str
    quantity: float
    unit: str
    price_nano: int
    amount_micro: int
    words: str = ""
    at_wall_ms: int | None = None


class Bill(msgspec.Struct, frozen=True):
    """A month.  total_micro: what is to be paid, less what is paid for export."""

    tariff: str
    currency: str
    timezone: str
    month: str
    from_wall_ms: int
    to_wall_ms: int
    lines: list[Line]
    total_micro: int
    import_wh: int
    export_wh: int
    peak_w: int | None
    peak_wall_ms: int | None
    notes: list[str]


def bill(tariff: Tariff, quarters: Iterable[Quarter], month: str) -> Bill:
    """Return the bill of a local month.

    Raises ValueError if the month is not "YYYY-MM".
    """
    return _Month(tariff, month).bill(quarters)


def months_wall(book: Book, month: str) -> tuple[int, int]:
    """Return when a month begins and ends, UTC.  Raises ValueError if it is not "YYYY-MM"."""
    year, number = _parsed(month)
    return book.starts_ms(year, number), book.starts_ms(year, number + 1)


def _parsed(month: str) -> tuple[int, int]:
    try:
        day = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise ValueError(f'"{month}" is no month, expected YYYY-MM') from None
    return day.year, day.month


class _Month:
    """One month being billed."""

    def __init__(self, tariff: Tariff, month: str) -> None:
        self._tariff = tariff
        self._book = Book(tariff)
        self._label = month
        self._year, self._month = _parsed(month)
        self._from_ms, self._to_ms = months_wall(self._book, month)
        self._first = date(self._year, self._month, 1)
        self._days = (date.fromordinal(_next_month(self._first).toordinal()) - self._first).days
        self._peaks = Peaks(self._book)
        self._year_before: dict[int, Peak | None] = {}
        self._daily: Peaks | None = None
        self._quarters: list[Quarter] = []
        self._notes: list[str] = []

    def bill(self, quarters: Iterable[Quarter]) -> Bill:
        every = sorted(quarters, key=lambda q: q.start_wall_ms)
        for quarter in every:
            if quarter.start_wall_ms < self._from_ms:
                self._peaks.fold(quarter)
        for number, price in enumerate(self._tariff.demand):
            if price.per == "year":
                self._year_before[number] = self._peaks.highest(
                    number, self._peaks.period(number, self._first)
                )
        self._quarters = [q for q in every if self._from_ms <= q.start_wall_ms < self._to_ms]
        for quarter in self._quarters:
            self._peaks.fold(quarter)
        charges = [*self._fixed(), *self._energy(), *self._demand(), *self._subscriptions()]
        charges += self._minimum(sum(line.amount_micro for line in charges))
        lines = [*charges, *self._exports()]
        peak = self._peak()
        self._validity()
        return Bill(
            tariff=self._tariff.name,
            currency=self._tariff.currency,
            timezone=self._tariff.timezone,
            month=self._label,
            from_wall_ms=self._from_ms,
            to_wall_ms=self._to_ms,
            lines=lines,
            total_micro=sum(line.amount_micro for line in lines),
            import_wh=round(sum(q.import_wh + q.filled_wh for q in self._quarters)),
            export_wh=round(sum(q.export_wh for q in self._quarters)),
            peak_w=round(peak.power_w) if peak else None,
            peak_wall_ms=peak.at_wall_ms if peak else None,
            notes=self._notes,
        )

    def _peak(self) -> Peak | None:
        return self._peaks.highest(Peaks.ALL, (self._year, self._month))

    def _validity(self) -> None:
        last = date(self._year, self._month, self._days).isoformat()
        begins, ends = self._tariff.effective_from, self._tariff.effective_to
        if (begins and last < begins) or (ends and self._first.isoformat() > ends):
            self._notes.append(f"the tariff's figures hold from {begins or '?'} to {ends or '?'}")

    # --- fixed --------------------------------------------------------------------------------------

    def _fixed(self) -> list[Line]:
        lines = []
        for fixed in self._tariff.fixed:
            quantity = {"day": Fraction(self._days), "month": Fraction(1), "year": Fraction(1, 12)}[fixed.per]
            amount = quantity * fixed.price_nano
            lines.append(_line("fixed", fixed.name, quantity, fixed.per, fixed.price_nano, amount))
        return lines

    def _minimum(self, charges_micro: int) -> list[Line]:
        minimum = self._tariff.minimum
        if minimum is None:
            return []
        least = Fraction(minimum.price_nano * (self._days if minimum.per == "day" else 1))
        rest = least - charges_micro * _NANO_PER_MICRO
        return [_line("minimum", minimum.name, Fraction(1), "month", 0, rest)] if rest > 0 else []

    # --- energy -------------------------------------------------------------------------------------

    def _energy(self) -> list[Line]:
        used: dict[tuple[int, int], Fraction | int] = {}
        full: dict[tuple[str, int | str, date | None], Fraction] = {}
        for quarter in self._quarters:
            moment = self._book.moment(quarter.start_wall_ms)
            energy_wh = quarter.import_wh + quarter.filled_wh
            for number in self._book.energy(moment):
                price = self._tariff.energy[number]
                if len(price.tiers) == 1:
                    used[number, 0] = used.get((number, 0), 0) + energy_wh
                    continue
                day = moment.day if price.tier_unit.endswith("/day") else None
                key = (price.tiers_over, number if price.tiers_over == "price" else price.component, day)
                before_wh = full.get(key, Fraction(0))
                full[key] = before_wh + energy_wh
                for tier, part_wh in enumerate(
                    _split(price, self._ends_wh(price, day), before_wh, energy_wh)
                ):
                    if part_wh:
                        used[number, tier] = used.get((number, tier), 0) + part_wh
        return [self._energy_line(*key, Fraction(wh)) for key, wh in sorted(used.items()) if wh]

    def _energy_line(self, number: int, tier: int, energy_wh: Fraction) -> Line:
        price = self._tariff.energy[number]
        nano = price.tiers[tier].price_nano
        words = f"tier {tier + 1}" if len(price.tiers) > 1 else ""
        return _line("energy", price.name, energy_wh / 1000, "kWh", nano, energy_wh * nano / 1000, words)

    def _ends_wh(self, price: EnergyPrice, day: date | None) -> list[Fraction | None]:
        """Return where each tier ends: hours of use end with the highest demand of their time."""
        per_kw = Fraction(1)
        if price.tier_unit.startswith("kWh/kW"):
            peak = self._peak() if day is None else self._peak_of_day(day)
            per_kw = peak.power_w / 1000 if peak else Fraction(0)
        return [None if tier.up_to is None else tier.up_to * per_kw for tier in price.tiers]

    def _peak_of_day(self, day: date) -> Peak | None:
        if self._daily is None:
            every_day = DemandPrice("", (Tier(0),), per="day", minutes=self._peaks.all_minutes)
            daily = Peaks(Book(msgspec.structs.replace(self._tariff, demand=(every_day,), subscriptions=())))
            for quarter in self._quarters:
                daily.fold(quarter)
            self._daily = daily
        return self._daily.highest(0, period_of("day", day, 1))

    def _exports(self) -> list[Line]:
        given: dict[int, Fraction] = {}
        for quarter in self._quarters:
            number = (
                self._book.export(self._book.moment(quarter.start_wall_ms)) if quarter.export_wh else None
            )
            if number is not None:
                given[number] = given.get(number, Fraction(0)) + quarter.export_wh
        lines = []
        for number, energy_wh in sorted(given.items()):
            price = self._tariff.exports[number]
            amount = -energy_wh * price.price_nano / 1000
            lines.append(_line("export", price.name, energy_wh / 1000, "kWh", price.price_nano, amount))
        return lines

    # --- demand -------------------------------------------------------------------------------------

    def _demand(self) -> list[Line]:
        lines = []
        for number, price in enumerate(self._tariff.demand):
            make = {"day": self._daily_demand, "month": self._monthly_demand, "year": self._annual_demand}
            line = make[price.per](number, price)
            if line is not None:
                lines.append(line)
        return lines

    def _monthly_demand(self, number: int, price: DemandPrice) -> Line | None:
        if not self._opens(price):
            return None
        peak = self._peaks.highest(number, (self._year, self._month))
        reached_w = peak.power_w if peak else Fraction(0)
        floor_w = self._peaks.floor_w(number, self._year, self._month)
        billed_w = max(reached_w, floor_w)
        share, words = self._share_pm(price)
        if floor_w > reached_w:
            words = f"measured {_kw(reached_w)} kW, billed at least{', ' if words else ''}{words}"
        amount = _tiered(price, billed_w) * share / 1000
        at = peak.at_wall_ms if peak else None
        return _line("demand", price.name, billed_w / 1000, "kW", _one_price(price), amount, words, at)

    def _share_pm(self, price: DemandPrice) -> tuple[int, str]:
        """Return which ‰ of a charge the month's load factor leaves, and why."""
        peak = self._peak()
        if not price.load_factor or peak is None or not peak.power_w:
            return 1000, ""
        used_wh = sum(Fraction(q.import_wh + q.filled_wh) for q in self._quarters)
        factor_pm = used_wh * HOUR_MS * 1000 / (peak.power_w * (self._to_ms - self._from_ms))
        for step in price.load_factor:
            if step.up_to_pm is None or factor_pm <= step.up_to_pm:
                break
        return (
            step.share_pm,
            f"load factor {float(factor_pm) / 10:.1f} %: {step.share_pm / 10:g} % of the charge",
        )

    def _daily_demand(self, number: int, price: DemandPrice) -> Line | None:
        amount, power_w, days = Fraction(0), Fraction(0), 0
        for n in range(self._days):
            day = date(self._year, self._month, n + 1)
            peak = self._peaks.highest(number, period_of("day", day, 1))
            if peak is None:
                continue
            billed_w = max(peak.power_w, Fraction(price.least_w))
            amount += _tiered(price, billed_w)
            power_w += billed_w
            days += 1
        if not days:
            return None
        words = f"the highest of each of {days} days"
        return _line("demand", price.name, power_w / 1000, "kW·day", _one_price(price), amount, words)

    def _annual_demand(self, number: int, price: DemandPrice) -> Line | None:
        """Return a twelfth of the year's charge as it stands, and what earlier months now lack."""
        peak = self._peaks.highest(number, self._peaks.period(number, self._first))
        if peak is None:
            return None
        before = self._year_before.get(number)
        least_w = Fraction(price.least_w)
        now_w = max(peak.power_w, least_w)
        nth = (self._month - self._tariff.year_begins) % 12 + 1
        amount = _tiered(price, now_w) / 12
        words = "a twelfth of the year's"
        if nth > 1 and before is None:
            self._notes.append(f"{price.name}: nothing is recorded of the year before this month")
        elif before is not None and now_w > max(before.power_w, least_w):
            amount += (nth - 1) * (_tiered(price, now_w) - _tiered(price, max(before.power_w, least_w))) / 12
            words += f", and the rise from {_kw(before.power_w)} kW for {nth - 1} months before"
        return _line(
            "demand", price.name, now_w / 1000, "kW", _one_price(price), amount, words, peak.at_wall_ms
        )

    def _opens(self, price: DemandPrice) -> bool:
        """Tell whether a price's window opens at all in this month."""
        steps = range(self._from_ms, self._to_ms, QUARTER_MS)
        return any(self._book.holds(price.during, self._book.moment(at)) for at in steps)

    def _subscriptions(self) -> list[Line]:
        lines = []
        peak = self._peak()
        power_w = peak.power_w if peak else Fraction(0)
        at = peak.at_wall_ms if peak else None
        for each in self._tariff.subscriptions:
            blocks = Fraction(blocks_of(each, power_w))
            size = f"of {_kw(Fraction(each.block_w))} kW"
            words = size if each.subscribed_w is not None else f"{size}: the number that costs least"
            amount = blocks * each.block_nano
            lines.append(_line("subscription", each.name, blocks, "block", each.block_nano, amount, words))
            over_w, name = power_w - blocks * each.block_w, f"{each.name}, above it"
            if over_w > 0:
                words, amount = f"{_kw(power_w)} kW at the highest", over_w * each.overage_nano / 1000
                nano = each.overage_nano
                lines.append(_line("subscription", name, over_w / 1000, "kW", nano, amount, words, at))
        return lines


def _split(
    price: EnergyPrice, ends: list[Fraction | None], before_wh: Fraction, energy_wh: Fraction | int
) -> list[Fraction]:
    """Return how much of an energy is in each tier, of which before_wh is filled."""
    parts, begin, last = [], before_wh, before_wh + energy_wh
    for end in ends:
        top = last if end is None else min(last, max(end, begin))
        parts.append(top - begin)
        begin = top
    return parts


def _tiered(price: DemandPrice, power_w: Fraction) -> Fraction:
    """Return what a demand costs, in billionths."""
    amount, begin = Fraction(0), Fraction(0)
    for tier in price.tiers:
        end = power_w if tier.up_to is None else min(power_w, Fraction(tier.up_to))
        if end > begin:
            amount += (end - begin) * tier.price_nano / 1000
            begin = end
    return amount


def _one_price(price: DemandPrice) -> int:
    return price.tiers[0].price_nano if len(price.tiers) == 1 else 0


def _line(
    kind: str,
    name: str,
    quantity: Fraction,
    unit: str,
    price_nano: int,
    amount_nano: Fraction | int,
    words: str = "",
    at_wall_ms: int | None = None,
) -> Line:
    amount_micro = round(Fraction(amount_nano) / _NANO_PER_MICRO)
    return Line(kind, name, round(float(quantity), 6), unit, price_nano, amount_micro, words, at_wall_ms)


def _kw(power_w: Fraction) -> str:
    return f"{float(power_w) / 1000:.3f}".rstrip("0").rstrip(".")


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
