"""`depot bench NAME`: figures with machine, versions and peers measured in the same run.

The benchmarks themselves are heavy and need test dependencies; they stay in the source checkout, as
tests/bench/NAME.py, each offering
    figures(quick: bool) -> dict     what was measured, fit for JSON
    words(figures: dict) -> str      the same as a table for people
One with PARTS (their names) is made of several, and takes which one of them: figures(quick, only).
"""

import argparse
import importlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import edge
from edge.cli import CallError

ROOT = Path(edge.__file__).parent.parent

EPILOG = """\
examples:
  depot bench balance
  depot bench balance --json >balance.json
  depot bench plan --quick
  depot bench day --only fleets

The figures are of this machine at this moment; peers are measured in the same run.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot bench` takes."""
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(_names()) or 'none here'}")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    parser.add_argument("--only", metavar="PART", help="one part of a benchmark that has several")


def run(args: argparse.Namespace) -> int:
    """Run one benchmark and print its figures.

    Raises CallError when there is no such benchmark or part, or no source checkout.
    """
    bench = _load(args.name)
    parts = sorted(getattr(bench, "PARTS", ()))
    if args.only is not None and args.only not in parts:
        raise CallError(
            f"bench {args.name}: --only {args.only!r}: expected {' or '.join(parts) or 'no --only'}"
        )
    figures = bench.figures(args.quick, args.only) if parts else bench.figures(args.quick)
    if args.json:
        print(json.dumps({"bench": args.name, "machine": machine(), "versions": versions(), **figures}))
    else:
        print(bench.words(figures))
        print(f"\n{', '.join(f'{key} {value}' for key, value in machine().items())}", file=sys.stderr)
    return 0


def _names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "tests" / "bench").glob("*.py") if path.stem[0] != "_")


def _load(name: str) -> ModuleType:
    folder = ROOT / "tests" / "bench"
    if not folder.is_dir():
        raise CallError(f"bench: the benchmarks are in the source checkout, and there is no {folder}")
    if name not in _names():
        raise CallError(f"bench: {name!r} is not a benchmark, expected one of {', '.join(_names())}")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"tests.bench.{name}")
    except ModuleNotFoundError as error:
        raise CallError(f"bench {name}: needs {error.name}; pip install 'depot-edge[test]'") from error


def machine() -> dict[str, Any]:
    """Return what the figures depend on of this machine."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or "unknown"


def versions() -> dict[str, str]:
    """Return the versions of what was measured."""
    return {"depot-edge": version("depot-edge"), "python": platform.python_version()}
