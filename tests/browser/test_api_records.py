"""What was, over HTTP: reports of a month and their tables, the audit log, a day; and the devices' lines."""

import csv
import http.client
import io
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.model.dayplan import Ceiling, DayPlan, Prospect, Row, Stayer, Stretch
from edge.model.flow import Identified, Lost
from edge.model.records import LoadBlock, Session
from edge.model.units import DAY_MS, HOUR_MS, QUARTER_MS
from edge.shell import costs, tarifffile
from edge.shell.archive import Archive
from edge.shell.store import Store
from tests.fakes import depot_year
from tests.fakes.depot_records import START_WALL_MS
from tests.fakes.served import Served

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("year") / "depot.db"
    store = depot_year.filled(Store(path, "boot"))
    for n in range(130):
        store.audit(depot_year.UNTIL + n, "ada" if n % 2 else "grid", f"line {n}", "done")
    store.close(depot_year.UNTIL)
    return path


@pytest.fixture
def served(year: Path) -> Iterator[Served]:
    depot = Served()
    depot.tick(0)
    site = msgspec.structs.replace(depot.site, timezone=depot_year.ZONE)
    tariff = tarifffile.load(DOCS / "tariffs" / "pge_bev_2_s.toml", depot_year.ZONE)
    depot.rig.desk.archive = Archive(str(year), site, tariff)
    yield depot
    depot.close()


def ask(depot: Served, path: str, method: str = "GET", body: Any = None) -> tuple[int, dict[str, str], bytes]:
    secret = depot.rig.desk.reception.token_add("e", "electrician", "test")[1]
    wire = http.client.HTTPConnection("127.0.0.1", depot.port, timeout=30)
    raw = None if body is None else json.dumps(body).encode()
    wire.request(method, path, raw, {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"})
    answer = wire.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    wire.close()
    return found


def got(depot: Served, path: str) -> Any:
    status, _, body = ask(depot, path)
    assert status == 200, body
    return json.loads(body)


def counted(year: Path, sql: str, *params: Any) -> Any:
    with sqlite3.connect(f"file:{year}?mode=ro", uri=True) as connection:
        return connection.execute(sql, params).fetchone()[0]


def test_a_month_in_reports_and_in_tables(served: Served, year: Path) -> None:
    ports = got(served, "/api/reports/2026-10/uptime")["ports"]
    assert [port["port"] for port in ports] == list(depot_year.PORTS)
    sessions = got(served, "/api/reports/2026-10/sessions")
    touching = "FROM session WHERE start_wall_ms < ? AND (end_wall_ms IS NULL OR end_wall_ms > ?)"
    month = (depot_year.NOVEMBER, depot_year.OCTOBER)
    assert sessions["totals"]["sessions"] == counted(year, f"SELECT COUNT(*) {touching}", *month)
    assert sessions["totals"]["energy_wh"] == counted(year, f"SELECT SUM(energy_wh) {touching}", *month)
    assert {each["id"] for each in got(served, "/api/reports/2026-10/indicators")["indicators"]}
    assert got(served, "/api/reports/2026-10/performance")["intervals"] == []
    status, headers, body = ask(served, "/api/reports/2026-10/sessions.csv")
    assert status == 200 and headers["content-type"].startswith("text/csv")
    assert headers["content-disposition"].startswith('attachment; filename="sessions-')
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert len(rows) == sessions["totals"]["sessions"]
    assert sum(int(row["energy_wh"]) for row in rows) == sessions["totals"]["energy_wh"]
    assert all(row["start"].endswith("Z") for row in rows)
    table = list(csv.DictReader(io.StringIO(ask(served, "/api/reports/2026-10/uptime.csv")[2].decode())))
    assert [row["port"] for row in table] == list(depot_year.PORTS)


def test_no_cell_is_a_formula(served: Served, tmp_path: Path) -> None:
    store = Store(tmp_path / "depot.db", "boot")
    store.keep(Session("s", "bay", START_WALL_MS, START_WALL_MS + HOUR_MS, vehicle="=cmd|'/c calc'!A1"))
    store.close(START_WALL_MS + HOUR_MS)
    served.rig.desk.archive = Archive(str(tmp_path / "depot.db"), served.site, None)
    body = ask(served, "/api/reports/2026-08/sessions.csv")[2].decode()
    months = [f"2026-{m:02}" for m in range(1, 13)]
    body = "".join(ask(served, f"/api/reports/{month}/sessions.csv")[2].decode() for month in months)
    assert "'=cmd" in body and ",=cmd" not in body


@pytest.mark.parametrize(
    "path",
    ["2026-13/uptime", "2026-1/uptime", "x/sessions", "..%2f..%2fetc%2fpasswd/bill", "2026-10%00/cost",
     "9999-99/indicators", "0000-01/sessions.csv", "2026-10/secrets", "2026-10/../../site/file"],
)  # fmt: skip
def test_a_month_that_is_none_is_refused(served: Served, path: str) -> None:
    status, headers, body = ask(served, f"/api/reports/{path}")
    assert status in (400, 404), body
    assert headers["content-type"] == "application/problem+json" and json.loads(body)["detail"]


def test_cost_is_found_in_its_own_time(served: Served) -> None:
    first = ask(served, "/api/reports/2026-10/cost")
    assert first[0] in (200, 202)
    end = time.monotonic() + 60
    while (found := ask(served, "/api/reports/2026-10/cost"))[0] == 202:
        assert "retry-after" in found[1] and time.monotonic() < end
        time.sleep(0.3)
    assert found[0] == 200 and json.loads(found[2])["money"]["month"] == "2026-10"
    assert got(served, "/api/reports/2026-10/bill")["bill"]["month"] == "2026-10"


def test_one_cost_is_found_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, of_month = threading.Event(), costs.of_month

    def slowly(*words: Any) -> Any:
        assert go_on.wait(60)
        return of_month(*words)

    monkeypatch.setattr(costs, "of_month", slowly)
    assert ask(served, "/api/reports/2026-10/cost")[0] == 202
    status, _, body = ask(served, "/api/reports/2026-09/cost")
    assert status == 503 and "2026-10 is being found" in json.loads(body)["detail"]
    assert ask(served, "/api/reports/2026-10/cost")[0] == 202
    assert ask(served, "/api/reports/2026-10/bill")[0] == 200  # nobody else waits for it
    go_on.set()


def test_the_audit_log_page_by_page(served: Served, year: Path) -> None:
    seen, before = [], ""
    while True:
        page = got(served, f"/api/audit?limit=50{before}")
        seen += [line["what"] for line in page["lines"]]
        if page["before"] is None:
            break
        before = f"&before={page['before']}"
    assert len(seen) == counted(year, "SELECT COUNT(*) FROM audit") and seen[0] == "line 129"
    assert seen == list(dict.fromkeys(seen))
    ada = got(served, "/api/audit?limit=200&text=ADA")["lines"]
    assert len(ada) == 65 and {line["who"] for line in ada} == {"ada"}
    assert got(served, "/api/audit?text=%25")["lines"] == []  # no wildcard, but a sign
    assert ask(served, "/api/audit?limit=201")[0] == 400


def test_a_day_has_what_was_and_what_is_planned(served: Served, tmp_path: Path) -> None:
    rig, now = served.rig, served.rig.wall_ms
    quarter = now // QUARTER_MS * QUARTER_MS
    store = Store(tmp_path / "depot.db", "boot")
    store.keep(LoadBlock(quarter - QUARTER_MS, 10_000, 0, 6_000, measured_ms=QUARTER_MS))
    store.keep(Session("s", "bay-1", now - 2 * HOUR_MS, now - HOUR_MS, energy_wh=7_000, vehicle="v-1"))
    store.commit(all_of_it=True)
    rig.desk.archive = Archive(str(tmp_path / "depot.db"), served.site, None)
    stayer = Stayer(
        "bay-3", now, now + 9 * HOUR_MS, 20_000, 6_000, 16_000, 11_040, (0, 1, 2), 0, present=True
    )
    slot = 5 * 60_000
    rig.desk.ahead.prospect = Prospect(
        now, (stayer,), ceilings=(Ceiling("main", now + HOUR_MS, now + 2 * HOUR_MS, limit_w=40_000),)
    )
    row = Row("bay-3", now + 9 * HOUR_MS, 20_000, 500, (Stretch(12, 24, 10_000, 8_000, False),))
    rig.desk.ahead.plan = DayPlan(now, slot, 108, (row,), 0, 0, 0, 0, 500)
    day = got(served, "/api/day")
    assert day["load"] == [{"from_wall_ms": quarter - QUARTER_MS, "import_w": 40_000, "charging_w": 24_000}]
    was = [v for v in day["vehicles"] if v["kind"] == "was"]
    assert [(v["charger"], v["energy_wh"]) for v in was] == [("bay-1", 7_000)]
    bay = next(v for v in day["vehicles"] if v["kind"] == "is" and v["charger"] == "bay-3")
    stretch = {"from_wall_ms": now + 12 * slot, "to_wall_ms": now + 24 * slot, "current_ma": 10_000}
    assert bay["planned"] == [{**stretch, "power_w": 6_900}] and bay["missing_wh"] == 500
    ahead = day["forecast"]
    assert (ahead["planned_w"][11], ahead["planned_w"][12], ahead["planned_w"][24]) == (0, 6_900, 0)
    # 160 A on three phases, and 40 kW for the hour that begins in an hour.
    installed = 3 * 160 * served.site.voltage_v
    assert [ahead["limit_w"][n] for n in (11, 12, 23, 24)] == [installed, 40_000, 40_000, installed]
    assert ahead["base_w"] == [None] * 108
    yesterday = got(served, f"/api/day?date={time.strftime('%Y-%m-%d', time.gmtime((now - DAY_MS) / 1000))}")
    assert (yesterday["load"], yesterday["forecast"]) == ([], None)
    for wrong in ("yesterday", "2026-02-30", "0001-01-01", "9999-12-31"):
        assert ask(served, f"/api/day?date={wrong}")[0] == 400
    store.close()
    rig.desk.archive = Archive(":memory:", served.site, None)
    assert got(served, "/api/day")["load"] == []  # the disk refuses: what is planned is shown all the same
    assert ask(served, "/api/audit")[0] == 404


def test_the_lines_say_who_was_found_and_who_was_lost(served: Served) -> None:
    hear = served.rig.desk.lines.hearing(served.rig.said.append)
    hear(Identified(1, "bay-1", {"model": "CHARX"}))
    hear(Lost(2, "bay-1", "no answer"))
    assert len(served.rig.said) == 2
    assert got(served, "/api/devices") == []
    status, _, body = ask(served, "/api/devices/bay-1/trace?seconds=1", "POST")
    assert (status, json.loads(body)["detail"][:7]) == (404, "device:")
    assert ask(served, "/api/devices/bay-1/trace?seconds=99", "POST")[0] == 400
    found = got(served, "/api/devices/look-at")  # of the year's store
    assert {one["kind"] for one in found} == {"starts"} and found[0]["look_at"]


def test_settings_are_read_and_a_site_file_is_checked_before_it_is_used(served: Served) -> None:
    good = (Path(__file__).parents[1] / "shell" / "good.toml").read_text()
    assert got(served, "/api/site")["chargers"] == 6
    assert ask(served, "/api/site/file")[0] == 404
    path = Path(__file__).parents[1] / "shell" / "good.toml"
    served.rig.desk.site_file = path
    status, headers, body = ask(served, "/api/site/file")
    assert (status, body.decode(), headers["content-disposition"]) == (
        200,
        good,
        'attachment; filename="good.toml"',
    )
    found = json.loads(ask(served, "/api/site/check", "POST", {"text": good})[2])
    assert (found["good"], found["problems"]) == (True, []) and all(n["fits"] for n in found["proof"])
    broken = good.replace("limit_a", "limit_amps", 1)
    found = json.loads(ask(served, "/api/site/check", "POST", {"text": broken})[2])
    assert not found["good"] and "limit_amps" in " ".join(found["problems"])
    found = json.loads(ask(served, "/api/site/check", "POST", {"text": "[[["})[2])
    assert not found["good"] and "not TOML" in found["problems"][0]
