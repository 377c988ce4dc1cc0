"""Limits with their reasons, in figures worked out by hand."""

import pytest

from edge.core.grid import Other
from edge.core.limits import Cap, Room, divided, lowest
from edge.model.site import Node, Site

SITE = Site("y", "Y", "UTC", (Node("main", None, (100_000, 100_000, 63_000)),))
OTHER = Other((20_000, 10_000, 0), (25_000, 10_000, 0), 6_900, 8_050, known=True)
EVEN = {"main": (1, 1, 1)}


def room(
    *caps: Cap, other: Other = OTHER, asked: dict[str, tuple[int, int, int]] = EVEN, site: Site = SITE
) -> Room:
    return lowest(site, {"main": other}, list(caps), asked)[0]


def test_without_caps_the_breaker_decides() -> None:
    assert room().now_ma == (80_000, 90_000, 63_000)
    assert room().raise_ma == (75_000, 90_000, 63_000)  # the higher of the recent loads
    assert room().because == ("breaker 100 A", "breaker 100 A", "breaker 63 A")


def test_a_cap_in_watts_takes_the_other_load_off_and_counts_at_253_volts() -> None:
    # 30 000 − 6 900 = 23 100 W at 253 V is 91 304 mA for all three phases, 30 434 each.
    found = room(Cap("main", "event e1", limit_w=30_000))
    assert found.now_ma == (30_434, 30_434, 30_434)
    assert found.because == ("event e1",) * 3
    # for raising: 30 000 − 8 050 = 21 950 W is 86 758 mA, 28 919 each
    assert found.raise_ma == (28_919, 28_919, 28_919)


def test_a_cap_is_divided_as_it_is_asked_for() -> None:
    found = room(Cap("main", "e", limit_w=30_000), asked={"main": (64_000, 32_000, 32_000)})
    assert found.now_ma == (45_652, 22_826, 22_826)  # 91 304 in halves and quarters


def test_nothing_raises_the_installers_limit() -> None:
    """I10: a cap above the breaker changes nothing."""
    assert room(Cap("main", "e", limit_w=10_000_000), Cap("main", "op", limit_ma=400_000)) == room()


def test_the_lowest_of_several_wins_phase_by_phase() -> None:
    found = room(Cap("main", "operator", limit_ma=70_000))
    assert found.now_ma == (50_000, 60_000, 63_000)
    assert found.because == ("operator", "operator", "breaker 63 A")
    assert found.limit_ma == (70_000, 70_000, 63_000)


def test_the_installers_own_cap_in_watts_counts_like_any_other() -> None:
    site = Site("y", "Y", "UTC", (Node("main", None, (100_000,) * 3, limit_w=30_000),))
    assert room(site=site).now_ma == (30_434, 30_434, 30_434)
    assert room(site=site).because[0] == "site limit 30 kW"


def test_a_cap_below_the_other_load_leaves_nothing() -> None:
    assert room(Cap("main", "e", limit_w=5_000)).now_ma == (0, 0, 0)


def test_a_silent_meter_is_said_in_the_reason() -> None:
    silent = Other((40_000, 40_000, 40_000), (40_000, 40_000, 40_000), 0, 0, known=False)
    assert "meter silent" in room(other=silent).because[0]


@pytest.mark.parametrize("total", [0, 1, 2, 100, 91_304])
@pytest.mark.parametrize("asked", [(0, 0, 0), (1, 0, 0), (3, 2, 2), (64_000, 1, 7)])
def test_what_is_divided_never_grows(total: int, asked: tuple[int, int, int]) -> None:
    assert sum(divided(total, asked)) <= total


def test_a_cap_of_another_node_changes_nothing() -> None:
    assert room(Cap("panel", "operator", limit_ma=1_000)) == room()
