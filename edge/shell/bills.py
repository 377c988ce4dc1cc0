"""A recorded month as its bill: the store's quarters of an hour, as far back as the tariff looks.

of_month(store, tariff, month, until_wall_ms) -> MonthBill
"""

import msgspec

from edge.core.peaks import Quarter, looks_back_to
from edge.core.tariff import Book
from edge.model.tariff import Tariff
from edge.model.units import QUARTER_MS
from edge.report.bill import Bill, bill, months_wall
from edge.report.load import Recorded, recorded
from edge.shell.storelookups import Lookups


class MonthBill(msgspec.Struct, frozen=True):
    """A month's bill, and how much of the month it knows.

    length_ms: of the month so far.  measured_ms: seen by the meter's power; filled_ms: by its counter.
    """

    bill: Bill
    load: Recorded
    length_ms: int
    measured_ms: int
    filled_ms: int

    @property
    def missing_ms(self) -> int:
        """How much of the month nobody has seen."""
        return max(0, self.length_ms - self.measured_ms - self.filled_ms)


class MonthLoad(msgspec.Struct, frozen=True):
    """The load that a month's bill is made of: `during` it, as far as it is recorded, and of all it needs."""

    from_wall_ms: int
    to_wall_ms: int
    during: Recorded
    quarters: tuple[Quarter, ...]


def of_month(store: Lookups, tariff: Tariff, month: str, until_wall_ms: int) -> MonthBill:
    """Return the bill of a month, as far as the store knows it.  Reads the disk.

    until_wall_ms: how far the records go; a month that still runs is billed up to here.
    Raises ValueError if the month is not "YYYY-MM".
    """
    load = load_of_month(store, tariff, month, until_wall_ms)
    length_ms = load.to_wall_ms - load.from_wall_ms
    made = bill(tariff, load.quarters, month)
    return MonthBill(made, load.during, length_ms, load.during.measured_ms, load.during.filled_ms)


def load_of_month(store: Lookups, tariff: Tariff, month: str, until_wall_ms: int) -> MonthLoad:
    """Return the recorded load of a month, and of what ratchets and annual peaks look back on."""
    from_ms, to_ms = months_wall(Book(tariff), month)
    to_ms = max(from_ms, min(to_ms, -(-until_wall_ms // QUARTER_MS) * QUARTER_MS))
    history_ms = looks_back_to(tariff, from_ms)
    blocks = store.load(history_ms, to_ms)
    before, during = recorded(blocks, history_ms, from_ms), recorded(blocks, from_ms, to_ms)
    return MonthLoad(from_ms, to_ms, during, (*before.quarters, *during.quarters))
