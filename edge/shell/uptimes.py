"""Tells the network the uptime of each port: the last whole month, and once a day the one that is running.

A month is told again when its figures have changed: evidence may come later.  The same figures are the same
message: its key is made of them, and the outbox takes a key once.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge.model import messages
from edge.model.units import SECOND_MS
from edge.report.uptime import Figure, PortUptime, monthly, months_ending, uptime
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storeoutbox import Message

# The first look leaves the start of the daemon alone; after that the day's change is noticed within the hour.
FIRST_S = 30
AGAIN_S = 3_600


async def tell(
    store: Store, sender: messages.Sender, timezone: str, clock: Clock, say: Callable[[Message], None]
) -> None:
    """Look now and then, for ever; say what is to go to the network."""
    told_day = ""
    await asyncio.sleep(FIRST_S)
    while True:
        if clock.wall_trusted():
            wall_ms = clock.wall_ms()
            today = datetime.fromtimestamp(wall_ms / SECOND_MS, ZoneInfo(timezone))
            months = [_month_before(today)]
            if told_day != today.date().isoformat():
                told_day = today.date().isoformat()
                months.append(f"{today:%Y-%m}")
            for month in months:
                for row in await asyncio.to_thread(report, store, month, timezone, wall_ms):
                    told = message(sender, row, wall_ms)
                    say(Message("network", *told[:3], wall_ms, told.lane))
        await asyncio.sleep(AGAIN_S)


def report(store: Store, month: str, timezone: str, until_wall_ms: int) -> list[PortUptime]:
    """Return the uptime of every port in a month, as far as the store knows it.  Reads the disk."""
    year = months_ending(month, 12, timezone)
    return monthly(store.port_intervals(*year), store.first_seen(), month, timezone, until_wall_ms)


def message(sender: messages.Sender, row: PortUptime, wall_ms: int) -> messages.Told:
    """Return the message of a port's month.  outage_ms, excluded_ms: of the conservative figure."""
    length_ms = row.to_wall_ms - row.from_wall_ms
    return messages.uptime(
        sender,
        row.port,
        row.month,
        row.from_wall_ms,
        row.to_wall_ms,
        row.conservative.outage_ms,
        row.conservative.excluded_ms,
        row.unknown_ms,
        _ppm(row.evidence, length_ms),
        _ppm(row.conservative, length_ms),
        wall_ms,
    )


def _ppm(figure: Figure, length_ms: int) -> int:
    """Return a figure in millionths, rounded down: what is not reached is not claimed (I8)."""
    share = uptime(figure.outage_ms, figure.excluded_ms, length_ms)
    return share.numerator * 1_000_000 // share.denominator


def _month_before(day: datetime) -> str:
    return f"{day.replace(day=1) - timedelta(days=1):%Y-%m}"
