"""The true optimum by HiGHS: the linear programme written out row by row, from the document alone.

Phasor limits are no rows but cones.  With `tangents` they become tangent cuts, a little too wide
(outer), or chords, a little too narrow (inner); the true optimum lies between the two.
"""

import cmath
import math
import time
from typing import Any, NamedTuple

import highspy
import numpy as np

Document = dict[str, Any]


class Optimum(NamedTuple):
    """objective; seconds of CPU; share of circuit rows that are tight; the size of the programme."""

    objective: float
    seconds: float
    tight: float
    rows: int
    columns: int


class Oracle:
    """One problem as a HiGHS model.  Rows that can never bind are left out, as a modeller would."""

    def __init__(self, problem: Document, *, inner: bool = False, tangents: int = 16) -> None:
        self.problem = problem
        self._inner, self._tangents = inner, tangents
        self._parents = {n["id"]: n["parent"] for n in problem["nodes"]}
        self._cost: list[float] = []
        self._most: list[float] = []
        self._least: list[float] = []
        self._rows: list[tuple[list[tuple[int, float]], float, bool]] = []
        self.column_keys: list[tuple[Any, ...]] = []  # (charger, slot), ("peak", -1)
        self.row_keys: list[tuple[Any, ...]] = []  # (charger, -1), (node, what, slot), ("peak", slot)
        self._constant = 0.0
        loads = self._columns()
        self._circuits(loads)
        self._demand(loads)
        self._own(loads)
        self.model = self._model()

    def solve(self, method: str = "simplex", limit_s: float = 1e9) -> Optimum:
        """Run HiGHS on one thread; building the model is not counted."""
        highs = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("solver", method)):
            highs.setOptionValue(option, value)
        highs.setOptionValue("time_limit", limit_s)
        highs.passModel(self.model)
        return self.run(highs)

    def run(self, highs: Any) -> Optimum:
        """Run a HiGHS object that holds the model."""
        start = time.process_time()
        highs.run()
        seconds = time.process_time() - start
        status = highspy.HighsModelStatus
        if highs.getModelStatus() not in (status.kOptimal, status.kModelEmpty):
            raise RuntimeError(f"HiGHS: {highs.modelStatusToString(highs.getModelStatus())}")
        values = np.array(highs.getSolution().row_value)
        upper = np.array(self.model.row_upper_)
        circuit = np.array([row[2] for row in self._rows], dtype=bool)
        tight = (values >= upper - 1e-6 * (1 + np.abs(upper)))[circuit]
        return Optimum(
            highs.getInfo().objective_function_value + self._constant,
            seconds,
            float(np.mean(tight)) if circuit.any() else 0.0,
            len(self._rows),
            len(self._cost),
        )

    def _columns(self) -> list[list[tuple[Document, int]]]:
        """One column per charger and slot, kW; returns them by slot.  Also the rows of the needs."""
        p = self.problem
        hours = p["slot_s"] / 3600
        by_slot: list[list[tuple[Document, int]]] = [[] for _ in range(p["slots"])]
        for c in p["chargers"]:
            own = []
            for t in range(c["from_slot"], c["to_slot"]):
                early = p.get("earliness_per_kwh_h", 0) * t * hours
                self._cost.append(hours * (p["price_per_kwh"][t] + early - c["unmet_per_kwh"]))
                self._most.append(c["max_ma"] * c["w_per_a"] / 1e6)
                own.append((len(self._cost) - 1, 1.0))
                by_slot[t].append((c, len(self._cost) - 1))
                self.column_keys.append((c["id"], t))
            self._rows.append((own, c["energy_wh"] / 1000 / hours, False))
            self.row_keys.append((c["id"], -1))
            self._constant += c["unmet_per_kwh"] * c["energy_wh"] / 1000
        self._least = [0.0] * len(self._cost)
        return by_slot

    def _circuits(self, loads: list[list[tuple[Document, int]]]) -> None:
        for t, there in enumerate(loads):
            below: dict[str, list[tuple[Document, int]]] = {n: [] for n in self._parents}
            for c, column in there:
                node = c["node"]
                while node is not None:
                    below[node].append((c, column))
                    node = self._parents[node]
            for n in self.problem["nodes"]:
                self._node(n, t, below[n["id"]])

    def _node(self, n: Document, t: int, below: list[tuple[Document, int]]) -> None:
        watts = n.get("limit_w")
        cap = watts[t] if isinstance(watts, list) else watts
        if cap is not None:
            self._row((n["id"], "w", t), [(column, 1.0) for _, column in below], max(0, cap) / 1000)
        limits = n.get("limit_ma")
        if limits is None:
            return
        triple = limits[t] if isinstance(limits[0], list) or len(limits) != 3 else limits
        for phase in (1, 2, 3):
            if triple is None or triple[phase - 1] is None:
                continue
            most = max(0, triple[phase - 1]) / 1000
            if n.get("delta") == "delta-wye":
                lowest = min(ma for ma in triple if ma is not None)
                for line in (1, 2, 3) if triple[phase - 1] == lowest else ():
                    self._feed((n["id"], f"{phase} {line}", t), below, line, max(0, lowest) / 1000)
                continue
            on = [(c, column) for c, column in below if phase in c["phases"]]
            if n.get("delta") == "phasor" and any(len(c["phases"]) == 2 for c, _ in on):
                self._cone((n["id"], phase, t), on, phase, most)
            else:
                self._row((n["id"], phase, t), [(column, 1000 / c["w_per_a"]) for c, column in on], most)

    def _feed(self, key: tuple[Any, ...], below: list[tuple[Document, int]], line: int, most: float) -> None:
        """|line current| ≤ most, above a delta-wye transformer: no part is beyond 60° of the double load."""
        volt = {p: cmath.rect(1, -2 * math.pi / 3 * (p - 1)) for p in (1, 2, 3)}
        before = (line + 1) % 3 + 1
        axis = volt[line] - volt[before]
        step = 2 * math.pi / 3 / (2 * self._tangents)
        reach = most * math.cos(step / 2) if self._inner else most
        for k in range(2 * self._tangents + 1):
            tangent = axis / abs(axis) * cmath.rect(1, -math.pi / 3 + k * step)
            row = []
            for c, column in below:
                winding = {1: 0j, 2: 0j, 3: 0j}
                for p in c["phases"]:
                    others = [volt[q] for q in c["phases"] if q != p]
                    pair = len(c["phases"]) == 2
                    winding[p] = (volt[p] - others[0]) / math.sqrt(3) if pair else volt[p]
                vector = (winding[line] - winding[before]) / math.sqrt(3)
                row.append((column, (vector * tangent.conjugate()).real * 1000 / c["w_per_a"]))
            self._row((*key[:2], k, key[2]), row, reach)

    def _cone(self, key: tuple[Any, ...], on: list[tuple[Document, int]], phase: int, most: float) -> None:
        """|(along, across)| ≤ most: the angle of the sum is never beyond 30°."""
        step = math.pi / 3 / self._tangents
        reach = most * math.cos(step / 2) if self._inner else most
        for k in range(self._tangents + 1):
            angle = -math.pi / 6 + k * step
            row = []
            for c, column in on:
                along, across = 1.0, 0.0
                if len(c["phases"]) == 2:
                    other = sum(c["phases"]) - phase
                    along, across = math.sqrt(3) / 2, 0.5 if other == phase % 3 + 1 else -0.5
                part = math.cos(angle) * along + math.sin(angle) * across
                row.append((column, part * 1000 / c["w_per_a"]))
            self._row((*key[:2], k, key[2]), row, reach)

    def _row(self, key: tuple[Any, ...], entries: list[tuple[int, float]], most: float) -> None:
        if sum(max(0.0, part) * self._most[column] for column, part in entries) > most:
            self._rows.append((entries, most, True))
            self.row_keys.append(key)

    def _demand(self, loads: list[list[tuple[Document, int]]]) -> None:
        demand = self.problem.get("demand")
        if not demand:
            return
        base = self.problem.get("base_w") or [0] * self.problem["slots"]
        peak = len(self._cost)
        self._cost.append(demand["per_kw"])
        self._most.append(highspy.kHighsInf)
        self.column_keys.append(("peak", -1))
        self._least.append(max(0.0, max(base) / 1000 - demand["already_kw"]))
        for t, there in enumerate(loads):
            row = [(column, 1.0) for _, column in there]
            self._rows.append(([*row, (peak, -1.0)], demand["already_kw"] - base[t] / 1000, False))
            self.row_keys.append(("peak", t))

    def _own(self, loads: list[list[tuple[Document, int]]]) -> None:
        """Pay less for what the site has of its own: a column per slot, not above it nor above the load."""
        own = self.problem.get("own")
        if not own:
            return
        hours = self.problem["slot_s"] / 3600
        for t, there in enumerate(loads):
            self._cost.append(hours * (own["price_per_kwh"][t] - self.problem["price_per_kwh"][t]))
            self._least.append(0.0)
            self._most.append(own["w"][t] / 1000)
            self.column_keys.append(("own", t))
            row = [(column, -1.0) for _, column in there]
            self._rows.append(([*row, (len(self._cost) - 1, 1.0)], 0.0, False))
            self.row_keys.append(("own", t))

    def _model(self) -> Any:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self._cost), len(self._rows)
        lp.col_cost_ = np.array(self._cost)
        lp.col_lower_, lp.col_upper_ = np.array(self._least), np.array(self._most)
        lp.row_lower_ = np.full(len(self._rows), -highspy.kHighsInf)
        lp.row_upper_ = np.array([row[1] for row in self._rows])
        entries = [entry for row in self._rows for entry in row[0]]
        starts = np.concatenate(([0], np.cumsum([len(row[0]) for row in self._rows])))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = starts.astype(np.int32)
        lp.a_matrix_.index_ = np.array([entry[0] for entry in entries], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([entry[1] for entry in entries])
        return lp


def optimum(problem: Document) -> float:
    """Return the least cost."""
    return Oracle(problem).solve().objective
