"""`depot window add/list/remove`: when vehicles are there and what they need."""

import argparse
import sys
from typing import Any

from edge.cli import asking
from edge.shell.answers import WindowStatus
from edge.shell.control import AskWindowAdd, AskWindowRemove, AskWindows
from edge.shell.windows import WindowWish
from edge.shell.words import days

EPILOG = """examples:
  depot window list
  depot window add bay-3 --from 18:00 --ready-by 06:00 --need-kwh 40
  depot window add bay-3 --from 18:00 --ready-by 06:00 --need-kwh 40 \\
      --days mon-fri --priority 1 --vehicle "van 12" --id van-12
  depot window remove van-12

A ready-by that is earlier than the start is on the next day.  Energy is in kWh.  Days are those of the
start.  Priority 0 is served first.  An id that exists is replaced.  Times are local to the site.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="add|list|remove", required=True)
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}

    add = doing.add_parser("add", help="add a window, or replace the one with that id", **alike)
    add.add_argument("charger", metavar="CHARGER", help="its id in the site file")
    add.add_argument("--from", dest="from_time", metavar="HH:MM", required=True, help="when it is there")
    add.add_argument("--ready-by", metavar="HH:MM", required=True, help="when it leaves")
    add.add_argument("--need-kwh", metavar="KWH", required=True, help="the energy that it needs, in kWh")
    add.add_argument("--days", default="daily", help="daily, weekdays, weekend, mon-fri, sat,sun … (daily)")
    add.add_argument("--priority", type=int, default=0, metavar="N", help="0 is served first (0)")
    add.add_argument("--vehicle", default="", help="its name, for people")
    add.add_argument("--id", default="", help="of the window; made from the charger's where it is left out")
    asking.arguments(add)

    asking.arguments(doing.add_parser("list", help="all windows: of the site file, and added here", **alike))

    remove = doing.add_parser("remove", help="remove a window that was added here", **alike)
    remove.add_argument("id", metavar="ID")
    asking.arguments(remove)


def run(args: argparse.Namespace) -> int:
    """Add, list or remove.  Returns 0."""
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


def listed(windows: list[WindowStatus]) -> str:
    """Return the windows as a table."""
    if not windows:
        return "no charge windows; depot window add --help shows how to add one"
    head = ("ID", "CHARGER", "DAYS", "FROM", "READY BY", "NEED", "PRIO", "NOTES")
    rows = [
        (
            w.id,
            w.charger,
            days(w.days),
            w.from_time,
            w.ready_by,
            f"{w.need_wh / 1000:g} kWh",
            str(w.priority),
            "; ".join(
                part for part in (w.vehicle, "site file" if w.source == "site" else "", w.note) if part
            ),
        )
        for w in windows
    ]
    return asking.table(head, rows, right=(5, 6))
