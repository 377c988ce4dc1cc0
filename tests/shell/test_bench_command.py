"""`depot bench`: benchmarks by name, and those that are assemblies by part."""

import json
from types import SimpleNamespace

import pytest

from edge.cli import bench, main
from tests.bench import _parts, day, month


@pytest.fixture
def assembly(monkeypatch):
    """A benchmark of two parts that counts nothing."""

    def figures(quick, only=None):
        return {name: {"quick": quick} for name in ("one", "two") if only in (None, name)}

    found = SimpleNamespace(PARTS={"one": "_one", "two": "_two"}, figures=figures, words=str)
    monkeypatch.setattr(bench, "_load", lambda name: found)


def test_all_parts_or_one_of_them(assembly, capsys):
    assert main(["bench", "day", "--json", "--quick"]) == 0
    assert {"one", "two"} <= json.loads(capsys.readouterr().out).keys()
    assert main(["bench", "day", "--json", "--only", "two"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["two"] == {"quick": False}
    assert "one" not in told


def test_a_part_that_is_not_there_is_refused_by_name(assembly, capsys):
    assert main(["bench", "day", "--only", "three"]) == 2
    assert "one or two" in capsys.readouterr().err


def test_a_benchmark_in_one_piece_has_no_parts(capsys):
    assert main(["bench", "balance", "--only", "fleets"]) == 2
    assert "no --only" in capsys.readouterr().err


def test_parts_are_listed_only_where_their_file_is():
    assert _parts.there({"a": "balance", "b": "_no_such_file"}) == {"a": "balance"}
    for assembled in (day, month):
        for module in assembled.PARTS.values():
            part = _parts._module(module)
            assert callable(part.figures)
            assert callable(part.words)
