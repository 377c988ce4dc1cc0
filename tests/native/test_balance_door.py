"""edge/core/balance.py: what it refuses, in which words, and the edges of what it takes."""

import threading

import pytest

from edge.core import balance
from edge.model.sharing import Ask, BadProblem, Node

SITE = Node("main", None, (60_000, 60_000, 60_000))
PANEL = Node("panel", "main", (32_000, 32_000, None))
BAY = Ask("bay", "panel", (1, 2, 3), 6000, 32_000)


def node(**changed):
    return Node(**{"id": "panel", "parent": "main", "limit_ma": (1, 2, 3), **changed})


def ask(**changed):
    fields = {"id": "bay", "node": "panel", "phases": (1, 2, 3), "min_ma": 6000, "max_ma": 32_000}
    return Ask(**{**fields, **changed})


def chain(count):
    return [SITE] + [Node(f"n{n}", f"n{n - 1}" if n else "main", (1, 1, 1)) for n in range(count - 1)]


REFUSED = [
    ([], [], ["nodes", "at least one"]),
    ([SITE] * 2, [], ["nodes['main'].id", "twice"]),
    ([SITE, node(parent=None)], [], ["nodes['panel'].parent", "'main' is the site"]),
    ([node(), Node("main", "panel", (1, 1, 1))], [], ["parent", "null"]),
    ([SITE, node(parent="other")], [], ["nodes['panel'].parent", "'other' is not a node"]),
    ([SITE, node(parent="panel")], [], ["nodes['panel'].parent", "circle", "panel -> panel"]),
    (
        [SITE, node(parent="b"), node(id="b", parent="panel")],
        [],
        ["nodes['panel'].parent", "circle", "panel -> b -> panel"],
    ),
    ([SITE, node(delta="vector")], [], ["nodes['panel'].delta", "'vector'"]),
    ([SITE, node(limit_ma=(1, 2))], [], ["nodes['panel'].limit_ma", "2 entries"]),
    (chain(17), [], ["nodes['n15'].parent", "17 nodes deep", "16"]),
    ([SITE, *(node(id=f"n{n}") for n in range(4096))], [], ["nodes: 4097", "4096"]),
    ([SITE, PANEL], [ask(id=f"b{n}") for n in range(4097)], ["chargers: 4097", "4096"]),
    ([SITE, PANEL], [BAY, BAY], ["chargers['bay'].id", "twice"]),
    ([SITE, PANEL], [ask(node="other")], ["chargers['bay'].node", "'other' is not a node"]),
    ([SITE, PANEL], [ask(phases=())], ["chargers['bay'].phases", "[]"]),
    ([SITE, PANEL], [ask(phases=(2, 1))], ["chargers['bay'].phases", "[2, 1]"]),
    ([SITE, PANEL], [ask(phases=(4,))], ["chargers['bay'].phases", "[4]"]),
    ([SITE, PANEL], [ask(min_ma=-1)], ["chargers['bay'].min_ma", "-1"]),
    ([SITE, PANEL], [ask(min_ma=32_001)], ["chargers['bay'].min_ma", "32001", "32000"]),
    ([SITE, PANEL], [ask(max_ma=-1)], ["chargers['bay'].max_ma", "-1"]),
    ([SITE, PANEL], [ask(max_ma=10**9 + 1)], ["chargers['bay'].max_ma", "1000000001"]),
    ([SITE, PANEL], [ask(max_ma=10**30)], ["chargers['bay'].max_ma", str(10**30)]),
    ([SITE, PANEL], [ask(step_ma=0)], ["chargers['bay'].step_ma", "0", "1 to"]),
    ([SITE, PANEL], [ask(weight=0)], ["chargers['bay'].weight", "1 to 1000"]),
    ([SITE, PANEL], [ask(weight=1001)], ["chargers['bay'].weight", "1001"]),
    ([SITE, PANEL], [ask(priority=2**31)], ["chargers['bay'].priority", str(2**31)]),
    ([SITE, PANEL], [ask(rank=-(2**31) - 1)], ["chargers['bay'].rank", str(-(2**31) - 1)]),
    ([SITE, PANEL], [ask(min_ma=6000.0)], ["chargers['bay'].min_ma", "6000.0"]),
    (
        [SITE, node(delta="phasor")],
        [ask(id="a", max_ma=10**9), ask(max_ma=73_741_825)],
        ["chargers['a'].max_ma", "1073741824", "phasor"],
    ),
]


@pytest.mark.parametrize(("nodes", "asks", "words"), REFUSED)
def test_what_is_malformed_is_named_by_id_and_key(nodes, asks, words):
    for call in (balance.share, lambda n, a: balance.violations(n, a, {x.id: 0 for x in a})):
        with pytest.raises(BadProblem) as refused:
            call(nodes, asks)
        for word in words:
            assert word in str(refused.value)


def test_nodes_may_come_in_any_order():
    forth = balance.share([SITE, PANEL], [BAY])
    back = balance.share([PANEL, SITE], [BAY])
    assert forth.grants_ma == back.grants_ma and forth.because == back.because
    assert list(forth.used_ma) == ["main", "panel"] and list(back.used_ma) == ["panel", "main"]
    assert forth.used_ma == back.used_ma


def test_limits_of_any_size_are_taken():
    huge = Node("main", None, (10**30, -(10**30), None))
    asks = [ask(node="main", phases=(1,)), ask(id="other", node="main", phases=(2,))]
    shares = balance.share([huge], asks)
    assert shares.grants_ma == {"bay": 32_000, "other": 0}
    assert shares.because["other"] == "no room for the minimum at main L2"


def test_a_phasor_limit_beyond_what_can_be_asked_is_no_limit():
    site = Node("main", None, (2**40, 2**40, 2**40), "phasor")
    assert balance.share([site], [ask(node="main", phases=(1, 2))]).because == {"bay": "max"}


def test_four_reasons():
    site = Node("main", None, (16_000, 16_000, 16_000))
    asks = [
        ask(id="small", node="main", max_ma=7000),
        ask(id="held", node="main", phases=(3,)),
        ask(id="late", node="main", phases=(2, 3), rank=1, min_ma=9000),
        ask(id="idle", node="main", max_ma=0),
    ]
    shares = balance.share([site], asks)
    assert shares.grants_ma == {"small": 7000, "held": 9000, "late": 0, "idle": 0}
    assert shares.because == {
        "small": "max",
        "held": "main L3",
        "late": "no room for the minimum at main L3",
        "idle": "asks nothing",
    }
    assert shares.used_ma == {"main": (7000, 7000, 16_000)}


def test_violations_are_named():
    found = balance.violations([SITE, PANEL], [BAY], {"bay": 33_000})
    assert found == [
        "bay: 33000 mA is not 0 nor 6000 to 32000 in 1",
        "panel L1: 33000 mA granted, the limit is 32000 mA (arithmetic)",
        "panel L2: 33000 mA granted, the limit is 32000 mA (arithmetic)",
    ]
    assert balance.violations([SITE, PANEL], [BAY], {"bay": 5999}) != []
    assert balance.violations([SITE, PANEL], [BAY], {"bay": -(10**30)}) != []
    assert len(balance.violations([SITE, PANEL], [BAY], {"bay": 10**30})) == 1
    assert balance.violations([SITE, PANEL], [BAY], {"bay": 32_000}) == []


def test_a_grant_for_nobody_and_nobody_granted_are_violations():
    assert balance.violations([SITE, PANEL], [BAY], {"bay": 0, "ghost": 6000}) == [
        "ghost: has a grant but did not ask"
    ]
    assert balance.violations([SITE, PANEL], [BAY], {}) == ["bay: has no grant"]


def test_a_phasor_violation_is_named():
    site = Node("main", None, (10_000, None, None), "phasor")
    asks = [ask(id="a", node="main", phases=(1, 2)), ask(id="b", node="main", phases=(1, 3))]
    assert balance.violations([site], asks, {"a": 0, "b": 10_000}) == []
    assert balance.violations([site], asks, {"a": 6000, "b": 6000}) == [
        "main L1: 12000 mA granted, the limit is 10000 mA (phasor)"
    ]


def test_threads_do_not_meet():
    problems = [[ask(node="main", phases=(1,), max_ma=most)] for most in range(6000, 6040)]
    found = {}

    def work(n):
        for _ in range(20):
            found[n] = balance.share([SITE], problems[n]).grants_ma["bay"]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(problems))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: 6000 + n for n in range(len(problems))}


def test_a_full_depot_is_solved():
    nodes = [Node("n0", None, (10**6, 10**6, 10**6))]
    nodes += [Node(f"n{n}", f"n{(n - 1) // 8}", (20_000, 20_000, 20_000)) for n in range(1, 4096)]
    asks = [ask(id=f"c{n}", node=f"n{n}", phases=(1 + n % 3,), rank=-n) for n in range(4096)]
    shares = balance.share(nodes[::-1], asks)
    assert balance.violations(nodes, asks, shares.grants_ma) == []
    assert max(shares.used_ma["n1"]) == 20_000
