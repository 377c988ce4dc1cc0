"""What `depot bench plan` measures against: HiGHS cold and warm, and OR-Tools' PDLP where installed.

CPU seconds of one thread; building the models is not counted.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import highspy
import numpy as np

from tests.native.plan_oracle import Optimum, Oracle

PATIENCE_S = 900.0


def cold(oracle: Oracle) -> dict[str, Any]:
    """Solve by dual simplex, then by interior point as long as that takes; the better one counts.

    A method that is slower than the other is stopped; its figure is then when it was stopped.
    """
    simplex = solve(oracle, "simplex", PATIENCE_S)
    limit_s = simplex[1] if simplex[0] else PATIENCE_S
    ipm = solve(oracle, "ipm", max(1.0, limit_s))
    found = simplex[0] or ipm[0]
    if found is None:
        raise RuntimeError(f"HiGHS did not finish within {PATIENCE_S} s")
    return {
        "optimum": found,
        "seconds": min(done.seconds for done in (simplex[0], ipm[0]) if done),
        "simplex_s": round(simplex[1], 3),
        "ipm_s": round(ipm[1], 3),
        "better": "ipm" if ipm[0] and (not simplex[0] or ipm[1] < simplex[1]) else "simplex",
    }


def solve(oracle: Oracle, method: str, limit_s: float) -> tuple[Optimum | None, float]:
    """Return the optimum, None if it was not found in time; and the seconds."""
    try:
        found = oracle.solve(method, limit_s)
    except RuntimeError:
        return None, limit_s
    return found, found.seconds


def warm(before: Oracle, after: Oracle) -> Optimum:
    """Solve `before`, then `after` from its basis, matched by charger, node and slot; time the second."""
    highs = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("solver", "simplex")):
        highs.setOptionValue(option, value)
    highs.passModel(before.model)
    highs.run()
    old = highs.getBasis()
    columns = dict(zip(before.column_keys, old.col_status, strict=True))
    rows = dict(zip(before.row_keys, old.row_status, strict=True))
    status = highspy.HighsBasisStatus
    basis = highspy.HighsBasis()
    basis.col_status = [columns.get(earlier(key), status.kLower) for key in after.column_keys]
    basis.row_status = [rows.get(earlier(key), status.kBasic) for key in after.row_keys]
    basis.valid = True
    again = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("solver", "simplex")):
        again.setOptionValue(option, value)
    again.passModel(after.model)
    again.setBasis(basis)
    return after.run(again)


def earlier(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key of the same thing in the problem of one slot before."""
    return (*key[:-1], key[-1] + 1) if key and isinstance(key[-1], int) and key[-1] >= 0 else key


def pdlp(oracle: Oracle, tolerance: float = 1e-4) -> dict[str, Any] | None:
    """Run PDLP in a process of its own; None where OR-Tools or scipy is not installed."""
    if not (importlib.util.find_spec("ortools") and importlib.util.find_spec("scipy")):
        return None
    lp = oracle.model
    with tempfile.TemporaryDirectory() as folder:
        name = str(Path(folder) / "lp.npz")
        np.savez(
            name,
            cost=np.array(lp.col_cost_),
            least=np.array(lp.col_lower_),
            most=np.array(lp.col_upper_),
            limit=np.array(lp.row_upper_),
            start=np.array(lp.a_matrix_.start_),
            index=np.array(lp.a_matrix_.index_),
            value=np.array(lp.a_matrix_.value_),
        )
        call = [sys.executable, "-m", "tests.bench._pdlp", name, str(tolerance)]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))
