"""`depot why CHARGER`: why a charger gets what it gets, now or at a time.

The running daemon knows every second of the last quarter of an hour; its store knows every change of a
grant, also while no daemon runs.
"""

import argparse
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import CallError, asking
from edge.shell import control
from edge.shell.answers import NothingRecordedError, Status, Why
from edge.shell.desk import why_from_store
from edge.shell.statedir import STORE
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.words import amps

EPILOG = """examples:
  depot why bay-3
  depot why bay-3 --at 14:03                 today, or yesterday if that is still to come
  depot why bay-3 --at "yesterday 22:15"
  depot why bay-3 --at "2026-11-19 22:15:30"
  depot why bay-3 --at 2026-11-20T06:15:30Z --json

Times are local to the site unless they say otherwise.
exit 0: done.  1: nothing is recorded of that time.  2: no daemon and no store, or no such charger.
"""

EXPECTED = 'expected HH:MM, "yesterday HH:MM", "YYYY-MM-DD HH:MM[:SS]", or ISO 8601 with an offset'


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("charger", metavar="CHARGER", help="its id in the site file")
    parser.add_argument("--at", metavar="TIME", help="a time in the past; now where it is left out")
    asking.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print why.  Returns 0, or 1 where nothing is recorded."""
    why = _why(args)
    if why is None:
        return 1
    if args.json:
        asking.print_json(why)
    else:
        print("\n".join(lines(why)))
    return 0


def lines(why: Why, width: int | None = None) -> Iterator[str]:
    """Yield the answer as text.  width: None for the terminal's."""
    width = width or asking.width()
    yield why.time
    yield from textwrap.wrap(why.words, width)
    if why.would_change:
        yield from textwrap.wrap(why.would_change, width)
    if why.path:
        yield ""
        rows = [
            (
                b.node,
                b.phase,
                amps(b.limit_ma),
                amps(b.other_ma),
                amps(b.charging_ma),
                amps(max(0, b.free_ma)),
                b.because,
            )
            for b in why.path
        ]
        head = ("NODE", "PHASE", "LIMIT", "OTHER", "CHARGING", "FREE", "LIMIT BY")
        yield asking.table(head, rows, right=(2, 3, 4, 5))


def _why(args: argparse.Namespace) -> Why | None:
    """Ask the daemon, else its store.  None, and a word to the person, where nothing is recorded."""
    try:
        control.ask(args.state, control.AskEvents())
    except control.NoDaemonError as error:
        return _from_store(args, str(error))
    zone = ZoneInfo(asking.ask(args.state, control.AskStatus(), Status).timezone) if args.at else None
    at_wall_ms = moment(args.at, zone, _now_ms()) if args.at else None
    found = asking.ask(args.state, control.AskWhy(args.charger, at_wall_ms), object)
    if found is None:
        when = args.at or "now"
        print(f"depot: nothing is recorded of {args.charger} at or before {when}", file=sys.stderr)
        return None
    return msgspec.convert(found, Why)


def _from_store(args: argparse.Namespace, no_daemon: str) -> Why | None:
    """Ask the store of a daemon that does not run; its times are in this machine's time zone."""
    path: Path = args.state / STORE
    if not path.exists():
        raise CallError(f"{no_daemon}, and there is no store at {path}")
    if args.at is None:
        raise CallError(f"{no_daemon}; --at TIME looks it up in the store")
    now_ms = _now_ms()
    print(f"depot: no daemon runs: from {path}, in this machine's time zone", file=sys.stderr)
    try:
        store = Store(path, read_only=True)
        try:
            return why_from_store(store, None, args.charger, moment(args.at, None, now_ms), now_ms)
        finally:
            store.close()
    except StoreTrouble as error:
        raise CallError(str(error)) from None
    except NothingRecordedError as error:
        print(f"depot: {error}", file=sys.stderr)
        return None


def moment(text: str, zone: ZoneInfo | None, now_ms: int) -> int:
    """Return a time that a person wrote, as UTC ms.  A time of day alone is the latest that has been.

    zone: None for the one of this machine.  Raises CallError naming what was expected.
    """
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    match = re.fullmatch(r"(yesterday +)?(\d{1,2}:\d\d(:\d\d)?)", text.strip())
    try:
        if match:
            day = now.date() - timedelta(days=1 if match[1] else 0)
            hours, *rest = match[2].split(":")
            at = datetime.fromisoformat(f"{day} {hours.zfill(2)}:{':'.join(rest)}").replace(tzinfo=zone)
            if at.timestamp() * 1000 > now_ms:
                at -= timedelta(days=1)
        else:
            at = datetime.fromisoformat(text.strip())
            at = at if at.tzinfo else at.replace(tzinfo=zone)
        at_ms = int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise CallError(f"--at {text!r}: {EXPECTED}") from None
    if at_ms > now_ms:
        raise CallError(f"--at {text!r}: that time is still to come")
    return at_ms


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
