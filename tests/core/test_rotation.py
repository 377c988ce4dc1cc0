"""Turns: fair over a day, never shorter than they may be, and no vehicle put to sleep."""

from itertools import pairwise

import pytest

from edge.core import balance, rotation
from edge.core.rotation import Rotation, Turn, Want
from edge.model.sharing import Ask, Node

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
STEP_MS = 20_000
VOLTS = 230


class Depot:
    """Vehicles that want forever, on one node, with the real balancer; remembers every switch."""

    def __init__(self, wants, limit_ma, min_ma=6000):
        self.wants, self.limit_ma, self.min_ma = wants, limit_ma, min_ma
        self.state = Rotation()
        self.given_w = {}
        self.energy_mj = dict.fromkeys((want.id for want in wants), 0)
        self.switches = {want.id: [] for want in wants}
        self.on_count = []

    def tick(self, now_ms):
        ranks = rotation.rank(self.state, self.wants, now_ms)
        asks = [
            Ask(
                id=want.id,
                node="site",
                phases=(1,),
                min_ma=self.min_ma,
                max_ma=0 if want.id in ranks.held_off else 32_000,
                rank=ranks.rank[want.id],
            )
            for want in self.wants
        ]
        grants = balance.share([Node("site", None, (self.limit_ma, 0, 0))], asks).grants_ma
        self.state = rotation.fold(self.state, self.wants, grants, self.given_w, now_ms)
        self.given_w = {name: grant * VOLTS // 1000 for name, grant in grants.items()}
        for name, grant in grants.items():
            self.energy_mj[name] = self.energy_mj.get(name, 0) + self.given_w[name] * STEP_MS
            switches = self.switches.setdefault(name, [])
            if (grant > 0) != (len(switches) % 2 == 1):
                switches.append(now_ms)
        self.on_count.append(sum(grant > 0 for grant in grants.values()))

    def run(self, from_ms, to_ms):
        for now_ms in range(from_ms, to_ms, STEP_MS):
            self.tick(now_ms)


def vehicles(count, **same):
    return [Want(f"v{n:02}", **same) for n in range(count)]


def test_a_day_with_54_vehicles_where_14_fit_is_fair_and_calm():
    depot = Depot(vehicles(54, claim_w=2000), limit_ma=14 * 6000 + 5000)
    depot.run(0, DAY_MS)
    mean = sum(depot.energy_mj.values()) / 54
    assert min(depot.energy_mj.values()) >= 0.9 * mean
    assert max(depot.energy_mj.values()) <= 1.1 * mean
    assert set(depot.on_count) == {14}
    apart = [b - a for s in depot.switches.values() for a, b in pairwise(s)]
    assert len(apart) > 54 and min(apart) >= 5 * MINUTE_MS


def test_twice_the_claim_is_twice_the_energy():
    wants = [Want(f"v{n:02}", claim_w=2000 if n % 2 else 4000) for n in range(20)]
    depot = Depot(wants, limit_ma=7 * 6000)
    depot.run(0, DAY_MS)
    double = sum(depot.energy_mj[want.id] for want in wants[0::2])
    single = sum(depot.energy_mj[want.id] for want in wants[1::2])
    assert double == pytest.approx(2 * single, rel=0.05)


def test_who_must_not_see_0_a_never_does():
    wants = vehicles(20)
    wants[13] = Want("v13", keep_on=True)
    depot = Depot(wants, limit_ma=3 * 6000)
    depot.run(0, DAY_MS // 4)
    assert depot.switches["v13"] == [0]
    others = [energy for name, energy in depot.energy_mj.items() if name != "v13"]
    assert min(others) >= 0.9 * sum(others) / len(others)


def test_a_newcomer_neither_waits_for_the_past_nor_makes_up_for_it():
    depot = Depot(vehicles(6), limit_ma=2 * 6000)
    depot.run(0, DAY_MS // 2)
    depot.wants = [*depot.wants, Want("late")]
    before = dict(depot.energy_mj)
    depot.run(DAY_MS // 2, DAY_MS)
    gained = {name: depot.energy_mj[name] - before.get(name, 0) for name in depot.energy_mj}
    mean = sum(gained.values()) / 7
    assert all(0.9 * mean <= energy <= 1.1 * mean for energy in gained.values())


def test_one_place_goes_round_among_four():
    depot = Depot(vehicles(4), limit_ma=6000)
    depot.run(0, DAY_MS // 12)
    assert all(len(switches) >= 4 for switches in depot.switches.values())


def test_on_and_off_times_are_by_device():
    wants = [*vehicles(3), Want("slow", on_ms=30 * MINUTE_MS, off_ms=20 * MINUTE_MS)]
    depot = Depot(wants, limit_ma=2 * 6000)
    depot.run(0, DAY_MS // 4)
    slow = depot.switches["slow"]
    on = [b - a for a, b in zip(slow[0::2], slow[1::2], strict=False)]
    off = [b - a for a, b in zip(slow[1::2], slow[2::2], strict=False)]
    assert min(on) >= 30 * MINUTE_MS and min(off) >= 20 * MINUTE_MS


def test_a_limit_goes_before_every_turn():
    depot = Depot(vehicles(3), limit_ma=3 * 6000)
    depot.run(0, MINUTE_MS)
    depot.limit_ma = 6000
    depot.tick(MINUTE_MS)
    assert depot.on_count[-1] == 1
    depot.limit_ma = 3 * 6000
    depot.tick(2 * MINUTE_MS)
    assert depot.on_count[-1] == 1  # those that were stopped stay off for their off time
    depot.tick(6 * MINUTE_MS)
    assert depot.on_count[-1] == 3


ORDER = [
    (Turn(100), {}, 2, False),
    (Turn(0, on=True, since_ms=700_000), {}, 2, False),
    (Turn(999, on=True, since_ms=700_001), {}, 1, False),
    (Turn(0, on=False, since_ms=700_001), {}, 3, True),
    (Turn(0, on=False, since_ms=700_000), {}, 2, False),
    (Turn(999, on=False, since_ms=999_999), {"keep_on": True}, 0, False),
    (Turn(5, on=False, since_ms=999_999), {"off_ms": 0}, 2, False),
    (Turn(5, on=True, since_ms=999_999), {"on_ms": 1}, 2, False),
]


@pytest.mark.parametrize(("turn", "fields", "standing", "held"), ORDER)
def test_where_each_stands_at_a_million(turn, fields, standing, held):
    marks = {
        0: (Want("mark", keep_on=True), Turn(-1)),
        1: (Want("mark"), Turn(-1, on=True, since_ms=1_000_000)),
        2: (Want("mark"), Turn(-1)),
        3: (Want("mark"), Turn(-1, on=False, since_ms=1_000_000)),
    }
    for place, (mark, its_turn) in marks.items():
        state = Rotation({"v": turn, "mark": its_turn})
        ranks = rotation.rank(state, [Want("v", **fields), mark], 1_000_000)
        assert (ranks.rank["v"] == 0) == (standing < place)
        assert ("v" in ranks.held_off) == held


def test_groups_do_not_share_their_past():
    state = Rotation({"a": Turn(5_000), "b": Turn(900)})
    wants = [Want("a", group="x"), Want("b", group="y"), Want("c", group="x")]
    after = rotation.fold(state, wants, {}, {}, 0)
    assert after.turns["c"].served_us == 5_000


def test_who_no_longer_wants_is_forgotten():
    state = Rotation({"a": Turn(5_000, on=True, since_ms=0)}, at_ms=0)
    assert rotation.fold(state, [], {}, {}, 1000).turns == {}


def test_time_that_stands_still_or_goes_back_serves_nobody():
    state = Rotation({"a": Turn(5)}, at_ms=2000)
    assert rotation.fold(state, [Want("a")], {"a": 6000}, {"a": 1380}, 1000).turns["a"].served_us == 5
