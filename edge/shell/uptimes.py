"""Works out the uptime of each port from the store, states every whole month, and tells the network.

A *statement* is a month's figures as they stood when it was made.  Evidence that comes later (an entry, or
minutes that were still on their way to the disk) makes a new version; the older one stays, and says why
there is another.  The month that still runs is told as version 0 and never stated.

The same figures are the same message: its key is made of them, and the outbox takes a key once.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.model import messages
from edge.model.exclusion import Exclusion, UptimeStatement
from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.site import Site
from edge.model.units import DAY_MS, MINUTE_MS, SECOND_MS
from edge.report.portyear import FEDERAL, Rules
from edge.report.uptime import Figure, PortUptime, Records, monthly, months_ending, uptime
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.storelookups import Lookups
from edge.shell.storeoutbox import Message

log = logging.getLogger("edge.uptimes")

# The first look leaves the start of the daemon alone; after that news are noticed within the hour.
FIRST_S = 30
AGAIN_S = 3_600

# A month is stated when what was seen in it is on the disk: rows may wait for five minutes (store.py).
SETTLED_MS = 10 * MINUTE_MS

# A run of failed starts that reaches into the twelve months began at most so long before.
RUN_MS = 90 * DAY_MS


def remember(store: Store, site: Site) -> None:
    """Keep in the store what reports need of the site file."""
    store.remember("timezone", site.timezone)
    store.remember("port_policy", msgspec.json.encode(site.port_policy).decode())
    zone = ZoneInfo(site.timezone)
    begun = {
        charger.port or charger.id: int(
            datetime.fromisoformat(charger.commissioned).replace(tzinfo=zone).timestamp() * SECOND_MS
        )
        for charger in site.chargers
        if charger.commissioned
    }
    store.remember("commissioned", json.dumps(begun))


def records_of(store: Lookups, month: str, timezone: str, rules: Rules = FEDERAL) -> Records:
    """Return what is known of the twelve months that end with a month.  Reads the disk.

    Raises ValueError if the month or the zone is none, or the store is of another release.
    """
    begin, end = months_ending(month, 12, timezone)
    policy = store.meta("port_policy")
    try:
        judged_by = msgspec.json.decode(policy, type=PortPolicy) if policy else DEFAULT
    except msgspec.DecodeError as error:
        raise ValueError(f"{store.path}: the port policy of another release: {error}") from None
    return Records(
        intervals=store.port_intervals(begin, end),
        first_seen=store.first_seen(),
        sessions=store.sessions(begin - RUN_MS, end),
        entries=store.exclusions(),
        commissioned=json.loads(store.meta("commissioned") or "{}"),
        policy=judged_by,
        rules=rules,
    )


def report(
    store: Lookups, month: str, timezone: str, until_wall_ms: int, rules: Rules = FEDERAL
) -> list[PortUptime]:
    """Return the uptime of every port in a month, as far as the store knows it.  Reads the disk."""
    return monthly(records_of(store, month, timezone, rules), month, timezone, until_wall_ms)


# --- statements -------------------------------------------------------------------------------------


def restated(
    store: Lookups, months: Iterable[str], timezone: str, wall_ms: int
) -> tuple[list[UptimeStatement], list[tuple[PortUptime, int]]]:
    """Return the new versions of some whole months, and all of their figures with the version that holds.

    Reads the disk, and works for a while: not in the daemon's loop.
    """
    made: list[UptimeStatement] = []
    current: list[tuple[PortUptime, int]] = []
    entries = store.exclusions()
    for month in months:
        last = {statement.port: statement for statement in store.statements(month)}
        for row in report(store, month, timezone, wall_ms):
            before = last.get(row.port)
            version = before.version if before else 0
            if before is None or not _same(before, row):
                version += 1
                figures = msgspec.json.encode(row).decode()
                because = _because(before, entries, row.port)
                made.append(UptimeStatement(row.port, month, version, wall_ms, because, figures))
            current.append((row, version))
    return made, current


def _same(before: UptimeStatement, row: PortUptime) -> bool:
    """Say whether figures are as stated; what a later release states in addition does not count."""
    stated: dict[str, Any] = json.loads(before.figures)
    now: dict[str, Any] = msgspec.to_builtins(row)
    return all(now.get(key) == value for key, value in stated.items())


def _because(before: UptimeStatement | None, entries: Iterable[Exclusion], port: str) -> str:
    if before is None:
        return "first statement"
    since_ms = before.made_wall_ms
    own = [entry for entry in entries if entry.concerns(port)]
    news = [f"{entry.id} entered" for entry in own if entry.entered_wall_ms >= since_ms]
    news += [f"{entry.id} withdrawn" for entry in own if (entry.withdrawn_wall_ms or 0) >= since_ms]
    return ", ".join(news) or "the records, or an entry's end, came later"


def due(store: Lookups, timezone: str, wall_ms: int, news: Iterable[Exclusion]) -> list[str]:
    """Return the whole months to look at: those since the last statement, and those that news concern.

    An outage counts in the month it is in and in the eleven after it.
    """
    last = _number(_local(wall_ms - SETTLED_MS, timezone)) - 1
    stated = {_number_of(month) for month in {statement.month for statement in store.statements()}}
    months = set(range(max(stated, default=last), last + 1)) | {last}
    for entry in news:
        begin = _number(_local(entry.start_wall_ms, timezone))
        end = _number(_local(wall_ms if entry.end_wall_ms is None else entry.end_wall_ms, timezone)) + 11
        months |= stated & set(range(begin, end + 1))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in sorted(months) if number <= last]


def _local(wall_ms: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(wall_ms / SECOND_MS, ZoneInfo(timezone))


def _number(day: datetime) -> int:
    return day.year * 12 + day.month - 1


def _number_of(month: str) -> int:
    year, of_year = month.split("-")
    return int(year) * 12 + int(of_year) - 1


# --- the daemon's part ------------------------------------------------------------------------------


async def tell(
    store: Store,
    sender: messages.Sender,
    timezone: str,
    clock: Clock,
    say: Callable[[Message], None] | None,
) -> None:
    """Look now and then, for ever; keep statements, and say what is to go to the network if there is one.

    A disk that does not answer is looked at again an hour later.
    """
    watch = _Watch(store, sender, timezone, say)
    await asyncio.sleep(FIRST_S)
    while True:
        if clock.wall_trusted():
            try:
                await watch.look(clock.wall_ms())
            except (StoreTrouble, ValueError) as error:
                log.error("uptime cannot be worked out: %s", error)
        await asyncio.sleep(AGAIN_S)


class _Watch:
    """What was seen at the last look: the day that was told, and the entries."""

    def __init__(
        self, store: Store, sender: messages.Sender, timezone: str, say: Callable[[Message], None] | None
    ) -> None:
        self._store, self._sender, self._timezone, self._say = store, sender, timezone, say
        self._told_day = ""
        self._known: dict[str, Exclusion] = {}

    async def look(self, wall_ms: int) -> None:
        """State what is due, and tell it.  Raises StoreTrouble."""
        store, timezone = self._store, self._timezone
        entries = {entry.id: entry for entry in await asyncio.to_thread(store.exclusions)}
        news = [entry for entry in entries.values() if self._known.get(entry.id) != entry]
        months = await asyncio.to_thread(due, store, timezone, wall_ms, news)
        made, current = await asyncio.to_thread(restated, store, months, timezone, wall_ms)
        for statement in made:
            store.keep(statement)
        self._known = entries
        if self._say is None:
            return
        today = _local(wall_ms, timezone)
        if self._told_day != today.date().isoformat():
            running = await asyncio.to_thread(report, store, f"{today:%Y-%m}", timezone, wall_ms)
            current += [(row, 0) for row in running]
            self._told_day = today.date().isoformat()
        for row, version in current:
            told = message(self._sender, row, wall_ms, version)
            self._say(Message("network", *told[:3], wall_ms, told.lane))


def message(sender: messages.Sender, row: PortUptime, wall_ms: int, version: int = 0) -> messages.Told:
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
        version,
    )


def _ppm(figure: Figure, length_ms: int) -> int:
    """Return a figure in millionths, rounded down: what is not reached is not claimed (I8)."""
    share = uptime(figure.outage_ms, figure.excluded_ms, length_ms)
    return share.numerator * 1_000_000 // share.denominator
