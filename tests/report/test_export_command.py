"""`depot export sessions`: the table as other programs read it."""

import csv
import io
import json
from datetime import datetime

import pytest

from edge.cli import main
from edge.model.records import Session
from edge.model.units import HOUR_MS
from edge.shell.store import Store

OCTOBER = int(datetime.fromisoformat("2026-10-01T07:00+00:00").timestamp() * 1000)  # Los Angeles


@pytest.fixture
def state(tmp_path):
    store = Store(tmp_path / "depot.db", "boot")
    store.remember("timezone", "America/Los_Angeles")
    begin, end = OCTOBER + HOUR_MS, OCTOBER + 3 * HOUR_MS
    store.keep(Session("s1", "bay-1", begin, end, 2 * HOUR_MS, HOUR_MS, 11_000, vehicle='Van "7", red'))
    store.keep(Session("s2", "bay-2", OCTOBER - HOUR_MS, OCTOBER - 1))
    store.keep(Session("s3", "bay-3", OCTOBER - HOUR_MS, None, HOUR_MS, 0, 5))
    store.close(OCTOBER + 4 * HOUR_MS)
    return tmp_path


def test_sessions_of_a_month_as_csv(state, capsys):
    assert main(["export", "sessions", "--month", "2026-10", "--state", str(state)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["session"] for row in rows] == ["s3", "s1"]
    assert (rows[0]["end"], rows[0]["energy_wh"]) == ("", "5")
    assert (rows[1]["start"], rows[1]["end"]) == ("2026-10-01T08:00:00Z", "2026-10-01T10:00:00Z")
    assert (rows[1]["duration_s"], rows[1]["idle_s"], rows[1]["mean_w"]) == ("7200", "3600", "11000")
    assert rows[1]["vehicle"] == 'Van "7", red'


def test_sessions_of_a_month_as_json(state, capsys):
    assert main(["export", "sessions", "--month", "2026-10", "--state", str(state), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["totals"]["energy_wh"] == 11_005
    assert document["totals"]["unfinished"] == 1
    assert [row["charger"] for row in document["sessions"]] == ["bay-3", "bay-1"]


def test_a_month_without_sessions_has_only_a_head(state, capsys):
    assert main(["export", "sessions", "--month", "2025-10", "--state", str(state)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "tells"),
    [(["--month", "x"], "expected YYYY-MM"), (["--month", "2026-10", "--store", "/no/x"], "/no/x")],
)
def test_a_wrong_call_is_told(state, capsys, words, tells):
    assert main(["export", "sessions", "--state", str(state), *words]) == 2
    assert tells in capsys.readouterr().err
