"""Problems made to hurt, one row each, with the answer that arithmetic gives."""

import math

import pytest

from edge.cli.plan import document, problem_of
from edge.core import plan
from tests.native import plan_checker, plan_depots
from tests.native.plan_oracle import optimum

KWH = 1000


def node(name="main", parent=None, **more):
    return {"id": name, "parent": parent, **more}


def bay(name="bay", **more):
    usual = {
        "id": name, "node": "main", "phases": [1, 2, 3], "w_per_a": 690.0, "min_ma": 6000,
        "max_ma": 32_000, "from_slot": 0, "to_slot": 4, "energy_wh": 10 * KWH, "unmet_per_kwh": 5.0,
    }  # fmt: skip
    return {**usual, **more}


def depot(nodes=None, chargers=None, **more):
    usual = {
        "slot_s": 3600, "slots": 4, "price_per_kwh": [0.2, 0.1, 0.3, 0.4], "nodes": nodes or [node()],
        "chargers": chargers if chargers is not None else [bay()], "lawful": False, "gap": 1e-4,
        "max_ms": 1000,
    }  # fmt: skip
    return {**usual, **more}


def solved(problem, chunks=100):
    left = iter(range(chunks))
    return document(plan.solve(problem_of(problem), lambda: next(left, None) is None), 0.0)


FULL = 32 * 0.690  # kW of a bay

ROWS = [
    ("nobody there", depot(chargers=[]), 0.0),
    ("no need", depot(chargers=[bay(energy_wh=0)]), 0.0),
    ("no rating", depot(chargers=[bay(max_ma=0)]), 50.0),
    ("a window of nothing", depot(chargers=[bay(from_slot=2, to_slot=2)]), 50.0),
    ("the cheapest slot is enough", depot(), 1.0),
    ("one slot", depot(slots=1, price_per_kwh=[0.2], chargers=[bay(to_slot=1)]), 2.0),
    ("not before it comes", depot(chargers=[bay(from_slot=2)]), 3.0),
    ("cheap enough to leave", depot(chargers=[bay(unmet_per_kwh=0.05)]), 0.5),
    (
        "two slots are needed",
        depot(chargers=[bay(energy_wh=30 * KWH)]),
        FULL * 0.1 + (30 - FULL) * 0.2,
    ),
    ("no room at all", depot([node(limit_ma=[0, 0, 0])]), 50.0),
    ("less than no room", depot([node(limit_ma=[-5, -5, -5])]), 50.0),
    ("no power at all", depot([node(limit_w=0)]), 50.0),
    ("no room on one phase", depot([node(limit_ma=[None, None, 0])]), 50.0),
    (
        "no room in the cheap slot",
        depot([node(limit_ma=[None, [0, 0, 0], None, None])]),
        2.0,
    ),
    ("5 kW for 4 hours", depot([node(limit_w=2000)]), 8 * 0.25 + 2 * 5),
    (
        "paid to charge, but never more than needed",
        depot(price_per_kwh=[-0.2, -0.1, 0.3, 0.4]),
        -2.0,
    ),
    (
        "the peak is dearer than the price",
        depot(demand={"per_kw": 100.0, "already_kw": 2.5}),
        2.5 * 1.0,
    ),
    (
        "a peak that is there anyway",
        depot(demand={"per_kw": 100.0, "already_kw": 0.0}, base_w=[0, 0, 0, 50_000]),
        5000 + 1.0,
    ),
    (
        "a peak that is not worth it",
        depot(demand={"per_kw": 100.0, "already_kw": 0.0}, chargers=[bay(unmet_per_kwh=1.0)]),
        10.0,
    ),
    (
        "equal prices: earlier first",
        depot(price_per_kwh=[0.1] * 4, earliness_per_kwh_h=0.01, chargers=[bay(energy_wh=30 * KWH)]),
        3.0 + (30 - FULL) * 0.01,
    ),
    ("tiny", depot(chargers=[bay(energy_wh=1)]), 0.0001),
    (
        "huge",
        depot(chargers=[bay(max_ma=10**9, w_per_a=1e6, energy_wh=1e12, unmet_per_kwh=1e9)]),
        1e8,
    ),
    (
        "two nodes, the lower one narrow",
        depot(
            [node(limit_w=9000), node("low", "main", limit_w=1000)],
            [bay(node="low"), bay("free", energy_wh=8 * KWH)],
        ),
        1.0 + 6 * 5 + 0.8,
    ),
]


@pytest.mark.parametrize(("problem", "cost"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_answer_is_the_one_that_arithmetic_gives(problem, cost):
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    assert answer["objective"] == pytest.approx(cost, rel=2e-4, abs=1e-6)
    assert answer["lower_bound"] <= cost + 1e-9 * (1 + abs(cost))
    assert answer["lower_bound"] == pytest.approx(cost, rel=2e-4, abs=1e-6)


@pytest.mark.parametrize(("problem", "cost"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_lawful_answer_keeps_the_limits_too(problem, cost):
    problem = {**problem, "lawful": True}
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    assert answer["objective"] >= cost * (1 - 1e-6) - 1e-6


def test_a_chain_of_1024_nodes_and_1024_chargers():
    nodes = [node("n0", limit_ma=[900_000] * 3)]
    nodes += [node(f"n{n}", f"n{n - 1}", limit_ma=[900_000 - 800 * n] * 3) for n in range(1, 1024)]
    chargers = [bay(f"c{n}", node=f"n{n}", unmet_per_kwh=1.0 + n % 3) for n in range(1024)]
    problem = depot(nodes[::-1], chargers, gap=0.01)
    answer = solved(problem, chunks=20)
    problem["gap"] = 0.01
    assert plan_checker.faults(problem, answer) == []
    assert answer["lower_bound"] <= answer["objective"]


def test_the_longest_horizon():
    problem = plan_depots.depot(12, 672, 900, 1, room=0.6)
    answer = solved({**problem, "gap": 0.001})
    assert plan_checker.faults(problem, answer) == []
    assert answer["lower_bound"] <= optimum(problem) <= answer["objective"] * (1 + 1e-6)


def parts(problem, answer):
    return [answer["energy_wh"][c["id"]] / c["energy_wh"] for c in problem["chargers"]]


@pytest.mark.parametrize("lawful", [False, True])
@pytest.mark.parametrize("needs", [[20 * KWH] * 12, [n * KWH for n in (10, 20, 40, 60)] * 3])
def test_equals_share_what_there_is_in_proportion_to_need(lawful, needs):
    """Half of the energy fits: everybody gets half, whatever it needs and whenever it is there."""
    slots = 48
    chargers = [
        bay(f"c{n}", from_slot=n % 4, to_slot=slots - n % 5, energy_wh=need) for n, need in enumerate(needs)
    ]
    limit = round(1000 * sum(needs) / 2 / 690 / (slots / 4))
    price = [0.1 if t < slots // 2 else 0.3 for t in range(slots)]
    problem = depot(
        [node(limit_ma=[limit] * 3)], chargers, slots=slots, slot_s=900, price_per_kwh=price,
        gap=0.001, lawful=lawful,
    )  # fmt: skip
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    got = parts(problem, answer)
    assert sum(got) / len(got) == pytest.approx(0.5, abs=0.02)
    assert min(got) >= (0.40 if lawful else 0.47)
    assert max(got) <= (0.60 if lawful else 0.53)


def test_a_dearer_need_goes_first():
    chargers = [bay("cheap", unmet_per_kwh=1.0), bay("dear", unmet_per_kwh=9.0)]
    answer = solved(depot([node(limit_w=3000)], chargers))
    assert answer["unmet_wh"]["dear"] == pytest.approx(0, abs=20)
    assert answer["energy_wh"]["cheap"] == pytest.approx(2000, abs=20)


def test_lawful_plans_are_close_to_the_bound():
    """Median at most 1 %, worst at most 3 %, on congested depots whose limits leave the room."""
    gaps = []
    for seed in range(1, 6):
        problem = {**plan_depots.depot(40, 96, 900, seed, room=0.8), "lawful": True}
        answer = solved(problem, chunks=80)
        assert plan_checker.faults(problem, answer) == []
        gaps.append(answer["gap"])
    assert sorted(gaps)[2] <= 0.01, gaps
    assert max(gaps) <= 0.03, gaps


def test_stopped_at_once_it_still_answers_feasibly_and_says_how_far_it_is():
    problem = {**plan_depots.depot(40, 96, 900, 1), "gap": 0.0}
    answer = document(plan.solve(problem_of(problem), lambda: True), 0.0)
    assert plan_checker.faults(problem, answer) == []
    assert answer["stopped"] == "time"
    assert math.isfinite(answer["gap"])
    assert answer["gap"] > 0


def test_a_warm_start_needs_fewer_iterations():
    cold = warm = 0
    for seed in range(1, 4):
        first = plan.Solver(problem_of(plan_depots.depot(50, 96, 900, seed)))
        while first.step().gap > 0.001:
            pass
        later = plan_depots.later(plan_depots.depot(50, 96, 900, seed), seed)
        for old in (None, first):
            solver = plan.Solver(problem_of(later), old, 1)
            while solver.step(10).gap > 0.001:
                pass
            assert plan_checker.faults(later, document(solver.plan(), 0.0)) == []
            if old is None:
                cold += solver.progress().iterations
            else:
                warm += solver.progress().iterations
    assert warm < cold, (warm, cold)


def test_a_warm_start_from_a_stranger_is_only_slow():
    """Other nodes, other chargers, another horizon: nothing matches, nothing breaks."""
    old = plan.Solver(problem_of(plan_depots.depot(10, 48, 1800, 3)))
    old.step()
    problem = plan_depots.depot(20, 96, 900, 4)
    for n in problem["nodes"]:
        n["id"] = n["id"] + "-x"
        n["parent"] = n["parent"] and n["parent"] + "-x"
    for c in problem["chargers"]:
        c["node"] += "-x"
    solver = plan.Solver(problem_of(problem), old, -7)
    while solver.step().gap > 0.001:
        pass
    assert plan_checker.faults(problem, document(solver.plan(), 0.0)) == []


def test_memory_for_400_chargers_and_288_slots_is_4_mb():
    problem = plan_depots.depot(400, 288, 300, 1)
    assert plan.Solver(problem_of(problem)).bytes <= 4_000_000
