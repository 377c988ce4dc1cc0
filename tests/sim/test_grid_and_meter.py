"""Currents add up phase by phase, voltages sag, counters integrate: against sums made by hand."""

import itertools
import random

import pytest

from edge.model.site import Address, Charger, Meter, Node, Site
from edge.sim.depot import CannotSimulate, Depot
from edge.sim.families.eastron_sdm630 import sdm630_registers
from edge.sim.families.janitza_umg604 import neutral_a, umg604_registers
from edge.sim.grid import Grid, of_device, on_site, own_other_a
from edge.sim.load import OtherLoad
from edge.sim.meter import Meter as SimMeter
from edge.sim.meter import Sample
from edge.sim.registers import Refused
from edge.sim.vehicle import Vehicle

AT = Address(unit=1, tcp="127.0.0.1:502")
MAIN = Node("main", None, (100_000,) * 3, other_max_ma=(60_000, 50_000, 40_000), meter="m")
PANEL = Node("panel", "main", (63_000,) * 3, other_max_ma=(20_000, 20_000, 50_000))


def test_a_rotated_charger_loads_the_phases_it_is_wired_to():
    assert on_site((10.0, 0.0, 0.0), (1, 2, 0)) == (0.0, 10.0, 0.0)
    assert on_site((1.0, 2.0, 3.0), (2, 0, 1)) == (2.0, 3.0, 1.0)
    assert on_site((5.0, 0.0, 0.0), (2,)) == (0.0, 0.0, 5.0)
    assert of_device((1.0, 2.0, 3.0), (2, 0, 1)) == (3.0, 1.0, 2.0)
    assert of_device((1.0, 2.0, 3.0), (1,)) == (2.0, 0.0, 0.0)


def test_what_the_children_account_for_is_not_counted_twice():
    assert own_other_a(MAIN, (MAIN, PANEL)) == (40.0, 30.0, 0.0)


def test_other_load_never_exceeds_the_highest_plausible_load():
    load = OtherLoad((20.0, 0.0, 30.0), random.Random(5))
    load.extra_a = [15.0, 15.0, 0.0]
    highest = [0.0] * 3
    for now in range(0, 600_000, 100):
        load.step(now)
        highest = [max(h, a) for h, a in zip(highest, load.now_a, strict=True)]
    assert highest[0] == 20.0  # reached, so the clip was needed
    assert highest[1] == 0.0  # no load is drawn there, and a scenario cannot make one
    assert 20.0 < highest[2] <= 30.0


def test_a_building_that_holds_still_switches_nothing_on():
    load = OtherLoad((20.0, 20.0, 20.0), random.Random(5))
    free = [sum(load.now_a) for now in range(0, 300_000, 100) if load.step(now) is None]
    load.held = True
    held = [sum(load.now_a) for now in range(300_000, 600_000, 100) if load.step(now) is None]
    assert max(b - a for a, b in itertools.pairwise(free)) > 3  # machines that start
    assert max(b - a for a, b in itertools.pairwise(held)) < 1.5  # noise alone
    assert min(held) < held[0] - 3  # what runs may stop


def test_currents_add_up_the_tree_and_the_voltage_sags():
    site = Site(
        "s", "s", "UTC", (MAIN, PANEL),
        meters=(Meter("m", "janitza_umg604", AT),),
        chargers=(Charger("bay", "panel", "alfen_eve", Address(unit=1, tcp="127.0.0.1:503"), (1, 2, 0)),),
    )  # fmt: skip
    depot = Depot(site, traffic=False)
    for load in depot.grid.loads.values():
        load.quiet = True
    bay = depot.chargers["bay"]
    bay.take_setpoint(16.0)
    bay.plug(Vehicle("v", 10**6, 10**7, phases=1, max_a=16.0, follows=1.0))
    for now in range(0, 20_000, 100):
        depot.step(now)
    look = depot.look()
    # a quarter of each node's own other load; the vehicle's L1 is on the site's L2
    assert look.total_a["panel"] == pytest.approx((5.0, 5.0 + 16.0, 12.5))
    assert look.total_a["main"] == pytest.approx((15.0, 12.5 + 16.0, 12.5))
    assert look.other_a["main"] == pytest.approx((15.0, 12.5, 12.5))
    v = look.voltages_v
    assert v[0] - v[1] == pytest.approx(0.02 * (28.5 - 15.0))
    assert look.chargers["bay"].site_a == pytest.approx((0.0, 16.0, 0.0))


def test_a_meter_shows_its_last_sample_and_counts_every_step():
    grid = Grid((MAIN,), 230.0, seed=1)
    grid.loads["main"].quiet = True
    meter = SimMeter("m", "main", (0, 1, 2), sample_ms=500)
    shown = []
    for n in range(36):
        grid.loads["main"].extra_a = [float(n), 0.0, 0.0]
        grid.step([], n * 100)
        meter.step(grid, n * 100, 100)
        shown.append(round(meter.shown.currents_a[0] - 15.0))
    assert shown[:11] == [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10]
    # L2: 12.5 A × ~229.7 V × 0.95 for 3.6 s = 1/1000 h
    assert meter.import_wh[1] == pytest.approx(12.5 * 229.75 * 0.95 / 1000, rel=0.002)


def test_a_frozen_meter_answers_with_what_it_showed():
    grid = Grid((MAIN,), 230.0, seed=1)
    meter = SimMeter("m", "main", (0, 1, 2), sample_ms=100)
    grid.step([], 0)
    meter.step(grid, 0, 100)
    before = meter.shown
    meter.frozen = True
    grid.step([], 100)
    meter.step(grid, 100, 100)
    assert meter.shown == before


def showing() -> SimMeter:
    meter = SimMeter("m", "main", (0, 1, 2), sample_ms=100)
    meter.shown = Sample((230.5, 231.0, 229.0), (10.0, 0.0, 0.5), (2190.0, 0.0, 114.5))
    meter.import_wh = [1000.0, 500.0, 0.0]
    return meter


def test_umg604_bytes():
    r = umg604_registers(showing())
    assert r.read("holding", 19000, 2) == (0x4366, 0x8000)  # 230.5 V
    assert r.read("holding", 19012, 6) == (0x4120, 0, 0, 0, 0x3F00, 0)  # 10, 0, 0.5 A
    assert r.read("holding", 19026, 2) == (0x4510, 0x0800)  # 2304.5 W
    assert r.read("holding", 19050, 2) == (0x4248, 0)  # 50 Hz
    assert r.read("holding", 19068, 2) == (0x44BB, 0x8000)  # 1500 Wh
    assert r.read("holding", 19000, 54)  # the whole block in one request
    with pytest.raises(Refused):
        r.read("input", 19000, 2)


def test_sdm630_bytes_and_its_love_of_even_counts():
    r = sdm630_registers(showing())
    assert r.read("input", 0, 2) == (0x4366, 0x8000)
    assert r.read("input", 6, 2) == (0x4120, 0)
    assert r.read("input", 72, 2) == (0x3FC0, 0)  # 1.5 kWh
    assert r.read("input", 346, 2) == (0x3F80, 0)  # 1 kWh on L1
    assert r.read("holding", 28, 2) == (0x4040, 0)  # 19200 baud is 3
    for count in (1, 3, 62):
        with pytest.raises(Refused):
            r.read("input", 0, count)
    assert len(r.read("input", 0, 60)) == 60


def test_the_neutral_carries_what_does_not_cancel():
    assert neutral_a((10.0, 10.0, 10.0)) == pytest.approx(0.0)
    assert neutral_a((10.0, 0.0, 0.0)) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("meters", "chargers", "says"),
    [
        ((Meter("m", "no_such", AT),), (), "meter m: there is no driver 'no_such'"),
        ((Meter("x", "janitza_umg604", AT),), (), "meter x: no .*meter = 'x'"),
        ((), (Charger("c", "main", "no_such", AT),), "charger c: there is no driver 'no_such'"),
    ],
)
def test_what_cannot_be_simulated_is_said_by_name(meters, chargers, says):
    with pytest.raises(CannotSimulate, match=says):
        Depot(Site("s", "s", "UTC", (MAIN,), meters=meters, chargers=chargers))


def test_the_same_seed_gives_the_same_depot():
    def trace(seed):
        site = Site("s", "s", "UTC", (MAIN,), chargers=(Charger("c", "main", "alfen_eve", AT),))
        depot = Depot(site, seed)
        looks = []
        for now in range(0, 30_000, 100):
            depot.step(now)
            looks.append(depot.look())
        return looks

    assert trace(3) == trace(3)
    assert trace(3) != trace(4)


def test_a_write_is_in_one_look_and_a_glance_leaves_it_there():
    depot = Depot(Site("s", "s", "UTC", (MAIN,), chargers=(Charger("c", "main", "alfen_eve", AT),)))
    depot.step(0)
    depot.chargers["c"].take_setpoint(9.0)
    counts = [
        len(look.chargers["c"].writes) for look in (depot.look(glance=True), depot.look(), depot.look())
    ]
    assert counts == [1, 1, 0]
