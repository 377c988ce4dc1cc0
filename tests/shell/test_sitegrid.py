"""The site file's words for signals and for the grid operator's limits: what they become, what is refused."""

import re
from pathlib import Path

import pytest

from edge.model.site import CONTINGENCIES, GridLimit
from edge.shell.sitefile import examine, load

GOOD = re.sub(r"(?m)^tariff = .*$", "", Path(__file__).with_name("good.toml").read_text())
MORE = """
[response]
simple_percent = [80, 50, 10]
percent_offset_less = "positive"
carbon_price = 65
fallback_kw = 20
binding = "emergency"
drills = ["rehearsal"]
ramp_down_s = 30
ramp_up_s = 600
rebound_kw = 40
must_leave_over_limits = true

[[contingency]]
alert = "ALERT_FIRE"
action = "limit"
percent = 25

[[grid_limit]]
id = "dso"
kind = "contact"
device = "bay-1"
input = 2
limit_kw = 30

[[grid_limit]]
id = "box"
kind = "enwg14a"
failsafe_kw = 8

[[grid_limit]]
id = "mil"
kind = "g100"
limit_kw = 55
premises = "domestic"
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return [str(each) for each in examine(path).problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which a site file may stand."""
    return tmp_path


def test_what_the_words_become(folder: Path) -> None:
    (folder / "site.toml").write_text(GOOD + MORE)
    site = load(folder / "site.toml")
    response = site.response
    assert (response.simple_percent, response.less, response.carbon_price) == ((80, 50, 10), "positive", 65)
    assert (response.fallback_w, response.rebound_w, response.must_leave_over_limits) == (
        20_000,
        40_000,
        True,
    )
    assert (response.binding, response.drills) == (("emergency",), ("rehearsal",))
    assert (response.ramp_down_ms, response.ramp_up_ms) == (30_000, 600_000)
    plan = {each.alert: (each.action, each.percent) for each in response.contingencies}
    assert plan["ALERT_FIRE"] == ("limit", 25)
    assert len(response.contingencies) == len(CONTINGENCIES)  # the others keep their own
    root = site.nodes[0].id
    assert site.grid_limits == (
        GridLimit("dso", "contact", root, "bay-1", input=2, limit_w=30_000),
        GridLimit("box", "enwg14a", root, failsafe_w=8_000),
        GridLimit("mil", "g100", root, limit_w=55_000, premises="domestic"),
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[80, 50, 10]", "[80, 50]", "expected a list of 3 values"),
        ("percent = 25", "percent = 101", "expected a whole number from 0 to 100"),
        ('"ALERT_FIRE"', '"ALERT_ALIENS"', "expected one of"),
        ('device = "bay-1"\n', "", "expected the id of the device that reads the contact"),
        ('device = "bay-1"', 'device = "bay-77"', "there is no device"),
        ("limit_kw = 30\n", "", "expected limit_kw or limit_a"),
        ("limit_kw = 55\n", "", "the import limit of the connection agreement"),
        ("failsafe_kw = 8", "limit_kw = 8", "section 14a leaves its guaranteed minimum"),
        ('id = "box"', 'id = "dso"', "is taken"),
        ("input = 2", 'input = 2\nquantity = "inptus"', "is not a number that a device tells"),
        ('premises = "domestic"', 'premises = "domestic"\nnode = "nowhere"', "there is no [[node]]"),
    ],
)
def test_what_is_refused(folder: Path, old: str, new: str, says: str) -> None:
    assert old in MORE
    found = problems(folder, GOOD + MORE.replace(old, new))
    assert len(found) == 1, found
    assert says in found[0]


def test_an_alert_has_one_plan(folder: Path) -> None:
    twice = MORE + '\n[[contingency]]\nalert = "ALERT_FIRE"\naction = "note"\n'
    (found,) = problems(folder, GOOD + twice)
    assert "is planned for already" in found
