"""One battery against prices: figures by hand, and HiGHS over random days."""

import random

import highspy
import numpy as np
import pytest

from edge.core import battery
from edge.core.battery import ROUND_TRIP, Battery, Slot, best, slot


def plain(price: float, net_w: float = 20_000, **more: float) -> Slot:
    """An hour with 10 kW each way and no wear."""
    given = {"own_price": 0.0, "gives_w": 10_000, "takes_w": 10_000, "export_w": 0, "wear": 0.0, "hours": 1.0}
    return slot(price=price, net_w=net_w, **(given | more))


def test_it_gives_at_the_dear_hour_and_takes_back_at_the_cheap_one() -> None:
    """10 kWh delivered are 11.76 kWh of the battery."""
    changes = best(Battery(30_000, 10_000, 60_000, 30_000), [plain(0.40), plain(0.10), plain(0.12)])
    assert changes == pytest.approx([-10_000 / ROUND_TRIP, 10_000, 10_000 / ROUND_TRIP - 10_000])


def test_a_spread_that_losses_or_wear_eat_up_is_left_alone() -> None:
    store = Battery(30_000, 10_000, 60_000, 30_000)
    nothing = pytest.approx([0, 0], abs=1e-6)
    assert best(store, [plain(0.40), plain(0.345)]) == nothing  # 0.40 x 0.85 = 0.34
    assert best(store, [plain(0.40, wear=0.29), plain(0.10)]) == nothing  # 0.11 x 0.85 = 0.0935
    assert best(store, [plain(0.40, wear=0.28), plain(0.10)])[0] < 0


def test_nothing_goes_below_what_is_kept_and_the_departure_is_met() -> None:
    assert best(Battery(14_000, 10_000, 60_000, 14_000), [plain(0.9), plain(0.1)]) == [-4_000, 4_000]
    assert best(Battery(9_000, 10_000, 60_000, 9_000), [plain(0.9), plain(0.1)]) == [0, 0]
    # it needs 10 kWh more and has one hour: no time to give anything
    assert best(Battery(30_000, 10_000, 60_000, 40_000), [plain(0.9, takes_w=0), plain(0.1)]) == [0, 10_000]
    assert best(Battery(30_000, 10_000, 60_000, 99_000), [plain(0.9), plain(0.1)]) == [10_000, 10_000]


def test_what_is_given_back_is_what_the_site_takes_and_may_export() -> None:
    store = Battery(50_000, 0, 60_000, 0)
    assert best(store, [plain(0.4, net_w=3_000)]) == pytest.approx([-3_000 / ROUND_TRIP])
    assert best(store, [plain(0.4, net_w=-3_000)]) == [0]
    assert best(store, [plain(0.4, net_w=3_000, export_w=2_000, own_price=0.08)]) == pytest.approx(
        [-5_000 / ROUND_TRIP]
    )
    assert best(store, [plain(0.4, net_w=3_000, export_w=2_000, own_price=0.08, wear=0.1)]) == pytest.approx(
        [-3_000 / ROUND_TRIP]
    )


def test_what_the_roof_gives_is_taken_in_for_the_evening() -> None:
    sun, dark = plain(0.2, net_w=-6_000, own_price=0.05), plain(0.23, net_w=20_000)
    changes = best(Battery(30_000, 30_000, 60_000, 30_000), [sun, dark])
    assert changes == pytest.approx([6_000, -6_000])


def test_who_is_paid_for_taking_gives_nothing() -> None:
    assert best(Battery(30_000, 0, 60_000, 0), [plain(-0.1)])[0] >= 0


def test_a_peak_is_shaved_before_anything_else() -> None:
    store = Battery(20_000, 15_000, 60_000, 20_000)  # 5 kWh to give: 4.25 kW for an hour
    high, dear, night = (
        plain(0.2, 52_000, peak_w=48_000),
        plain(0.6, 40_000, peak_w=48_000),
        plain(0.1, 9_000),
    )
    changes = best(store, [dear, high, night])
    assert changes == pytest.approx([-(5_000 - 4_000 / ROUND_TRIP), -4_000 / ROUND_TRIP, 5_000])


def test_it_is_the_optimum_of_the_linear_programme() -> None:
    """HiGHS on 60 random days: same cost to a millionth, and no bound broken."""
    dice = random.Random(7)
    for _ in range(60):
        slots = [
            slot(
                price=dice.choice([0.08, 0.11, 0.2, 0.36, 0.36, 0.5]),
                own_price=dice.choice([0.0, 0.05, 0.08]),
                net_w=dice.uniform(-15_000, 30_000),
                gives_w=10_000,
                takes_w=dice.choice([0, 4_000, 11_000]),
                export_w=dice.choice([0, 0, 5_000]),
                wear=dice.choice([0.0, 0.05]),
                hours=0.25,
            )
            for _ in range(dice.randint(1, 40))
        ]
        keep = dice.uniform(0, 30_000)
        store = Battery(dice.uniform(keep, 60_000), keep, 60_000, dice.uniform(0, 60_000))
        changes = best(store, slots)
        level, cost = store.now, 0.0
        for here, change in zip(slots, changes, strict=True):
            level += change
            assert keep - 1e-6 <= level <= 60_000 + 1e-6
            cost += of(here, change)
        cost += battery.NEEDED * max(0.0, store.target - level)
        assert cost == pytest.approx(optimum(store, slots), rel=1e-6, abs=1e-3)


def of(here: Slot, change: float) -> float:
    """What a change costs: pieces from the best on."""
    total = 0.0
    for slope, width in here.into if change > 0 else here.out:
        part = min(width, abs(change))
        total += slope * part if change > 0 else -slope * part
        change = change - part if change > 0 else change + part
    assert abs(change) < 1e-6
    return total


def optimum(store: Battery, slots: list[Slot]) -> float:
    cost, upper, signs, when = [], [], [], []
    for t, here in enumerate(slots):
        for sign, pieces in ((1.0, here.into), (-1.0, here.out)):
            for slope, width in pieces:
                cost.append(sign * slope)
                upper.append(width)
                signs.append(sign)
                when.append(t)
    cost.append(battery.NEEDED)  # what is missing in the end
    upper.append(1e9)
    n = len(cost)
    rows = [
        [s if w <= t else 0.0 for s, w in zip(signs, when, strict=True)] + [0.0] for t in range(len(slots))
    ]
    rows.append([*signs, 1.0])
    lower = [store.keep - store.now] * len(slots) + [store.target - store.now]
    most = [store.full - store.now] * len(slots) + [highspy.kHighsInf]
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, len(rows)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(cost), np.zeros(n), np.array(upper)
    lp.row_lower_, lp.row_upper_ = np.array(lower), np.array(most)
    matrix = np.array(rows)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(0, n * len(rows) + 1, n, dtype=np.int32)
    lp.a_matrix_.index_ = np.tile(np.arange(n, dtype=np.int32), len(rows))
    lp.a_matrix_.value_ = matrix.reshape(-1)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(highs.getInfo().objective_function_value)
