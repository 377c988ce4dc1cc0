"""The port policy as a file: what it says is what ports are judged by, and mistakes are told."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.core import ports
from edge.core.observation import Observation
from edge.model.portpolicy import DEFAULT
from edge.shell import portpolicyfile, sitefile
from edge.shell.portpolicyfile import PolicyRefused
from tests.shell.test_sitefile import GOOD

OFF = Observation("bay-1", "p1", True, "A", available=False)

RULE = 'name = "x"\n[[rule]]\nseen = "silent"\nstate = "down"\ncause = "c"\n'


def file(tmp_path, text):
    path = tmp_path / "ports.toml"
    path.write_text(text)
    return path


def test_the_default_written_and_read_is_the_default(tmp_path):
    assert portpolicyfile.load(file(tmp_path, portpolicyfile.written(DEFAULT))) == DEFAULT


def test_what_is_left_out_is_the_default_s(tmp_path):
    found = portpolicyfile.load(file(tmp_path, 'name = "Region 7"\nflap_s = 60\ndown_codes = ["CX003"]'))
    assert (found.name, found.flap_ms, found.down_codes) == ("Region 7", 60_000, ("CX003",))
    assert found.rules == DEFAULT.rules


def test_a_site_is_judged_by_its_own_policy(tmp_path):
    text = portpolicyfile.written(DEFAULT).replace(
        'seen = "not operative"\nstate = "down"\ncause = "unavailable"',
        'seen = "not operative"\nstate = "up"\ncause = "reserved"',
    )
    own = portpolicyfile.load(file(tmp_path, text))
    assert ports.classify(OFF, policy=own).kind == ("up", "reserved")
    assert ports.classify(OFF).kind == ("down", "unavailable")


def test_the_site_file_names_it(tmp_path):
    file(tmp_path, 'name = "Region 7"')
    text = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors"))
    site = tmp_path / "site.toml"
    site.write_text(text.replace("[site]", '[site]\nport_policy = "ports.toml"', 1))
    assert sitefile.load(site).port_policy.name == "Region 7"
    file(tmp_path, "name = 7")
    (problem,) = sitefile.examine(site).problems
    assert "port_policy" in str(problem)
    assert "ports.toml" in str(problem)


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("flap_s = 3", "name"),
        ('name = "x"\nflap_s = -1', "flap_s"),
        ('name = "x"\nflaps = 1', "flaps"),
        ('name = "x', "not TOML"),
        (RULE.replace("silent", "silnt"), "silnt"),
        (RULE, '"no mains" is seen 0 times'),
        (RULE + 'excluded = "bad luck"', "bad luck"),
        (RULE + 'excluded = "scheduled maintenance"', 'expected one of "utility service interruption"'),
        (RULE.replace("down", "up") + 'excluded = "vehicle fault"', "only what is"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, tells):
    path = file(tmp_path, text)
    with pytest.raises(PolicyRefused, match=re.escape(str(path))) as refused:
        portpolicyfile.load(path)
    assert tells in str(refused.value)


def test_there_must_be_a_file(tmp_path):
    with pytest.raises(PolicyRefused, match="there is no such file"):
        portpolicyfile.load(tmp_path / "none.toml")


# --- the words of the policy ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "kind", "excluded"),
    [
        ({"state": "F", "error": "CX010"}, ("down", "vehicle"), "vehicle fault"),
        ({"state": "F", "error": "CX003"}, ("down", "fault"), ""),
        ({"state": "A", "error": "CX026"}, ("down", "fault"), ""),
        ({"state": "A", "error": "CX003, CX026"}, ("down", "fault"), ""),
        ({"state": "A", "error": "CX003"}, ("up", "available"), ""),
        ({"state": "B", "error": "CX010"}, ("up", "in use"), ""),
        ({"state": "C", "error": "CX026", "power_w": 11_000}, ("up", "in use"), ""),
        ({"online": False, "state": "F", "error": "CX010"}, ("down", "comms"), ""),
    ],
)
def test_codes_and_letters(seen, kind, excluded):
    found = ports.classify(replace(OFF, **{"available": None, **seen}))
    assert (found.kind, found.excluded) == (kind, excluded)


def test_the_page_shows_the_product_s_own():
    page = (Path(__file__).parent.parent.parent / "docs/uptime.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block == portpolicyfile.written(DEFAULT)
