"""Turns, unused room and vehicles that must stay on, told as stories; figures worked out by hand."""

from itertools import pairwise

import msgspec

from edge.model.flow import SetCurrent, Written
from edge.model.site import Site, Window
from tests.story.sites import depot, flows, takes, there, tick
from tests.story.story import Story

MINUTE = 60_000


class Yard:
    """A story of three-phase vehicles that follow what they are told, up to what each can take."""

    def __init__(self, site: Site, can_a: dict[str, int]) -> None:
        self.story = Story(site)
        self.can_a = can_a
        self.told = {c.id: 0 for c in site.chargers}
        self.seconds_on = {c.id: 0 for c in site.chargers}
        self.switches: dict[str, list[int]] = {c.id: [] for c in site.chargers}
        for known in there(0, *self.told):
            self.story = self.story >> known
        self.now = 0

    def run(self, seconds: int, other_a: int = 0) -> "Yard":
        """Let seconds pass: every charger is read and written in each of them."""
        for _ in range(seconds):
            draws = {bay: min(self.told[bay] // 1000, self.can_a[bay]) for bay in self.told}
            for bay, amps in draws.items():
                reading = takes(self.now + 700, bay, amps, state="C" if amps else "B")
                reading.values["setpoint_ma"] = self.told[bay]
                self.story = self.story >> reading
            total = other_a + sum(draws.values())
            self.story = self.story >> flows(self.now + 900, total, total, total) >> tick(self.now + 1_000)
            self.now += 1_000
            for command in self.story.last:
                if isinstance(command, SetCurrent):
                    if (command.current_ma > 0) != (self.told[command.charger] > 0):
                        self.switches[command.charger].append(self.now)
                    self.told[command.charger] = command.current_ma
                    self.story.controller.handle(Written(self.now, command.charger, command.current_ma))
            for bay, current_ma in self.told.items():
                self.seconds_on[bay] += current_ma > 0
        assert self.story
        return self


def test_what_a_vehicle_leaves_moves_on_within_seconds() -> None:
    # 40 A for two is 20 each; bay-1's vehicle takes 10 A at most: its 10 A and a margin stay with it.
    yard = Yard(depot(2, limit_ma=40_000, other_max_ma=0), {"bay-1": 10, "bay-2": 32})
    yard.run(8)
    assert yard.told == {"bay-1": 20_000, "bay-2": 20_000}
    yard.run(25)
    assert yard.told["bay-1"] == 11_500
    assert yard.told["bay-2"] == 28_500


def test_when_not_all_fit_turns_change_after_the_minimum_time_and_are_fair() -> None:
    # 13 A for three vehicles of at least 6 A: two at a time.  In an hour each is on for two thirds of it.
    yard = Yard(depot(3, limit_ma=13_000, other_max_ma=0), {f"bay-{n}": 32 for n in (1, 2, 3)})
    yard.run(3_600)
    on = yard.seconds_on
    assert all(2_100 <= seconds <= 2_700 for seconds in on.values()), on
    for bay, times in yard.switches.items():
        gaps = [b - a for a, b in pairwise(times)]
        assert all(gap >= 5 * MINUTE for gap in gaps), (bay, gaps)


def test_a_vehicle_that_must_not_see_zero_is_kept_at_its_minimum() -> None:
    site = depot(3, limit_ma=13_000, other_max_ma=0)
    sleepy = msgspec.structs.replace(site.chargers[2], keep_on=True)
    site = msgspec.structs.replace(site, chargers=(*site.chargers[:2], sleepy))
    yard = Yard(site, {f"bay-{n}": 32 for n in (1, 2, 3)}).run(1_800)
    assert len(yard.switches["bay-3"]) == 1  # on, and never off
    assert yard.seconds_on["bay-3"] >= 1_798


def test_a_limit_overrides_the_minimum_on_time() -> None:
    """I1 comes before wear."""
    yard = Yard(depot(1, limit_ma=20_000, other_max_ma=10_000), {"bay-1": 32}).run(10)
    assert yard.told["bay-1"] == 20_000
    yard.run(2, other_a=19)
    assert yard.told["bay-1"] == 0


def test_who_would_miss_its_departure_comes_before_who_would_not() -> None:
    """I12: bay-2 has two hours for 20 kWh, 10 kW; its share of 20 A for two is 6.9 kW less reserve."""
    # The story begins at 16:53:20 in Los Angeles: 18:53 is minute 1133.
    window = Window("w", "bay-2", 0, 18 * 60 + 53, 20_000, priority=50)
    site = depot(2, limit_ma=20_000, other_max_ma=0, windows=(window,))
    yard = Yard(site, {"bay-1": 32, "bay-2": 32}).run(30)
    assert yard.told == {"bay-1": 6_000, "bay-2": 14_000}
    late = msgspec.structs.replace(window, need_wh=5_000)
    calm = Yard(msgspec.structs.replace(site, windows=(late,)), {"bay-1": 32, "bay-2": 32}).run(30)
    assert calm.told == {"bay-1": 14_000, "bay-2": 6_000}  # with time to spare, the stated priority holds


def test_who_was_paused_stays_off_for_the_minimum_time_though_there_is_room() -> None:
    yard = Yard(depot(1, limit_ma=20_000, other_max_ma=10_000), {"bay-1": 32}).run(10)
    yard.run(2, other_a=19)
    assert yard.told["bay-1"] == 0
    yard.run(280)
    assert yard.told["bay-1"] == 0
    yard.run(30)
    assert yard.told["bay-1"] == 20_000
