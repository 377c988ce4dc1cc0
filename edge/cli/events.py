"""`depot events`: the utility's events; `opt-out` and `opt-in` with a reason; `report`: what was done."""

import argparse
from pathlib import Path
from typing import Any

from edge.cli import asking, eventreport
from edge.cli.helptext import Help
from edge.shell.answers import EventStatus, OptOutStatus
from edge.shell.control import AskEvents, AskOptOut, AskOptOutStanding

EPILOG = """examples:
  depot events
  depot events --json
  depot events opt-out ev-17 --reason "ambulances need full power tonight"
  depot events opt-in ev-17
  depot events opt-out --program evening-peak --reason "flood: every vehicle is needed"
  depot events opt-in --all
  depot events report ev-17 --html ev-17.html

The reason is kept with the event and stands in the audit log; the utility is not told of it yet.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    asking.arguments(parser)
    doing = parser.add_subparsers(dest="doing", metavar="opt-out|opt-in|report")
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}
    out = doing.add_parser("opt-out", help="do not obey an event", **alike)
    _which(out)
    out.add_argument("--reason", required=True, help="why; kept with the event")
    back = doing.add_parser("opt-in", help="obey it again", **alike)
    _which(back)
    back.add_argument("--reason", default="", help="why")
    report = doing.add_parser("report", help="what was done about an event", **alike)
    report.epilog = eventreport.EPILOG
    eventreport.arguments(report)
    for sub in (out, back, report):
        # Given after opt-out or before it, the options mean the same.
        sub.add_argument("--state", metavar="DIR", type=Path, default=argparse.SUPPRESS)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _which(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="of the event, as `depot events` lists it")
    which.add_argument("--program", metavar="ID", help="all that this program sends, from now on")
    which.add_argument("--all", action="store_true", help="all events, from now on")


def run(args: argparse.Namespace) -> int:
    """List, or opt out or in.  Returns 0."""
    if args.doing == "report":
        return eventreport.run(args)
    if args.doing:
        told = _opted(args)
        if args.json:
            asking.print_json(told)
        else:
            print(told.words)
        return 0
    events = asking.ask(args.state, AskEvents(), list[EventStatus])
    if args.json:
        asking.print_json(events)
    elif not events:
        print("no events of the utility are known")
    else:
        print(asking.table(("ID", "STATE", "WHAT"), [(e.id, e.step, e.words) for e in events]))
    return 0


def _opted(args: argparse.Namespace) -> EventStatus | OptOutStatus:
    back_in = args.doing == "opt-in"
    if args.program or args.all:
        standing = AskOptOutStanding(args.program or "", args.reason, back_in)
        return asking.ask(args.state, standing, OptOutStatus)
    return asking.ask(args.state, AskOptOut(args.id, args.reason, back_in), EventStatus)
