"""What `depot plan` refuses, and how it says so: by id and key, exit 2."""

import io
import json

import pytest

from edge.cli import main

GOOD = {
    "slot_s": 900,
    "slots": 4,
    "price_per_kwh": [0.1, 0.2, -0.1, 0.3],
    "demand": {"per_kw": 0.4, "already_kw": 80.0},
    "base_w": [1000, 2000, 1500, 1000],
    "nodes": [
        {"id": "main", "parent": None, "limit_ma": [40_000, 40_000, None], "limit_w": [20_000] * 4},
        {"id": "panel", "parent": "main", "limit_ma": [[32_000] * 3, None, [1, 2, 3], [0, 0, 0]]},
        {"id": "row", "parent": "panel", "limit_ma": None, "limit_w": 9_000.5, "delta": "phasor"},
    ],
    "chargers": [
        {
            "id": "bay-1",
            "node": "row",
            "phases": [1, 2, 3],
            "w_per_a": 690.0,
            "min_ma": 6000,
            "max_ma": 32_000,
            "from_slot": 0,
            "to_slot": 4,
            "energy_wh": 4000,
            "unmet_per_kwh": 5.0,
        }
    ],
    "earliness_per_kwh_h": 0.0001,
    "lawful": True,
    "gap": 0.001,
    "max_ms": 1000,
}


def with_change(path, value):
    """The good problem with one thing changed; a value of ... takes the key away."""
    problem = json.loads(json.dumps(GOOD))
    at = problem
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(problem)


def told(tmp_path, capsys, text):
    file = tmp_path / "problem.json"
    file.write_text(text)
    code = main(["plan", "--problem", str(file), "--json"])
    printed = capsys.readouterr()
    assert code == 0 or printed.out == ""
    return code, printed.err, printed.out


def test_a_good_problem_is_answered_as_the_format_says(tmp_path, capsys):
    code, err, out = told(tmp_path, capsys, json.dumps(GOOD))
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert set(answer) >= {
        "amps", "energy_wh", "unmet_wh", "objective", "lower_bound", "gap", "peak_kw", "iterations",
        "solve_ms", "stopped",
    }  # fmt: skip
    assert len(answer["amps"]["bay-1"]) == 4
    assert answer["stopped"] in ("gap", "time")


BAD = [
    (["slots"], 0, "slots: expected 1 to 672"),
    (["slots"], 673, "slots: expected 1 to 672"),
    (["slots"], 4.0, "slots: expected a whole number, not 4.0"),
    (["slots"], True, "slots: expected a whole number, not true"),
    (["slots"], ..., "slots: is missing"),
    (["slot_s"], 0, "slot_s: expected 1 to 86400"),
    (["slot_s"], "900", 'slot_s: expected a whole number, not "900"'),
    (["price_per_kwh"], [0.1] * 3, "price_per_kwh: expected 4 prices, not 3"),
    (["price_per_kwh"], [0.1, None, 0.1, 0.1], "price_per_kwh: [1]: expected a number, not null"),
    (["price_per_kwh"], [0.1, 1e300, 0.1, 0.1], "price_per_kwh[1]: expected a number within"),
    (["price_per_kwh"], 0.1, "price_per_kwh: expected a list"),
    (["base_w"], [], "base_w: expected 4 entries, not 0"),
    (["base_w"], [1], "base_w: expected 4 entries, not 1"),
    (["own"], [], "own: expected an object"),
    (["own"], {"w": [0] * 4}, "own: price_per_kwh: is missing"),
    (["own"], {"w": [0] * 3, "price_per_kwh": [0] * 4}, "own: w: expected 4 entries, not 3"),
    (["own"], {"w": [0, -1, 0, 0], "price_per_kwh": [-1] * 4}, "own: w[1]: expected 0 to"),
    (["own"], {"w": [0] * 4, "price_per_kwh": [0.05] * 4}, "own: price_per_kwh[2]: expected at most"),
    (["own"], {"w": [0] * 4, "price_per_kwh": [-1] * 4, "x": 1}, "own: x: is not a key here"),
    (["demand", "per_kw"], -1, "demand: per_kw: expected 0 to"),
    (["demand", "per_kwh"], 1, "demand: per_kwh: is not a key here"),
    (["demand"], [], "demand: expected an object"),
    (["earliness_per_kwh_h"], 1e7, "earliness_per_kwh_h: expected within"),
    (["gap"], -0.1, "gap: expected 0 or more"),
    (["max_ms"], -1, "max_ms: expected 0 or more"),
    (["lawful"], 1, "lawful: expected true or false, not 1"),
    (["comment"], "hello", "comment: is not a key here"),
    (["nodes"], [], "nodes: expected 1 to 1024, not 0"),
    (["nodes", 0], 3, "nodes[0]: expected an object, not 3"),
    (["nodes", 0, "id"], "", 'nodes[0]: id: expected a name, not ""'),
    (["nodes", 0, "parent"], "row", "nodes: parent: expected null at exactly one node"),
    (["nodes", 1, "parent"], None, "nodes: parent: expected null at exactly one node"),
    (["nodes", 1, "parent"], "attic", 'node "panel": parent: there is no node "attic"'),
    (["nodes", 1, "parent"], "row", 'node "panel": parent: leads in a circle'),
    (["nodes", 1, "id"], "main", 'node "main": id: is there twice'),
    (["nodes", 0, "limit_ma"], [1, 2], 'node "main": limit_ma: '),
    (["nodes", 0, "limit_ma"], [1, 2, 3.5], 'node "main": limit_ma: [2]: expected a whole number'),
    (["nodes", 0, "limit_ma"], [[1, 2, 3]] * 3, 'node "main": limit_ma: expected 4 entries, not 3'),
    (["nodes", 0, "limit_ma"], [[1, 2]] * 4, 'node "main": limit_ma: [0]: expected one entry for each'),
    (["nodes", 0, "limit_ma"], [[1, 2, 3]], 'node "main": limit_ma: expected 4 entries, not 1'),
    (["nodes", 0, "limit_w"], [1], 'node "main": limit_w: expected 4 entries, not 1'),
    (["nodes", 0, "limit_w"], [1, 2], 'node "main": limit_w: expected 4 entries, not 2'),
    (["nodes", 0, "limit_w"], "much", 'node "main": limit_w: expected a number, not "much"'),
    (["nodes", 0, "limit_mA"], None, 'node "main": limit_mA: is not a key here'),
    (["nodes", 2, "delta"], "wye", 'node "row": delta: expected "arithmetic", "phasor" or "delta-wye"'),
    (["chargers", 0, "node"], "attic", 'charger "bay-1": node: there is no node "attic"'),
    (["chargers", 0, "phases"], [], 'charger "bay-1": phases: expected some of 1, 2, 3'),
    (["chargers", 0, "phases"], [1, 1], 'charger "bay-1": phases: expected some of 1, 2, 3'),
    (["chargers", 0, "phases"], [0], 'charger "bay-1": phases: expected some of 1, 2, 3'),
    (["chargers", 0, "phases"], 1, 'charger "bay-1": phases: expected a list'),
    (["chargers", 0, "w_per_a"], 0, 'charger "bay-1": w_per_a: expected 0.001'),
    (["chargers", 0, "min_ma"], -1, 'charger "bay-1": min_ma: expected 0 to max_ma'),
    (["chargers", 0, "min_ma"], 32_001, 'charger "bay-1": min_ma: expected 0 to max_ma'),
    (["chargers", 0, "max_ma"], -1, 'charger "bay-1": max_ma: expected 0 to'),
    (["chargers", 0, "from_slot"], -1, 'charger "bay-1": from_slot: expected 0 to 4'),
    (["chargers", 0, "from_slot"], 5, 'charger "bay-1": from_slot: expected 0 to 4'),
    (["chargers", 0, "to_slot"], 5, 'charger "bay-1": to_slot: expected 0 to 4'),
    (["chargers", 0, "energy_wh"], -1, 'charger "bay-1": energy_wh: expected 0 to'),
    (["chargers", 0, "unmet_per_kwh"], ..., 'charger "bay-1": unmet_per_kwh: is missing'),
    (["chargers", 0, "unmet_per_kwh"], -1, 'charger "bay-1": unmet_per_kwh: expected 0 to'),
    (["chargers", 0, "id"], 7, "chargers[0]: id: expected a name, not 7"),
    (["chargers"], [GOOD["chargers"][0]] * 2, 'charger "bay-1": id: is there twice'),
    (["chargers"], [{**GOOD["chargers"][0], "id": f"c{n}"} for n in range(1025)], "at most 1024"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD, ids=[f"{b[0]}={b[1]!s:.20}" for b in BAD])
def test_a_wrong_problem_is_refused_by_id_and_key(tmp_path, capsys, path, value, message):
    code, err, _ = told(tmp_path, capsys, with_change(path, value))
    assert code == 2
    assert message in err
    assert str(tmp_path / "problem.json") in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[]", "problem: expected an object, not []"),
        ('{"slots": 1, "slots": 2}', "slots: is there twice"),
        (json.dumps(GOOD).replace("0.1, 0.2", "NaN, 0.2"), "NaN is not a number"),
        (json.dumps(GOOD).replace("0.1, 0.2", "-Infinity, 0.2"), "-Infinity is not a number"),
        (json.dumps(GOOD).replace("0.1, 0.2", "1e999, 0.2"), "price_per_kwh[0]: expected a number"),
        ("[" * 100_000, "problem.json"),
    ],
)
def test_a_text_that_is_no_problem_is_refused(tmp_path, capsys, text, message):
    code, err, _ = told(tmp_path, capsys, text)
    assert code == 2
    assert message in err


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["plan", "--problem", "nowhere.json"]) == 2
    assert "nowhere.json" in capsys.readouterr().err


def test_people_get_a_summary_and_a_file_may_come_from_standard_input(capsys, monkeypatch):
    problem = json.loads(json.dumps(GOOD))
    problem["chargers"][0]["energy_wh"] = 100_000
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(problem)))
    assert main(["plan", "--problem", "-"]) == 0
    printed = capsys.readouterr().out
    assert "1 chargers, 3 nodes, 1 h" in printed
    assert "above the least possible" in printed
    assert "not enough for 1 vehicles: bay-1" in printed
