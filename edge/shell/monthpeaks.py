"""What the months before would have needed at best, as peaks: worked out from the store when a month begins.

    learned(store, site, tariff, wall_ms)     reads the disk, and plans for seconds: in a thread
    work(store, site, tariff, say, clock)     for as long as the daemon runs

Rule 1: a month is planned again with all that is known afterwards (report/hindsight.py), moved by whole weeks
        into the month that runs now, so that weekdays, prices and seasons are those of now.  What falls
        outside of it is left out.
Rule 2: what was worked out for this month once is kept, and not worked out again.
Rule 3: a month of which less than two weeks had vehicles says nothing.
Rule 4: without a charge on a month's demand there is nothing to learn.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec

from edge.core.peaks import Peaks, Quarter
from edge.core.peaktarget import MONTHS
from edge.core.tariff import Book
from edge.model.flow import MonthsLearned
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.trends import MonthPeak
from edge.model.units import DAY_MS, MINUTE_MS
from edge.report.bill import bill, months_wall
from edge.report.hindsight import Stay, best
from edge.report.money import charged_otherwise, stays
from edge.shell import bills
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storelookups import Lookups

log = logging.getLogger("edge.monthpeaks")

DAYS_LEAST = 14
WEEK_MS = 7 * DAY_MS
LOOKS_S = 60.0


async def work(
    store: Store, site: Site, tariff: Tariff | None, say: Callable[[MonthsLearned], None], clock: Clock
) -> None:
    """Tell the core at the start, and whenever a month begins.  What fails is logged and tried again."""
    if tariff is None or _charged(tariff) is None:
        return
    told = ""
    while True:
        wall_ms = clock.wall_ms()
        month = _named(*Book(tariff).month_of(wall_ms))
        if clock.wall_trusted() and month != told:
            try:
                rows = await asyncio.to_thread(learned, store, site, tariff, wall_ms)
            except Exception:  # our mistake; plans are made without it
                log.exception("the months before %s could not be worked out", month)
            else:
                for row in rows:
                    store.keep(row)
                say(MonthsLearned(clock.now_ms(), tuple(rows)))
                told = month
        await asyncio.sleep(LOOKS_S)


def learned(store: Lookups, site: Site, tariff: Tariff, wall_ms: int) -> list[MonthPeak]:
    """Return the peaks of the months before this one, as many as a target is made of."""
    book = Book(tariff)
    year, number = book.month_of(wall_ms)
    now = _named(year, number)
    kept = {row.month: row for row in store.month_peaks(now)}
    found = []
    for back in range(MONTHS, 0, -1):
        month = _named(*book.month_of(book.starts_ms(year, number - back)))
        row = kept.get(month) or _worked_out(store, site, tariff, month, now)
        found += [row] if row is not None else []
    return found


def _named(year: int, month: int) -> str:
    return f"{year:04}-{month:02}"


def _charged(tariff: Tariff) -> int | None:
    """Return the number of the dearest charge on a month's demand; None where there is none."""
    monthly = [(d.tiers[0].price_nano, -n) for n, d in enumerate(tariff.demand) if d.per == "month"]
    return -max(monthly)[1] if monthly else None


def _worked_out(store: Lookups, site: Site, tariff: Tariff, month: str, now: str) -> MonthPeak | None:
    """Return a month's peak under the prices of now; None where too little is known of it."""
    load = bills.load_of_month(store, tariff, month, months_wall(Book(tariff), month)[1])
    span = (load.from_wall_ms, load.to_wall_ms)
    there = stays(site, store.sessions(*span), store.charged(*span), *span)
    if len({s.from_wall_ms // DAY_MS for s in there}) < DAYS_LEAST:
        return None
    begin, end = months_wall(Book(tariff), now)
    weeks_ms = round((begin - span[0]) / WEEK_MS) * WEEK_MS
    # On either side of a change of clocks the same hour of the wall is another one of UTC.
    book = Book(tariff)
    middle_ms = span[0] + 14 * DAY_MS
    offset_min = book.moment(middle_ms).offset_min - book.moment(middle_ms + weeks_ms).offset_min
    moved_ms = weeks_ms + offset_min * MINUTE_MS
    quarters = [q._replace(start_wall_ms=q.start_wall_ms + moved_ms) for q in load.during.quarters]
    quarters = [q for q in quarters if begin <= q.start_wall_ms < end]
    moved = [m for s in there if (m := _moved(s, moved_ms)).from_wall_ms >= begin and m.to_wall_ms <= end]
    return MonthPeak(month, now, best_peak_w(site, tariff, now, quarters, moved))


def _moved(stay: Stay, by_ms: int) -> Stay:
    return msgspec.structs.replace(
        stay,
        from_wall_ms=stay.from_wall_ms + by_ms,
        to_wall_ms=stay.to_wall_ms + by_ms,
        blocks={start + by_ms: wh for start, wh in stay.blocks.items()},
    )


def best_peak_w(
    site: Site, tariff: Tariff, month: str, quarters: Iterable[Quarter], there: Iterable[Stay]
) -> int:
    """Return the billed demand of the cheapest way to have charged in a month, W."""
    load, known = list(quarters), list(there)

    def cost(way: Mapping[str, Mapping[int, int]]) -> int:
        return bill(tariff, charged_otherwise(load, known, way), month).total_micro

    way = best(site, tariff, load, known, cost).way
    number = _charged(tariff)
    assert number is not None
    peaks = Peaks(Book(tariff))
    for quarter in charged_otherwise(load, known, way):
        peaks.fold(quarter)
    year, number_of_month = map(int, month.split("-"))
    highest = peaks.highest(number, (year, number_of_month))
    return int(highest.power_w) if highest else 0
