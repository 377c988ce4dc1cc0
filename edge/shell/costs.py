"""A recorded month's money: the store's load, sessions and what each got, under a site's tariff.

of_month(store, site, tariff, month, until_wall_ms) -> MonthMoney      reads the disk, and plans for seconds
"""

import msgspec

from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.report.hindsight import Watch, nobody
from edge.report.money import Money, money, stays
from edge.shell import bills
from edge.shell.storelookups import Lookups


class MonthMoney(msgspec.Struct, frozen=True):
    """A month's money.  missing_ms: of the month so far, what nobody has measured."""

    money: Money
    missing_ms: int


def of_month(
    store: Lookups, site: Site, tariff: Tariff, month: str, until_wall_ms: int, watch: Watch = nobody
) -> MonthMoney:
    """Return the month's money, as far as the store knows it.

    until_wall_ms: how far the records go.  Raises ValueError if the month is not "YYYY-MM".
    """
    load = bills.load_of_month(store, tariff, month, until_wall_ms)
    span = (load.from_wall_ms, load.to_wall_ms)
    there = stays(site, store.sessions(*span), store.charged(*span), *span)
    found = money(site, tariff, month, load.quarters, there, watch)
    return MonthMoney(found, max(0, load.during.missing_ms))
