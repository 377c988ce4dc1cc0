"""`depot window add/list/remove`: when vehicles are there and what they need."""

import argparse
import sys
from pathlib import Path
from typing import Any

from edge.cli import CallError, asking
from edge.cli.helptext import Help
from edge.shell.answers import DeskError, ForgottenStatus, Status, WindowPreview, WindowStatus
from edge.shell.control import (
    AskStatus,
    AskWindowAdd,
    AskWindowForget,
    AskWindowImport,
    AskWindowRemove,
    AskWindows,
)
from edge.shell.windowfiles import read
from edge.shell.windowneeds import ARRIVES_WITH
from edge.shell.windows import WindowWish
from edge.shell.words import days

EPILOG = """examples:
  depot window list
  depot window add bay-3 --from 18:00 --ready-by 06:00 --need-kwh 40
  depot window add bay-3 --from 18:00 --ready-by 06:00 --need-kwh 40 \\
      --days mon-fri --priority 1 --vehicle "van 12" --id van-12
  depot window add vans --from 17:00 --ready-by 06:00 --km 180 --kwh-per-km 0.22 --not-on 2026-12-25
  depot window add van-7 --from 18:00 --ready-by 06:00 --soc 80       wherever it is plugged in
  depot window add bay-4 --from 18:00 --ready-by 06:00 --soc 80 --battery-kwh 60 --arrive-kwh 8
  depot window import vans.csv               what would become of them
  depot window import fleet.ics --apply      and do it, all or none
  depot window remove van-12
  depot window forget bay-3                  what was learned of it

A ready-by that is earlier than the start is on the next day.  Energy is in kWh.  Days are those of the
start.  Priority 0 is served first.  An id that exists is replaced.  Times are local to the site.
Instead of a charger: a group of chargers, a vehicle or a group of vehicles (site file); a vehicle's window
follows it to wherever it is plugged in, where the charger tells who is there.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="add|list|import|remove|forget", required=True)
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}

    add = doing.add_parser("add", help="add a window, or replace the one with that id", **alike)
    add.add_argument(
        "charger", metavar="WHO", help="a charger or vehicle of the site file, or a group of either"
    )
    add.add_argument("--from", dest="from_time", metavar="HH:MM", required=True, help="when it is there")
    add.add_argument("--ready-by", metavar="HH:MM", required=True, help="when it leaves")
    add.add_argument("--need-kwh", metavar="KWH", default="", help="the energy that it needs, in kWh")
    add.add_argument("--soc", metavar="PERCENT", default="", help="or the state of charge to reach")
    add.add_argument("--battery-kwh", metavar="KWH", default="", help="size of its battery, for --soc")
    add.add_argument(
        "--arrives-with",
        metavar="PERCENT",
        default=ARRIVES_WITH,
        help=f"for --soc, where the charger does not tell it ({ARRIVES_WITH})",
    )
    add.add_argument("--km", default="", help="or how far it goes")
    add.add_argument("--kwh-per-km", metavar="KWH", default="", help="its consumption, for --km")
    add.add_argument("--arrive-kwh", metavar="KWH", default="", help="so much at once, at any price")
    add.add_argument("--dates", default="", help="for these days only: 2026-12-24,2026-12-31")
    add.add_argument("--not-on", default="", metavar="DATES", help="not on these days")
    add.add_argument("--no-holidays", action="store_true", help="not on the tariff's holidays")
    add.add_argument("--must-leave", action="store_true", help="exempt from the utility's signals")
    add.add_argument("--days", default="daily", help="daily, weekdays, weekend, mon-fri, sat,sun … (daily)")
    add.add_argument("--priority", type=int, default=0, metavar="N", help="0 is served first (0)")
    add.add_argument("--discharge", action="store_true", help="it may give back: with --soc, --keep-soc")
    add.add_argument("--keep-soc", default="", metavar="%%", help="it never gives back below that")
    add.add_argument("--cycle-cost", default="", metavar="N", help="what a kWh given back wears; 0")
    add.add_argument("--vehicle", default="", help="its name, for people")
    add.add_argument("--id", default="", help="of the window; made from the charger's where it is left out")
    asking.arguments(add)

    import_ = doing.add_parser("import", help="windows of a CSV or iCalendar file", **alike)
    import_.add_argument("file", type=Path, metavar="FILE", help="with a header row, or with VEVENTs")
    import_.add_argument("--apply", action="store_true", help="add them, all or none; else only a preview")
    asking.arguments(import_)

    asking.arguments(doing.add_parser("list", help="all windows: of the site file, and added here", **alike))

    forget = doing.add_parser("forget", help="forget what was learned of a bay", **alike)
    forget.add_argument("charger", metavar="CHARGER", help="its id in the site file")
    asking.arguments(forget)

    remove = doing.add_parser("remove", help="remove a window that was added here", **alike)
    remove.add_argument("id", metavar="ID")
    asking.arguments(remove)


def run(args: argparse.Namespace) -> int:
    """Add, list, import, remove or forget.  Returns 0; 1 where windows of a file are refused."""
    if args.doing == "import":
        return _import(args)
    if args.doing == "forget":
        return _forget(args)
    if args.doing == "list":
        windows = asking.ask(args.state, AskWindows(), list[WindowStatus])
        if args.json:
            asking.print_json(windows)
        else:
            print(listed(windows))
        return 0
    if args.doing == "add":
        wish = WindowWish(
            charger=args.charger,
            from_time=args.from_time,
            ready_by=args.ready_by,
            need_kwh=args.need_kwh,
            days=args.days,
            priority=args.priority,
            vehicle=args.vehicle,
            id=args.id,
            soc=args.soc,
            battery_kwh=args.battery_kwh,
            arrives_with=args.arrives_with,
            km=args.km,
            kwh_per_km=args.kwh_per_km,
            arrive_kwh=args.arrive_kwh,
            dates=args.dates,
            not_on=args.not_on,
            holidays=not args.no_holidays,
            must_leave=args.must_leave,
            discharge=args.discharge,
            keep_soc=args.keep_soc,
            cycle_per_kwh=args.cycle_cost,
        )
        window = asking.ask(args.state, AskWindowAdd(wish), WindowStatus)
    else:
        window = asking.ask(args.state, AskWindowRemove(args.id), WindowStatus)
    if args.json:
        asking.print_json(window)
    else:
        print(f"{'removed' if args.doing == 'remove' else 'added'} {window.id}: {window.words}")
    if window.note and args.doing == "add":
        print(f"depot: {window.note}", file=sys.stderr)
    return 0


def _forget(args: argparse.Namespace) -> int:
    """Have the stays of a bay forgotten."""
    forgotten = asking.ask(args.state, AskWindowForget(args.charger), ForgottenStatus)
    if args.json:
        asking.print_json(forgotten)
    else:
        print(f"{forgotten.charger}: stays until now are forgotten; it is learned anew from the next on")
    return 0


def _import(args: argparse.Namespace) -> int:
    """Show what would become of a file's windows, or do it."""
    timezone = asking.ask(args.state, AskStatus(), Status).timezone
    try:
        entries = read(args.file.name, args.file.read_text(encoding="utf-8"), timezone)
    except (OSError, UnicodeDecodeError) as error:
        raise CallError(f"{args.file}: cannot be read: {error}") from error
    except DeskError as error:
        raise CallError(str(error)) from error
    wishes = [(entry.line, entry.wish) for entry in entries]
    found = asking.ask(args.state, AskWindowImport(wishes, args.apply), list[WindowPreview])
    refused = [each for each in found if each.error]
    done = args.apply and not refused
    if args.json:
        asking.print_json({"applied": done, "windows": found})
        return 1 if refused else 0
    for each in found:
        what = each.what if done or each.error else f"would be {each.what}"
        print(f"line {each.line}: {what}: {each.error or each.words}")
        if each.note:
            print(f"  look at this: {each.note}")
    if refused:
        print(f"{len(refused)} of {len(found)} refused; nothing was added", file=sys.stderr)
    elif not args.apply:
        print(f"{len(found)} windows; --apply adds them", file=sys.stderr)
    return 1 if refused else 0


def listed(windows: list[WindowStatus]) -> str:
    """Return the windows as a table."""
    if not windows:
        return "no charge windows; depot window add --help shows how to add one"
    head = ("ID", "CHARGER", "DAYS", "FROM", "READY BY", "NEED", "PRIO", "NOTES")
    rows = [
        (
            w.id,
            w.charger,
            " ".join(w.dates) or days(w.days),
            w.from_time,
            w.ready_by,
            f"{w.soc_pm / 10:g} %" if w.soc_pm else f"{w.need_wh / 1000:g} kWh",
            str(w.priority),
            "; ".join(
                part for part in (w.vehicle, "site file" if w.source == "site" else "", w.note) if part
            ),
        )
        for w in windows
    ]
    return asking.table(head, rows, right=(5, 6))
