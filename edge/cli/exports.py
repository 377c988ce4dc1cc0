"""The kinds of `depot export`: each prints one file to standard output and returns the exit code."""

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from edge.cli import CallError, asking, recorded
from edge.model.records import Session
from edge.model.units import DAY_MS
from edge.report import charginguse, evchartcheck, outages
from edge.report import evchart as of_evchart
from edge.report import ocpi as of_ocpi
from edge.report import sessions as of_sessions
from edge.report import share as of_share
from edge.report.portyear import RULES
from edge.report.sessions import SessionLine
from edge.report.spans import Span
from edge.report.station import Station
from edge.report.uptime import PortUptime, months_ending
from edge.shell import stationfile, uptimes
from edge.shell.pseudonyms import Pseudonyms
from edge.shell.statedir import PSEUDONYM_KEY
from edge.shell.storelookups import Lookups

OF_THE_STATION_ALONE = ("evchart-5", "evchart-8", "evchart-9", "charging-use-port", "charging-use-station")

COLUMNS = (
    "session", "charger", "start", "end", "duration_s", "charging_s", "idle_s", "energy_wh", "energy_source",
    "mean_w", "power_w_max", "starts", "end_reason", "error", "vehicle", "driver", "failed_starts", "stop",
)  # fmt: skip


class AllStations(Mapping[str, date]):
    """Every station operates since the same day; without one, of none it is known."""

    def __init__(self, since: date | None) -> None:
        self._since = since

    def __getitem__(self, station: str) -> date:
        if self._since is None:
            raise KeyError(station)
        return self._since

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return int(self._since is not None)


# --- what the kinds share -----------------------------------------------------------------------------


def months(args: argparse.Namespace) -> list[str]:
    """Return the months of the call.  Raises CallError."""
    if bool(args.month) == bool(args.quarter):
        raise CallError("export: expected --month YYYY-MM or --quarter YYYY-QN")
    if args.month:
        return [args.month]
    found = re.fullmatch(r"(\d{4})-Q([1-4])", args.quarter)
    if not found:
        raise CallError(f'export: quarter "{args.quarter}": expected YYYY-QN, such as 2026-Q4')
    first = int(found[2]) * 3 - 2
    return [f"{found[1]}-{month:02d}" for month in range(first, first + 3)]


def period(args: argparse.Namespace, timezone: str) -> Span:
    """Return the time of the call."""
    all_ = months(args)
    return months_ending(all_[0], 1, timezone)[0], months_ending(all_[-1], 1, timezone)[1]


def station_of(args: argparse.Namespace) -> Station:
    """Return what is entered of the station.  Raises CallError."""
    if args.station is None:
        raise CallError(f"export: {args.what} needs --station FILE; docs/exports.md describes it")
    try:
        return stationfile.load(args.station)
    except stationfile.StationRefused as error:
        raise CallError(str(error)) from None


def _until(store: Lookups) -> int:
    return int(store.meta("last_wall_ms") or 0)  # how far the records go


def _uptimes(args: argparse.Namespace, store: Lookups, timezone: str) -> list[list[PortUptime]]:
    return [
        uptimes.report(store, month, timezone, _until(store), RULES[args.rules]) for month in months(args)
    ]


def _pieces(args: argparse.Namespace, store: Lookups, timezone: str) -> list[outages.OutagePiece]:
    found = []
    for month in months(args):
        records = uptimes.records_of(store, month, timezone, RULES[args.rules])
        found += outages.pieces(records, [month], timezone, _until(store), args.figure)
    return sorted(found, key=lambda piece: (piece.port, piece.start_wall_ms))


# --- the kinds ----------------------------------------------------------------------------------------


def sessions(args: argparse.Namespace, store: Lookups) -> int:
    """Print the table of sessions that touch the time, by start."""
    timezone = recorded.timezone(args, store)
    found = store.sessions(*period(args, timezone))
    lines = [_plain(line) for line in of_sessions.rows(found)]
    if args.json:
        totals = msgspec.to_builtins(of_sessions.totals(found))
        when = {"month": args.month} if args.month else {"quarter": args.quarter}
        asking.print_json({**when, "timezone": timezone, "totals": totals, "sessions": lines})
    else:
        table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(lines)
    return 0 if lines else 1


def evchart(args: argparse.Namespace, store: Lookups) -> int:
    """Print EV-ChART's module 2, 3 or 4."""
    station, timezone = station_of(args), recorded.timezone(args, store)
    match args.what:
        case "evchart-2":
            when = period(args, timezone)
            # sessions of the store touch the period; those that ended at its very end do not belong to it
            table = of_evchart.sessions(station, store.sessions(when[0] - 1, when[1]), when)
        case "evchart-3":
            table = of_evchart.uptime(station, _uptimes(args, store, timezone), args.figure)
        case _:
            table = of_evchart.outages(station, _pieces(args, store, timezone))
    return _written(args, station, table)


def of_the_station(args: argparse.Namespace) -> int:
    """Print what is made of the station file alone."""
    station = station_of(args)
    if args.what.startswith("charging-use"):
        kind = args.what.removeprefix("charging-use-")
        rows = charginguse.ports(station) if kind == "port" else charginguse.stations(station)
        return _rows(kind, rows)
    try:
        table = of_evchart.entered(station, int(args.what[-1]))
    except ValueError as error:
        raise CallError(f"{args.station}: {error}") from None
    return _written(args, station, table)


def _written(args: argparse.Namespace, station: Station, table: of_evchart.Table) -> int:
    """Print an EV-ChART file, and say what EV-ChART would refuse of it."""
    text = of_evchart.written(table)
    wrong = evchartcheck.check(text, table.module, {station.id: station.operational})
    for each in wrong:
        print(f"depot: EV-ChART would refuse {args.what}: {each}", file=sys.stderr)
    if args.json:
        asking.print_json({"module": table.module, "accepted": not wrong, "rows": table.rows})
    else:
        sys.stdout.write(text)
    return 1 if wrong else 0


def ocpi(args: argparse.Namespace, store: Lookups) -> int:
    """Print OCPI 2.2.1 locations, sessions or CDRs as the answer to a GET."""
    station, timezone = station_of(args), recorded.timezone(args, store)
    now_ms = _until(store)
    if args.what == "ocpi-locations":
        data = of_ocpi.locations(station, store.port_intervals(now_ms - DAY_MS, now_ms + 1), timezone, now_ms)
    else:
        begin, end = period(args, timezone)
        own = store.sessions(begin, end)
        if args.what == "ocpi-sessions":
            data = of_ocpi.sessions(station, own)
        else:
            ended = [row for row in own if row.end_wall_ms is not None and row.end_wall_ms < end]
            data = of_ocpi.cdrs(station, ended)
    asking.print_json(of_ocpi.answer(data, now_ms))
    return 0 if data else 1


def charging_use(args: argparse.Namespace, store: Lookups) -> int:
    """Print rows of the charging-use specification as JSON."""
    station, timezone = station_of(args), recorded.timezone(args, store)
    kind = args.what.removeprefix("charging-use-")
    match kind:
        case "session":
            rows = charginguse.sessions(station, _started(store, period(args, timezone)))
        case "uptime":
            rows = charginguse.uptime(station, _uptimes(args, store, timezone), args.figure)
        case _:
            rows = charginguse.outages(station, _pieces(args, store, timezone))
    return _rows(kind, rows)


def _rows(kind: str, rows: list[charginguse.Row]) -> int:
    asking.print_json(rows)
    lacking = charginguse.lacking(kind, rows)
    if lacking:
        told = ", ".join(f"{name} ({count})" for name, count in lacking.items())
        print(f"depot: rows lack what the schema requires and nobody knows: {told}", file=sys.stderr)
    return 0 if rows else 1


def share(args: argparse.Namespace, store: Lookups) -> int:
    """Print the month's anonymised aggregates."""
    timezone = recorded.timezone(args, store)
    (month, *more) = months(args)
    if more:
        raise CallError("export: share is of a month: expected --month YYYY-MM")
    key = args.state / PSEUDONYM_KEY
    if not key.exists():
        raise CallError(f"{key}: there is no such file; the site's pseudonym is made with the daemon's key")
    names = Pseudonyms(key)
    if names.trouble:
        raise CallError(names.trouble)
    begin, end = months_ending(month, 1, timezone)
    site = names.of("site", str(store.meta("site") or ""))
    own = _started(store, (begin, end))
    last_ms = max((row.end_wall_ms or end for row in own), default=end)
    asking.print_json(of_share.share(site, month, timezone, own, store.charged(begin, last_ms)))
    return 0 if own else 1


def _started(store: Lookups, when: Span) -> list[Session]:
    return [row for row in store.sessions(*when) if row.start_wall_ms >= when[0]]


def _plain(line: SessionLine) -> dict[str, Any]:
    """Return a line with times as ISO 8601 and durations in seconds."""
    values = (
        line.id, line.charger, _utc(line.start_wall_ms), _utc(line.end_wall_ms), line.duration_ms // 1000,
        line.charging_ms // 1000, line.idle_ms // 1000, line.energy_wh, line.energy_source, line.mean_w,
        line.power_w_max, line.starts, line.end_reason, line.error, line.vehicle, line.driver,
        line.failed_starts, line.stop,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _utc(wall_ms: int | None) -> str:
    if wall_ms is None:
        return ""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
