"""The forecast of what is not charging: two weeks by hand."""

from edge.core import forecast
from edge.core.forecast import BaseLoad
from edge.core.grid import Other
from edge.model.dayplan import Four, Profile
from edge.model.flow import Keep, Restored, Tick
from edge.model.records import NodeLoad
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from tests.story.sites import depot

SITE = depot(1, other_max_ma=40_000)
MONDAY_MS = 1_794_816_000_000  # 2026-11-16, a Monday, 00:00 in Los Angeles
MOST: Four = (40_000, 40_000, 40_000, 30_000)


def other(amps: int, known: bool = True) -> dict[str, Other]:
    ma = (amps * 1000,) * 3
    return {"main": Other(ma, ma, amps * 690, amps * 690, known)}


def live(load: BaseLoad, from_ms: int, hours: float, amps: int, known: bool = True) -> None:
    for minute in range(round(hours * 60)):
        wall_ms = from_ms + minute * MINUTE_MS
        load.fold(other(amps, known), Tick(wall_ms, wall_ms))


def ahead(load: BaseLoad, amps: int, wall_ms: int, slots: int = 4) -> list[int]:
    """Return the forecast of L1 for slots of an hour, A."""
    profile = load.profiles(other(amps))["main"]
    quarters = forecast.quarters(wall_ms, HOUR_MS, slots, SITE.timezone)
    return [four[0] // 1000 for four in forecast.ahead(profile, MOST, HOUR_MS, quarters)]


def test_without_history_it_goes_on_as_it_is_and_a_silent_meter_counts_in_full() -> None:
    load = BaseLoad(SITE)
    assert ahead(load, 7, MONDAY_MS) == [7, 7, 7, 7]
    profile = load.profiles(other(40, known=False))["main"]
    assert forecast.ahead(profile, MOST, HOUR_MS, [0, 0]) == [MOST]


def test_yesterday_is_expected_again_and_a_difference_fades_over_two_hours() -> None:
    load = BaseLoad(SITE)
    live(load, MONDAY_MS, 12, 10)
    live(load, MONDAY_MS + 12 * HOUR_MS, 12, 20)
    assert ahead(load, 10, MONDAY_MS + DAY_MS + 10 * HOUR_MS) == [10, 10, 20, 20]
    # eight more now: eight in this hour, four in the next, then nothing of it
    assert ahead(load, 18, MONDAY_MS + DAY_MS + 8 * HOUR_MS) == [18, 14, 10, 10]


def test_the_same_weekday_counts_as_much_as_recent_days() -> None:
    load = BaseLoad(SITE)
    live(load, MONDAY_MS, 24, 10)
    for day in range(1, 7):
        live(load, MONDAY_MS + day * DAY_MS, 24, 30)
    # Recent days: 30 less two thirds of the difference six times over, 28.2.  That weekday: 10.  The mean is
    # 19.1, and the mean error of the past stands on top as a margin.
    profile = load.profiles(other(0, known=False))["main"]
    noon_ms = MONDAY_MS + 7 * DAY_MS + 12 * HOUR_MS
    quarters = forecast.quarters(noon_ms, HOUR_MS, 1, SITE.timezone)
    (found,) = forecast.ahead(profile, MOST, HOUR_MS, quarters)
    assert abs(found[0] - profile.error[0] - 19_122) < 5


def test_nobody_is_believed_above_the_highest_plausible_load() -> None:
    assert forecast.ahead(Profile(now=(99_000,) * 4), MOST, HOUR_MS, [0, 0]) == [MOST]


def test_errors_are_measured_and_are_the_margin() -> None:
    load = BaseLoad(SITE)
    live(load, MONDAY_MS, 24, 10)
    live(load, MONDAY_MS + DAY_MS, 24, 14)  # 4 A more than was said, quarter by quarter
    # the first quarter of all may have begun before the first tick; the last has not ended
    assert load.errors == {"main": 94}
    error = load.profiles(other(14))["main"].error
    assert error == (4_000, 4_000, 4_000, 4 * 690)
    assert load.error_w("main") == 4 * 690
    assert BaseLoad(SITE).error_w("main") is None


def test_a_restart_forgets_nothing_but_the_quarter_that_ran() -> None:
    load, kept = BaseLoad(SITE), []
    for minute in range(48 * 60 + 1):
        wall_ms = MONDAY_MS + minute * MINUTE_MS
        kept += load.fold(other(10 + minute // 1_440 * 4), Tick(wall_ms, wall_ms))
    rows = [command.row for command in kept if isinstance(command, Keep)]
    assert len(rows) == 2 * 96 - 1
    again = BaseLoad(SITE)
    foreign = NodeLoad(3, "gone", 0, 1, 1, 1, 1)
    again.restored(Restored(0, 0, "", None, [foreign, *rows], [], [], {}))
    noon_ms = MONDAY_MS + 2 * DAY_MS + 12 * HOUR_MS
    assert ahead(again, 12, noon_ms) == ahead(load, 12, noon_ms)
    assert again.error_w("main") == load.error_w("main") == 4 * 690


def test_a_quarter_that_was_not_seen_from_its_beginning_is_not_learned() -> None:
    load = BaseLoad(SITE)
    live(load, MONDAY_MS + 5 * MINUTE_MS, 0.5, 10)
    assert [n for n, four in enumerate(load.profiles(other(1))["main"].day) if four] == [1]


def test_a_clock_that_is_not_set_teaches_nothing() -> None:
    load = BaseLoad(SITE)
    for minute in range(60):
        load.fold(other(9), Tick(minute * MINUTE_MS, MONDAY_MS + minute * MINUTE_MS, wall_trusted=False))
    assert not any(load.profiles(other(1))["main"].day)


def sunny(net_w: int, known: bool = True) -> dict[str, Other]:
    """A node whose roof feeds back: nothing to be seen in its currents, a sign in its power."""
    return {"main": Other((0, 0, 0), (0, 0, 0), 0, 0, known, net_w=net_w)}


def sun(load: BaseLoad, from_ms: int, net_w: int) -> None:
    for minute in range(24 * 60):
        wall_ms = from_ms + minute * MINUTE_MS
        load.fold(sunny(net_w), Tick(wall_ms, wall_ms))


def watts(load: BaseLoad, now: dict[str, Other]) -> int:
    quarters = forecast.quarters(MONDAY_MS + 2 * DAY_MS, HOUR_MS, 3, SITE.timezone)
    return forecast.ahead(load.profiles(now)["main"], MOST, HOUR_MS, quarters)[2][3]


def test_a_roof_is_a_negative_load_with_a_margin_and_none_while_its_meter_is_silent() -> None:
    load = BaseLoad(SITE)
    sun(load, MONDAY_MS, -9_000)
    assert watts(load, sunny(-9_000)) == -9_000
    sun(load, MONDAY_MS + DAY_MS, -6_000)
    # usual by now: that quarter of the week not known yet, recent days a third of the way to -6 000; less
    # the mean error of 3 000
    assert watts(load, sunny(-6_000)) == -8_000 + 3_000
    assert watts(load, sunny(-6_000, known=False)) == 0


def test_a_roof_without_history_is_not_taken_to_shine_all_night() -> None:
    assert watts(BaseLoad(SITE), sunny(-9_000)) == 0
