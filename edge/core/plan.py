"""The door to the planner in C: a problem in, step by step, a plan with its proof out.

Rule 1: nothing here asks a clock.  Whoever has one calls step() until it is good enough or too late.
Rule 2: a step is short and the interpreter runs on during it (cffi releases its lock), so that a plan
        in a thread never delays a tick.
Rule 3: no pointer leaves this file.

native/README.md has the mathematics; native/plan.h the promises of every function.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from edge.core._native import ffi, lib
from edge.model.planning import Plan, PlanCharger, PlanNode, Problem, fault, in_order

# Iterations between two looks at the clock: below 10 ms for 400 chargers × 288 slots on a PC.
CHUNK = 40

# A lawful plan that has not become cheaper for so many iterations will not; nor a relaxed one.
IDLE_ITERATIONS = {True: 1_000, False: 100_000}


class BadProblem(ValueError):
    """The problem cannot be planned; the message names id and key."""


class Progress(NamedTuple):
    """How far a solver is.  objective, gap: of a lawful plan where one is asked for, else infinite."""

    objective: float
    lower_bound: float
    gap: float
    iterations: int
    rows: int


class Solver:
    """One problem being solved.

    warm: a solver of an earlier problem of the same site, `shift` of whose slots have passed since;
        chargers and nodes are matched by id.
    Raises BadProblem, naming id and key.
    """

    def __init__(self, problem: Problem, warm: "Solver | None" = None, shift: int = 0) -> None:
        wrong = fault(problem)
        if wrong is not None:
            raise BadProblem(wrong)
        self.problem = problem
        self._nodes = in_order(problem.nodes)
        self._keep: list[Any] = []  # what the C problem points at
        self._c = self._make()
        self.bytes: int = lib.pl_bytes(self._c)
        _checked(self.bytes)
        self._block = ffi.new("char[]", self.bytes + 64)
        address = int(ffi.cast("uintptr_t", self._block))
        self._memory = ffi.cast("void *", self._block + -address % 64)
        self.begin()
        if warm is not None:
            self.warm_start(warm, shift)

    def begin(self) -> None:
        """Set the solver up, or back to the beginning."""
        _checked(lib.pl_begin(self._c, self._memory, self.bytes))

    def step(self, iterations: int = CHUNK) -> Progress:
        """Iterate, at most so often; returns early once the gap asked for is certified."""
        _checked(lib.pl_run(self._memory, iterations, self.problem.gap))
        return self.progress()

    def progress(self) -> Progress:
        """Return how good the best plan so far is."""
        report = ffi.new("struct pl_report *")
        lib.pl_report(self._memory, report)
        return Progress(
            report.objective,
            report.lower_bound,
            report.gap,
            report.iterations,
            report.rows,
        )

    def plan(self) -> Plan:
        """Return the best plan so far."""
        chargers = self.problem.chargers
        amps = ffi.new("double[]", max(1, lib.pl_moments(self._c)))
        energy_wh = ffi.new("double[]", max(1, len(chargers)))
        answer = ffi.new("struct pl_answer *")
        _checked(lib.pl_finish(self._memory, amps, energy_wh, answer))
        return Plan(
            amps=self._horizons(list(amps)),
            energy_wh={c.id: energy_wh[i] for i, c in enumerate(chargers)},
            unmet_wh={c.id: max(0.0, c.energy_wh - energy_wh[i]) for i, c in enumerate(chargers)},
            objective=answer.objective,
            lower_bound=answer.lower_bound,
            gap=answer.gap,
            peak_kw=answer.peak_kw,
            iterations=answer.iterations,
            switches=answer.switches,
            reached=answer.gap <= self.problem.gap,
        )

    def _horizons(self, amps: list[float]) -> dict[str, tuple[float, ...]]:
        out = {}
        at = 0
        for c in self.problem.chargers:
            length = c.to_slot - c.from_slot
            before, after = (0.0,) * c.from_slot, (0.0,) * (self.problem.slots - c.to_slot)
            out[c.id] = before + tuple(amps[at : at + length]) + after
            at += length
        return out

    def _array(self, kind: str, values: list[Any]) -> Any:
        array = ffi.new(kind, values or 1)
        self._keep.append(array)
        return array

    def _make(self) -> Any:
        problem = self.problem
        limits_ma: list[int] = []
        limits_w: list[int] = []
        index = {node.id: n for n, node in enumerate(self._nodes)}
        nodes = [_node(node, index, limits_ma, limits_w) for node in self._nodes]
        chargers = [_charger(c, index) for c in problem.chargers]
        c = ffi.new("struct pl_problem *")
        c.slot_s, c.slots = problem.slot_s, problem.slots
        c.node_count, c.charger_count = len(nodes), len(chargers)
        c.lawful = problem.lawful
        if problem.demand is not None:
            c.demand_per_kw, c.already_kw = problem.demand.per_kw, problem.demand.already_kw
        c.earliness_per_kwh_h = problem.earliness_per_kwh_h
        c.price_per_kwh = self._array("double[]", list(problem.price_per_kwh))
        c.base_w = self._array("double[]", list(problem.base_w or ()) or [0.0] * problem.slots)
        if problem.own is not None:
            c.own_w = self._array("double[]", list(problem.own.w))
            c.own_per_kwh = self._array("double[]", list(problem.own.price_per_kwh))
        c.nodes = self._array("struct pl_node[]", nodes)
        c.chargers = self._array("struct pl_charger[]", chargers)
        c.limits_ma = self._array("int64_t[]", limits_ma)
        c.limits_w = self._array("int64_t[]", limits_w)
        return c

    def warm_start(self, old: "Solver", shift: int) -> None:
        """Start where another solver is, `shift` slots earlier.  Only right after begin()."""
        chargers = {c.id: i for i, c in enumerate(old.problem.chargers)}
        nodes = {node.id: n for n, node in enumerate(old._nodes)}
        charger_was = ffi.new("int32_t[]", [chargers.get(c.id, -1) for c in self.problem.chargers] or 1)
        node_was = ffi.new("int32_t[]", [nodes.get(node.id, -1) for node in self._nodes])
        _checked(lib.pl_warm(self._memory, old._memory, shift, charger_was, node_was))


def solve(problem: Problem, should_stop: Callable[[], bool]) -> Plan:
    """Solve until the gap is reached, no better plan comes, or should_stop() says so.

    should_stop is asked after every chunk.  Raises BadProblem.
    """
    solver = Solver(problem)
    idle = IDLE_ITERATIONS[problem.lawful]
    best, best_at = float("inf"), 0
    while True:
        now = solver.step()
        if now.objective < best:
            best, best_at = now.objective, now.iterations
        waits = now.iterations - best_at > idle and best < float("inf")
        if now.gap <= problem.gap or waits or should_stop():
            return solver.plan()


def _checked(result: int) -> None:
    if result < 0:  # what fault() lets through, C accepts: anything else is our bug
        raise BadProblem(ffi.string(ffi.cast("enum pl_result", result)))


def _node(node: PlanNode, index: dict[str, int], limits_ma: list[int], limits_w: list[int]) -> dict[str, int]:
    """Return the C node, its limits appended to the two lists."""
    out = {
        "parent": -1 if node.parent is None else index[node.parent],
        "phasor": lib.PL_DELTA_WYE if node.delta_wye else int(node.phasor),
        "limit_ma_at": -1,
        "limit_w_at": -1,
        "limit_ma_step": 0,
        "limit_w_step": 0,
    }
    none: int = lib.PL_NO_LIMIT
    if node.limit_ma is not None:
        out["limit_ma_at"] = len(limits_ma)
        out["limit_ma_step"] = 3 if len(node.limit_ma) > 1 else 0
        for triple in node.limit_ma:
            limits_ma += [none if v is None else v for v in triple or (None, None, None)]
    if node.limit_w is not None:
        out["limit_w_at"] = len(limits_w)
        out["limit_w_step"] = 1 if len(node.limit_w) > 1 else 0
        limits_w += [none if v is None else v for v in node.limit_w]
    return out


def _charger(c: PlanCharger, index: dict[str, int]) -> dict[str, int | float]:
    return {
        "node": index[c.node],
        "phases": sum(1 << (phase - 1) for phase in c.phases),
        "from_slot": c.from_slot,
        "to_slot": c.to_slot,
        "min_ma": c.min_ma,
        "max_ma": c.max_ma,
        "w_per_a": c.w_per_a,
        "energy_wh": c.energy_wh,
        "unmet_per_kwh": c.unmet_per_kwh,
    }
