"""Quotas: limits on some chargers together, by hand and as promises.  The highest voltage is 253 V."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.quota import Quota, keep_within
from edge.model.sharing import Ask

MV = 253_000


def ask(name: str, max_ma: int = 32_000, phases: tuple[int, ...] = (1, 2, 3), priority: int = 0) -> Ask:
    return Ask(name, "main", phases, 6_000, max_ma, 100, priority)


def kept(asks: list[Ask], *quotas: Quota, **floors_ma: int) -> dict[str, int]:
    return {each.id: each.max_ma for each in keep_within(asks, quotas, floors_ma, MV)[0]}


def test_a_group_shares_its_power_equally_after_the_minimums() -> None:
    # 20 kW at 253 V are 79 051 mA on conductors: 13 175 on each of six, down to a step of 100 mA above 6 A
    quota = Quota(("a", "b"), "vans", limit_w=20_000)
    assert kept([ask("a"), ask("b"), ask("c")], quota) == {"a": 13_100, "b": 13_100, "c": 32_000}


def test_what_one_cannot_use_goes_to_the_others() -> None:
    # 79 051 mA less 3 x 8 A leave 55 051 for three conductors: 18 350
    quota = Quota(("a", "b"), "vans", limit_w=20_000)
    assert kept([ask("a", 8_000), ask("b")], quota) == {"a": 8_000, "b": 18_300}


def test_when_not_all_minimums_fit_the_first_in_rank_gets_it() -> None:
    # 6 kW: 23 715 mA on conductors; one minimum of three phases is 18 A
    quota = Quota(("a", "b"), "vans", limit_w=6_000)
    assert kept([ask("a", priority=1), ask("b", priority=0)], quota) == {"a": 0, "b": 7_900}


def test_a_single_phase_vehicle_takes_what_is_too_little_for_three() -> None:
    quota = Quota(("a", "b"), "vans", limit_w=2_000)  # 7 905 mA
    assert kept([ask("a", priority=0), ask("b", phases=(2,), priority=1)], quota) == {"a": 0, "b": 7_900}


def test_a_current_of_each() -> None:
    quota = Quota(("a", "b"), "signal", each_ma=16_000)
    assert kept([ask("a"), ask("b", 10_000)], quota) == {"a": 16_000, "b": 10_000}
    assert kept([ask("a")], Quota(("a",), "signal", each_ma=5_900)) == {"a": 0}


def test_an_exempt_vehicle_keeps_its_floor_and_the_others_make_room() -> None:
    quota = Quota(("a", "b"), "vans", limit_w=10_000)  # 39 525 mA
    # the floor takes 30 A of conductors; no minimum fits into the rest, so it goes to the same: 13 175 mA
    assert kept([ask("a"), ask("b")], quota, a=10_000) == {"a": 13_100, "b": 0}
    assert kept([ask("a"), ask("b")], Quota(("a", "b"), "x", limit_w=0), a=8_000) == {"a": 8_000, "b": 0}
    assert kept([ask("a")], Quota(("a",), "x", limit_w=0, floors=False), a=8_000) == {"a": 0}


def test_who_is_cut_is_told_why() -> None:
    _, because = keep_within([ask("a"), ask("b", 6_000)], [Quota(("a", "b"), "vans", limit_w=10_000)], {}, MV)
    assert because == {"a": "vans"}


ASKS = st.lists(
    st.tuples(st.integers(0, 320), st.sampled_from([(1,), (2, 3), (1, 2, 3)]), st.integers(0, 2)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(ASKS, st.integers(0, 60_000))
def test_no_set_asks_for_more_than_its_quota_and_all_asks_stay_lawful(asks: list, limit_w: int) -> None:
    given_asks = [
        ask(f"c{n}", max_ma=100 * tenths if tenths >= 60 else 0, phases=phases, priority=priority)
        for n, (tenths, phases, priority) in enumerate(asks)
    ]
    quota = Quota(tuple(each.id for each in given_asks), "q", limit_w=limit_w)
    found, _ = keep_within(given_asks, [quota], {}, MV)
    assert sum(each.max_ma * len(each.phases) for each in found) * MV <= limit_w * 1_000_000
    for before, after in zip(given_asks, found, strict=True):
        assert after.max_ma <= before.max_ma
        assert after.max_ma == 0 or (after.max_ma >= 6_000 and after.max_ma % 100 == 0)
