"""`depot balance`: the format to the letter, and every malformed file named."""

import io
import json
import sys

import pytest

from edge.cli import main

PROBLEM = {
    "nodes": [
        {"id": "main", "parent": None, "limit_ma": [400000, 400000, 400000]},
        {"id": "panel-a", "parent": "main", "limit_ma": [16000, 125000, None]},
    ],
    "chargers": [
        {
            "id": "bay-1",
            "node": "panel-a",
            "phases": [1, 2, 3],
            "min_ma": 6000,
            "max_ma": 32000,
            "step_ma": 1000,
            "priority": 0,
            "rank": 0,
            "weight": 1,
        }
    ],
}


@pytest.fixture
def call(tmp_path, capsys):
    def run(problem, *options):
        path = tmp_path / "problem.json"
        path.write_text(problem if isinstance(problem, str) else json.dumps(problem))
        code = main(["balance", "--problem", str(path), *options])
        return code, *capsys.readouterr()

    return run


def test_the_answer_of_the_format(call):
    code, out, err = call(PROBLEM, "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert answer.pop("solve_us") > 0
    assert answer == {
        "grants_ma": {"bay-1": 16000},
        "because": {"bay-1": "panel-a L1"},
        "used_ma": {"main": [16000, 16000, 16000], "panel-a": [16000, 16000, 16000]},
    }


def test_the_table_for_people(call):
    code, out, err = call(PROBLEM)
    assert code == 0 and "bay-1" in out and "16.000 A" in out and "panel-a L1" in out
    assert "us" in err


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(PROBLEM)))
    assert main(["balance", "--problem", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["grants_ma"] == {"bay-1": 16000}


def test_what_may_be_left_out(call):
    bays = [{"id": f"b{n}", "node": "main", "phases": [2], "min_ma": 9, "max_ma": 9} for n in range(3)]
    bays[0]["rank"] = 2
    nodes = [{"id": "main", "parent": None, "limit_ma": [None, 18, None]}]
    _, out, _ = call({"nodes": nodes, "chargers": bays}, "--json")
    # b0 has rank 2; the others the order of the file, 1 and 2: b0 comes before b2, which is later there
    assert json.loads(out)["grants_ma"] == {"b0": 9, "b1": 9, "b2": 0}


def test_phases_in_any_order(call):
    problem = json.loads(json.dumps(PROBLEM))
    problem["chargers"][0]["phases"] = [3, 1]
    assert call(problem, "--json")[0] == 0


def changed(place, key, value):
    problem = json.loads(json.dumps(PROBLEM))
    target = problem
    for part in place:
        target = target[part]
    if value is ...:
        del target[key]
    else:
        target[key] = value
    return problem


BAY, PANEL = ("chargers", 0), ("nodes", 1)
MALFORMED = [
    ("{", ["is not JSON"]),
    ("", ["is not JSON"]),
    ("[" * 100_000, ["is not JSON"]),
    ("[]", ["problem", "object"]),
    ('{"nodes": [], "nodes": [], "chargers": []}', ["nodes", "twice"]),
    ('{"nodes": [], "chargers": NaN}', ["NaN"]),
    (changed((), "nodes", ...), ["nodes", "missing"]),
    (changed((), "chargers", ...), ["chargers", "missing"]),
    (changed((), "charger", []), ["charger", "unknown key"]),
    (changed((), "nodes", []), ["nodes", "at least one"]),
    (changed((), "nodes", {}), ["nodes", "list"]),
    (changed(("nodes",), 1, 5), ["nodes[1]", "object"]),
    (changed(PANEL, "id", ...), ["nodes[1].id", "missing"]),
    (changed(PANEL, "id", 7), ["nodes[1].id", "7", "text"]),
    (changed(PANEL, "id", ""), ["nodes[1].id", "empty"]),
    (changed(PANEL, "id", "main"), ["'main'", ".id", "twice"]),
    (changed(PANEL, "parent", ...), ["'panel-a'", ".parent", "missing"]),
    (changed(PANEL, "parent", 0), ["'panel-a'", ".parent", "text"]),
    (changed(PANEL, "parent", "x"), ["'panel-a'", ".parent", "'x'"]),
    (changed(PANEL, "parent", "panel-a"), ["'panel-a'", ".parent", "circle"]),
    (changed(PANEL, "parent", None), ["'panel-a'", ".parent", "site"]),
    (changed(PANEL, "limit_ma", ...), ["'panel-a'", ".limit_ma", "missing"]),
    (changed(PANEL, "limit_ma", [1, 2]), ["'panel-a'", ".limit_ma", "three"]),
    (changed(PANEL, "limit_ma", 5), ["'panel-a'", ".limit_ma", "list"]),
    (changed(PANEL, "limit_ma", [1, 2, 3.0]), ["'panel-a'", ".limit_ma[2]", "3.0"]),
    (changed(PANEL, "limit_ma", [1, True, 3]), ["'panel-a'", ".limit_ma[1]", "true"]),
    (changed(PANEL, "delta", "vector"), ["'panel-a'", ".delta", "vector"]),
    (changed(PANEL, "delta", None), ["'panel-a'", ".delta", "null"]),
    (changed(PANEL, "limits_ma", []), ["'panel-a'", ".limits_ma", "unknown key"]),
    *[
        (changed(BAY, key, ...), ["'bay-1'", f".{key}", "missing"])
        for key in ("node", "phases", "min_ma", "max_ma")
    ],
    (changed(BAY, "id", None), ["chargers[0].id", "text"]),
    (changed(BAY, "node", "x"), ["'bay-1'", ".node", "'x'"]),
    (changed(BAY, "node", 1), ["'bay-1'", ".node", "text"]),
    (changed(BAY, "phases", []), ["'bay-1'", ".phases"]),
    (changed(BAY, "phases", [1, 1]), ["'bay-1'", ".phases", "once"]),
    (changed(BAY, "phases", [0]), ["'bay-1'", ".phases"]),
    (changed(BAY, "phases", ["L1"]), ["'bay-1'", ".phases[0]", "integer"]),
    (changed(BAY, "phases", "123"), ["'bay-1'", ".phases", "list"]),
    *[
        (changed(BAY, key, bad), ["'bay-1'", f".{key}", "integer"])
        for key in ("min_ma", "max_ma", "step_ma", "priority", "rank", "weight")
        for bad in (1.5, "1", True, None, [], 10**40)
    ],
    (changed(BAY, "min_ma", 32001), ["'bay-1'", ".min_ma", "32001"]),
    (changed(BAY, "min_ma", -1), ["'bay-1'", ".min_ma", "-1"]),
    (changed(BAY, "max_ma", -1), ["'bay-1'", ".max_ma", "-1"]),
    (changed(BAY, "step_ma", 0), ["'bay-1'", ".step_ma", "0"]),
    (changed(BAY, "weight", 0), ["'bay-1'", ".weight", "0"]),
    (changed(BAY, "weight", 1001), ["'bay-1'", ".weight", "1001"]),
    (changed(BAY, "wieght", 2), ["'bay-1'", ".wieght", "unknown key"]),
]


@pytest.mark.parametrize(("problem", "words"), MALFORMED)
def test_a_malformed_problem_is_named_and_refused(call, problem, words):
    code, out, err = call(problem, "--json")
    assert (code, out) == (2, "")
    assert err.startswith("depot: ") and "problem.json" in err
    for word in words:
        assert word in err


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    assert main(["balance", "--problem", str(tmp_path / "none.json")]) == 2
    assert "none.json: No such file" in capsys.readouterr().err
    (tmp_path / "latin.json").write_bytes(b'{"\xe9": 1}')
    assert main(["balance", "--problem", str(tmp_path / "latin.json")]) == 2
    assert "UTF-8" in capsys.readouterr().err
