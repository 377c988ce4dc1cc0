"""Vehicles and windows in a site file: what is read, what is refused, and what is looked at again."""

from pathlib import Path

import pytest

from edge.model.site import DefaultWindow, FleetVehicle, Site, Window
from edge.shell import sitefile
from edge.shell.answers import DeskError
from edge.shell.pseudonyms import Pseudonyms
from edge.shell.windows import WindowWish, checked, note

HEAD = """
[site]
id = "yard"
timezone = "America/Los_Angeles"
[[node]]
id = "main"
limit_a = 63
other_max_a = 10
[[charger]]
id = "bay-1"
node = "main"
driver = "webasto_next"
tcp = "10.0.0.1:502"
unit = 255
max_a = 16
fallback_a = 6
[[charger]]
id = "bay-2"
node = "main"
driver = "alfen_eve"
tcp = "10.0.0.2:502"
unit = 1
max_a = 16
fallback_a = 6
"""
VANS = """
[[vehicle]]
id = "van-7"
ids = ["04:A2:B3:C4", "v-0123456789abcdef"]
battery_kwh = 75
km_per_kwh = 4.5
groups = ["long"]
priority = 2
[[vehicle]]
id = "van-9"
ids = ["1122"]
name = "Van 9"
kwh_per_km = 0.3
groups = ["long"]
"""
WINDOW = '[[window]]\nfrom = "18:00"\nready_by = "05:30"\n'


def examined(tmp_path: Path, text: str) -> sitefile.Examined:
    path = tmp_path / "site.toml"
    path.write_text(HEAD.replace("alfen_eve", "webasto_next") + text if "#known" in text else HEAD + text)
    return sitefile.examine(path)


def site(tmp_path: Path, text: str) -> Site:
    found = examined(tmp_path, text)
    assert found.problems == []
    assert found.site is not None
    return found.site


def test_vehicles_are_read_and_what_they_need_is_rounded_up(tmp_path: Path) -> None:
    seven, nine = site(tmp_path, VANS).fleet
    # 1 / 4.5 is 0.2222 kWh/km
    ids = ("04:A2:B3:C4", "v-0123456789abcdef")
    assert seven == FleetVehicle("van-7", ids, "", 75_000, 223, groups=("long",), priority=2)
    assert (nine.name, nine.wh_per_km, nine.battery_wh) == ("Van 9", 300, 0)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('charger = "bay-1"\nneed_kwh = 12.5', Window("bay-1-1", "bay-1", 1080, 330, 12_500, source="site")),
        (
            'charger = "bay-1"\nsoc = 80\nbattery_kwh = 60\narrives_with = 30\narrive_kwh = 5',
            Window("bay-1-1", "bay-1", 1080, 330, 30_000, source="site", soc_pm=800, battery_wh=60_000,
                   arrives_pm=300, arrive_wh=5_000),
        ),
        (
            'charger = "bay-1"\nkm = 100\nkwh_per_km = 0.25\ndates = ["2026-12-24", 2026-12-31]',
            Window("bay-1-1", "bay-1", 1080, 330, 25_000, source="site", dates=("2026-12-24", "2026-12-31")),
        ),
        (
            'vehicle = "van-7"\nkm = 100\nnot_on = "2026-12-25"\nholidays = false',
            Window("van-7-1", "", 1080, 330, 22_223, source="site", vehicle="van-7", follows=True,
                   distance_m=100_000, not_on=("2026-12-25",), holidays=False),
        ),
        (
            'vehicle = "van-7"\nsoc = 80',
            Window("van-7-1", "", 1080, 330, 45_000, source="site", vehicle="van-7", follows=True,
                   soc_pm=800),
        ),
        (
            'group = "long"\nkm = 100',
            Window("long-1", "", 1080, 330, 30_000, source="site", group="long", follows=True,
                   distance_m=100_000),
        ),
    ],
)  # fmt: skip
def test_a_window_says_for_whom_and_what_in_one_of_several_ways(
    tmp_path: Path, keys: str, expected: Window
) -> None:
    assert site(tmp_path, VANS + WINDOW + keys).windows == (expected,)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        (WINDOW + "need_kwh = 5", "charger", "missing; expected a charger, a group or a vehicle"),
        (WINDOW + 'need_kwh = 5\ncharger = "bay-1"\ngroup = "long"', "group", "this or charger, not both"),
        (WINDOW + 'need_kwh = 5\ngroup = "lung"', "group", 'did you mean "long"?'),
        (WINDOW + 'need_kwh = 5\nvehicle = "van-8"', "vehicle", "there is no [[vehicle]] with this id"),
        (WINDOW + 'charger = "bay-1"', "need_kwh", "nothing: expected an energy"),
        (WINDOW + 'charger = "bay-1"\nsoc = 80', "battery_kwh", "expected an energy"),
        (WINDOW + 'charger = "bay-1"\nkm = 80', "kwh_per_km", "expected a consumption"),
        (WINDOW + 'charger = "bay-1"\nkm = 80\nneed_kwh = 1', "need_kwh", "expected an energy"),
        (WINDOW + 'group = "long"\nsoc = 80', "battery_kwh", "expected an energy"),  # van 9 has none
        (WINDOW + 'vehicle = "van-7"\nsoc = 15', "soc", "more than the 20 % that it arrives with"),
        ('[[vehicle]]\nid = "bay-1"', "id", "is a charger's"),
        ('[[vehicle]]\nid = "x"\nids = "1122"', "ids", 'is [[vehicle]] "van-9"\'s already'),
        ('[[vehicle]]\nid = "x"\nkm_per_kwh = 4\nkwh_per_km = 0.2', "km_per_kwh", "not both"),
        ('[[vehicle]]\nid = "x"\ngroups = "van-7"', "groups", "name of something else"),
        ("[default_window]\nneed_kwh = 5", "stay_h", "expected stay_h, or ready_by, or both"),
        ("[default_window]\nneed_kwh = 5\nstay_h = 0", "stay_h", "hours from 1 to 168"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(tmp_path: Path, text: str, key: str, says: str) -> None:
    found = examined(tmp_path, VANS + text).problems
    assert [p.key for p in found] == [key]
    assert says in str(found[0])
    assert found[0].line > 0


def test_what_a_vehicle_without_a_window_gets(tmp_path: Path) -> None:
    text = '[default_window]\nneed_kwh = 12.5\nstay_h = 7.5\nready_by = "06:00"'
    assert site(tmp_path, text).default_window == DefaultWindow(12_500, 27_000_000, 360)
    assert site(tmp_path, "").default_window is None


def test_chargers_that_tell_nobody_s_id_are_named(tmp_path: Path) -> None:
    told = [str(n) for n in examined(tmp_path, VANS + WINDOW + 'vehicle = "van-7"\nneed_kwh = 9').notes]
    assert len(told) == 1
    assert "bay-2: tell nobody's id: it does not hold there" in told[0]
    assert [n.key for n in examined(tmp_path, VANS).notes] == ["ids"]
    assert examined(tmp_path, "#known\n" + VANS).notes == []
    assert examined(tmp_path, "").notes == []
    nobody = HEAD.replace("webasto_next", "alfen_eve")
    (tmp_path / "blind.toml").write_text(nobody + VANS + WINDOW + 'group = "long"\nneed_kwh = 9')
    (blind,) = sitefile.examine(tmp_path / "blind.toml").notes
    assert "no charger tells who is plugged in: it will hold nowhere; give it a charger" in str(blind)


def wish(**changes: object) -> WindowWish:
    given = {"charger": "van-7", "from_time": "18:00", "ready_by": "06:00"}
    return WindowWish(**(given | changes))  # type: ignore[arg-type]


def test_people_enter_windows_for_vehicles_by_the_same_words(tmp_path: Path) -> None:
    yard = site(tmp_path, VANS)
    own = checked(wish(km=100), yard, [])
    assert (own.charger, own.vehicle, own.follows, own.distance_m, own.need_wh) == (
        "",
        "van-7",
        True,
        100_000,
        22_300,
    )
    both = checked(wish(charger="long", need_kwh=5), yard, [own])
    assert (both.group, both.follows, both.need_wh) == ("long", True, 5_000)
    half = checked(wish(soc=70, arrives_with=20, id="x"), yard, [])
    assert (half.battery_wh, half.need_wh, half.arrives_pm) == (0, 37_500, 200)
    with pytest.raises(DeskError, match="van-7 already has window van-7-1"):
        checked(wish(need_kwh=5), yard, [own])
    with pytest.raises(DeskError, match="expected one of bay-1, bay-2, van-7, van-9"):
        checked(wish(charger="van-8", need_kwh=5), yard, [])


def test_a_window_that_will_hold_nowhere_is_said_so_when_it_is_entered(tmp_path: Path) -> None:
    yard = site(tmp_path, VANS)
    most = 16 * 3 * 230 * 12  # bay-1's, for twelve hours: 132 kWh
    assert note(checked(wish(need_kwh=132), yard, []), yard) == ""
    assert f"at most {most / 1000:.1f} kWh" in note(checked(wish(need_kwh=133), yard, []), yard)
    (tmp_path / "blind.toml").write_text(HEAD.replace("webasto_next", "alfen_eve") + VANS)
    blind = sitefile.load(tmp_path / "blind.toml")
    assert "it will hold nowhere" in note(checked(wish(need_kwh=1), blind, []), blind)


def test_the_core_is_given_pseudonyms_and_no_number(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "key")
    seven, nine = names.naming(site(tmp_path, VANS)).fleet
    card, evccid = names.of("tag", "04a2b3c4"), names.of("vehicle_id", "04A2B3C4")
    assert set(seven.ids) == {card, evccid, "v-0123456789abcdef"}
    assert len(nine.ids) == 2
    assert "04:A2" not in repr(seven) + repr(nine)
    assert names.of("tag", "v-0123456789abcdef") != "v-0123456789abcdef", "a card cannot pose as a pseudonym"
    assert names.of("tag", "00 00 00 00") == names.of("tag", "  ") == "", "a register of zeros is nobody"
