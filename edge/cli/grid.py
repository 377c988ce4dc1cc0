"""`depot grid`: the grid operator's own limits; the heartbeat of its box, and taking a lockout back."""

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from edge.cli import CallError, asking
from edge.cli.helptext import Help
from edge.shell.answers import GridStatus
from edge.shell.control import AskGrid, AskGridBeat, AskGridReset

EPILOG = """examples:
  depot grid
  depot grid --json
  depot grid beat paragraph-14a                              nothing is limited
  depot grid beat paragraph-14a --limit-kw 10.5 --for-s 900  the operator limits
  depot grid reset mil                                       a user takes a lockout back
  depot grid reset mil --installer

A box that speaks EEBUS needs a bridge that calls `beat` at least every 120 s, or writes the same line to
the control socket: {"do": "grid_beat", "id": "paragraph-14a", "limit_w": 10500, "for_s": 900}.  What a reset
came to is on the audit log.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    asking.arguments(parser)
    doing = parser.add_subparsers(dest="doing", metavar="beat|reset")
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}
    beat = doing.add_parser("beat", help="a heartbeat of the grid operator's box", **alike)
    beat.add_argument("--limit-kw", metavar="KW", help="what it limits to; left out where it limits nothing")
    beat.add_argument("--for-s", type=int, metavar="S", help="for how long; until the next word if left out")
    reset = doing.add_parser("reset", help="take a lockout back", **alike)
    reset.add_argument("--installer", action="store_true", help="by the right of the installer")
    for sub in (beat, reset):
        sub.add_argument("id", metavar="ID", help="of the limit, as in the site file")
        sub.add_argument("--state", metavar="DIR", type=Path, default=argparse.SUPPRESS)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """List, beat or reset.  Returns 0."""
    request: AskGrid | AskGridBeat | AskGridReset = AskGrid()
    if args.doing == "beat":
        request = AskGridBeat(args.id, _watts(args.limit_kw), _seconds(args.for_s))
    elif args.doing == "reset":
        request = AskGridReset(args.id, args.installer)
    limits = asking.ask(args.state, request, list[GridStatus])
    if args.json:
        asking.print_json(limits)
    elif args.doing:
        print("said; `depot grid` shows it within a second")
    elif not limits:
        print("the site file has no limit of the grid operator")
    else:
        rows = [(each.id, each.kind, each.node, each.state, each.words) for each in limits]
        print(asking.table(("ID", "KIND", "NODE", "STATE", "WHAT"), rows))
    return 0


def _watts(kw: str | None) -> int | None:
    if kw is None:
        return None
    try:
        watts = Decimal(kw) * 1000
    except InvalidOperation:
        watts = Decimal(-1)
    if not watts.is_finite() or watts < 0:
        raise CallError(f"--limit-kw {kw}: expected a number of kilowatts, 0 or more")
    return int(watts)


def _seconds(for_s: int | None) -> int | None:
    if for_s is not None and for_s <= 0:
        raise CallError(f"--for-s {for_s}: expected seconds, 1 or more")
    return for_s
