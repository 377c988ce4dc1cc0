"""How much longer the last part takes: worked out by hand."""

import pytest

from edge.core import taper
from edge.core.taper import Battery, extra_ms
from edge.core.windows import Stay
from edge.model.records import Session
from edge.model.site import Window
from edge.model.units import HOUR_MS, MINUTE_MS

HALF_H = 30 * MINUTE_MS


@pytest.mark.parametrize(
    ("left_wh", "takes_w", "battery", "expected_ms"),
    [
        (20_000, 20_000, Battery(), 0),  # nothing is known
        (20_000, 20_000, Battery(usual_ms=HALF_H), HALF_H),
        (20_000, 20_000, Battery(usual_ms=HALF_H, lost_ms=10 * MINUTE_MS, full_w=20_000), 20 * MINUTE_MS),
        (20_000, 20_000, Battery(usual_ms=HALF_H, lost_ms=HOUR_MS, full_w=20_000), 0),
        # It takes half already: 5 kWh are half an hour at 10 kW, and a quarter at 20; half an hour more is
        # the whole of it, of which half an hour is counted in what it takes now.
        (5_000, 10_000, Battery(usual_ms=HALF_H, full_w=20_000), 15 * MINUTE_MS),
        (5_000, 5_000, Battery(usual_ms=HALF_H, full_w=20_000), 0),  # its own pace is slower than that
        # Nothing learned: 6 kWh above 85 % at 12 kW take twice the half hour
        (20_000, 12_000, Battery(above_wh=6_000), HALF_H),
        (20_000, 12_000, Battery(usual_ms=HALF_H, above_wh=0), 0),  # it need not get there
        (0, 12_000, Battery(usual_ms=HALF_H), 0),
    ],
)
def test_what_is_added_to_the_time_at_the_present_power(
    left_wh: int, takes_w: int, battery: Battery, expected_ms: int
) -> None:
    assert extra_ms(left_wh, takes_w, battery) == expected_ms


def test_a_state_of_charge_says_how_much_is_above_the_knee() -> None:
    stay = Stay(Window("w", "bay-1", 0, 60, 30_000, soc_pm=950, battery_wh=60_000), 0, HOUR_MS)
    session = Session("s", "bay-1", 0, power_w_max=11_000, tapered_ms=5)
    assert taper.of(session, stay, 400, 7) == Battery(7, 5, 11_000, 6_000)  # 85 to 95 % of 60 kWh
    assert taper.of(session, stay, 900, 7).above_wh == 3_000
    assert taper.of(session, stay, None, 7).above_wh is None
    assert taper.of(None, None, 400, 7) == Battery(7)
    low = Stay(Window("w", "bay-1", 0, 60, 30_000, soc_pm=800, battery_wh=60_000), 0, HOUR_MS)
    assert taper.of(session, low, 400, 7).above_wh == 0
