"""Exports of a drawn year by command, judged by what shares nothing with them.

EV-ChART: the checker, which EV-ChART's own samples have judged.  OCPI: the specification's names and bounds.
Charging use: its JSON schemas, which its own fixtures have judged.
"""

import csv
import functools
import io
import json
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from edge.cli import main
from edge.report.evchartcheck import check
from edge.report.station import Station
from edge.report.uptime import minutes, months_ending
from edge.shell import stationfile, uptimes
from edge.shell.pseudonyms import Pseudonyms
from edge.shell.statedir import PSEUDONYM_KEY
from edge.shell.store import Store
from tests.fakes import depot_year
from tests.fakes.depot_year import PORTS, UNTIL, ZONE
from tests.fakes.ocpi_rules import wrong

ROOT = Path(__file__).parent.parent.parent
STATION = ROOT / "docs/examples/station.toml"
USE = ROOT / "tests/vectors/charging_use"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    depot_year.filled(Store(folder / "depot.db", "boot")).close(UNTIL)
    Pseudonyms(folder / PSEUDONYM_KEY)
    return folder


@pytest.fixture
def export(state, capsys):
    def run(kind, *words, expected=0):
        args = ["export", kind, *words, "--state", str(state), "--station", str(STATION)]
        code = main(args)
        got = capsys.readouterr()
        assert code == expected, got.err
        return got.out

    return run


@pytest.fixture
def store(state):
    opened = Store(state / "depot.db", read_only=True)
    yield opened
    opened.close()


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


OPERATIONAL = {"US-NRT": date(2025, 9, 15)}
OCTOBER = ("--month", "2026-10")
WHENS = [("--quarter", "2026-Q4"), ("--quarter", "2026-Q3"), ("--month", "2026-10"), ("--month", "2026-09")]
FIGURES = ["conservative", "evidence"]


# --- EV-ChART -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("when", WHENS, ids=" ".join)
@pytest.mark.parametrize("module", [2, 3, 4])
def test_every_file_is_accepted_by_ev_chart_s_own_definitions(export, module, when, figure):
    text = export(f"evchart-{module}", *when, "--figure", figure)
    assert check(text, module, OPERATIONAL) == []
    assert {row["port_id"] for row in rows(text)} == set(PORTS)


@pytest.mark.parametrize("module", [5, 8, 9])
def test_what_is_entered_is_accepted_too(export, module):
    text = export(f"evchart-{module}")
    assert check(text, module, OPERATIONAL) == []
    assert len(rows(text)) == 1


def test_every_session_is_in_the_file_of_the_month_in_which_it_ended(export, store):
    told = [
        row["session_id"]
        for month in ("2026-08", "2026-09", "2026-10", "2026-11")
        for row in rows(export("evchart-2", "--month", month))
    ]
    real = store.sessions(0, UNTIL + 1)
    ended = [row for row in real if row.end_wall_ms is not None and row.end_wall_ms < UNTIL]
    assert len(told) == len(set(told)) == len(ended)
    october = rows(export("evchart-2", "--month", "2026-10"))
    begin, end = months_ending("2026-10", 1, ZONE)
    own = [row for row in ended if begin <= row.end_wall_ms < end]
    energy = sum(Decimal(row["energy_kwh"]) for row in october)
    assert abs(energy - Decimal(sum(row.energy_wh for row in own)) / 1000) < Decimal("0.005") * len(own)
    assert any(row.start_wall_ms < begin for row in own), "one began in September"


def test_errors_are_codes_where_known_and_words_else(export):
    found = {
        (row["session_error"], row["error_other"]) for row in rows(export("evchart-2", "--month", "2026-10"))
    }
    assert found == {
        ("No error", ""),
        ("CX003", ""),
        ("CX003, CX017", ""),
        ("Other", "overtemperature, derated"),
        ("Other", "power was asked for and never flowed"),
    }


@pytest.mark.parametrize("figure", FIGURES)
def test_outages_come_to_the_month_s_figures(export, store, figure):
    for month in ("2026-09", "2026-10"):
        total, excluded = defaultdict(Decimal), defaultdict(Decimal)
        count = defaultdict(int)
        for row in rows(export("evchart-4", "--month", month, "--figure", figure)):
            duration = Decimal(row["outage_duration"] or 0)
            total[row["port_id"]] += duration
            count[row["port_id"]] += 1
            if row["excluded_outage"] == "TRUE":
                excluded[row["port_id"]] += duration
        for port in uptimes.report(store, month, ZONE, UNTIL):
            stated = getattr(port, figure)
            slack = Decimal("0.005") * count[port.port]  # each row is rounded to 0.01
            assert abs(total[port.port] - Decimal(minutes(stated.outage_ms))) <= slack
            assert abs(excluded[port.port] - Decimal(minutes(stated.excluded_ms))) <= slack
            assert total[port.port] > 0


def test_an_outage_has_the_same_id_in_the_month_and_in_the_quarter(export):
    of_quarter = {
        (row["port_id"], row["outage_id"]) for row in rows(export("evchart-4", "--quarter", "2026-Q4"))
    }
    of_month = {(row["port_id"], row["outage_id"]) for row in rows(export("evchart-4", "--month", "2026-10"))}
    assert of_month < of_quarter
    assert ("P1", "2026-10-01T07:00:00Z") in of_month, "what began in September has a piece from midnight on"


def test_what_is_excluded_says_why_with_its_evidence(export):
    found = [
        row for row in rows(export("evchart-4", "--month", "2026-10")) if row["excluded_outage"] == "TRUE"
    ]
    reasons = {row["excluded_outage_reason"]: row["excluded_outage_notes"] for row in found}
    assert {"3", "4"} <= set(reasons)
    assert reasons["3"] == "scheduled maintenance: maintenance-1: inspection"
    assert reasons["4"] == "vandalism: vandalism-1: report 26-417"
    vandalised = [row for row in found if row["excluded_outage_reason"] == "4"]
    assert {row["port_id"] for row in vandalised} == {"P3"}
    assert sum(Decimal(row["outage_duration"]) for row in vandalised) == 24 * 60


def test_the_uptime_file_says_what_the_report_says(export, store):
    found = {row["port_id"]: row for row in rows(export("evchart-3", "--month", "2026-10"))}
    for port in uptimes.report(store, "2026-10", ZONE, UNTIL):
        row = found[port.port]
        assert row["uptime_reporting_start"] == "2026-10-01T07:00:00Z"
        assert row["uptime_reporting_end"] == "2026-11-01T06:59:59Z"
        assert row["uptime"] == port.year_conservative.percent
        assert row["total_outage"] == minutes(port.year_conservative.outage_ms)
        again = 100 * (525_600 - Decimal(row["total_outage"]) + Decimal(row["total_outage_excl"])) / 525_600
        assert abs(again - Decimal(row["uptime"])) <= Decimal("0.01"), "the regulation's formula"


def test_the_first_months_have_no_uptime_and_the_outages_so_far(export):
    (row, *_) = rows(export("evchart-3", "--month", "2026-08"))
    assert row["uptime"] == ""
    assert Decimal(row["total_outage"]) > 0


def test_a_station_older_than_its_records_would_be_refused_and_that_is_told(state, capsys, tmp_path):
    older = tmp_path / "station.toml"
    older.write_text(STATION.read_text().replace("2025-09-15", "2024-01-01"))
    words = ["export", "evchart-3", "--month", "2026-08", "--state", str(state), "--station", str(older)]
    assert main(words) == 1
    got = capsys.readouterr()
    assert "EV-ChART would refuse evchart-3: line 2: uptime: the station has operated for a year" in got.err
    assert rows(got.out), "the file is there all the same"


def test_the_command_checks_files_of_others(state, capsys, tmp_path):
    sample = ROOT / "tests/vectors/evchart/samples/uptime_empty_value_mod_3.csv"
    check_ = ["export", "check", str(sample), "--module", "3"]
    assert main(check_) == 0, "nobody knows since when it operates"
    assert main([*check_, "--operational", "2020-01-01"]) == 1
    assert "line 2: uptime: the station has operated for a year" in capsys.readouterr().out
    assert main([*check_, "--operational", "2020-01-01", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["accepted"], document["wrong"][0]["rule"]) == (False, "uptime required")


# --- OCPI ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "object_"), [("sessions", "Session"), ("cdrs", "CDR"), ("locations", "Location")]
)
def test_objects_are_those_of_ocpi(export, kind, object_):
    document = json.loads(export(f"ocpi-{kind}", "--month", "2026-10"))
    assert document["status_code"] == 1000
    assert [error for each in document["data"] for error in wrong(each, object_)] == []
    assert document["data"]


def test_the_judge_of_ocpi_can_say_no(export):
    (location,) = json.loads(export("ocpi-locations"))["data"]
    for name in location:
        without = {key: value for key, value in location.items() if key != name}
        assert bool(wrong(without, "Location")) == (name not in ("name", "postal_code", "state", "evses"))
    assert wrong({**location, "evse": []}, "Location") == ["Location.evse: not in the specification"]
    assert wrong({**location, "country_code": "USA"}, "Location")
    assert wrong({**location, "coordinates": {"latitude": "37.7", "longitude": "-122.279400"}}, "Location")


def test_what_the_objects_say(export, store):
    (location,) = json.loads(export("ocpi-locations"))["data"]
    assert [evse["status"] for evse in location["evses"]] == ["CHARGING"] * 4
    assert location["evses"][2]["evse_id"] == "US*NRT*EP3"
    assert location["evses"][2]["connectors"][0]["power_type"] == "DC"
    sessions = json.loads(export("ocpi-sessions", "--quarter", "2026-Q4"))["data"]
    assert {session["status"] for session in sessions} == {"ACTIVE", "COMPLETED", "INVALID"}
    assert all(("end_date_time" in session) == (session["status"] != "ACTIVE") for session in sessions)
    cdrs = json.loads(export("ocpi-cdrs", "--month", "2026-10"))["data"]
    real = {row.id: row for row in store.sessions(*months_ending("2026-10", 1, ZONE))}
    own = [(cdr, real[cdr["id"]]) for cdr in cdrs if cdr["id"] in real]
    assert len(own) > 50
    for cdr, row in own:
        assert cdr["total_energy"] == row.energy_wh / 1000
        assert cdr["total_time"] == pytest.approx(row.duration_ms / 3_600_000, abs=1e-4)
        assert cdr["cdr_token"]["uid"] in (row.driver, row.vehicle)


# --- charging use -------------------------------------------------------------------------------------


@functools.cache
def validator(kind):
    common = yaml.safe_load((USE / "schema/common.yaml").read_text())
    # Each $ref is looked up by what it is in the file; the ids inside are of another base.
    plain = {"definitions": {name: _no_id(value) for name, value in common["definitions"].items()}}
    resource = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **plain})
    registry = Registry().with_resources([("common.json", resource), ("./common.json", resource)])
    schema = {
        key: value
        for key, value in yaml.safe_load((USE / f"schema/{kind}.yaml").read_text()).items()
        if key != "$id"
    }
    checker = jsonschema.FormatChecker([])

    @checker.checks("date-time", raises=ValueError)
    def is_time(value):
        return not isinstance(value, str) or bool(datetime.fromisoformat(value).tzinfo)

    return jsonschema.Draft202012Validator(schema, registry=registry, format_checker=checker)


def _no_id(value):
    return {key: each for key, each in value.items() if key not in ("$id", "format")}


def lacks(kind, row):
    """Return the fields that a schema misses, and everything else that it says."""
    missing, other = set(), []
    for error in validator(kind).iter_errors(row):
        if error.validator == "required":
            missing |= {name for name in error.validator_value if name not in row}
        else:
            other.append(f"{list(error.path)}: {error.message}")
    return missing, other


FIXTURES = sorted(path.name for path in (USE / "fixtures").iterdir())


# It is named bad for its site_host_type, which the schema takes as any text.
TAKEN_ALL_THE_SAME = "station_bad_host_type.yaml"

# The schema's definitions of latitude and longitude have each other's bounds.  The schema of ports takes one
# for the other, which mends it; the one of stations does not, and refuses what lies beyond 90 degrees west.
MISTAKEN_BOUNDS = "['station_lon']: -122.2794 is less than the minimum of -90"


@pytest.mark.parametrize("name", FIXTURES)
def test_the_schemas_judge_their_own_fixtures_as_named(name):
    kind = name.split("_")[0]
    found = yaml.safe_load((USE / "fixtures" / name).read_text())
    for row in found if isinstance(found, list) else [found]:
        refused = "_bad_" in name and name != TAKEN_ALL_THE_SAME
        assert bool(list(validator(kind).iter_errors(row))) == refused


@pytest.mark.parametrize("kind", ["uptime", "outage", "port", "station"])
@pytest.mark.parametrize("figure", FIGURES)
def test_rows_are_those_of_the_schemas(export, kind, figure):
    found = json.loads(export(f"charging-use-{kind}", "--month", "2026-10", "--figure", figure))
    assert found
    known = [MISTAKEN_BOUNDS] if kind == "station" else []
    assert [lacks(kind, row) for row in found] == [(set(), known)] * len(found)


def test_sessions_lack_only_what_nobody_knows(export, store):
    found = json.loads(export("charging-use-session", "--month", "2026-10"))
    whole = 0
    for row in found:
        missing, other = lacks("session", row)
        assert other == []
        soc = {"start_soc", "end_soc"} if row["port_id"] in ("P1", "P2") else set()
        power = set() if row["energy_kwh"] else {"charge_start_datetime", "charge_end_datetime"}
        assert missing == soc | power
        whole += not missing
    assert whole > 20, "direct-current chargers tell all that the schema asks for"


def test_durations_are_those_of_the_rows(export):
    for row in json.loads(export("charging-use-outage", "--month", "2026-10")):
        begin, end = (datetime.fromisoformat(row[key]) for key in ("outage_start", "outage_end"))
        assert (
            row["outage_duration"] == f"PT{(end - begin).total_seconds():g}S" or "." in row["outage_duration"]
        )
        seconds = Decimal(row["outage_duration"].removeprefix("PT").removesuffix("S"))
        assert seconds == Decimal(str((end - begin).total_seconds()))


# --- calls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "tells"),
    [
        (["evchart-3", "--month", "2026-10"], "needs --station FILE"),
        (["evchart-3", "--station", "/none.toml", "--month", "2026-10"], "/none.toml: there is no such file"),
        (["sessions"], "expected --month YYYY-MM or --quarter"),
        (["sessions", "--month", "2026-10", "--quarter", "2026-Q4"], "expected --month YYYY-MM or --quarter"),
        (["sessions", "--quarter", "2026-Q5"], "expected YYYY-QN"),
        (["sessions", "x.csv", "--month", "2026-10"], "only `check` takes a file"),
        (["check", "x.csv"], "expected a FILE and --module N"),
        (["check", "/none.csv", "--module", "3"], "/none.csv"),
        (["share", "--quarter", "2026-Q4"], "share is of a month"),
    ],
)
def test_a_wrong_call_is_told(state, capsys, words, tells):
    assert main(["export", *words, "--state", str(state)]) == 2
    assert tells in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "tells"),
    [
        ('country = "USA"', 'country = "US"', "place.country"),
        ("latitude = 37.7955", "latitude = 137", "latitude: expected from -90 to 90"),
        ('connector = "NACS"', 'connector = "Tesla"', "ports"),
        ('id = "P2"', 'id = "P1"', "P1 stands there 2 times"),
        ('name = "Harbour', 'nmae = "Harbour', "nmae"),
        ("operational = 2025-09-15", "operational = 2025", "operational"),
        ("[[der]]", "[excluded_outage_reason]\nflood = 5\n[[der]]", "excluded_outage_reason: flood = 5"),
        ("[[der]]", "[excluded_outage_reason]\nvandalism = 7\n[[der]]", "expected a number from 1 to 6"),
    ],
)
def test_a_mistake_in_the_station_file_is_told(tmp_path, old, new, tells):
    path = tmp_path / "station.toml"
    text = STATION.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(stationfile.StationRefused) as refused:
        stationfile.load(path)
    assert tells in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_column_that_ev_chart_does_not_have_is_told(tmp_path, capsys):
    path = tmp_path / "station.toml"
    path.write_text(STATION.read_text().replace("der_kwh = 0", "der_kwh = 0\nder_mwh = 1"))
    assert main(["export", "evchart-8", "--station", str(path)]) == 2
    assert "der: der_mwh: expected one of der_upgrade" in capsys.readouterr().err


def test_the_example_is_a_station():
    assert isinstance(stationfile.load(STATION), Station)
