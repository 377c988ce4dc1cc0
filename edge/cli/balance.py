"""`depot balance`: one sharing problem through the C core.

The file is read strictly: a key that is missing, unknown, doubled or of the wrong type is an error that
names it, because a misspelt limit would silently be no limit.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge.cli import CallError
from edge.core import balance
from edge.model.sharing import Ask, BadProblem, Node, Shares

EPILOG = """\
examples:
  depot balance --problem depot.json           a table for people
  depot balance --problem depot.json --json    one JSON document
  depot balance --problem - --json <depot.json

A problem, in mA per phase conductor:
  {"nodes": [{"id": "main", "parent": null, "limit_ma": [63000, 63000, null]}],
   "chargers": [{"id": "bay-1", "node": "main", "phases": [1, 2, 3], "min_ma": 6000, "max_ma": 32000,
                 "step_ma": 1000, "priority": 0, "rank": 0, "weight": 1}]}
step_ma (1), priority (0), rank (the order of the file), weight (1) and a node's delta ("arithmetic",
"phasor" or "delta-wye") may be left out.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot balance` takes."""
    parser.epilog = EPILOG
    parser.add_argument("--problem", required=True, metavar="FILE", help="the problem; - is standard input")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Solve one problem and print its answer.

    Raises CallError, naming file, id and key, when the problem cannot be read.
    """
    try:
        nodes, asks = read(_text(args.problem))
        problem = balance.prepare(nodes, asks)
    except BadProblem as error:
        raise CallError(f"{args.problem}: {error}") from error
    problem.solve()  # the first call pays for fresh memory; solve_us is about the second
    started_ns = time.perf_counter_ns()
    problem.solve()
    solve_us = (time.perf_counter_ns() - started_ns) / 1000
    shares = problem.answer()
    if args.json:
        print(json.dumps(_document(shares, solve_us)))
    else:
        _print_table(nodes, shares, solve_us)
    return 0


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CallError(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CallError(f"{name}: is not UTF-8 at byte {error.start}") from error


def _document(shares: Shares, solve_us: float) -> dict[str, Any]:
    return {
        "grants_ma": shares.grants_ma,
        "because": shares.because,
        "used_ma": shares.used_ma,
        "solve_us": round(solve_us, 1),
    }


def _print_table(nodes: list[Node], shares: Shares, solve_us: float) -> None:
    wide = max([len(name) for name in (*shares.grants_ma, *shares.used_ma)] + [7])
    print(f"{'charger':{wide}}  {'grant':>10}  because")
    for name, grant_ma in shares.grants_ma.items():
        print(f"{name:{wide}}  {_amps(grant_ma):>10}  {shares.because[name]}")
    print(f"\n{'node':{wide}}  {'L1 of':>21}  {'L2 of':>21}  {'L3 of':>21}")
    for node in nodes:
        cells = [
            f"{_amps(used)} of {'any' if limit is None else _amps(limit)}"
            for used, limit in zip(shares.used_ma[node.id], node.limit_ma, strict=True)
        ]
        print(f"{node.id:{wide}}  " + "  ".join(f"{cell:>21}" for cell in cells))
    print(f"\nsolved in {solve_us:.1f} us", file=sys.stderr)


def _amps(ma: int) -> str:
    return f"{ma / 1000:.3f} A"


### Reading ###


def read(text: str) -> tuple[list[Node], list[Ask]]:
    """Return the nodes and chargers of a problem.

    Raises BadProblem, naming id and key, for what is not of the format; whether it makes sense as a
    tree is edge/core/balance.py's to say.
    """
    try:
        whole = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_refuse_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadProblem(f"is not JSON: {error}") from error
    parts = _object(whole, "problem", {"nodes", "chargers"}, set())
    nodes = [
        _node(_object(entry, f"nodes[{n}]", {"id", "parent", "limit_ma"}, {"delta"}), f"nodes[{n}]")
        for n, entry in enumerate(_list(parts["nodes"], "nodes"))
    ]
    needed, optional = {"id", "node", "phases", "min_ma", "max_ma"}, {"rank", *DEFAULTS}
    asks = [
        _ask(_object(entry, f"chargers[{n}]", needed, optional), f"chargers[{n}]", n)
        for n, entry in enumerate(_list(parts["chargers"], "chargers"))
    ]
    return nodes, asks


DEFAULTS = {"step_ma": 1, "priority": 0, "weight": 1}


def _node(entry: Mapping[str, Any], where: str) -> Node:
    where = _named(entry, where)
    limits = _list(entry["limit_ma"], f"{where}.limit_ma")
    if len(limits) != 3:
        raise BadProblem(f"{where}.limit_ma: {len(limits)} entries, expected three: L1, L2, L3")
    l1, l2, l3 = (
        None if limit is None else _integer(limit, f"{where}.limit_ma[{n}]", "an integer or null")
        for n, limit in enumerate(limits)
    )
    parent = None if entry["parent"] is None else _text_of(entry["parent"], f"{where}.parent")
    delta = _text_of(entry.get("delta", "arithmetic"), f"{where}.delta")
    return Node(entry["id"], parent, (l1, l2, l3), delta)


def _ask(entry: Mapping[str, Any], where: str, order: int) -> Ask:
    where = _named(entry, where)
    given = {**DEFAULTS, "rank": order, **entry}
    keys = ("min_ma", "max_ma", "step_ma", "priority", "rank", "weight")
    numbers = {key: _integer(given[key], f"{where}.{key}") for key in keys}
    listed = _list(entry["phases"], f"{where}.phases")
    phases = tuple(sorted(_integer(phase, f"{where}.phases[{n}]") for n, phase in enumerate(listed)))
    if not phases or len(set(phases)) != len(phases) or not set(phases) <= {1, 2, 3}:
        raise BadProblem(f"{where}.phases: {_short(listed)}, expected some of 1, 2 and 3, each once")
    return Ask(entry["id"], _text_of(entry["node"], f"{where}.node"), phases, **numbers)


def _named(entry: Mapping[str, Any], where: str) -> str:
    """Return how to speak of an entry: by its id from here on, not by its place."""
    name = _text_of(entry["id"], f"{where}.id")
    if not name:
        raise BadProblem(f"{where}.id: is empty")
    return f"{where.partition('[')[0]}[{name!r}]"


def _object(value: Any, where: str, needed: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadProblem(f"{where}: {_short(value)}, expected an object")
    name = value.get("id")
    if isinstance(name, str):
        where = f"{where.partition('[')[0]}[{name!r}]"
    for key in sorted(needed - value.keys()):
        raise BadProblem(f"{where}.{key}: is missing")
    for key in sorted(value.keys() - needed - optional):
        raise BadProblem(f"{where}.{key}: unknown key, expected {', '.join(sorted(needed | optional))}")
    return value


def _checker(kind: type, words: str) -> Callable[..., Any]:
    def check(value: Any, where: str, expected: str = words) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadProblem(f"{where}: {_short(value)}, expected {expected}")
        return value

    return check


_list = _checker(list, "a list")
_integer = _checker(int, "an integer")
_text_of = _checker(str, "text")


def _short(value: Any) -> str:
    words = json.dumps(value)
    return words if len(words) <= 40 else words[:37] + "..."


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadProblem(f"{entry.get('id', '')}.{twice}: the key is there twice".lstrip("."))
    return entry


def _refuse_constant(word: str) -> Any:
    raise BadProblem(f"{word} is not a number of JSON")
