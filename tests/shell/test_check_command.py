"""`depot check`: exit codes, what people read, what programs read."""

import json
from pathlib import Path

import pytest

from edge.cli import main

GOOD = Path(__file__).with_name("good.toml")


def test_a_good_file_prints_the_proof(capsys):
    assert main(["check", str(GOOD)]) == 0
    told = capsys.readouterr()
    assert "100 / 100 / 100 A" in told.out
    assert "46 / 46 / 50.5 A" in told.out
    assert "fallback currents fit" in told.out
    assert "12144 of 43000 W" in told.out


def test_a_refused_file_is_told_on_standard_error(tmp_path, capsys):
    path = tmp_path / "site.toml"
    text = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors"))
    path.write_text(text.replace("limit_a = 100", "limit_a = 50"))
    assert main(["check", str(path)]) == 1
    told = capsys.readouterr()
    assert 'line 23: [[node]] "main": limit_a: L1: fallback currents do not fit' in told.err
    assert "DOES NOT FIT" in told.out
    assert main(["check", str(path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["nodes"][0]["spare_ma"] == [-4_000, -4_000, 500]
    assert document["problems"][0]["key"] == "limit_a"


def test_a_good_file_as_json(capsys):
    assert main(["check", str(GOOD), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert document["problems"] == []
    assert [node["node"] for node in document["nodes"]] == ["main", "panel-a"]


@pytest.mark.parametrize(
    "words", [["check"], ["check", "/none/site.toml"], ["check", "/none/site.toml", "--json"]]
)
def test_what_cannot_be_read_is_a_wrong_call(capsys, words):
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("depot: ")
