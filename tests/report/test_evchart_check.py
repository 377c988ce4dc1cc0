"""The checker of EV-ChART files against EV-ChART's own samples: which are good, why the others are not."""

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from edge.report.evchartcheck import MODULES, check, fields

VECTORS = Path(__file__).parent.parent / "vectors/evchart"
SAMPLES = VECTORS / "samples"

# The station of the samples is older than a year.
OPERATIONAL = {"APIM3": date(2020, 1, 1)}

# Good besides those that are called "valid": EV-ChART's tests take them for good as well.
ALSO_VALID = {
    "all_required_mod_3.csv",
    "blank_row_all_required_mod_2.csv",
    "blank_row_all_required_mod_4.csv",
}

# sample -> column and rule that refuse it, by what the sample is for.
with (VECTORS / "refused.csv").open() as lines:
    REFUSED = {row["sample"]: (row["column"], row["rule"]) for row in csv.DictReader(lines)}

# Three samples have a blank before a name in the header, which hides the cell that they are for.
# With the blanks gone from the header (and from the cells, where told), each is refused for what it is for.
REPAIRED = {
    "invalid_module_4_invalid_excluded_outage.csv": (False, "excluded_outage", "boolean"),
    "invalid_module_4_invalid_excluded_outage_reason_min_value.csv": (
        True,
        "excluded_outage_reason",
        "minimum",
    ),
    "invalid_module_4_null_excluded_outage_reason.csv": (True, "excluded_outage_reason", "integer"),
}


def module_of(name):
    return next(
        int(n) for n in "234" if any(f"{word}{n}" in name for word in ("mod_", "module_", "_m", "mod"))
    )


def refusals(text, module):
    return {(wrong.column, wrong.rule) for wrong in check(text, module, OPERATIONAL)}


def read(name):
    return (SAMPLES / name).read_text(encoding="utf-8")


ALL = sorted(path.name for path in SAMPLES.iterdir() if path.suffix == ".csv")
GOOD = [name for name in ALL if name in ALSO_VALID or ("valid" in name and "invalid" not in name)]


def test_every_sample_is_either_good_or_has_a_reason():
    assert sorted([*GOOD, *REFUSED]) == ALL
    assert len(GOOD) == 22


@pytest.mark.parametrize("name", GOOD)
def test_every_good_sample_is_accepted(name):
    assert check(read(name), module_of(name), OPERATIONAL) == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_bad_sample_is_refused_for_its_reason(name):
    assert REFUSED[name] in refusals(read(name), module_of(name))


@pytest.mark.parametrize("name", sorted(REPAIRED))
def test_what_a_blank_in_the_header_hides_is_refused_as_well(name):
    cells, *reason = REPAIRED[name]
    text = read(name)
    text = text.replace(", ", ",") if cells else text.replace(", excluded", ",excluded")
    found = refusals(text, 4)
    assert tuple(reason) in found
    assert not any(rule == "unknown column" for _, rule in found)


KEYS = ("required", "datatype", "max_length", "min_length", "max_precision", "max_scale", "min_value")


def test_the_definitions_are_those_of_the_module_files():
    """They were condensed from EV-ChART's data base; its module files say the same of what they have."""
    for path in sorted((VECTORS / "module_definitions").iterdir()):
        module = json.loads(path.read_text())
        ours = fields(module["module"])
        for field in module["fields"]:
            mine = ours[field["field_name"]]
            for key in (
                "required",
                "datatype",
                "max_length",
                "min_length",
                "max_precision",
                "max_scale",
                "min_value",
            ):
                assert mine.get(key) == field.get(key), (path.name, field["field_name"], key)
    assert tuple(range(2, 10)) == MODULES


# --- what the samples do not show ---------------------------------------------------------------------

PORT = "station_id,port_id,network_provider"
HEAD_3 = f"{PORT},uptime_reporting_start,uptime_reporting_end,uptime,total_outage,total_outage_excl"
HEAD_4 = f"{PORT},outage_id,outage_duration,excluded_outage,excluded_outage_reason"


def three(start="2024-01-01T00:00:00Z", uptime="", station="s", outage="1.00"):
    return f"{HEAD_3}\r\n{station},p,n,{start},2024-02-01T00:00:00Z,{uptime},{outage},0.00\r\n"


@pytest.mark.parametrize(
    ("since", "refused"), [("2022-12-31", True), ("2023-01-01", False), ("2023-06-01", False), (None, False)]
)
def test_who_has_operated_for_a_year_must_give_the_uptime(since, refused):
    operational = {"s": date.fromisoformat(since)} if since else {}
    assert bool(check(three(), 3, operational)) == refused
    assert check(three(uptime="99.00"), 3, operational) == []


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("999999.99", None), ("1000000", "precision"), ("0000001.5", None), ("1.234", "scale"),
        ("1,5", "decimal"),
        ("1e3", "decimal"), ("+1", "decimal"), ("1.", "decimal"), (".5", "decimal"), ("٣", "decimal"),
        ("-0.01", "minimum"),
    ],
)  # fmt: skip
def test_numbers(value, rule):
    found = refusals(three(outage=f'"{value}"'), 3)
    assert found == (
        {("total_outage", rule)} if rule else {("total_outage", "decimal")} if "," in value else set()
    )


@pytest.mark.parametrize(
    ("start", "good"),
    [
        ("2024-01-01T00:00:00", True), ("2024-01-01T00:00:00.125Z", True),
        ("2024-01-01T00:00:00+00:00", False),
        ("2024-01-01 00:00:00", False), ("2024-02-30T00:00:00Z", False), ("2024-01-01T24:00:00Z", False),
        ("2024-01-01T00:00Z", False), ("2024-01-01T00:00:00z", False),
    ],
)  # fmt: skip
def test_times(start, good):
    assert (check(three(start), 3) == []) == good


def test_the_same_outage_twice_is_refused():
    row = "s,p,n,2024-01-01T00:00:00Z,5.00,TRUE,1"
    assert check(f"{HEAD_4}\n{row}\n{row.replace('p', 'q')}", 4) == []
    (wrong,) = check(f"{HEAD_4}\n{row}\n{row}", 4)
    assert (wrong.line, wrong.rule) == (3, "duplicate row")
    assert str(wrong) == "line 3: the same station_id, outage_id, port_id as in line 2"


@pytest.mark.parametrize(
    ("reason", "rule"), [("1", None), ("6", None), ("7", "maximum"), ("", "reason required")]
)
def test_who_excludes_says_why(reason, rule):
    found = refusals(f"{HEAD_4}\ns,p,n,2024-01-01T00:00:00Z,5.00,TRUE,{reason}", 4)
    assert found == ({("excluded_outage_reason", rule)} if rule else set())


@pytest.mark.parametrize("text", ["", "\ufeff", HEAD_3, f"{HEAD_3}\n,,,,,,,\n"])
def test_a_file_without_rows_is_refused(text):
    assert [wrong.rule for wrong in check(text, 3)] == ["empty file"]


def test_a_row_with_a_cell_too_many_is_refused():
    assert refusals(three().rstrip() + ",9", 3) == {("", "row length")}


def test_there_are_modules_2_to_9():
    with pytest.raises(ValueError, match="module 1: expected one of 2, 3, 4"):
        check("x", 1)
