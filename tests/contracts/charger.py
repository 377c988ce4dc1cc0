"""What every charger driver must do.  The facts come from the family's golden file, not its table."""

import struct

import pytest

from drivers.device import Device, NotAllowed
from drivers.wire import Read, Write
from tests.contracts.device import DeviceContract, at_limits
from tests.contracts.facts import Meaning
from tests.drivers import golden

# By hand: where a discharge is written, as what, on how many conductors, and the most of it.
DISCHARGING = {
    "sigenergy_evdc": (41004, ">I", 3, 63_000),
    "wallbox_quasar": (260, ">h", 1, 32_000),
}


class ChargerContract(DeviceContract):
    """Runs for every charger family.  name: of the table and of the golden file."""

    name = ""

    @pytest.fixture
    def meaning(self) -> Meaning:
        return Meaning(golden.load(self.name))

    def test_nothing_is_written_before_it_is_recognised(self) -> None:
        stranger = golden.load(self.name).device(recognised=False)
        for order in (lambda: stranger.set_current(8_000), lambda: stranger.set_current(0)):
            with pytest.raises(NotAllowed, match="not recognised"):
                order()
        known = golden.load(self.name).device()
        for write in known.set_current(10_000):
            assert known.allowed(write)
            assert not stranger.allowed(write)
        known.forget()
        with pytest.raises(NotAllowed):
            known.set_current(8_000)

    def test_a_setpoint_is_never_rounded_up(self, device: Device, meaning: Meaning) -> None:
        for asked_ma in at_limits(meaning.min_ma, 10_000, 13_337, meaning.max_ma):
            if asked_ma < meaning.min_ma:
                continue
            for told in meaning.of(device.set_current(asked_ma)):
                # 207 V is the lowest plausible voltage of a 230 V grid (EN 50160: -10 %).
                most = meaning.phases * 207 * asked_ma if meaning.in_watts else asked_ma
                assert told * 1000 <= most, asked_ma
                assert told * 1000 <= (
                    meaning.phases * 207 * meaning.max_ma if meaning.in_watts else meaning.max_ma
                )
                assert device.lawful(asked_ma) <= asked_ma

    def test_a_setpoint_is_not_much_less_than_it_could_be(self, device: Device, meaning: Meaning) -> None:
        for told in meaning.of(device.set_current(meaning.max_ma)):
            most = meaning.phases * 207 * meaning.max_ma if meaning.in_watts else meaning.max_ma
            assert told * 1000 > most * 95 // 100 - 1000

    def test_below_the_minimum_it_pauses(self, device: Device, meaning: Meaning) -> None:
        assert device.set_current(meaning.min_ma - 1) == device.set_current(0)
        assert device.lawful(meaning.min_ma - 1) == 0
        assert device.lawful(meaning.min_ma) > 0

    def test_the_golden_file_says_how_it_is_paused_and_resumed(self) -> None:
        titles = [part.title for part in golden.load(self.name).parts]
        assert "write set_current 0" in titles
        assert any(t.startswith("write set_current ") and not t.endswith(" 0") for t in titles)

    def test_a_negative_setpoint_is_our_own_mistake_where_it_cannot_discharge(self, device: Device) -> None:
        if self.name in DISCHARGING:
            return
        with pytest.raises(ValueError, match="-1 mA"):
            device.set_current(-1)
        assert device.lawful(-16_000) == 0

    def test_a_discharge_is_never_rounded_up_and_pauses_below_its_least(self, device: Device) -> None:
        if self.name not in DISCHARGING:
            return
        address, kind, conductors, most_ma = DISCHARGING[self.name]
        for asked_ma in (7_000, 7_333, 10_000, 16_001, 25_999, most_ma, most_ma + 5_000):
            told = [w for w in device.set_current(-asked_ma) if w.address == address]
            assert len(told) == 1 and device.allowed(told[0])
            words = struct.pack(f">{len(told[0].words)}H", *told[0].words)
            (count,) = struct.unpack(kind, words)
            watts = abs(count)
            assert count < 0 or kind == ">I"
            # 207 V is the lowest plausible voltage of a 230 V grid (EN 50160: -10 %).
            assert watts * 1000 <= conductors * 207 * min(asked_ma, most_ma)
            assert watts * 1000 > conductors * 207 * (min(asked_ma, most_ma) - 1_000) - 1000
            assert -asked_ma <= device.lawful(-asked_ma) < 0
        assert device.set_current(-5_999) == device.set_current(0)
        assert device.lawful(-5_999) == 0

    def test_nothing_discharges_before_it_is_recognised(self) -> None:
        if self.name in DISCHARGING:
            with pytest.raises(NotAllowed, match="not recognised"):
                golden.load(self.name).device(recognised=False).set_current(-10_000)

    def test_only_the_allow_list_may_be_written(self, device: Device) -> None:
        writable = golden.load(self.name).writable
        near = {a + d for _, a in writable for d in (-2, -1, 0, 1, 2)}
        near |= {p.address + d for p in device.table.points for d in (0, 1)}
        unit = golden.load(self.name).unit
        for address in sorted(a for a in near if 0 <= a <= 0xFFFF):
            for function, space in ((5, "coil"), (6, "holding"), (15, "coil"), (16, "holding")):
                if (space, address) in writable:
                    continue
                for words in ((0,), (1,), (6,), (60,), (6_000,), (0, 0), (0x41A0, 0), (0xFFFF,) * 4):
                    assert not device.allowed(Write(unit, function, address, words), commissioning=True)

    def test_what_wears_out_is_never_written_in_a_cycle(self, device: Device) -> None:
        writable = golden.load(self.name).writable
        cyclic = device.arm(6_000, 20_000)
        for ma in (0, 6_000, 10_000, 32_000):
            cyclic += device.set_current(ma)
            cyclic += [w for w in device.keep_alive(ma) if isinstance(w, Write)]
        cyclic += device.set_phases(1) + device.set_phases(3)
        for write in cyclic:
            assert write.volatile
            assert writable[write.space, write.address] == "volatile", write
            assert device.allowed(write)

    def test_it_is_fed_at_half_of_its_time_at_the_latest(self, device: Device) -> None:
        kind, *rest = golden.load(self.name).head["supervision"].split()
        supervision = device.supervision()
        assert supervision.kind == kind
        if kind == "none":
            assert (supervision.every_ms, device.keep_alive(10_000)) == (0, [])
            return
        time_ms = int(float(rest[0]) * 1000) if rest else supervision.time_ms
        assert supervision.time_ms == time_ms
        assert supervision.every_ms > 0
        assert not time_ms or 2 * supervision.every_ms <= time_ms
        for time_ms in (4_000, 10_001, 60_000):
            assert 2 * device.supervision(time_ms).every_ms <= time_ms
        assert device.keep_alive(10_000)
        assert device.keep_alive(0), "a paused charger is fed as well"

    def test_a_fallback_that_we_write_can_be_seen(self, device: Device) -> None:
        if device.supervision().fallback != "written":
            return
        shows = device.fallback_reads()
        assert shows, "armed and not looked at is not armed (I4)"
        armed = {(w.function, w.address) for w in device.arm(8_000, 20_000)}
        assert armed - {(w.function, w.address) for w in device.arm(None, 20_000)}, "arm writes it"
        assert device.armed({"fallback_ma": 1, "fallback_power_w": 1}, 8_000) is False

    def test_what_feeds_a_paused_charger_does_not_resume_it(self, device: Device, meaning: Meaning) -> None:
        fed = [w for w in device.keep_alive(0) if isinstance(w, Write)]
        if meaning.of(fed):
            assert fed == device.set_current(0)

    def test_it_says_whether_current_may_flow(self) -> None:
        states = [p.readings["state"] for p in golden.load(self.name).parts if "state" in p.readings]
        assert "C" in states, "a golden exchange must show it charging"

    def test_feeding_by_reading_reads_something(self, device: Device) -> None:
        if device.supervision().kind in ("any_request", "station_poll"):
            assert all(isinstance(r, Read | Write) for r in device.keep_alive(8_000))
