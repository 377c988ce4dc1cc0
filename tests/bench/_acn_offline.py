"""The cheapest month in hindsight by HiGHS: all visits known, all energy served, every circuit kept.

One linear programme: kWh per visit and slot, and the month's peak.  Rows that can never bind are left out.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import highspy
import numpy as np
from scipy.sparse import coo_matrix

from tests.bench import _acn_month as acn
from tests.bench._acn_month import Visit


class Optimum(NamedTuple):
    """$ and kW."""

    total: float
    energy: float
    peak_kw: float


def optimum(
    site: str, visits: Sequence[Visit], price: Sequence[float], per_kw: float = acn.PER_KW
) -> Optimum:
    """Return the optimum.  price: $/kWh, one per slot of the month."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    cost: list[float] = []
    low: list[float] = []
    high: list[float] = []

    def row(least: float, most: float) -> int:
        low.append(least)
        high.append(most)
        return len(low) - 1

    circuits = acn.rows_of(site)
    at: dict[int, list[tuple[int, str]]] = {}  # slot -> column, station
    for visit in visits:
        need = row(visit.kwh, visit.kwh)
        for slot in range(visit.arrives, visit.leaves):
            rows.append(need)
            columns.append(len(cost))
            values.append(1.0)
            at.setdefault(slot, []).append((len(cost), visit.station))
            cost.append(price[slot])
    peak = len(cost)
    cost.append(per_kw)
    for there in at.values():
        below_peak = row(-math.inf, 0.0)
        rows += [below_peak] * (len(there) + 1)
        columns += [*(column for column, _ in there), peak]
        values += [*([60 / acn.SLOT_MIN] * len(there)), -1.0]
        for stations, limit_a in circuits:
            counted = [column for column, station in there if station in stations]
            if len(counted) * acn.RATE_MA / 1000 > limit_a:
                limit_kwh = limit_a * acn.LINE_V / 1000 * acn.SLOT_MIN / 60
                rows += [row(-math.inf, limit_kwh)] * len(counted)
                columns += counted
                values += [1.0] * len(counted)
    solution = _solved(cost, coo_matrix((values, (rows, columns)), (len(low), len(cost))), low, high)
    energy = float(np.dot(solution[:peak], cost[:peak]))
    return Optimum(energy + per_kw * float(solution[peak]), energy, float(solution[peak]))


def _solved(
    cost: list[float], matrix: coo_matrix, low: list[float], high: list[float]
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    columns = matrix.tocsc()
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = columns.shape
    model.col_cost_ = np.array(cost)
    model.col_lower_ = np.zeros(len(cost))
    model.col_upper_ = np.array([acn.SLOT_KWH] * (len(cost) - 1) + [math.inf])
    model.row_lower_, model.row_upper_ = np.array(low), np.array(high)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = columns.indptr
    model.a_matrix_.index_ = columns.indices
    model.a_matrix_.value_ = columns.data
    highs = highspy.Highs()
    settings = {"output_flag": False, "threads": 1, "solver": "ipm", "run_crossover": "off"}
    for option, value in settings.items():
        highs.setOptionValue(option, value)
    highs.passModel(model)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal, highs.getModelStatus()
    return np.array(highs.getSolution().col_value)
