"""`depot devices`: what the device library supports, how well, and what surprises."""

import argparse
import json
from pathlib import Path
from typing import Any

from drivers import library
from drivers.table import BadTable, Table, Transport
from edge.cli import CallError

_EPILOG = """examples:
  depot devices                     all families
  depot devices alfen_eve           one, with sources and caveats
  depot devices --json              for programs
  depot devices --dir /etc/depot/devices my_meter
                                    checks a table of your own; see drivers/README.md
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("name", nargs="?", metavar="NAME", help="one family")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument(
        "--dir", action="append", type=Path, default=[], metavar="DIR", help="further tables (repeatable)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the library or one family of it."""
    extra = tuple(args.dir)
    for folder in extra:
        if not folder.is_dir():
            raise CallError(f"--dir {folder}: is no directory")
    try:
        tables = [library.load(args.name, extra)] if args.name else list(library.load_all(extra).values())
    except (BadTable, library.UnknownDriver) as error:
        raise CallError(str(error)) from None
    if args.json:
        print(json.dumps([describe(t) for t in tables] if not args.name else describe(tables[0]), indent=1))
    elif args.name:
        print(page(tables[0]))
    else:
        print("\n".join(listing(tables)))
    return 0


def describe(table: Table) -> dict[str, Any]:
    """Return what a family is and can, as plain data."""
    control, supervision = table.control, table.supervision
    return {
        "name": table.name,
        "kind": table.kind,
        "vendor": table.vendor,
        "model": table.model,
        "firmware": table.firmware,
        "confidence": table.confidence,
        "transports": [
            {"type": t.type, "where": where(t), "unit": t.unit, "sure": t.sure, "note": t.note}
            for t in table.transports
        ],
        "connectors": table.connectors.max,
        "quantities": list(table.keys),
        "control": control
        and {
            "min_ma": control.min_ma,
            "max_ma": control.max_ma,
            "step_ma": control.step_ma,
            "zero": control.zero,
            "phases": bool(control.phases_1),
        },
        "supervision": {
            "kind": supervision.kind,
            "time_ms": supervision.time_ms,
            "fallback": supervision.fallback,
            "note": supervision.note,
        },
        "writable": sorted(table.settings),
        "setup": table.setup_note,
        "sources": list(table.source),
        "caveats": [{"text": c.text, "seen": c.seen} for c in table.caveats],
    }


def where(transport: Transport) -> str:
    """Say how a transport is reached: "tcp 502", "rtu 9600 8N1?"."""
    if transport.type == "tcp":
        return f"tcp {transport.port}"
    doubt = "" if transport.sure else "?"
    return f"{transport.type} {transport.baud} {transport.format}{doubt}"


def can(table: Table) -> str:
    """Say in a few words what a family can do."""
    words = []
    if table.kind == "board":
        return "heartbeat, relays, inputs, self-test"
    if control := table.control:
        words.append(f"{control.min_ma / 1000:g}–{control.max_ma / 1000:g} A")
        if control.phases_1:
            words.append("1/3 phases")
        kind = table.supervision.kind
        words.append("no supervision" if kind == "none" else kind.replace("_", " "))
    else:
        words.append("per phase" if "current_l3_ma" in table.keys else "one phase")
        if "energy_import_wh" in table.keys:
            words.append("energy")
    return ", ".join(words)


def listing(tables: list[Table]) -> list[str]:
    """Return the table of all families, one a line."""
    rows = [("NAME", "KIND", "CONFIDENCE", "TRANSPORTS", "CAN")]
    rows += [
        (t.name, t.kind, t.confidence, " · ".join(where(one) for one in t.transports), can(t)) for t in tables
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    lines = ["  ".join([*(row[n].ljust(widths[n]) for n in range(4)), row[4]]) for row in rows]
    chargers = sum(t.kind in ("charger", "dc_charger") for t in tables)
    meters = sum(t.kind == "meter" for t in tables)
    return [*lines, "", f"{chargers} charger and {meters} meter families; ? is not confirmed"]


def page(table: Table) -> str:
    """Return everything about one family, for people."""
    lines = [f"{table.vendor} {table.model}", f"{table.kind}, confidence {table.confidence}: {can(table)}"]
    if table.firmware:
        lines.append(f"firmware: {table.firmware}")
    if table.setup_note:
        lines.append(f"setup: {table.setup_note}")
    for t in table.transports:
        units = f" (also {', '.join(str(u) for u in t.units if u != t.unit)})" if len(t.units) > 1 else ""
        lines.append(f"reached by: {where(t)}, unit {t.unit}{units}{'. ' + t.note if t.note else ''}")
    if control := table.control:
        lines.append(f"a written 0 {_ZERO[control.zero]}; setpoints in steps of {control.step_ma} mA")
        s = table.supervision
        time = f", {s.time_ms / 1000:g} s" if s.time_ms else ""
        lines.append(f"supervision: {s.kind}{time}; fallback {s.fallback}. {s.note}".rstrip())
    lines += ["", "tells:", *_wrapped(table.keys)]
    if table.settings:
        lines += ["", "may be written:", *_wrapped(sorted(table.settings))]
    lines += ["", "sources:", *(f"  {source}" for source in table.source)]
    if table.caveats:
        lines += ["", "caveats:"]
        lines += [f"  {c.text}" + (f"\n    seen: {c.seen}" if c.seen else "") for c in table.caveats]
    return "\n".join(lines)


_ZERO = {
    "pauses": "pauses",
    "no_limit": "means NO LIMIT and is never written",
    "aborts": "aborts the session and is never written",
    "refused": "is not accepted; another register pauses",
    "undefined": "is in no source and never written",
}


def _wrapped(words: tuple[str, ...] | list[str]) -> list[str]:
    lines, line = [], " "
    for word in words:
        if len(line) + len(word) > 98:
            lines.append(line)
            line = " "
        line += f" {word}"
    return [*lines, line]
