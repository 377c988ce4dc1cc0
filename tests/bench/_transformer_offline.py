"""The most energy that any schedule could have delivered, known only afterwards: HiGHS with tangent cuts.

Currents are continuous from 0 to 32 A.  The lines' limits are cones; each is cut by a tangent where a
solution breaks it, until none is broken by more than a hundred-thousandth.  Every cut is true of every
schedule, so what comes out is never below the optimum, and above it by about as much as cones are broken.
"""

import cmath
import math
from collections.abc import Iterator

import highspy
import numpy as np

from tests.bench._caltech import (
    AV_POD,
    CC_POD,
    MOST_MA,
    PAIRS,
    POD_A,
    SLOT_WH,
    Visit,
    above_a,
    below_a,
)

CLOSE = 1e-5
ROUNDS = 40

# What an ampere on each pair puts on the six lines: below L1, L2, L3, above L1, L2, L3.
AB, BC, CA = (cmath.rect(1, math.radians(degrees)) for degrees in (30, -90, 150))
BELOW = ((AB, 0, -CA), (-AB, BC, 0), (0, -BC, CA))
LINES = (
    *BELOW,
    *(
        tuple((a - b) / math.sqrt(3) for a, b in zip(BELOW[p], BELOW[(p + 2) % 3], strict=True))
        for p in range(3)
    ),
)
PAIR_INDEX = {(1, 2): 0, (2, 3): 1, (1, 3): 2}


def optimum_wh(visits: tuple[Visit, ...], kw: float) -> float:
    """Return the most energy for the visits at a transformer of so many kW, Wh."""
    return sum(_Garage(apart, kw).solve() for apart in _apart(visits))


def _apart(visits: tuple[Visit, ...]) -> Iterator[list[Visit]]:
    """Yield the visits in groups between which the garage is empty."""
    group: list[Visit] = []
    until = 0
    for visit in sorted(visits, key=lambda v: v.arrives):
        if group and visit.arrives >= until:
            yield group
            group = []
        group.append(visit)
        until = max(until, visit.leaves)
    if group:
        yield group


class _Garage:
    """One linear programme: amperes of every visit in every slot, and their sums by slot and pair."""

    def __init__(self, visits: list[Visit], kw: float) -> None:
        self._limit_a = [below_a(kw)] * 3 + [above_a(kw)] * 3
        self._columns = 0
        self._slots: dict[int, int] = {}  # slot: the first of its three sums
        self._rows: list[tuple[float, float, list[int], list[float]]] = []
        self._build(visits)

    def _build(self, visits: list[Visit]) -> None:
        below: dict[tuple[int, int], list[int]] = {}
        pods: dict[tuple[int, str], list[int]] = {}
        for visit in visits:
            own = []
            for slot in range(visit.arrives, visit.leaves):
                own.append(self._columns)
                below.setdefault((slot, PAIR_INDEX[PAIRS[visit.station]]), []).append(self._columns)
                pod = "cc" if visit.station in CC_POD else "av" if visit.station in AV_POD else ""
                if pod:
                    pods.setdefault((slot, pod), []).append(self._columns)
                self._columns += 1
            self._row(-math.inf, visit.need_wh / SLOT_WH, own)
        self._amperes = self._columns
        for columns in pods.values():
            self._row(-math.inf, POD_A, columns)
        for slot in sorted({slot for slot, _ in below}):
            self._slots[slot] = self._columns
            for pair in range(3):
                columns = below.get((slot, pair), [])
                self._row(0.0, 0.0, [*columns, self._columns], [*[1.0] * len(columns), -1.0])
                self._columns += 1
            for line in range(6):
                for degrees in (-45, 0, 45):
                    towards = sum(LINES[line]) * cmath.rect(1, math.radians(degrees))
                    self._rows.append(self._tangent(slot, line, towards / abs(towards)))

    def _row(self, low: float, high: float, columns: list[int], factors: list[float] | None = None) -> None:
        self._rows.append((low, high, columns, factors or [1.0] * len(columns)))

    def _tangent(self, slot: int, line: int, towards: complex) -> tuple[float, float, list[int], list[float]]:
        first = self._slots[slot]
        factors = [(part * towards.conjugate()).real for part in LINES[line]]
        return (-math.inf, self._limit_a[line], [first, first + 1, first + 2], factors)

    def solve(self) -> float:
        """Return the optimum, Wh."""
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        most = MOST_MA / 1000
        for column in range(self._columns):
            highs.addVar(0.0, most if column < self._amperes else highspy.kHighsInf)
            if column < self._amperes:
                highs.changeColCost(column, -1.0)
        for low, high, columns, factors in self._rows:
            highs.addRow(low, high, len(columns), np.array(columns, dtype=np.int32), np.array(factors))
        for _ in range(ROUNDS):
            highs.run()
            assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
            cuts = self._broken(highs.getSolution().col_value)
            if not cuts:
                break
            for low, high, columns, factors in cuts:
                highs.addRow(low, high, len(columns), np.array(columns, dtype=np.int32), np.array(factors))
        return float(-highs.getInfo().objective_function_value * SLOT_WH)

    def _broken(self, values: list[float]) -> list[tuple[float, float, list[int], list[float]]]:
        cuts = []
        for slot, first in self._slots.items():
            for line, parts in enumerate(LINES):
                current = sum(part * values[first + k] for k, part in enumerate(parts))
                if abs(current) > self._limit_a[line] * (1 + CLOSE):
                    cuts.append(self._tangent(slot, line, current / abs(current)))
        return cuts
