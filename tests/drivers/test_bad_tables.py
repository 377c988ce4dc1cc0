# ruff: noqa: E501  (a row of a table reads best on one line)
"""A wrong table is refused with file, row and reason."""

from pathlib import Path

import pytest

from drivers import library
from drivers.parse import table
from drivers.table import BadTable
from tests.drivers.tiny import CONTROL, rows, text, tiny

ANY = rows('[1, "u16", "x_a"]')


def row(line: str) -> str:
    return ANY + rows('[5, "u16", "x_b"]', line)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (row('[6, "u17", "power", "W"]'), r"\[\[read\]\] 3 row 2: \[6, 'u17', 'power', 'W'\]: type 'u17' is none of: u16 i16"),
        (row('[6, "str:0", "model"]'), "type 'str:0' is none of"),
        (row('[6, "str", "model"]'), "type 'str' is none of"),
        (row('[6, "u16:2", "power", "W"]'), "type 'u16:2' is none of"),
        (row('[6, "u16", "powr", "W"]'), "'powr' is no quantity; the table's own points begin with x_"),
        (row('[6, "u16", "power", "A"]'), "unit 'A' cannot give 'w': expected 'W', 'kW'"),
        (row('[6, "u16", "power", "W 0.1"]'), 'unit .W 0.1. (is not of the form|cannot give)'),
        (row('[6, "u16", "power", "0 W"]'), "unit '0 W' is zero"),
        (row('[6, "u16", "power"]'), "unit '' cannot give 'w'"),
        (row('[6, "u16"]'), r"expected \[address, type, what"),
        (row('["6", "u16", "power", "W"]'), "address '6' is not a whole number"),
        (row('[65536, "u16", "power", "W"]'), r"address 65536 is not within 0\.\.65535"),
        (row('[-1, "u16", "power", "W"]'), "address -1 is not within"),
        (row('[6, "u16", "power", "W", {non = "ones"}]'), "non: is not known here"),
        (row('[6, "u16", "power", "W", {none = "all"}]'), "'all' is no number and none of: ones max min zero nan"),
        (row('[6, "u16", "power", "W", 7]'), 'expected "unit" and'),
        (row('[6, "str:4", "power", "W"]'), "'power' is a number: type str:4 needs a map"),
        (row('[6, "u16", "state", "", {map = {1 = "G"}}]'), "state 'G' is none of: A B C D E F X"),
        (row('[6, "u16", "plugged", "", {map = {1 = 2}}]'), "plugged is a flag: expected 0 or 1, found 2"),
        (row('[6, "u16", "plugged", "", {map = {1 = "yes"}}]'), "plugged is a flag"),
        (row('[6, "u16", "mrec", "", {map = {1 = "CX14"}}]'), "mrec 'CX14' is no ChargeX code like CX014"),
        (row('[6, "u16", "model", "", {map = {1 = 7}}]'), "model is text: 7 does not fit"),
        (row('[6, "u16", "state", "", {map = {one = "A"}}]'), "map: 'one' is not of the form"),
        (row('[6, "u16", "power", "W", {times = ["x_ct"]}]'), "'x_ct' is read by no row"),
        (row('[6, "u16", "power", "W", {sf = "x_"}]'), r"'x_' is read by no row \(do you mean 'x_"),
        (row('[6, "u16", "power", "W", {unit_if = [["x_c == 1", "kW"]]}]'), "'x_c' is read by no row"),
        (row('[6, "u16", "power", "W", {unit_if = [["x_a", "kW"]]}]'), "condition 'x_a' is not of the form NAME OPERATOR VALUE"),
        (row('[6, "u16", "power", "W", {unit_if = [["x_a = 1", "kW"]]}]'), "operator '=' is none of: == != <"),
        (row('[6, "u16", "power", "W", {unit_if = [["x_a == one", "kW"]]}]'), "'one' is not a whole number"),
        (row('[6, "u16", "power", "W", {unit_if = ["x_a == 1"]}]'), r"unit_if: expected \[\[.condition., .unit.\]"),
        (row('[6, "u16", "power", "W", {words = "middle"}]'), "words: 'middle' is none of: big little"),
        (ANY + '[[read]]\nspace = "register"\nevery = "fast"\nregisters = []\n', r"\[\[read\]\] 3: space: 'register' is none of: holding input coil discrete"),
        (ANY + '[[read]]\nspace = "input"\nevery = "often"\nregisters = []\n', "every: 'often' is none of: once fast slow"),
        (ANY + '[[read]]\nspace = "input"\nevery = "fast"\n', "registers: is missing: expected a list"),
        (rows('[1, "u16", "x_a"]', more='when = "x_a == 1"'), "when: 'x_a' is not read every = \"once\""),
        (ANY + "[limits]\nread_max = true\n", r"\[limits\]: read_max: expected a whole number, found True"),
        (ANY + "[limits]\nmax_read = 3\n", r"\[limits\]: max_read: is not known here"),
        (ANY + "[derive.stat]\n", "'stat' is no quantity"),
        (ANY + '[derive.power]\nsum = ["power_l1_w"]\n', r"\[derive\] power_w: 'power_l1_w' is read by no row"),
        (ANY + '[derive.state]\nrules = [["x_a == 1"]]\n', r"rules: expected \[.condition., value\]"),
        (ANY + "[exceptions]\ntwelve = \"no\"\n", r"\[exceptions\]: twelve: expected the number of an exception"),
        (ANY + "[spare]\n", "tiny.toml: spare: is not known here"),
        (ANY + "x = [\n", "tiny.toml: is not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_reading_is_said_by_row_and_reason(body: str, said: str) -> None:
    with pytest.raises(BadTable, match=said) as error:
        tiny(body)
    assert str(error.value).startswith("tiny.toml: ")


WRITE = '  [100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (WRITE, '[100, "u16", "current", "0.1 A", {accepts = "0"}],', r"\[write\] row 1: .*: function: is missing"),
        (WRITE, '[100, "u16", "current", "0.1 A", {function = 3, accepts = "0"}],', "function: 3 cannot write u16: expected 5, 6, 15 or 16"),
        (WRITE, '[100, "u16", "current", "0.1 A", {function = 5, accepts = "0"}],', "coils are bits"),
        (WRITE, '[100, "bit", "current", "", {function = 6, accepts = "0"}],', "coils are bits"),
        (WRITE, '[100, "u16", "current", "0.1 A", {function = 6}],', "accepts: is missing"),
        (WRITE, '[100, "u16", "current", "0.1 A", {function = 6, accepts = "6-32"}],', "accepts: '6-32' is not of the form"),
        (WRITE, '[100, "u16", "current", "0.1 V", {function = 6, accepts = "0"}],', "unit 'V' is none of: A mA W"),
        (WRITE, '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0", read_back = "setpoint_ma"}],', "'setpoint_ma' is read by no row"),
        (WRITE, WRITE + WRITE, "'current' is there twice"),
        (WRITE, '[100, "u16", "currant", "0.1 A", {function = 6, accepts = "0, 6..32"}],', r"\[control\] set: 'current' is no row of write"),
        ('min = "6 A"', 'min = "6"', r"\[control\]: min: expected a current like .6 A."),
        ('min = "6 A"', 'min = "33 A"', "expected 0 < min ≤ max and step > 0"),
        ('step = "0.1 A"', 'step = "0 A"', "expected 0 < min ≤ max and step > 0"),
        ('zero = "pauses"', 'zero = "stops"', "zero: 'stops' is none of: pauses no_limit aborts refused undefined"),
        ('set = [["current", "current"]]', "set = []", r"\[control\]: set: is missing"),
        ('set = [["current", "current"]]', 'set = [["current", "time"]]', "'current' is not in ms or s"),
        ('set = [["current", "current"]]', 'set = [["current", "much"]]', "'much' is no number, .raw N., .current., .discharge., .fallback., .time. or .beat."),
        ('set = [["current", "current"]]', 'set = ["current"]', r"expected \[.setting., what, .only when.\]"),
        ('[control]', '[supervision]\nkind = "watchdog"\n[control]', r"\[supervision\]: kind: 'watchdog' is none of: validity alive_bit"),
        ('[control]', '[supervision]\nkind = "token"\ntime_ms = 1000\n[control]', r"keep: is missing: kind 'token' has to be fed"),
        ('[control]', '[supervision]\nkind = "validity"\n[control]', "time_ms: is missing, and no row reads supervision_time"),
        ('[control]', '[supervision]\nfallback = "written"\n[control]', "fallback 'written' without supervision"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_writing_is_said_by_row_and_reason(old: str, new: str, said: str) -> None:
    assert old in CONTROL
    with pytest.raises(BadTable, match=said):
        tiny(ANY + CONTROL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('source = ["Example Corp: manual, table 1"]', "source = []", "source: is missing"),
        (
            'expect = ["x_id == 7"]',
            "",
            r"\[identify\]: expect: is missing: nothing is written to what is not recognised",
        ),
        (
            'expect = ["x_id == 7"]',
            'expect = ["x_ident == 7"]',
            r"\[identify\] expect: 'x_ident' is read by no row",
        ),
        ('[[transport]]\ntype = "tcp"', "", r"\[\[transport\]\]: expected at least one"),
        ('type = "tcp"', 'type = "udp"', r"\[\[transport\]\] 1: type: 'udp' is none of: tcp rtu ascii"),
        ('kind = "meter"', 'kind = "inverter"', "kind: 'inverter' is none of: charger dc_charger meter"),
        ('confidence = "high"', "", "confidence: is missing"),
        (
            'vendor = "Example"',
            'vendor = "Example"\nwords_if = ["big"]',
            r"words_if: expected \[\[.condition., .big. or .little.\]",
        ),
        ('vendor = "Example"', "vendor = 7", "vendor: expected a text, found 7"),
        ("[identify]", '[identify]\nsequence = "dance"', "sequence: 'dance' is none of: sunspec"),
    ],
)
def test_what_is_wrong_with_the_head_is_said(old: str, new: str, said: str) -> None:
    whole = text(ANY)
    assert old in whole
    with pytest.raises(BadTable, match=said):
        table("tiny", whole.replace(old, new))


def test_an_operator_can_drop_a_file_into_a_directory(tmp_path: Path) -> None:
    (tmp_path / "my_meter.toml").write_text(text(ANY))
    assert "my_meter" in library.names((tmp_path,))
    assert library.load("my_meter", (tmp_path,)).model == "Tiny"
    (tmp_path / "alfen_eve.toml").write_text(text(ANY))
    assert library.load("alfen_eve", (tmp_path,)).model == "Tiny", "the operator's own comes first"
    assert library.load("alfen_eve").vendor == "Alfen"
    (tmp_path / "my_meter.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadTable, match=r"my_meter.toml: is not UTF-8"):
        library.load("my_meter", (tmp_path,))


def test_an_unknown_driver_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(library.UnknownDriver, match="there is no driver 'alfen_eva'; there are: alfen_eve"):
        library.load("alfen_eva")
    with pytest.raises(library.UnknownDriver, match="janitza_umg604"):
        library.load("nothing")
    with pytest.raises(library.UnknownDriver):
        library.load("../devices/alfen_eve")


def test_every_table_of_the_library_loads() -> None:
    assert len(library.load_all()) == len(library.names()) > 8
