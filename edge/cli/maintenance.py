"""`depot maintenance add/withdraw/list`: scheduled maintenance, announced before it begins."""

import argparse

from edge.cli import asking, outage
from edge.cli.helptext import Help
from edge.model.exclusion import MAINTENANCE
from edge.shell.control import AskExclusionAdd, AskExclusionWithdraw
from edge.shell.exclusions import ExclusionWish

EPILOG = """examples:
  depot maintenance add --port US-NRT-E3 --from "2026-10-20 08:00" --to "2026-10-20 12:00" \\
      --evidence "yearly inspection, announced to drivers on 2026-10-12"
  depot maintenance list
  depot maintenance withdraw maintenance-19a2f31c0d8 --because "put off"

It must be entered before it begins: only then is it scheduled maintenance in the sense of 23 CFR 680.116(b).
What is excluded is the outage within these times, and nothing beyond them.  Times are local to the site.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="add|withdraw|list", required=True)
    form = Help
    add = doing.add_parser("add", help="announce maintenance", epilog=EPILOG, formatter_class=form)
    add.add_argument("--port", action="append", default=[], metavar="PORT", help="again for more; else all")
    add.add_argument("--from", dest="from_time", required=True, metavar="TIME")
    add.add_argument("--to", dest="to_time", required=True, metavar="TIME")
    add.add_argument("--evidence", required=True, metavar="TEXT", help="what, and how it was announced")
    asking.arguments(add)
    outage.withdrawing(doing)
    asking.arguments(doing.add_parser("list", help="all entries", epilog=EPILOG, formatter_class=form))


def run(args: argparse.Namespace) -> int:
    """Announce, withdraw or list.  Returns 0."""
    if args.doing == "list":
        return outage.listing(args, [MAINTENANCE])
    if args.doing == "withdraw":
        return outage.tell(args, AskExclusionWithdraw(args.id, args.because))
    wish = ExclusionWish("maintenance", args.port, args.from_time, args.to_time, args.evidence)
    return outage.tell(args, AskExclusionAdd(wish))
