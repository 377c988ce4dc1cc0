"""`depot cost --month YYYY-MM`: what charging cost, had nobody controlled it, and at best in hindsight."""

import argparse
from typing import Any

import msgspec

from edge.cli import CallError, asking, recorded
from edge.cli.progress import Progress
from edge.cli.tariff import tariff_of
from edge.report.hindsight import Watch
from edge.report.money import Money
from edge.shell import costs, words
from edge.shell.costs import MonthMoney
from edge.shell.sitefile import load

EPILOG = """examples:
  depot cost --site site.toml --month 2026-07
  depot cost --site site.toml --month 2026-07 --tariff other.toml     the same month under another tariff
  depot cost --site site.toml --month 2026-07 --json

Three ways of the same month, each vehicle with the energy that it got, while it was there: as it was charged;
uncontrolled, at full power from its coming on; and the best that was found in hindsight, with all that was
known afterwards only.  Charging: the bill less that without any charging.  docs/tariffs.md says how.

exit 0: done.  1: nobody charged in that month.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("--tariff", dest="file", metavar="FILE", help="default: the tariff of the site file")
    recorded.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report.  Returns 0, or 1 where nobody charged."""
    if args.site is None:
        raise CallError("cost: expected --site FILE: its breakers limit what would have been best")
    with recorded.store_of(args) as store:
        site = load(args.site)
        tariff = tariff_of(args, site.timezone)
        until_wall_ms = int(store.meta("last_wall_ms") or 0)
        found = costs.of_month(store, site, tariff, args.month, until_wall_ms, _watch())
        Progress.end()
    if args.json:
        asking.print_json(_document(found))
    else:
        _tell(found.money, found.missing_ms)
    return 0 if found.money.energy_wh else 1


def _watch() -> Watch:
    """Return what shows how far the search for the best is: a month of many vehicles takes minutes."""
    progress: Progress | None = None

    def step(tries: int) -> None:
        nonlocal progress
        progress = progress or Progress(tries)
        progress.step("looking for the best in hindsight")

    return step


def _document(found: MonthMoney) -> dict[str, Any]:
    return {**msgspec.to_builtins(found.money), "missing_hours": round(found.missing_ms / 3_600_000, 3)}


def _tell(money: Money, missing_ms: int) -> None:
    print(f"{money.month}: {money.energy_wh / 1000:,.1f} kWh charged")
    rows = [
        (
            way.name,
            words.money(way.total_micro, money.currency),
            words.money(way.charging_micro, money.currency),
            words.price(way.per_kwh_micro, money.currency) if way.per_kwh_micro is not None else "-",
            f"{way.peak_w / 1000:,.1f} kW" if way.peak_w is not None else "-",
            "",
        )
        for way in money.ways
    ]
    print(asking.table(("", "BILL", "CHARGING", "PER KWH", "PEAK", ""), rows, right=range(1, 5)))
    if money.vehicles:
        print()
        names = [way.name for way in money.ways]
        lines = [
            (
                v.vehicle,
                str(v.sessions),
                f"{v.energy_wh / 1000:,.1f}",
                *(words.money(v.micro[name], money.currency) for name in names),
                "",
            )
            for v in money.vehicles
        ]
        head = ("VEHICLE", "SESSIONS", "KWH", *(name.upper() for name in names), "")
        print(asking.table(head, lines, right=range(1, 6)))
    gap = f"{money.gap_ppm / 10_000:.2f} %"
    print(f"\nhindsight: the best found; the energy of its plan is within {gap} of its proved bound")
    if missing_ms:
        print(f"note: {missing_ms / 3_600_000:.1f} h of the month so far are missing, and on no bill")
    for note in money.notes:
        print(f"note: {note}")
