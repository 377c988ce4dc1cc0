"""`depot plan`: one planning problem through the C core.

Reads strictly: an unknown key, a wrong type or a number that is none is refused, by id and key.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.cli import CallError
from edge.core import plan
from edge.model.planning import MAX_SLOTS, Demand, LimitMa, Own, Plan, PlanCharger, PlanNode, Problem

EXAMPLES = """examples:
  depot plan --problem tonight.json            a summary for people
  depot plan --problem tonight.json --json     the plan, its cost, and its proof
  depot plan --problem - --json < tonight.json

The gap is (objective - lower bound) / objective: no plan is cheaper than the lower bound, so a gap of
0.001 means that this plan costs at most 0.1 % too much.  native/README.md says how it is computed.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--problem", required=True, metavar="FILE", help="JSON file, - for stdin")
    parser.add_argument("--json", action="store_true", help="the whole answer as one document")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Solve one problem; returns 0.  Raises CallError where file or problem is wrong."""
    problem = read(args.problem)
    start = time.monotonic()
    until = start + problem.max_ms / 1000
    try:
        answer = plan.solve(problem, lambda: time.monotonic() >= until)
    except plan.BadProblem as error:
        raise CallError(f"{args.problem}: {error}") from error
    solve_ms = (time.monotonic() - start) * 1000
    if args.json:
        json.dump(document(answer, solve_ms), sys.stdout)
        print()
    else:
        print(summary(problem, answer, solve_ms))
    return 0


def document(answer: Plan, solve_ms: float) -> dict[str, Any]:
    """Return the answer as it is printed with --json."""
    return {
        "amps": answer.amps,
        "energy_wh": answer.energy_wh,
        "unmet_wh": answer.unmet_wh,
        "objective": answer.objective,
        "lower_bound": answer.lower_bound,
        "gap": answer.gap,
        "peak_kw": answer.peak_kw,
        "iterations": answer.iterations,
        "switches": answer.switches,
        "solve_ms": round(solve_ms, 3),
        "stopped": "gap" if answer.reached else "time",
    }


def summary(problem: Problem, answer: Plan, solve_ms: float) -> str:
    """Return a few lines for people."""
    hours = problem.slots * problem.slot_s / 3600
    needs = sum(c.energy_wh for c in problem.chargers)
    short = {name: wh for name, wh in answer.unmet_wh.items() if wh >= 1}
    lines = [
        f"{len(problem.chargers)} chargers, {len(problem.nodes)} nodes, {hours:g} h",
        f"cost {answer.objective:.2f}, at most {answer.gap:.3%} above the least possible",
        f"energy {sum(answer.energy_wh.values()) / 1000:.1f} of {needs / 1000:.1f} kWh, "
        f"peak {answer.peak_kw:.1f} kW, {answer.switches} times on or off",
        f"{answer.iterations} iterations in {solve_ms:.0f} ms",
    ]
    if short:
        worst = sorted(short, key=lambda name: -short[name])[:10]
        named = ", ".join(f"{name} {short[name] / 1000:.2f} kWh" for name in worst)
        lines.append(f"not enough for {len(short)} vehicles: {named}")
    return "\n".join(lines)


# --- reading ---------------------------------------------------------------------------------------


def read(name: str) -> Problem:
    """Return the problem of a file, "-" for standard input.  Raises CallError, naming id and key."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CallError(f"{name}: cannot be read: {error}") from error
    try:
        raw = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
        return problem_of(raw)
    except (ValueError, RecursionError) as error:
        raise CallError(f"{name}: {error}") from error


def problem_of(raw: Any) -> Problem:
    """Return the problem of a decoded document.  Raises ValueError, naming id and key."""
    top = _Fields("problem", raw)
    slots = top.take("slots", _whole)
    if not 1 <= slots <= MAX_SLOTS:  # before anything is counted against it
        raise ValueError(f"slots: expected 1 to {MAX_SLOTS}, not {slots}")
    out = Problem(
        slot_s=top.take("slot_s", _whole),
        slots=slots,
        price_per_kwh=top.take("price_per_kwh", _list_of(_number)),
        nodes=tuple(_node(n, entry, slots) for n, entry in enumerate(top.take("nodes", _list))),
        chargers=tuple(_charger(n, entry) for n, entry in enumerate(top.take("chargers", _list))),
        demand=top.take("demand", _or_null(_demand), None),
        base_w=top.take("base_w", _or_null(_list_of(_number)), None),
        own=top.take("own", _or_null(_own), None),
        earliness_per_kwh_h=top.take("earliness_per_kwh_h", _number, 0.0),
        lawful=top.take("lawful", _flag, False),
        gap=top.take("gap", _number, 0.001),
        max_ms=top.take("max_ms", _whole, 1000),
    )
    top.end()
    return out


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ValueError(f"{key}: is there twice")
        out[key] = value
    return out


_NEEDED = object()


class _Fields:
    """The keys of one JSON object, taken one by one; what is left at the end is an error."""

    def __init__(self, where: str, raw: Any) -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"{where}: expected an object, not {_short(raw)}")
        self.where = where
        self._left = dict(raw)

    def take(self, key: str, kind: Callable[[Any], Any], default: Any = _NEEDED) -> Any:
        if key not in self._left:
            if default is _NEEDED:
                raise ValueError(f"{self.where}: {key}: is missing")
            return default
        value = self._left.pop(key)
        try:
            return kind(value)
        except ValueError as error:
            raise ValueError(f"{self.where}: {key}: {error}") from None

    def end(self) -> None:
        for key in self._left:
            raise ValueError(f"{self.where}: {key}: is not a key here")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected a whole number, not {_short(value)}")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"expected a number, not {_short(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large") from None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, not {_short(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a name, not {_short(value)}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, not {_short(value)}")
    return value


def _or_null(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else kind(value)


def _list_of(kind: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def read_list(value: Any) -> tuple[Any, ...]:
        out = []
        for n, entry in enumerate(_list(value)):
            try:
                out.append(kind(entry))
            except ValueError as error:
                raise ValueError(f"[{n}]: {error}") from None
        return tuple(out)

    return read_list


def _triple(value: Any) -> LimitMa:
    entries = _list_of(_or_null(_whole))(value)
    if len(entries) != 3:
        raise ValueError(f"expected one entry for each of L1, L2, L3, not {_short(value)}")
    return entries[0], entries[1], entries[2]


def _limit_ma(slots: int) -> Callable[[Any], tuple[LimitMa | None, ...]]:
    """One triple, or a triple or null for every slot."""

    def read_limit(value: Any) -> tuple[LimitMa | None, ...]:
        if len(_list(value)) == 3 and not any(isinstance(entry, list) for entry in value):
            return (_triple(value),)
        return _per_slot(_list_of(_or_null(_triple))(value), slots)

    return read_limit


def _limit_w(slots: int) -> Callable[[Any], tuple[int | None, ...]]:
    """One number, or a number or null for every slot; W, rounded down."""

    def read_limit(value: Any) -> tuple[int | None, ...]:
        if isinstance(value, list):
            return _per_slot(_list_of(_or_null(_watts))(value), slots)
        return (_watts(value),)

    return read_limit


def _per_slot(entries: tuple[Any, ...], slots: int) -> tuple[Any, ...]:
    if len(entries) != slots:
        raise ValueError(f"expected {slots} entries, not {len(entries)}")
    return entries


def _watts(value: Any) -> int:
    number = _number(value)
    if not abs(number) < 1e15:
        raise ValueError(f"expected W, not {_short(value)}")
    return int(number // 1)


def _delta(value: Any) -> str:
    if value not in ("arithmetic", "phasor", "delta-wye"):
        raise ValueError(f'expected "arithmetic", "phasor" or "delta-wye", not {_short(value)}')
    return str(value)


def _demand(value: Any) -> Demand:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, not {_short(value)}")
    fields = _Fields("demand", value)
    out = Demand(fields.take("per_kw", _number), fields.take("already_kw", _number, 0.0))
    fields.end()
    return out


def _own(value: Any) -> Own:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, not {_short(value)}")
    fields = _Fields("own", value)
    out = Own(fields.take("w", _list_of(_number)), fields.take("price_per_kwh", _list_of(_number)))
    fields.end()
    return out


def _where(kind: str, n: int, raw: Any) -> str:
    name = raw.get("id") if isinstance(raw, dict) else None
    return f'{kind} "{name}"' if isinstance(name, str) and name else f"{kind}s[{n}]"


def _node(n: int, raw: Any, slots: int) -> PlanNode:
    fields = _Fields(_where("node", n, raw), raw)
    delta = fields.take("delta", _delta, "arithmetic")
    out = PlanNode(
        id=fields.take("id", _text),
        parent=fields.take("parent", _or_null(_text)),
        limit_ma=fields.take("limit_ma", _or_null(_limit_ma(slots)), None),
        limit_w=fields.take("limit_w", _or_null(_limit_w(slots)), None),
        phasor=delta == "phasor",
        delta_wye=delta == "delta-wye",
    )
    fields.end()
    return out


def _charger(n: int, raw: Any) -> PlanCharger:
    fields = _Fields(_where("charger", n, raw), raw)
    out = PlanCharger(
        id=fields.take("id", _text),
        node=fields.take("node", _text),
        phases=fields.take("phases", _list_of(_whole)),
        w_per_a=fields.take("w_per_a", _number),
        min_ma=fields.take("min_ma", _whole, 0),
        max_ma=fields.take("max_ma", _whole),
        from_slot=fields.take("from_slot", _whole),
        to_slot=fields.take("to_slot", _whole),
        energy_wh=fields.take("energy_wh", _number),
        unmet_per_kwh=fields.take("unmet_per_kwh", _number),
    )
    fields.end()
    return out
