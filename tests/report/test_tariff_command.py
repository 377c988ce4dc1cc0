"""`depot tariff`: check, show, import, bill."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.cli import main
from edge.model.records import LoadBlock
from edge.model.units import QUARTER_MS
from edge.shell.store import Store
from tests.fakes.loads import month

ROOT = Path(__file__).parent.parent.parent
BEV2 = ROOT / "docs/tariffs/pge_bev_2_s.toml"
ZONE = "America/Los_Angeles"


def say(capsys, *words):
    code = main(["tariff", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_check(capsys, tmp_path):
    code, out, err = say(capsys, "check", BEV2)
    assert (code, err) == (0, "")
    assert "BEV-2-S: 3 prices per kWh, 1 subscription" in out
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(BEV2.read_text().replace("block_kw = 50", "block_kw = 0").replace("16:00", "16:10"))
    code, out, err = say(capsys, "check", wrong)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 2 and all(line.startswith(f"{wrong}: ") for line in err.splitlines())
    code, out, _ = say(capsys, "check", wrong, "--json")
    assert code == 1 and len(json.loads(out)["problems"]) == 2
    assert say(capsys, "check", tmp_path / "none.toml")[0] == 2
    assert say(capsys, "check")[0] == 2


def test_show(capsys):
    code, out, _ = say(capsys, "show", BEV2, "--day", "2026-07-14")
    assert code == 0
    assert "16:00–21:00" in out and "0.41522 USD/kWh" in out
    code, out, _ = say(capsys, "show", BEV2, "--day", "2026-07-14", "--json")
    assert [row["from"] for row in json.loads(out)["day"]] == ["00:00", "09:00", "14:00", "16:00", "21:00"]
    assert say(capsys, "show", BEV2, "--day", "14.7.")[0] == 2


def test_import_of_a_urdb_rate(capsys, tmp_path):
    rate = ROOT / "tests/vectors/tariffs/urdb_lp1.json"
    code, _, err = say(capsys, "import", rate, "--timezone", "America/Chicago", "--to", tmp_path / "lp1.toml")
    assert code == 0
    assert "Minimum charge of $1000.00" in err, "what the rate says and no field holds is told"
    assert say(capsys, "check", tmp_path / "lp1.toml")[0] == 0
    assert say(capsys, "import", rate, "--timezone", "UTC", "--to", tmp_path / "lp1.toml")[0] == 2, "is there"


def kept(tmp_path, kw, until):
    """A store with a month of quarters; `until` (local) is how far it was recorded."""
    store = Store(tmp_path / "depot.db", "boot")
    counter_wh = 7_000_000
    last_ms = int(datetime.fromisoformat(until).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000
    for quarter in month(ZONE, 2026, 7, kw):
        if quarter.start_wall_ms + QUARTER_MS > last_ms:
            break
        counter_wh += quarter.import_wh
        row = LoadBlock(quarter.start_wall_ms, quarter.import_wh, 0, 0, QUARTER_MS, counter_wh)
        local = datetime.fromtimestamp(quarter.start_wall_ms / 1000, ZoneInfo(ZONE))
        if (local.day, local.hour) != (9, 3):  # an hour in which the gateway was off
            store.keep(row)
    store.remember("timezone", ZONE)
    store.heartbeat(last_ms)
    store.commit(all_of_it=True)
    store.close(last_ms)
    return tmp_path / "depot.db"


def test_bill_of_a_recorded_month(capsys, tmp_path):
    """40 kW all July, 130 kW for a quarter; the hour that is missing is filled by the meter's counter."""

    def kw(at):
        return 130 if (at.day, at.hour, at.minute) == (14, 17, 0) else 40

    store = kept(tmp_path, kw, "2026-08-01T00:00")
    code, out, _ = say(capsys, "bill", BEV2, "--month", "2026-07", "--store", store, "--json")
    found = json.loads(out)
    assert code == 0
    total = (155 * 40 + 22.5) * 0.41522 + 155 * 40 * 0.17872 + 434 * 40 * 0.20199 + 2 * 95.56 + 30 * 3.82
    assert float(found["total"]) == pytest.approx(total, abs=1e-5)
    assert (found["measured_hours"], found["filled_hours"], found["missing_hours"]) == (743, 1, 0)
    code, out, _ = say(capsys, "bill", BEV2, "--month", "2026-07", "--store", store)
    out = " ".join(out.split())
    assert "14 17:00, 130 kW at the" in out and f"{total:,.2f} USD" in out


def test_bill_of_a_month_that_still_runs(capsys, tmp_path):
    store = kept(tmp_path, 40, "2026-07-11T00:00")
    _, out, _ = say(capsys, "bill", BEV2, "--month", "2026-07", "--store", store, "--json")
    assert json.loads(out)["import_wh"] == 240 * 40_000
    assert say(capsys, "bill", BEV2, "--month", "2026-06", "--store", store)[0] == 1, "nothing recorded"
    assert say(capsys, "bill", BEV2, "--month", "June", "--store", store)[0] == 2
    assert say(capsys, "bill", "--month", "2026-07", "--store", store)[0] == 2, "no tariff"


def table(tmp_path, minutes, unit="kw", value="40", rows=24):
    path = tmp_path / f"load{minutes}.csv"
    begin = datetime(2026, 7, 1, tzinfo=ZoneInfo(ZONE)).timestamp()
    times = [
        datetime.fromtimestamp(begin + n * minutes * 60, ZoneInfo(ZONE)).isoformat() for n in range(rows)
    ]
    path.write_text(f"time,{unit}\n" + "".join(f"{time},{value}\n" for time in times))
    return path


@pytest.mark.parametrize(
    ("minutes", "unit", "value"), [(60, "kw", "40"), (15, "kwh", "10"), (5, "kw", "40.0")]
)
def test_bill_of_a_table(capsys, tmp_path, minutes, unit, value):
    path = table(tmp_path, minutes, unit, value, 24 * 60 // minutes)
    code, out, _ = say(capsys, "bill", BEV2, "--month", "2026-07", "--load", path, "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["import_wh"], found["peak_w"]) == (960_000, 40_000)


@pytest.mark.parametrize(
    ("old", "new", "tells"),
    [
        ("-07:00", "", "line 2: time: expected a time with its offset"),
        (",40", ",forty", 'line 2: kw: expected 0 or more, found "forty"'),
        (",40", ",-1", "line 2: kw: expected 0 or more"),
        ("time,kw", "when,kw", "line 2: time: expected"),
        ("01:00:00-07:00", "00:00:00-07:00", "is twice in the file"),
        ("01:00:00-07:00", "00:07:00-07:00", "is not at a whole interval of 60 min"),
    ],
)
def test_a_wrong_table_is_told_by_line_and_column(capsys, tmp_path, old, new, tells):
    path = table(tmp_path, 60)
    path.write_text(path.read_text().replace(old, new, 1))
    code, _, err = say(capsys, "bill", BEV2, "--month", "2026-07", "--load", path)
    assert code == 2
    assert str(path) in err and tells in err
