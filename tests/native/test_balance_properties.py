"""What the balancer promises, over random sites: the oracle's grants exactly, and the definition."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import balance
from edge.model.sharing import Ask, Node
from tests.native import balance_oracle

PHASES = [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)]


@st.composite
def problems(draw, *, steps=(1, 1, 2, 3, 5), nodes_max=6, asks_max=9, unit=1):
    """Draw a small site.  Currents are few steps, so that the oracle is quick and ties are common."""
    nodes = []
    for n in range(draw(st.integers(1, nodes_max))):
        parent = None if n == 0 else f"n{draw(st.integers(0, n - 1))}"
        limit = st.one_of(st.none(), st.integers(-1, 60).map(lambda ma: ma * unit))
        delta = draw(st.sampled_from(["arithmetic", "arithmetic", "phasor", "delta-wye"]))
        nodes.append(Node(f"n{n}", parent, (draw(limit), draw(limit), draw(limit)), delta))
    asks = []
    for c in range(draw(st.integers(0, asks_max))):
        least = draw(st.integers(0, 8)) * unit
        most = draw(st.one_of(st.just(0), st.integers(0, 25).map(lambda ma, least=least: least + ma * unit)))
        asks.append(
            Ask(
                f"c{c}",
                draw(st.sampled_from(nodes)).id,
                draw(st.sampled_from(PHASES)),
                least,
                most,
                draw(st.sampled_from(steps)) * unit,
                draw(st.integers(0, 1)),
                draw(st.integers(0, 3)),
                draw(st.sampled_from([1, 1, 1, 2, 3, 7])),
            )
        )
    return draw(st.permutations(nodes)), asks


@settings(max_examples=100, deadline=None)
@given(problems())
def test_the_grants_are_those_of_the_slow_oracle(problem):
    nodes, asks = problem
    shares = balance.share(nodes, asks)
    assert shares.grants_ma == balance_oracle.solve(nodes, asks)
    assert balance_oracle.faults(nodes, asks, shares.grants_ma) == []
    assert balance.violations(nodes, asks, shares.grants_ma) == []


@settings(max_examples=60, deadline=None)
@given(problems(steps=(1,), unit=1000))
def test_equal_steps_are_shared_as_the_definition_says(problem):
    nodes, asks = problem
    grants = balance.share(nodes, asks).grants_ma
    assert balance_oracle.faults(nodes, asks, grants) == []


@settings(max_examples=60, deadline=None)
@given(problems())
def test_what_is_said_to_hold_a_charger_back_does(problem):
    nodes, asks = problem
    shares = balance.share(nodes, asks)
    tree = balance_oracle.Tree(nodes, asks)
    for ask in asks:
        words = shares.because[ask.id]
        grant = shares.grants_ma[ask.id]
        held = [f"{name} L{phase}" for name, phase in tree.breaks(ask, ask.step_ma, shares.grants_ma)]
        if ask.max_ma == 0:
            assert (grant, words) == (0, "asks nothing")
        elif words.startswith("no room for the minimum at "):
            unmet = tree.breaks(ask, ask.min_ma, shares.grants_ma)
            assert grant == 0 and words.removeprefix("no room for the minimum at ") in [
                f"{name} L{phase}" for name, phase in unmet
            ]
        elif grant + ask.step_ma > ask.max_ma:
            assert words == "max"
        else:
            assert words in held


@settings(max_examples=60, deadline=None)
@given(problems())
def test_what_a_node_carries_is_reported_and_rounded_up_by_less_than_a_milliamp(problem):
    nodes, asks = problem
    shares = balance.share(nodes, asks)
    tree = balance_oracle.Tree(nodes, asks)
    for node in nodes:
        for phase in (1, 2, 3):
            true = balance_oracle.figure(node, phase, asks, shares.grants_ma, tree.below[node.id])
            assert 0 <= shares.used_ma[node.id][phase - 1] - true + balance_oracle.HAIR < 1


@settings(max_examples=60, deadline=None)
@given(problems(), st.data())
def test_broken_promises_are_counted_as_the_oracle_counts_them(problem, data):
    nodes, asks = problem
    grants = {ask.id: data.draw(st.integers(-2, 30), label=ask.id) for ask in asks}
    lawful = {ask.id: max(grants[ask.id], 0) for ask in asks}
    tree = balance_oracle.Tree(nodes, asks)
    wrong = sum(
        g != 0 and (g < a.min_ma or g > a.max_ma or (g - a.min_ma) % a.step_ma != 0)
        for a in asks
        for g in [grants[a.id]]
    )
    for node in nodes:
        for phase, limit in balance_oracle.lines(node, Ask("", node.id, (1, 2, 3), 0, 0)):
            carried = balance_oracle.figure(node, phase, asks, lawful, tree.below[node.id])
            wrong += limit is not None and carried > max(limit, 0) + balance_oracle.HAIR
    assert len(balance.violations(nodes, asks, grants)) == wrong
