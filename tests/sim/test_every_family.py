"""Every family of the library has a twin that its own driver recognises, reads, sets, pauses and loses.

Table and twin share a source: this tests the twins' behaviour and the engine, not the tables.
"""

import struct

import pytest

from drivers import library
from drivers.device import Device
from drivers.wire import Read, Reply, Write
from edge.model.site import Address, Charger, Meter, Node, Site
from edge.sim.depot import Depot
from edge.sim.modbus import Units, reply_pdu
from edge.sim.registers import NoAnswer, Refused
from edge.sim.vehicle import Vehicle

AT = Address(unit=1, tcp="127.0.0.1:502")
ARMED_MS = 20_000
CHARGERS = [n for n in library.names() if library.load(n).kind in ("charger", "dc_charger")]
METERS = [n for n in library.names() if library.load(n).kind == "meter"]


class Bench:
    """One device of a family, and its driver, with bytes between them and no wire."""

    def __init__(self, name: str) -> None:
        table = library.load(name)
        self.charger = table.kind != "meter"
        load, metered = (40_000,) * 3, "" if self.charger else "d"
        nodes = (Node("main", None, (100_000,) * 3, other_max_ma=load, meter=metered),)
        phases = (0, 1, 2) if "current_l2_ma" in table.keys else (0,)
        charger = Charger("d", "main", name, AT, max_ma=16_000, fallback_ma=8_000)
        site = Site(
            "s", "s", "UTC", nodes,
            meters=() if self.charger else (Meter("d", name, AT, phases),),
            chargers=(charger,) if self.charger else (),
        )  # fmt: skip
        self.depot = Depot(site, traffic=False)
        self.now_ms = self.told_ma = 0
        tcp, _ = self.depot.units()
        self.units: Units = tcp[AT.tcp]
        self.device = Device(table, AT.unit)
        self.go(1)

    @property
    def twin(self):
        return self.depot.device("d")

    def go(self, seconds: float, feed: bool = False) -> None:
        """Live; `feed` keeps the supervision fed as often as the driver says."""
        end = self.now_ms + round(seconds * 1000)
        fed_ms = self.now_ms
        while self.now_ms < end:
            self.now_ms += 100
            self.depot.step(self.now_ms)
            every_ms = self.device.supervision(ARMED_MS).every_ms
            if feed and every_ms and self.now_ms - fed_ms >= every_ms:
                fed_ms = self.now_ms
                for ask in self.device.keep_alive(self.told_ma):
                    self.read(ask) if isinstance(ask, Read) else self.write(ask)

    def ask(self, unit: int, pdu: bytes) -> bytes:
        """Ask once; a device that does not answer is given time and asked again."""
        target = self.units[unit]
        for _ in range(3):
            target.heard()
            try:
                return reply_pdu(target, pdu)
            except NoAnswer:
                self.go(1)
        raise AssertionError("it never answers")

    def read(self, read: Read) -> Reply:
        body = self.ask(read.unit, struct.pack(">BHH", read.function, read.address, read.count))
        if body[0] & 0x80:
            return body[1]
        if read.function in (1, 2):
            return tuple(body[2 + n // 8] >> n % 8 & 1 for n in range(read.count))
        return struct.unpack(f">{read.count}H", body[2:])

    def write(self, write: Write) -> int:
        """Return the exception code, 0 for none."""
        if write.function in (5, 6):
            value = write.words[0] * (0xFF00 if write.function == 5 else 1)
            pdu = struct.pack(">BHH", write.function, write.address, value)
        else:
            count = len(write.words)
            head = struct.pack(">BHHB", 16, write.address, count, 2 * count)
            pdu = head + struct.pack(f">{count}H", *write.words)
        body = self.ask(write.unit, pdu)
        return body[1] if body[0] & 0x80 else 0

    def recognise(self) -> None:
        replies: dict[Read, Reply] = {}
        for _ in range(60):
            asked = self.device.identify(replies)
            if not asked:
                self.device.recognise(replies)
                return
            replies |= {r: self.read(r) for r in asked}
        raise AssertionError("it asks for ever")

    def readings(self) -> dict[str, int | str]:
        for _ in range(60):
            replies = {r: self.read(r) for poll in self.device.polls() for r in poll.reads}
            refused = [r for r, reply in replies.items() if isinstance(reply, int)]
            if not any([self.device.refuse(r) for r in refused]):
                return self.device.decode(replies)
        raise AssertionError("its polls never settle")


@pytest.mark.parametrize("name", METERS)
def test_a_meter_is_read_as_it_shows(name):
    bench = Bench(name)
    bench.twin.import_wh = [10_000_000.0, 20_000_000.0, 30_000_000.0]
    bench.recognise()
    bench.go(2)
    seen, shown = bench.readings(), bench.twin.shown
    phases = [p for p in (1, 2, 3) if f"current_l{p}_ma" in seen]
    assert phases
    for p in phases:
        assert seen[f"current_l{p}_ma"] == pytest.approx(shown.currents_a[p - 1] * 1000, abs=110)
        if f"voltage_l{p}_mv" in seen:
            assert seen[f"voltage_l{p}_mv"] == pytest.approx(shown.voltages_v[p - 1] * 1000, abs=1_100)
    if "power_w" in seen:
        assert seen["power_w"] == pytest.approx(shown.power_w, abs=110)
    if "energy_import_wh" in seen:
        assert seen["energy_import_wh"] == pytest.approx(60_000_000, rel=1e-3)


@pytest.fixture(params=CHARGERS)
def charging(request) -> Bench:
    """A charger with a vehicle, told 10 A."""
    bench = Bench(request.param)
    bench.recognise()
    # A power for conductors that nobody can count is written for one: then the vehicle has one.
    phases = 1 if bench.device.table.control.phases == "seen" else 3
    bench.twin.plug(Vehicle("v", 10**6, 10**9, phases=phases, max_a=32.0, follows=1.0, reaction_ms=1_000))
    for write in bench.device.arm(8_000, ARMED_MS):
        assert bench.write(write) == 0, write
    tell(bench, 10_000)
    bench.go(8, feed=True)
    return bench


def tell(bench: Bench, ma: int) -> None:
    bench.told_ma = ma
    for write in bench.device.set_current(ma, bench.readings()):
        assert bench.write(write) == 0, write


def test_a_charger_says_what_it_does(charging):
    seen, twin = charging.readings(), charging.twin
    assert seen["state"] == "C"
    one = charging.device.table.control.phases == "seen"  # 10 A at 207 V, in steps of 100 W: 20 of them
    told_a = 2_000 / 230 if one else charging.device.lawful(10_000) / 1000
    assert twin.currents_a[0] == pytest.approx(told_a, rel=0.11)
    if "current_l1_ma" in seen:
        assert seen["current_l1_ma"] == pytest.approx(twin.currents_a[0] * 1000, abs=110)
    if "power_w" in seen:
        assert seen["power_w"] == pytest.approx(twin.power_w, rel=0.02)


def test_a_charger_is_paused_and_resumed_as_it_wants(charging):
    tell(charging, 0)
    charging.go(10, feed=True)
    assert charging.twin.currents_a == (0.0, 0.0, 0.0)
    if charging.device.table.control.zero != "aborts":
        tell(charging, 12_000)
        charging.go(8, feed=True)
        assert charging.twin.currents_a[0] > 9


def test_silence_brings_the_fallback(charging):
    twin, supervision = charging.twin, charging.device.table.supervision
    before_a = twin.currents_a[0]
    charging.go(200)
    if supervision.kind == "none":
        assert twin.currents_a[0] == pytest.approx(before_a)
        return
    expected_a = {"stops": 0.0, "none": before_a}.get(supervision.fallback, 8.0)
    if supervision.fallback == "written" and not charging.device.arm(8_000, ARMED_MS):
        expected_a = 0.0
    assert twin.currents_a[0] == pytest.approx(expected_a, rel=0.11)


def test_fed_it_keeps_its_setpoint(charging):
    before_a = charging.twin.currents_a[0]
    charging.go(90, feed=True)
    assert charging.twin.currents_a[0] == pytest.approx(before_a)


def gives(vehicle: Vehicle, start_wh: float) -> None:
    vehicle.battery_wh, vehicle.start_wh = 60_000.0, start_wh


@pytest.mark.parametrize("charging", ["sigenergy_evdc", "wallbox_quasar"], indirect=True)
def test_a_vehicle_gives_back_over_its_own_registers(charging):
    """Told below 0 it discharges, its readings say so, and a pause or a charging current ends that."""
    assert charging.twin.vehicle is not None
    gives(charging.twin.vehicle, 40_000.0)
    tell(charging, -10_000)
    charging.go(12, feed=True)
    seen, twin = charging.readings(), charging.twin
    assert -10.0 <= twin.currents_a[0] < -8.5
    assert seen["power_w"] == pytest.approx(twin.power_w, rel=0.02) and seen["power_w"] < -1_800
    assert (seen["state"], seen["soc_pm"] // 10) == ("C", 66)
    tell(charging, 0)
    charging.go(10, feed=True)
    assert twin.currents_a == (0.0, 0.0, 0.0)
    tell(charging, 10_000)
    charging.go(12, feed=True)
    assert twin.currents_a[0] > 8


def test_a_discharge_ends_by_itself_when_nothing_is_heard(charging):
    """I4, where the device watches us; the site check wants a board where it does not."""
    control, kind = charging.device.table.control, charging.device.table.supervision.kind
    if not control.discharge or kind == "none":
        return
    gives(charging.twin.vehicle, 40_000.0)
    tell(charging, -10_000)
    charging.go(12, feed=True)
    assert charging.twin.currents_a[0] < -8
    charging.go(200)
    assert charging.twin.currents_a[0] >= 0


# -- what single families are known for ------------------------------------------------------------------


def test_two_controllers_share_a_unit_and_are_a_stride_apart():
    def controller(n: int) -> Charger:
        return Charger(f"c{n}", "main", "phoenix_charx_sec", AT, max_ma=16_000, connector=n)

    depot = Depot(
        Site("s", "s", "UTC", (Node("main", None, (63_000,) * 3),), chargers=(controller(1), controller(2)))
    )
    depot.step(0)
    unit = depot.units()[0][AT.tcp][1]
    unit.write("holding", 1301, (10,), 6)
    unit.write("holding", 2301, (12,), 6)
    assert [depot.chargers[c].told.current_ma for c in ("c1", "c2")] == [10_000, 12_000]
    assert unit.read("holding", 1301, 1) + unit.read("holding", 2301, 1) == (10, 12)
    depot.chargers["c1"].silent = True
    assert not unit.silent


def test_keba_answers_one_value_a_request_and_not_more_often_than_it_bears():
    bench = Bench("keba_kecontact_p30")
    bench.go(1)
    unit = bench.units[1]
    assert len(unit.read("holding", 1000, 2)) == 2
    with pytest.raises(NoAnswer):
        unit.read("holding", 1004, 2)
    bench.go(0.5)
    with pytest.raises(Refused):
        unit.read("holding", 1004, 4)


def test_mennekes_takes_zero_as_no_limit():
    bench = Bench("mennekes_amtron_compact_2")
    unit = bench.units[1]
    unit.write("holding", 0x0D00, (0x55AA,), 6)
    unit.write("holding", 0x0302, (0x40E0, 0), 16)  # 7.0
    assert bench.twin.applied_a() == 7.0
    unit.write("holding", 0x0302, (0, 0), 16)
    assert bench.twin.applied_a() == 16.0
    unit.write("holding", 0x0D05, (0,), 6)  # the release is what pauses
    assert bench.twin.applied_a() == 0.0


def test_a_write_with_another_function_than_the_devices_is_refused():
    unit = Bench("keba_kecontact_p30").units[1]
    with pytest.raises(Refused) as refused:
        unit.write("holding", 5004, (6_000,), 16)
    assert refused.value.code == 1


def test_alpitronic_takes_zero_as_the_end_of_the_session():
    bench = Bench("alpitronic_hyc")
    bench.twin.plug(Vehicle("v", 10**6, 10**9))
    unit = bench.units[1]
    unit.write("holding", 100, (0, 0), 16)
    unit.write("holding", 100, (0, 11_000), 16)
    bench.go(5)
    assert bench.twin.applied_a() == 0.0
    bench.twin.unplug()
    bench.twin.plug(Vehicle("w", 10**6, 10**9))
    bench.go(1)
    unit.write("holding", 100, (0, 11_000), 16)
    assert bench.twin.applied_a() == pytest.approx(11_000 / 690)


def test_sunspec_models_are_found_from_the_marker():
    unit = Bench("sunspec_meter").units[1]
    assert unit.read("holding", 40_000, 4) == (0x5375, 0x6E53, 1, 66)
    model, length = unit.read("holding", 40_070, 2)
    assert (model, length) == (201, 105)
    assert unit.read("holding", 40_072 + length, 2) == (0xFFFF, 0)
