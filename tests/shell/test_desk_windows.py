"""Charge windows as typed: what is understood, and what each refusal says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.site import EVERY_DAY, Window
from edge.shell.answers import DeskError
from edge.shell.windows import WindowWish, checked, note, overlap
from tests.fakes.depot_records import site

SITE = site()


def wish(**changes: object) -> WindowWish:
    given = {"charger": "bay-2", "from_time": "18:00", "ready_by": "06:00", "need_kwh": 40}
    return WindowWish(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "minutes"), [("00:00", 0), ("6:05", 365), ("06:05", 365), ("23:59", 1439), (" 18:00 ", 1080)]
)
def test_a_time_of_day(typed: str, minutes: int) -> None:
    assert checked(wish(from_time=typed, ready_by="12:00"), SITE, []).from_min == minutes


@pytest.mark.parametrize("typed", ["24:00", "6", "06.00", "6:5", "-1:00", "06:60", "", "noon", "1８:00"])
def test_no_time_of_day(typed: str) -> None:
    with pytest.raises(DeskError, match=r"ready-by: .*expected a time of day as HH:MM"):
        checked(wish(ready_by=typed), SITE, [])


@pytest.mark.parametrize(
    ("typed", "need_wh"), [(40, 40_000), ("37.5", 37_500), (0.1, 100), ("0.0001", 1), (2000, 2_000_000)]
)
def test_an_energy_is_rounded_up_to_whole_watt_hours(typed: str | float, need_wh: int) -> None:
    assert checked(wish(need_kwh=typed), SITE, []).need_wh == need_wh


@pytest.mark.parametrize("typed", [0, -1, "0", "forty", "", "nan", "inf", "40 kWh", 2000.001, float("nan")])
def test_no_energy(typed: str | float) -> None:
    with pytest.raises(DeskError, match=r"need: .*expected an energy in kWh above 0, up to 2000"):
        checked(wish(need_kwh=typed), SITE, [])


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("daily", EVERY_DAY),
        ("weekdays", ("mon", "tue", "wed", "thu", "fri")),
        ("weekend", ("sat", "sun")),
        ("weekends", ("sat", "sun")),
        ("mon-fri", ("mon", "tue", "wed", "thu", "fri")),
        ("fri-mon", ("mon", "fri", "sat", "sun")),
        ("Wed", ("wed",)),
        ("sun, mon", ("mon", "sun")),
    ],
)
def test_days(typed: str, days: tuple[str, ...]) -> None:
    assert checked(wish(days=typed), SITE, []).days == days


@pytest.mark.parametrize("typed", ["", "monday", "mon-", "-fri", "mon-xyz", "daily-fri", "mon;fri", "1-5"])
def test_no_days(typed: str) -> None:
    with pytest.raises(DeskError, match=r"days: .*expected daily"):
        checked(wish(days=typed), SITE, [])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"charger": "bay-99"}, "charger: there is no 'bay-99' on this site; expected one of bay-1, "),
        ({"priority": -1}, "priority: -1: expected 0"),
        ({"priority": 1001}, "priority: 1001: expected 0"),
        ({"id": "a b"}, "id: 'a b': expected up to 40 letters"),
        ({"id": "x" * 41}, "id: "),
        ({"id": "night-1"}, "id: window night-1 stands in the site file"),
        ({"vehicle": "x" * 61}, "vehicle: .*expected up to 60 printable"),
        ({"vehicle": "van\x1b[2J"}, "vehicle: .*expected up to 60 printable"),
        ({"ready_by": "18:00"}, "ready-by: 18:00 is also the start"),
    ],
)
def test_what_is_refused_says_key_and_expectation(changes: dict[str, object], says: str) -> None:
    with pytest.raises(DeskError, match=says):
        checked(wish(**changes), SITE, SITE.windows)


def window(window_id: str, start: int, end: int, days: tuple[str, ...] = EVERY_DAY) -> Window:
    return Window(window_id, "bay-2", start, end, 1000, days)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        (window("x", 6 * 60, 18 * 60), False),  # exactly between: ends and starts touch
        (window("x", 6 * 60 - 1, 7 * 60), True),
        (window("x", 17 * 60, 18 * 60 + 1), True),
        (window("x", 20 * 60, 21 * 60), True),
        (window("x", 5 * 60, 6 * 60, ("mon",)), True),  # Sunday's night reaches into Monday
    ],
)
def test_windows_of_one_charger_do_not_overlap(other: Window, meets: bool) -> None:
    if not meets:
        assert checked(wish(), SITE, [other]).id == "bay-2-1"
        return
    with pytest.raises(DeskError, match="bay-2 already has window x"):
        checked(wish(), SITE, [other])


def test_a_window_replaces_the_one_with_its_id() -> None:
    assert checked(wish(id="x"), SITE, [window("x", 17 * 60, 7 * 60)]).from_min == 18 * 60


def test_other_chargers_do_not_matter() -> None:
    assert checked(wish(charger="bay-3"), SITE, [window("x", 17 * 60, 7 * 60)]).charger == "bay-3"


def test_what_cannot_flow_in_the_time_is_noted() -> None:
    # 12 h at 32 A on one phase of 230 V: 88.3 kWh.
    assert note(checked(wish(need_kwh="88.3"), SITE, []), SITE) == ""
    assert "88.3 kWh" in note(checked(wish(need_kwh="88.4"), SITE, []), SITE)


spans = st.tuples(
    st.integers(0, 1439), st.integers(0, 1439), st.sets(st.sampled_from(EVERY_DAY), min_size=1)
).filter(lambda s: s[0] != s[1])


@settings(max_examples=60, deadline=None)
@given(spans, spans)
def test_overlap_is_what_counting_minutes_says(
    a: tuple[int, int, set[str]], b: tuple[int, int, set[str]]
) -> None:
    def minutes(start: int, end: int, days: set[str]) -> set[int]:
        return {
            (EVERY_DAY.index(day) * 1440 + start + m) % 10080  # type: ignore[arg-type]
            for day in days
            for m in range((end - start) % 1440)
        }

    x = window("a", a[0], a[1], tuple(sorted(a[2])))
    y = window("b", b[0], b[1], tuple(sorted(b[2])))
    assert overlap(x, y) == bool(minutes(*a) & minutes(*b)) == overlap(y, x)
