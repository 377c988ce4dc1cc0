"""`depot read`: one look at a device in plain quantities."""

import argparse
import json
import sys
from typing import Any

from drivers.wire import Read, Reply
from edge.cli import device_at
from edge.cli.device_at import NoAnswer, Target, shown
from edge.model.quantities import BY_KEY
from edge.shell.outcome import EXCEPTIONS
from edge.shell.visit import Look, Visit

EPILOG = """\
examples:
  depot read bay-3 --site site.toml
  depot read --driver janitza_umg604 --tcp 192.168.1.20
  depot read --driver eastron_sdm630 --serial /dev/ttyUSB0 --baud 9600 --format 8N1 --unit 3
  depot read bay-3 --site site.toml --raw        registers as they came, too
  depot read bay-3 --site site.toml --json

Reads only.  exit 0: the device was recognised and read.  1: it did not answer, or is something else.
2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot read` takes."""
    parser.epilog = EPILOG
    device_at.arguments(parser)
    parser.add_argument("--raw", action="store_true", help="show the registers of every read, too")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Look once and print."""
    at = device_at.target(args)
    try:
        look, counts = device_at.visit(at, _look)
    except NoAnswer as error:
        if args.json:
            print(json.dumps({"device": at.name, "driver": at.device.table.name, "error": str(error)}))
        print(f"depot read: {at.name}: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(document(at, look, counts, args.raw), indent=1))
    else:
        print("\n".join(page(at, look, args.raw)))
    return 0


async def _look(visit: Visit) -> tuple[Look, dict[str, int | str]]:
    return await visit.look(), visit.counts.values()


def document(at: Target, look: Look, counts: dict[str, int | str], raw: bool) -> dict[str, Any]:
    """Return a look as plain data."""
    found: dict[str, Any] = {
        "device": at.name,
        "driver": at.device.table.name,
        "at": at.where,
        "identity": look.identity,
        "values": {key: look.values[key] for key in BY_KEY if key in look.values},
        "line": counts,
        "silent": [_place(read) for read in look.silent],
    }
    if raw:
        found["raw"] = [
            {
                "unit": read.unit, "space": read.space, "address": read.address, "count": read.count,
                **({"refused": reply} if isinstance(reply, int) else {"words": list(reply)}),
            }
            for read, reply in look.replies.items()
        ]  # fmt: skip
    return found


def page(at: Target, look: Look, raw: bool) -> list[str]:
    """Return a look for people, in the order of the quantities' list."""
    table = at.device.table
    lines = [f"{at.name}: {table.vendor} {table.model}, {at.where}", ""]
    keys = [key for key in BY_KEY if key in look.values]
    width = max((len(BY_KEY[key].name) for key in keys), default=0)
    lines += [f"  {BY_KEY[key].name:{width}}  {shown(key, look.values[key])}" for key in keys]
    missing = [key for key in table.keys if key not in look.values and key in BY_KEY]
    if missing:
        lines += ["", "not told: " + ", ".join(BY_KEY[key].name for key in missing)]
    lines += [f"no answer: {_place(read)}" for read in look.silent]
    if raw:
        lines += ["", *(_registers(read, reply) for read, reply in look.replies.items())]
    return lines


def _place(read: Read) -> str:
    return f"unit {read.unit} {read.space} {read.address}, {read.count}"


def _registers(read: Read, reply: Reply) -> str:
    if isinstance(reply, int):
        return f"{_place(read)}: refused, {reply} {EXCEPTIONS.get(reply, '')}".rstrip()
    words = [f"{word:04X}" for word in reply]
    rows = [" ".join(words[n : n + 10]) for n in range(0, len(words), 10)]
    marked = [f"  {read.address + 10 * n:6}  {row}" for n, row in enumerate(rows)]
    return "\n".join([f"{_place(read)}:", *marked])
