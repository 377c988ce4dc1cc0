"""`depot uptime` over a store that was written as the daemon writes it."""

import json
from datetime import datetime

import pytest

from edge.cli import main
from edge.model.records import PortInterval
from edge.model.units import HOUR_MS
from edge.shell import uptimes
from edge.shell.store import Store

# October 2026 in Los Angeles: 07:00 UTC on the 1st to 07:00 UTC on 1 November.
OCTOBER = int(datetime.fromisoformat("2026-10-01T07:00+00:00").timestamp() * 1000)
NOVEMBER = int(datetime.fromisoformat("2026-11-01T07:00+00:00").timestamp() * 1000)


@pytest.fixture
def state(tmp_path):
    store = Store(tmp_path / "depot.db", "boot")
    store.remember("timezone", "America/Los_Angeles")
    at = OCTOBER
    for hours, seen in ((100, "up"), (3, "down"), (600, "up")):
        end = at + hours * HOUR_MS
        store.keep(
            PortInterval("US-NRT-E1", at, seen, "fault" if seen == "down" else "available", end, end - at)
        )
        at = end
    store.keep(PortInterval("US-NRT-E1", at, "up", "in use"))
    store.close(NOVEMBER)
    return tmp_path


def test_the_month_as_json(state, capsys):
    assert main(["uptime", "--month", "2026-10", "--state", str(state), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["timezone"] == "America/Los_Angeles"
    assert document["records_until"] == "2026-11-01T07:00:00Z"
    (port,) = document["ports"]
    assert (port["port"], port["from"], port["to"]) == (
        "US-NRT-E1", "2026-10-01T07:00:00Z", "2026-11-01T07:00:00Z",
    )  # fmt: skip
    assert (port["down_ms"], port["outages"]) == (3 * HOUR_MS, 1)
    assert port["evidence"]["percent"] == "99.60"  # 3 of 744 hours
    assert port["year_evidence"] is None


def test_the_month_for_people(state, capsys):
    assert main(["uptime", "--month", "2026-10", "--store", str(state / "depot.db")]) == 0
    told = capsys.readouterr().out
    assert "US-NRT-E1" in told
    assert "180.00" in told
    assert "99.60 %" in told
    assert "23 CFR 680.116(b)" in told


def test_a_month_of_which_nothing_is_recorded(state, capsys):
    assert main(["uptime", "--month", "2025-10", "--state", str(state), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ports"] == []


def test_what_was_stated(state, capsys):
    assert main(["uptime", "--month", "2026-10", "--state", str(state), "--versions"]) == 1
    store = Store(state / "depot.db", "boot")
    made, _ = uptimes.restated(store, ["2026-10"], "America/Los_Angeles", NOVEMBER)
    store.keep(made[0])
    store.close()
    capsys.readouterr()
    assert main(["uptime", "--month", "2026-10", "--state", str(state), "--versions"]) == 0
    told = capsys.readouterr().out
    assert "first statement" in told
    assert "99.60 %" in told
    assert main(["uptime", "--month", "2026-10", "--state", str(state), "--versions", "--json"]) == 0
    (statement,) = json.loads(capsys.readouterr().out)
    assert statement["figures"]["down_ms"] == 3 * HOUR_MS
    assert main(["uptime", "--month", "2026-10", "--state", str(state), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stated"] == {"US-NRT-E1": 1}


def test_the_rules_are_named(state, capsys):
    words = ["uptime", "--month", "2026-10", "--state", str(state), "--rules", "california", "--json"]
    assert main(words) == 0
    assert "California" in json.loads(capsys.readouterr().out)["rules"]


@pytest.mark.parametrize(
    ("words", "tells"),
    [
        (["--month", "October"], "expected YYYY-MM"),
        (["--month", "2026-10", "--store", "/none/depot.db"], "/none/depot.db: cannot be opened"),
        (["--month", "2026-10", "--site", "/none/site.toml"], "/none/site.toml: there is no such file"),
    ],
)
def test_a_wrong_call_is_told(state, capsys, words, tells):
    assert main(["uptime", "--state", str(state), *words]) == 2
    assert tells in capsys.readouterr().err
