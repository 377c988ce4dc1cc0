"""The `depot` command: one file a subcommand, imported only when it is called.

Exit 0: done.  Exit 1: the answer is no (a check failed).  Exit 2: the call or a file is wrong.
All `--json` output is one JSON document on standard output; messages for people go to standard error.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Container

from edge.cli.helptext import Help
from edge.shell.release import release

# command -> what `depot --help` says of it.  The module is edge/cli/<command>.py and offers
# arguments(parser) and run(args) -> exit code.
COMMANDS = {
    "run": "the daemon",
    "demo": "a whole simulated depot, live, with nothing to configure",
    "sim": "only the simulated devices, as real Modbus servers",
    "check": "read a site file, say what is wrong, prove that the fallback currents fit",
    "devices": "the device library: what is supported, how well, with caveats",
    "commission": "guided tests on site, and the signed-off report",
    "scan": "find and recognise devices; writes nothing",
    "read": "one look at a device in plain quantities",
    "write": "write one setting of a device on the bench, inside its allow-list",
    "trace": "watch the frames of a device, in hex and in words",
    "status": "what is going on now",
    "top": "what is going on now, live, with keys",
    "why": "why a charger gets what it gets, now or at a time",
    "tariff": "tariff files: check, show, import; and a month's bill under one",
    "cost": "what charging cost in a month: as billed, uncontrolled, and at best in hindsight",
    "window": "charge windows: add, list, remove",
    "events": "the utility's events",
    "grid": "the grid operator's own limits: contact, section 14a, G100",
    "utility": "play the utility on any broker: send events, watch reports",
    "users": "who may sign in at the page, and the tokens of programs",
    "audit": "the audit log: who did what, and what was refused",
    "board": "the fail-safe I/O board on USB: info, flash, test",
    "uptime": "uptime per port and month",
    "outage": "what people know of outages: vandalism, disasters, repairs, with evidence",
    "maintenance": "scheduled maintenance, announced before it begins",
    "indicators": "the depot's indicators of a month, each with its definition",
    "health": "what to look at before it fails: trends of devices, with thresholds",
    "export": "records of a month as a table for other programs",
    "network": "the charging network's end: receives from many depots, and reports on them",
    "balance": "one sharing problem through the C core",
    "plan": "one planning problem through the C core",
    "completion": "what makes the shell complete commands and options",
    "bench": "the benchmarks, with machine, versions and peers measured in the same run",
}


class CallError(Exception):
    """The call or a file is wrong: printed as `depot: …`, exit 2."""


def command_line(wanted: Container[str]) -> argparse.ArgumentParser:
    """Return the parser of `depot`; only wanted commands know their options: imports take time."""
    parser = argparse.ArgumentParser(
        prog="depot",
        description="Edge controller for fleet charging depots. Not a listed power-control system.",
        epilog="try: depot demo      depot check site.toml      depot COMMAND --help",
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"depot-edge {release()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary, formatter_class=Help)
        if name in wanted:
            importlib.import_module(f"edge.cli.{name}").arguments(sub)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one `depot` command and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    args = command_line(words[:1]).parse_args(words)
    try:
        return int(importlib.import_module(f"edge.cli.{args.command}").run(args))
    except CallError as error:
        print(f"depot: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `depot … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere, quietly
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
