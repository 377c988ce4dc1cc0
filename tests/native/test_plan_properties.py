"""What the planner promises, over random small depots: HiGHS and an exact checker hold it to that."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli.plan import document, problem_of
from edge.core import plan
from tests.native import plan_checker, plan_depots
from tests.native.plan_oracle import Oracle, optimum

CHUNKS = 60


def solved(problem, *, chunks=CHUNKS):
    left = iter(range(chunks))
    answer = plan.solve(problem_of(problem), lambda: next(left, None) is None)
    return document(answer, 0.0)


def near(value):
    """HiGHS' own tolerance, and then some."""
    return 1e-6 * (1 + abs(value))


@st.composite
def problems(draw, *, phases=((1,), (2,), (3,), (1, 2, 3), (1, 2), (2, 3), (1, 3)), delta=("arithmetic",)):
    slots = draw(st.integers(1, 8))
    limit = st.one_of(st.none(), st.integers(-1000, 60_000))
    triple = st.one_of(st.none(), st.lists(limit, min_size=3, max_size=3))
    nodes = []
    for n in range(draw(st.integers(1, 4))):
        parent = None if n == 0 else f"n{draw(st.integers(0, n - 1))}"
        per_slot = st.lists(triple, min_size=slots, max_size=slots)
        node = {"id": f"n{n}", "parent": parent, "limit_ma": draw(st.one_of(triple, per_slot))}
        if node["limit_ma"] is not None and len(node["limit_ma"]) == 3 and slots == 3:
            node["limit_ma"] = [[20_000, 30_000, None]] * 3
        watts = st.one_of(st.none(), st.integers(-5, 60_000))
        node["limit_w"] = draw(st.one_of(watts, st.lists(watts, min_size=slots, max_size=slots)))
        node["delta"] = draw(st.sampled_from(delta))
        nodes.append(node)
    chargers = []
    for c in range(draw(st.integers(0, 6))):
        first = draw(st.integers(0, slots))
        own = draw(st.sampled_from(phases))
        chargers.append(
            {
                "id": f"c{c}",
                "node": draw(st.sampled_from(nodes))["id"],
                "phases": list(own),
                "w_per_a": {1: 230.0, 2: 208.0, 3: 690.0}[len(own)],
                "min_ma": 6000,
                "max_ma": draw(st.sampled_from([0, 6000, 16_000, 32_000])),
                "from_slot": first,
                "to_slot": draw(st.integers(first, slots)),
                "energy_wh": draw(st.integers(0, 30_000)),
                "unmet_per_kwh": draw(st.sampled_from([0.0, 0.2, 1.0, 5.0, 5.0, 20.0])),
            }
        )
    price = st.sampled_from([-0.3, 0.0, 0.1, 0.11, 0.3, 2.0])
    problem = {
        "slot_s": draw(st.sampled_from([300, 900, 3600])),
        "slots": slots,
        "price_per_kwh": draw(st.lists(price, min_size=slots, max_size=slots)),
        "nodes": draw(st.permutations(nodes)),
        "chargers": chargers,
        "earliness_per_kwh_h": draw(st.sampled_from([0.0, 0.0001, 0.1])),
        "lawful": False,
        "gap": 0.001,
        "max_ms": 1000,
    }
    if draw(st.booleans()):
        already = draw(st.sampled_from([0.0, 5.0, 50.0]))
        problem["demand"] = {"per_kw": draw(st.sampled_from([0.0, 0.4, 15.0])), "already_kw": already}
        watts = st.integers(-2000, 20_000)
        problem["base_w"] = draw(st.lists(watts, min_size=slots, max_size=slots))
    if draw(st.booleans()):
        watts = st.lists(st.sampled_from([0, 1000, 4000, 9000, 80_000]), min_size=slots, max_size=slots)
        less = st.lists(st.sampled_from([0.0, 0.05, 0.3]), min_size=slots, max_size=slots)
        own = [full - off for full, off in zip(problem["price_per_kwh"], draw(less), strict=True)]
        problem["own"] = {"w": draw(watts), "price_per_kwh": own}
    return problem


@given(problems())
@settings(max_examples=100, deadline=None)
def test_the_optimum_lies_between_bound_and_objective_and_no_limit_breaks(problem):
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    best = optimum(problem)
    assert answer["lower_bound"] <= best + near(best)
    assert answer["objective"] >= best - near(best)


@given(problems())
@settings(max_examples=60, deadline=None)
def test_bound_and_limits_hold_before_anything_has_converged(problem):
    answer = solved(problem, chunks=0)
    assert plan_checker.faults(problem, answer) == []
    best = optimum(problem)
    assert answer["lower_bound"] <= best + near(best)


@given(problems())
@settings(max_examples=60, deadline=None)
def test_a_lawful_plan_is_lawful_and_costs_no_less_than_the_bound(problem):
    problem["lawful"] = True
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []


@given(problems(phases=((1, 2), (2, 3), (1, 3), (1,), (1, 2, 3)), delta=("phasor",)))
@settings(max_examples=60, deadline=None)
def test_phasor_limits_are_cones_and_the_bound_knows_it(problem):
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    outer = Oracle(problem).solve().objective
    inner = Oracle(problem, inner=True).solve().objective
    assert answer["lower_bound"] <= inner + near(inner)
    assert answer["objective"] >= outer - near(outer)


@given(problems(delta=("delta-wye", "delta-wye", "phasor")))
@settings(max_examples=100, deadline=None)
def test_the_lines_that_feed_a_delta_wye_transformer_are_cones_too(problem):
    answer = solved(problem)
    assert plan_checker.faults(problem, answer) == []
    outer = Oracle(problem).solve().objective
    inner = Oracle(problem, inner=True).solve().objective
    assert answer["lower_bound"] <= inner + near(inner)
    assert answer["objective"] >= outer - near(outer)


@given(problems(delta=("delta-wye", "phasor")))
@settings(max_examples=60, deadline=None)
def test_a_lawful_plan_below_a_delta_wye_transformer_is_lawful(problem):
    problem["lawful"] = True
    answer = solved(problem, chunks=5)
    assert plan_checker.faults(problem, answer) == []


def test_real_depots_are_solved_to_the_gap_asked_for():
    for seed, room in ((1, 1.0), (2, 0.75), (3, 0.6), (4, 0.5)):
        problem = plan_depots.depot(50, 96, 900, seed, room=room)
        answer = solved(problem)
        assert plan_checker.faults(problem, answer) == []
        best = optimum(problem)
        assert answer["lower_bound"] <= best + near(best)
        assert best - near(best) <= answer["objective"] <= best * 1.001
        assert answer["gap"] <= 0.001
        assert answer["stopped"] == "gap"


def test_a_depot_with_a_roof_uses_its_own_power_first_and_is_solved_to_the_gap():
    for seed, room in ((1, 1.0), (2, 0.75)):
        problem = plan_depots.with_roof(plan_depots.depot(40, 96, 900, seed, room=room), peak_kw=150)
        answer = solved(problem)
        assert plan_checker.faults(problem, answer) == []
        best = optimum(problem)
        assert answer["lower_bound"] <= best + near(best)
        assert best - near(best) <= answer["objective"] <= best + 0.001 * abs(best)


def test_own_power_is_worth_knowing_of():
    """A plan that knows only what importing costs is one that costs more."""
    roof = plan_depots.with_roof(
        plan_depots.depot(40, 96, 900, 3, room=1.0), peak_kw=150, export_per_kwh=0.02
    )
    problem = {**roof, "demand": None}
    blind = solved({**problem, "own": None})
    assert plan_checker.cost(problem, blind["amps"]) > 1.02 * solved(problem)["objective"]


def test_a_warm_start_takes_what_is_its_own_along():
    problem = plan_depots.with_roof(plan_depots.depot(12, 96, 900, 3), peak_kw=60)
    first = plan.Solver(problem_of(problem))
    while first.step().gap > 0.001:
        pass
    again = plan.Solver(problem_of(problem), warm=first)
    assert again.progress().gap <= 0.002
    without = plan.Solver(problem_of({**problem, "own": None}), warm=first)
    while without.step().gap > 0.001:
        pass
    back = plan.Solver(problem_of(problem), warm=without)
    while back.step().gap > 0.001:
        pass
    best = optimum(problem)
    for solver in (again, back):
        assert (
            solver.progress().lower_bound <= best + near(best) <= solver.progress().objective + 2 * near(best)
        )
