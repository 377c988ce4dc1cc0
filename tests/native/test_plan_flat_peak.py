"""Lawful plans of depots whose night is nothing but a flat peak: HiGHS says what it costs at least.

Few big chargers with long nights and a dear peak: the best is the same power all night.  A lawful plan that
leaves slots empty there, or starts everybody at once, pays for it in every kW of the peak.
"""

import pytest

from edge.cli.plan import document, problem_of
from edge.core import plan
from tests.native import plan_checker
from tests.native.plan_oracle import optimum


def depot(needs_kwh: list[float], *, max_ma: int = 72_000, price_later: float = 0.056) -> dict:
    """Return trucks at 277 V, three phases, from 18:55 on, in slots of five minutes: 6 A are 5 kW."""
    slots = 168
    return {
        "slot_s": 300,
        "slots": slots,
        "price_per_kwh": [0.0925] * 49 + [price_later] * (slots - 49),
        "demand": {"per_kw": 15.51, "already_kw": 0.0},
        "base_w": [7_000.0] * slots,
        "nodes": [{"id": "main", "parent": None, "limit_ma": [1_000_000] * 3, "limit_w": None}],
        "chargers": [
            {
                "id": f"bay-{n}", "node": "main", "phases": [1, 2, 3], "w_per_a": 831.0, "min_ma": 6_000,
                "max_ma": max_ma, "from_slot": n, "to_slot": slots - 3 * n, "energy_wh": kwh * 1000,
                "unmet_per_kwh": 400.0,
            }
            for n, kwh in enumerate(needs_kwh)
        ],
        "earliness_per_kwh_h": 1e-4,
        "lawful": True, "gap": 0.001, "max_ms": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    "needs_kwh",
    [
        [156, 121, 92, 86, 120, 167],  # all can be on all night
        [40, 35, 30, 45, 38, 33, 41, 29, 36],  # few at a time: nine minimums are 45 kW, the peak is 31
    ],
)
def test_a_flat_night_stays_flat_with_minimum_currents(needs_kwh: list[float]) -> None:
    problem = depot(needs_kwh)
    steps = iter(range(50))
    answer = document(plan.solve(problem_of(problem), lambda: next(steps, None) is None), 0.0)
    assert plan_checker.faults(problem, answer) == []
    assert sum(answer["unmet_wh"].values()) < 1
    assert answer["objective"] <= 1.01 * optimum(problem)


def test_whoever_is_on_stays_on_a_while() -> None:
    """Nine trucks, room for six minimums: turns are taken, but not every five minutes."""
    problem = depot([40, 35, 30, 45, 38, 33, 41, 29, 36])
    steps = iter(range(50))
    answer = plan.solve(problem_of(problem), lambda: next(steps, None) is None)
    assert answer.switches <= 9 * 168 / 5
