"""Unused room moves on within seconds, and comes back as soon as it is used."""

import pytest

from edge.core import balance, unused
from edge.core.unused import DEFAULT, Settings, Use
from edge.model.sharing import Ask, Node


class Vehicle:
    """Draws what it may, up to what it wants, some seconds late."""

    def __init__(self, wants_ma, late_s=3, only_steps_ma=0):
        self.wants_ma, self.late_s, self.only_steps_ma = wants_ma, late_s, only_steps_ma
        self.told = []
        self.drawn_ma = 0

    def second(self, grant_ma):
        self.told.append(grant_ma)
        told_ma = self.told[-1 - self.late_s] if len(self.told) > self.late_s else 0
        could_ma = min(told_ma, self.wants_ma)
        if could_ma < self.drawn_ma or could_ma >= self.drawn_ma + self.only_steps_ma:
            self.drawn_ma = could_ma
        return self.drawn_ma


class Pair:
    """Two vehicles on 32 A, with the real balancer, second by second."""

    def __init__(self, first, second, step_ma=1000):
        self.vehicles = {"a": first, "b": second}
        self.uses = {"a": Use(), "b": Use()}
        self.step_ma = step_ma
        self.now_ms = 0
        self.history = []

    def run(self, seconds):
        for _ in range(seconds):
            self.now_ms += 1000
            asks = [
                Ask(name, "site", (1,), 6000, unused.useful_max_ma(use, 6000, 32_000), self.step_ma)
                for name, use in self.uses.items()
            ]
            grants = balance.share([Node("site", None, (32_000, 0, 0))], asks).grants_ma
            drawn = {name: self.vehicles[name].second(grant) for name, grant in grants.items()}
            for name, use in self.uses.items():
                self.uses[name] = unused.fold(use, grants[name], drawn[name], self.now_ms)
            self.history.append((grants, drawn))
        return self.history[-1]


@pytest.mark.parametrize("step_ma", [1, 100, 1000])
def test_what_one_leaves_the_other_has_within_twenty_seconds(step_ma):
    pair = Pair(Vehicle(8000), Vehicle(32_000), step_ma)
    _, drawn = pair.run(20)
    assert drawn["a"] == 8000
    assert drawn["b"] >= 32_000 - 8000 - DEFAULT.margin_ma - step_ma


def test_a_vehicle_that_wants_more_again_gets_it_within_seconds():
    pair = Pair(Vehicle(8000), Vehicle(32_000))
    pair.run(60)
    pair.vehicles["a"].wants_ma = 32_000
    _, drawn = pair.run(30)
    assert drawn == {"a": 16_000, "b": 16_000}


def test_a_vehicle_that_follows_only_large_steps_is_found_by_a_probe():
    pair = Pair(Vehicle(8000), Vehicle(32_000))
    pair.run(60)
    pair.vehicles["a"].wants_ma = 32_000
    pair.vehicles["a"].only_steps_ma = 3000
    pair.run(60)
    assert pair.history[-1][1]["a"] == 8000
    pair.run(DEFAULT.probe_every_ms // 1000)
    assert pair.history[-1][1]["a"] >= 12_000


def test_a_vehicle_that_uses_its_grant_is_never_capped():
    pair = Pair(Vehicle(32_000), Vehicle(32_000))
    pair.run(120)
    assert all(use.cap_ma is None for use in pair.uses.values())
    assert pair.history[-1][1] == {"a": 16_000, "b": 16_000}


def test_a_grant_is_never_below_what_is_drawn_and_settled():
    pair = Pair(Vehicle(9300), Vehicle(32_000))
    pair.run(700)
    assert all(grants["a"] >= drawn["a"] for grants, drawn in pair.history[10:])


def test_setpoints_do_not_flicker_with_the_draw():
    pair = Pair(Vehicle(10_000), Vehicle(32_000), step_ma=1)
    caps = set()
    for n in range(200):
        pair.vehicles["a"].wants_ma = 10_000 + 200 * (n % 2)
        pair.run(1)
        if n > 30:
            caps.add(pair.uses["a"].cap_ma)
    assert len(caps) == 1


CAPS = [
    (None, 6000, 32_000, 32_000),
    (9000, 6000, 32_000, 9000),
    (3000, 6000, 32_000, 6000),
    (40_000, 6000, 32_000, 32_000),
]


@pytest.mark.parametrize(("cap_ma", "min_ma", "max_ma", "wanted_ma"), CAPS)
def test_a_cap_only_lowers_an_ask_and_never_below_the_minimum(cap_ma, min_ma, max_ma, wanted_ma):
    assert unused.useful_max_ma(Use(cap_ma=cap_ma), min_ma, max_ma) == wanted_ma


@pytest.mark.parametrize(("grant_ma", "drawn_ma"), [(0, 0), (-1, 0), (16_000, None)])
def test_nothing_is_concluded_from_a_pause_or_an_unknown_draw(grant_ma, drawn_ma):
    low = Use(cap_ma=9000, low_since_ms=0, probe_ms=5, grant_ma=16_000, drawn_ma=7500)
    assert unused.fold(low, grant_ma, drawn_ma, 10_000) == Use()


EDGES = [  # grant, drawn, low for so long -> cap
    (16_000, 8000, 7999, None),
    (16_000, 8000, 8000, 9500),
    (16_000, 14_499, 8000, 15_999),
    (16_000, 14_500, 8000, None),  # with the margin nothing is left to give away
    (16_000, 15_501, 8000, None),
]


@pytest.mark.parametrize(("grant_ma", "drawn_ma", "low_ms", "cap_ma"), EDGES)
def test_when_a_draw_is_low(grant_ma, drawn_ma, low_ms, cap_ma):
    low = Use(low_since_ms=0, grant_ma=grant_ma, drawn_ma=drawn_ma)
    found = unused.fold(low, grant_ma, drawn_ma, low_ms).cap_ma
    assert found == cap_ma


def test_a_draw_that_still_rises_is_waited_for():
    use = Use(low_since_ms=0, grant_ma=16_000, drawn_ma=8000)
    assert unused.fold(use, 16_000, 8501, 60_000).low_since_ms == 60_000
    assert unused.fold(use, 16_000, 8500, 60_000).cap_ma == 10_000
    assert unused.fold(use, 16_001, 8000, 60_000).low_since_ms == 60_000


def test_settings_are_obeyed():
    patient = Settings(margin_ma=100, near_ma=50, settle_ms=1)
    use = Use(low_since_ms=0, grant_ma=16_000, drawn_ma=8000)
    assert unused.fold(use, 16_000, 8000, 1, patient).cap_ma == 8100
