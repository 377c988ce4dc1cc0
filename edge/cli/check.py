"""`depot check FILE`: reads a site file, says everything that is wrong, proves the fallback currents (I4)."""

import argparse
import json
import sys
from typing import Any

import msgspec

from edge.cli import CallError
from edge.core.fallback import NodeProof
from edge.model.units import PHASES, amps_text
from edge.shell.sitefile import Examined, SiteUnreadable, examine
from edge.shell.siteschema import schema

EPILOG = """examples:
  depot check site.toml            what is wrong, else the sum of fallback currents per node
  depot check site.toml --json     the same for programs
  depot check --schema             the JSON Schema of site files, for editors

exit 0: the site may run.  1: it reads, and is refused.  2: it cannot be read, or is not TOML.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("file", nargs="?", help="the site file (TOML)")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of site files and end")


def run(args: argparse.Namespace) -> int:
    """Check one file.  Returns 0 if the site may run, 1 if it is refused."""
    if args.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    if args.file is None:
        raise CallError("check: expected a site file (depot check site.toml)")
    try:
        found = examine(args.file)
    except SiteUnreadable as error:
        raise CallError(str(error)) from None
    if args.json:
        print(json.dumps(_document(found), indent=1))
    else:
        _tell(found)
    return 0 if found.site else 1


def _document(found: Examined) -> dict[str, Any]:
    return {
        "file": str(found.path),
        "ok": found.site is not None,
        "problems": [_problem(each) for each in found.problems],
        "notes": [_problem(each) for each in found.notes],
        "nodes": [msgspec.to_builtins(node) | {"fits": node.fits} for node in found.proof],
    }


def _problem(problem: Any) -> dict[str, Any]:
    return {**msgspec.to_builtins(problem), "text": str(problem)}


def _tell(found: Examined) -> None:
    for problem in found.problems:
        print(f"{found.path}: {problem}", file=sys.stderr)
    for note in found.notes:
        print(f"{found.path}: note: {note}", file=sys.stderr)
    if found.proof:
        print("If the gateway falls silent (I4), per phase L1 / L2 / L3:")
        print(f"  {'node':16} {'limit':>20} {'other load':>20} {'fallback':>20} {'spare':>20}")
        for node in found.proof:
            print(_line(node))
    if found.site is None:
        print(f"{found.path}: refused, {_count(len(found.problems), 'problem')}", file=sys.stderr)
    else:
        site = found.site
        print(
            f"{found.path}: {len(site.chargers)} chargers, {len(site.meters)} meters: fallback currents fit"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _line(node: NodeProof) -> str:
    parts = [node.limit_ma, node.other_ma, node.fallback_ma, node.spare_ma]
    columns = " ".join(f"{_triple(part):>20}" for part in parts)
    watts = f"   {node.sum_w} of {node.limit_w} W" if node.limit_w is not None else ""
    return f"  {node.node:16} {columns}{watts}{'' if node.fits else '   DOES NOT FIT'}"


def _triple(triple: tuple[int, int, int]) -> str:
    return " / ".join(amps_text(triple[phase]).removesuffix(" A") for phase in PHASES) + " A"
