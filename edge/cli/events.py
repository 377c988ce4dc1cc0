"""`depot events`: the utility's events; `opt-out` and `opt-in` with a reason; `report`: what was done."""

import argparse
from pathlib import Path
from typing import Any

from edge.cli import asking, eventreport
from edge.shell.answers import EventStatus
from edge.shell.control import AskEvents, AskOptOut

EPILOG = """examples:
  depot events
  depot events --json
  depot events opt-out ev-17 --reason "ambulances need full power tonight"
  depot events opt-in ev-17
  depot events report ev-17 --html ev-17.html

The reason is kept with the event and stands in the audit log; the utility is not told of it yet.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    asking.arguments(parser)
    doing = parser.add_subparsers(dest="doing", metavar="opt-out|opt-in|report")
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}
    out = doing.add_parser("opt-out", help="do not obey an event", **alike)
    out.add_argument("id", metavar="ID", help="of the event, as `depot events` lists it")
    out.add_argument("--reason", required=True, help="why; kept with the event")
    back = doing.add_parser("opt-in", help="obey it again", **alike)
    back.add_argument("id", metavar="ID", help="of the event")
    back.add_argument("--reason", default="", help="why")
    report = doing.add_parser("report", help="what was done about an event", **alike)
    report.epilog = eventreport.EPILOG
    eventreport.arguments(report)
    for sub in (out, back, report):
        # Given after opt-out or before it, the options mean the same.
        sub.add_argument("--state", metavar="DIR", type=Path, default=argparse.SUPPRESS)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """List, or opt out or in.  Returns 0."""
    if args.doing == "report":
        return eventreport.run(args)
    if args.doing:
        request = AskOptOut(args.id, args.reason, args.doing == "opt-in")
        event = asking.ask(args.state, request, EventStatus)
        if args.json:
            asking.print_json(event)
        else:
            print(event.words)
        return 0
    events = asking.ask(args.state, AskEvents(), list[EventStatus])
    if args.json:
        asking.print_json(events)
    elif not events:
        print("no events of the utility are known")
    else:
        print(asking.table(("ID", "STATE", "WHAT"), [(e.id, e.step, e.words) for e in events]))
    return 0
