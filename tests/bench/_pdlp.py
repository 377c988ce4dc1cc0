"""Runs OR-Tools' PDLP on one linear programme: python -m tests.bench._pdlp FILE.npz TOLERANCE.

In a process of its own: OR-Tools and highspy each bring a HiGHS library of the same name, and the one
loaded second finds the symbols of the first.
"""

import json
import sys
import time

import numpy as np
import scipy.sparse
from ortools.pdlp import solvers_pb2
from ortools.pdlp.python import pdlp


def main(name: str, tolerance: float) -> None:
    """Solve on one thread and print seconds of CPU, iterations and objective as JSON."""
    lp = np.load(name)
    programme = pdlp.QuadraticProgram()
    programme.objective_vector = lp["cost"]
    programme.variable_lower_bounds, programme.variable_upper_bounds = lp["least"], lp["most"]
    programme.constraint_lower_bounds = np.full(len(lp["limit"]), -np.inf)
    programme.constraint_upper_bounds = lp["limit"]
    shape = (len(lp["limit"]), len(lp["cost"]))
    rows = scipy.sparse.csr_matrix((lp["value"], lp["index"], lp["start"]), shape=shape)
    programme.constraint_matrix = rows.tocsc()
    wanted = solvers_pb2.PrimalDualHybridGradientParams()
    wanted.num_threads = 1
    criteria = wanted.termination_criteria.simple_optimality_criteria
    criteria.eps_optimal_absolute = criteria.eps_optimal_relative = tolerance
    start = time.process_time()
    result = pdlp.primal_dual_hybrid_gradient(programme, wanted)
    seconds = time.process_time() - start
    objective = float(np.dot(result.primal_solution, lp["cost"]))
    iterations = result.solve_log.iteration_count
    print(json.dumps({"seconds": seconds, "iterations": iterations, "objective": objective}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
