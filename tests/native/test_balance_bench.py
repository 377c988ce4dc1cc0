"""`depot bench balance`: the figures are of lawful answers, and name machine, versions and peer."""

import json

from edge.cli import main
from edge.core import balance
from tests.bench import balance as bench


def test_the_figures_name_machine_versions_and_peer(capsys, monkeypatch):
    monkeypatch.setattr(bench, "SIZES", (10, 20))
    monkeypatch.setattr(
        bench, "seconds", lambda work, budget_s: [1e-6 for _ in range(5) if not work()] or [1e-6]
    )
    assert main(["bench", "balance", "--quick", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["machine"]["cpus"] >= 1 and "python" in figures["versions"]
    assert [row["chargers"] for row in figures["rows"]] == [10, 20]
    assert figures["peer"] and all(row["peer_us"]["best"] > 0 for row in figures["rows"])


def test_the_peer_is_a_fair_opponent():
    nodes, asks = bench.depot(100)
    grants = bench.peer(nodes, asks)
    assert not [words for words in balance.violations(nodes, asks, grants) if "granted" in words]
    ours = balance.share(nodes, asks).grants_ma
    assert 0.8 * sum(ours.values()) < sum(grants.values()) <= sum(ours.values()) + 500 * len(asks)


def test_the_benchmark_s_depot_is_congested():
    nodes, asks = bench.depot(200)
    because = balance.share(nodes, asks).because.values()
    assert len(nodes) == 21
    assert 50 < sum(words != "max" for words in because) < 200


def test_an_unknown_benchmark_is_refused_by_name(capsys):
    assert main(["bench", "nothing"]) == 2
    assert "'nothing' is not a benchmark" in capsys.readouterr().err
