"""How soon an event was obeyed, timed on the twin by hand-made setpoints."""

import pytest

from edge.model.site import Address, Charger, Meter, Node, Site
from edge.sim.depot import Depot
from edge.sim.judge import Judge
from edge.sim.vehicle import Vehicle

SITE = Site(
    "s", "s", "UTC", (Node("main", None, (63_000,) * 3, meter="m"),),
    meters=(Meter("m", "janitza_umg604", Address(unit=1, tcp="127.0.0.1:502")),),
    chargers=(
        Charger("c1", "main", "alfen_eve", Address(unit=1, tcp="127.0.0.1:503"), fallback_ma=0),
        Charger("c2", "main", "alfen_eve", Address(unit=2, tcp="127.0.0.1:503"), fallback_ma=0),
    ),
)  # fmt: skip


class Bench:
    """Two chargers at 16 A, 22 kW in all, and no other load."""

    def __init__(self) -> None:
        self.depot = Depot(SITE, traffic=False)
        self.judge = Judge(self.depot)
        self.now = 0
        self.go(0.1)
        for charger in self.depot.chargers.values():
            charger.take_setpoint(16.0)
            charger.plug(Vehicle("v", 10**6, 10**9, max_a=32.0, follows=1.0, reaction_ms=2_000))
        self.go(10)

    def go(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 100
            self.depot.step(self.now)
            self.judge.see(self.depot.look())

    def event(self, limit_w: int) -> dict:
        order = {"do": "event", "received_ms": self.now, "start_ms": self.now, "end_ms": self.now + 30_000}
        assert self.judge.extra(order | {"limit_w": limit_w}) == {"done": "event"}
        return self.judge.report

    def found(self) -> dict:
        return self.judge.report()["events"][0]


def test_the_last_write_is_the_one_that_makes_all_setpoints_fit():
    bench = Bench()
    bench.event(3 * 230 * 20)
    bench.go(0.5)
    bench.depot.chargers["c1"].take_setpoint(10.0)  # 26 A: not yet
    bench.go(0.5)
    bench.depot.chargers["c2"].take_setpoint(10.0)  # 20 A
    bench.go(10)
    assert bench.found()["received_to_last_write_ms"] == 1_000
    # then 0.8 s for the pilot, 2 s of the vehicle's, and 6 A at 40 A/s
    assert bench.found()["received_to_complied_ms"] == pytest.approx(1_000 + 800 + 2_000 + 150, abs=200)
    assert bench.found()["highest_w_while_active"] == 0  # 13.2 s have not passed yet


def test_an_event_that_is_ignored_was_never_complied_with():
    bench = Bench()
    bench.event(3 * 230 * 20)
    bench.go(40)  # the setpoints themselves hold for 60 s
    assert bench.found()["received_to_last_write_ms"] is None
    assert bench.found()["received_to_complied_ms"] is None
    assert bench.found()["highest_w_while_active"] == pytest.approx(3 * 230 * 32, rel=0.02)
    assert bench.judge.report()["violations"][0].startswith("I5 main: ")


def test_a_low_load_alone_is_no_compliance_while_setpoints_allow_more():
    bench = Bench()
    for charger in bench.depot.chargers.values():
        charger.vehicle.got_wh = charger.vehicle.need_wh  # full: they draw nothing, but may
    bench.go(5)
    bench.event(3 * 230 * 20)
    bench.go(5)
    assert bench.found()["received_to_complied_ms"] is None


def test_a_lost_meter_is_timed_from_the_order_that_cut_it_off():
    bench = Bench()
    assert bench.judge.extra({"do": "kill", "device": "m"}) is None  # the depot's own order: passed on
    assert bench.judge.extra({"do": "kill", "device": "c1"}) is None
    assert [loss["meter"] for loss in bench.judge.report()["meter_losses"]] == ["m"]
    bench.judge.extra({"do": "restore", "device": "m"})
    assert bench.judge.checker.fallbacks.lost == []
