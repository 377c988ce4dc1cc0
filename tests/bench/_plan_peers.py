"""What `depot bench plan` measures against: HiGHS cold and warm, and OR-Tools' PDLP where installed.

CPU seconds of one thread; building the models is not counted.
"""

import importlib.util
import json
import math
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
    """Solve by simplex and by interior point; the better one counts.

    The one that is likely to be slower goes second, and is stopped when it has become so: its figure
    is then when it was stopped.  "basis" is that of the first.
    """
    methods = ["simplex", "ipm"] if len(oracle.column_keys) < 5000 else ["ipm", "simplex"]
    first = _solver(methods[0], PATIENCE_S)
    first.passModel(oracle.model)
    found = oracle.run(first)
    try:
        second = oracle.solve(methods[1], max(0.1, found.seconds)).seconds
    except RuntimeError:  # out of time
        second = math.inf
    return {
        "optimum": found,
        "seconds": min(found.seconds, second),
        "better": methods[0] if found.seconds <= second else methods[1],
        "basis": first.getBasis(),
    }


def warm(before: Oracle, basis: Any, after: Oracle, shift: int) -> Optimum:
    """Solve `after` by simplex from the basis of `before`, matched by charger, node and slot."""
    columns = dict(zip(before.column_keys, basis.col_status, strict=True))
    rows = dict(zip(before.row_keys, basis.row_status, strict=True))
    status = highspy.HighsBasisStatus
    start = highspy.HighsBasis()
    start.col_status = [columns.get(earlier(key, shift), status.kLower) for key in after.column_keys]
    start.row_status = [rows.get(earlier(key, shift), status.kBasic) for key in after.row_keys]
    start.valid = True
    highs = _solver("simplex", PATIENCE_S)
    highs.passModel(after.model)
    highs.setBasis(start)
    return after.run(highs)


def _solver(method: str, limit_s: float) -> Any:
    highs = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("solver", method)):
        highs.setOptionValue(option, value)
    highs.setOptionValue("time_limit", limit_s)
    return highs


def earlier(key: tuple[Any, ...], shift: int) -> tuple[Any, ...]:
    """The key of the same thing in the problem of `shift` slots before."""
    return (*key[:-1], key[-1] + shift) if key and isinstance(key[-1], int) and key[-1] >= 0 else key


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
