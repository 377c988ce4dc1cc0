"""What a vehicle asks for, from windows and prices; expectations worked out by hand."""

from dataclasses import replace

import pytest

from edge.core.asks import Vehicle, cheaper_from, want
from edge.core.dayplan import Step
from edge.core.windows import Stay
from edge.model.records import PriceNow
from edge.model.site import Window
from edge.model.units import HOUR_MS

H = HOUR_MS
T0 = 1_796_000_000_000


def price(from_h: float, to_h: float, micro: int) -> PriceNow:
    return PriceNow(T0 + int(from_h * H), T0 + int(to_h * H), micro, "tariff")


# Now is two hours before the peak ends; then it is cheap, then dear, then cheapest.
EVENING = [price(-3, 2, 415_220), price(2, 6, 201_990), price(6, 8, 300_000), price(8, 12, 178_720)]


@pytest.mark.parametrize(
    ("until_h", "needs_h", "from_h"),
    [
        (12, 1, 8),  # one hour: the cheapest stretch is enough
        (12, 5, 2),  # five: also the next cheapest, which comes earlier
        (6, 3, 2),  # it leaves before the cheapest begins
        (6, 5, None),  # five of the six hours that are left: now as well
        (12, 13, None),  # never enough: now
        (20, 9, 2),  # prices end at 12: eight cheap hours and two dear ones are enough
        (20, 13, None),  # and the time without a price is not counted on
    ],
)
def test_the_cheapest_stretches_that_are_enough(until_h: int, needs_h: int, from_h: int | None) -> None:
    found = cheaper_from(EVENING, T0, T0 + until_h * H, needs_h * H)
    assert found == (None if from_h is None else T0 + from_h * H)


def test_nothing_to_wait_for_where_no_price_is_known() -> None:
    assert cheaper_from([], T0, T0 + 5 * H, H) is None
    assert cheaper_from([price(1, 5, 1)], T0, T0 + 5 * H, H) is None


def vehicle(
    state: str = "C", need_wh: int = 20_000, had_wh: int = 0, due_h: float = 12, **more: int
) -> Vehicle:
    window = Window("w", "bay-1", 0, 0, need_wh, priority=3)
    stay = Stay(window, T0 - H, T0 + int(due_h * H))
    return Vehicle("bay-1", state, more.get("max_ma", 32_000), more.get("share_w", 11_000), had_wh, stay)


def ask(v: Vehicle, prices: list[PriceNow] = EVENING) -> tuple[int, str]:
    found = want(v, prices, T0, "UTC", "now")
    return found.max_ma, found.because


def test_it_waits_for_a_lower_price_while_there_is_time() -> None:
    # 20 kWh and a tenth at 11 kW is two hours: the cheapest stretch from T0 + 8 h (08:53 UTC) will do.
    assert ask(vehicle()) == (0, "waits for a lower price at 08:53, ready by 12:53")


def test_it_charges_at_the_peak_when_there_is_no_time_to_wait() -> None:
    # 2 h 6 min are left and 2 h are needed: 0.1 h of the peak has to be used, so it begins now.
    assert ask(vehicle(due_h=2.1)) == (32_000, "needs 20.0 kWh by 02:59")


def test_it_asks_for_nothing_once_it_has_what_it_needs() -> None:
    assert ask(vehicle(had_wh=20_000)) == (0, "has its 20.0 kWh")


@pytest.mark.parametrize(("due_h", "promise"), [(2.0, "yes"), (1.9, "at risk")])
def test_a_promise_at_risk_is_said(due_h: float, promise: str) -> None:
    assert want(vehicle(due_h=due_h), EVENING, T0, "UTC", "now").promise == promise


@pytest.mark.parametrize(
    ("state", "because"),
    [
        ("A", "no vehicle"),
        ("E", "charger shows an error"),
        ("F", "charger is out of order"),
        ("X", "charger does not say what it does"),
    ],
)
def test_without_a_vehicle_there_is_nothing_to_ask(state: str, because: str) -> None:
    assert ask(vehicle(state=state)) == (0, because)


@pytest.mark.parametrize(("policy", "max_ma"), [("now", 16_000), ("never", 0)])
def test_a_vehicle_without_a_window_gets_what_the_installer_chose(policy: str, max_ma: int) -> None:
    free = Vehicle("bay-1", "B", 16_000, 11_000, 0, None)
    assert want(free, EVENING, T0, "UTC", policy).max_ma == max_ma


@pytest.mark.parametrize(("max_ma", "asked"), [(6_000, 6_000), (5_999, 0)])
def test_below_six_amps_there_is_no_charging(max_ma: int, asked: int) -> None:
    assert ask(vehicle(max_ma=max_ma, due_h=1))[0] == asked


def test_what_it_has_got_already_is_taken_off_once() -> None:
    assert ask(vehicle(had_wh=5_000, due_h=1)) == (32_000, "needs 15.0 kWh by 01:53")
    assert want(vehicle(had_wh=5_000, due_h=1), EVENING, T0, "UTC", "now").need_wh == 15_000


def planned(current_ma: int = 0, left_wh: int = 20_000, due_h: float = 12, unmet_wh: int = 0) -> Vehicle:
    """20 kWh to go, on 22.08 kW: 54 min at its own maximum.  left_wh: what the plan still has for it."""
    step = Step(current_ma, T0 + H, left_wh, ahead=False, unmet_wh=unmet_wh)
    return replace(vehicle(due_h=due_h), takes_w=22_080, step=step)


def test_it_follows_the_plan_while_that_is_enough() -> None:
    assert ask(planned()) == (0, "planned from 01:53, ready by 12:53")
    assert ask(planned(10_000)) == (10_000, "needs 20.0 kWh by 12:53")


def test_it_takes_all_when_no_time_is_left_whatever_the_plan_says() -> None:
    """I12: 54 min of charging and 15 min to spare: from 70 min before the departure on, and not before."""
    assert ask(planned(due_h=1.16)) == (0, "planned from 01:53, ready by 02:02")
    assert ask(planned(due_h=1.15)) == (32_000, "needs 20.0 kWh by 02:02, no time to lose")


def test_it_takes_all_when_it_has_fallen_behind_the_plan() -> None:
    """I12: more than 0.2 kWh of what it needs are not in the plan any more."""
    assert ask(planned(10_000, left_wh=19_800))[0] == 10_000
    assert ask(planned(10_000, left_wh=19_799)) == (32_000, "needs 20.0 kWh by 12:53, behind its plan")
    assert want(planned(left_wh=19_799), EVENING, T0, "UTC", "now").promise == "at risk"


def test_what_the_plan_cannot_give_it_is_no_reason_to_wait() -> None:
    found = ask(planned(left_wh=15_000, unmet_wh=5_000))
    assert found == (32_000, "needs 20.0 kWh by 12:53, 5.0 kWh more than the limits leave it")


def test_a_random_delay_is_not_waited_for_at_the_price_of_the_departure() -> None:
    """I12: 20 kWh and a tenth at 11 kW are two hours; with 2 h 10 min left ten minutes can be waited."""
    waits = replace(vehicle(due_h=2 + 1 / 6), starts_after=T0 + 9 * 60_000)
    assert ask(waits) == (0, "starts at 01:02, after a random delay")
    hurried = replace(waits, starts_after=T0 + 10 * 60_000)
    assert ask(hurried)[0] == 32_000


def test_it_does_not_wait_for_too_little_time_at_the_lower_price() -> None:
    """30 kWh and a tenth at 11 kW is three hours.  Cheaper is only one of the four that are left: so now."""
    prices = [price(-1, 3, 300_000), price(3, 4, 100_000)]
    assert ask(vehicle(need_wh=30_000, due_h=4), prices)[0] == 32_000


def test_an_alert_does_not_wait_for_a_lower_price() -> None:
    """Power may be gone later: it charges now, though the night is cheaper and long enough."""
    urged = replace(vehicle(), urged="possible outage")
    assert ask(urged) == (32_000, "needs 20.0 kWh by 12:53; possible outage")
