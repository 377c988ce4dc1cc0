"""Times and energies of vehicles and chargers, against figures worked out by hand."""

import pytest

from edge.model.site import Address
from edge.model.site import Charger as SiteCharger
from edge.sim.delay import Delayed
from edge.sim.families.alfen_eve import AlfenSocket
from edge.sim.families.heidelberg_energy_control import HeidelbergEnergyControl
from edge.sim.registers import Refused, f32
from edge.sim.vehicle import Vehicle

V = (230.0, 230.0, 230.0)
AT = Address(unit=1, tcp="127.0.0.1:502")


def alfen(**kw) -> AlfenSocket:
    return AlfenSocket(SiteCharger("bay", "main", "alfen_eve", AT, **kw))


def heidelberg(**kw) -> HeidelbergEnergyControl:
    return HeidelbergEnergyControl(SiteCharger("bay", "main", "heidelberg_energy_control", AT, **kw))


def live(charger, seconds, start_ms=None, dt_ms=100):
    """Step the charger; yield after every step."""
    now = charger.now_ms if start_ms is None else start_ms
    for _ in range(round(seconds * 1000 / dt_ms)):
        now += dt_ms
        charger.step(V, now, dt_ms)
        yield now


def run(charger, seconds):
    for _ in live(charger, seconds):
        pass


def test_a_delayed_value_keeps_every_step_in_order():
    follower = Delayed(300)
    shown = {0: 5.0, 100: 7.0, 200: 0.0}
    seen = [follower.follow(shown.get(t, 0.0), t) for t in range(0, 700, 100)]
    assert seen == [0.0, 0.0, 0.0, 5.0, 7.0, 0.0, 0.0]


def test_energy_is_the_integral_of_power():
    charger = alfen()
    charger.take_setpoint(16.0)
    vehicle = Vehicle("v", need_wh=10_000, stay_ms=10**7, max_a=16.0, follows=1.0, reaction_ms=1_000)
    charger.plug(vehicle)
    run(charger, 20)
    before = charger.energy_wh
    run(charger, 36)
    # 3 × 230 V × 16 A = 11 040 W for 36 s = 1/100 h: 110.4 Wh
    assert charger.energy_wh - before == pytest.approx(110.4, rel=1e-6)
    assert vehicle.got_wh == pytest.approx(charger.energy_wh, rel=1e-9)
    assert charger.power_w == pytest.approx(11_040)


@pytest.mark.parametrize(("phases", "power_w"), [(3, 11_040), (2, 7_360), (1, 3_680)])
def test_a_vehicle_uses_its_own_phases(phases, power_w):
    charger = alfen()
    charger.take_setpoint(16.0)
    charger.plug(Vehicle("v", need_wh=10_000, stay_ms=10**7, phases=phases, max_a=32.0, follows=1.0))
    run(charger, 10)
    assert charger.power_w == pytest.approx(power_w)


@pytest.mark.parametrize("reaction_ms", [1_000, 4_000])
def test_a_vehicle_follows_within_five_seconds_of_the_pilot(reaction_ms):
    charger = alfen()
    charger.take_setpoint(32.0)
    charger.plug(Vehicle("v", 10**6, 10**7, max_a=32.0, follows=1.0, reaction_ms=reaction_ms))
    run(charger, 20)
    assert charger.currents_a[0] == pytest.approx(32.0)
    charger.take_setpoint(6.0)
    told = charger.now_ms
    down = next(now for now in live(charger, 20) if charger.currents_a[0] <= 6.0)
    # 0.8 s for the pilot, the vehicle's dead time, 26 A at 40 A/s
    assert down - told == pytest.approx(800 + reaction_ms + 650, abs=200)
    assert down - told <= 10_000  # IEC 61851-1: 5 s for the charger, 5 s for the vehicle
    assert charger.state == "C2"


def test_below_six_amps_it_stops_and_above_it_starts_again():
    charger = alfen()
    charger.take_setpoint(16.0)
    charger.plug(Vehicle("v", 10**6, 10**7, reaction_ms=2_000))
    run(charger, 10)
    assert charger.state == "C2"
    charger.take_setpoint(5.9)
    run(charger, 10)
    assert (charger.state, charger.power_w) == ("B1", 0.0)
    charger.take_setpoint(6.0)
    run(charger, 10)
    assert charger.state == "C2"
    assert charger.starts == 2


def test_the_battery_tapers_and_then_is_full():
    charger = alfen()
    charger.take_setpoint(16.0)
    vehicle = Vehicle("v", need_wh=100, stay_ms=10**7, max_a=16.0, follows=1.0, reaction_ms=1_000)
    charger.plug(vehicle)
    highest = {}
    for _ in live(charger, 300):
        highest[round(vehicle.got_wh / vehicle.need_wh, 2)] = charger.currents_a[0]
    assert highest[0.8] == pytest.approx(16.0)
    assert highest[0.95] == pytest.approx(16.0 * (0.1 + 0.9 / 3), rel=0.1)  # a third of the taper is left
    assert not vehicle.hungry
    assert charger.state == "B2"


def test_never_above_its_own_maximum_whatever_it_is_told():
    charger = alfen(max_ma=20_000)
    charger.take_setpoint(63.0)
    charger.plug(Vehicle("v", 10**6, 10**7, max_a=63.0, follows=1.0))
    run(charger, 20)
    assert charger.currents_a == (20.0, 20.0, 20.0)


def test_a_vehicle_too_slow_for_the_standard_is_refused():
    with pytest.raises(ValueError, match="reaction_ms 4100"):
        Vehicle("v", 1.0, 1, reaction_ms=4_100)


# -- Alfen ----------------------------------------------------------------------------------------------


def test_alfen_applies_its_safe_current_until_the_first_write_and_after_the_validity_time():
    charger = alfen(fallback_ma=10_000, valid_for_ms=30_000)
    registers = charger.registers()
    assert registers.read("holding", 1206, 2) == f32(10.0)
    assert registers.read("holding", 1214, 1) == (0,)
    registers.write("holding", 1210, f32(16.0), 16)
    run(charger, 29.9)
    assert registers.read("holding", 1206, 2) == f32(16.0)
    assert registers.read("holding", 1208, 2) == (0, 0)  # 0.1 s is left: whole seconds
    run(charger, 0.2)
    assert registers.read("holding", 1206, 2) == f32(10.0)
    assert registers.read("holding", 1210, 2) == f32(16.0)  # the setpoint itself stays readable


def test_alfen_wants_both_words_of_the_setpoint_and_a_number():
    registers = alfen().registers()
    with pytest.raises(Refused) as half:
        registers.write("holding", 1210, (0x4180,), 16)
    assert half.value.code == 3
    with pytest.raises(Refused):
        registers.write("holding", 1210, f32(float("nan")), 16)
    with pytest.raises(Refused):
        registers.write("holding", 1215, (2,), 16)
    with pytest.raises(Refused) as readonly:
        registers.write("holding", 1212, f32(32.0), 16)
    assert readonly.value.code == 2


def test_alfen_bytes():
    charger = alfen(fallback_ma=0)
    registers = charger.registers()
    run(charger, 1)
    assert registers.read("holding", 306, 2) == (0x4366, 0x0000)  # 230.0
    assert registers.read("holding", 1201, 5) == (0x4100, 0, 0, 0, 0)  # "A"
    assert registers.read("holding", 374, 4) == (0, 0, 0, 0)
    assert registers.read("holding", 1300, 2) == (0xFFFF, 0xFFFF)  # reserved: all ones, no exception
    charger.plug(Vehicle("v", 10**6, 10**7))
    assert registers.read("holding", 1201, 1) == (0x4231,)  # "B1"


# -- Heidelberg -----------------------------------------------------------------------------------------


def test_heidelberg_falls_back_after_silence_and_any_request_feeds_it():
    charger = heidelberg()
    registers = charger.registers()
    registers.write("holding", 262, (80,), 16)  # 8.0 A
    registers.write("holding", 261, (160,), 16)
    charger.plug(Vehicle("v", 10**6, 10**7, max_a=16.0, follows=1.0))
    for now in live(charger, 40):
        if now % 5_000 == 0:
            charger.heard()
    assert charger.applied_a() == 16.0
    run(charger, 14.9)
    assert charger.applied_a() == 16.0
    run(charger, 0.3)
    assert charger.applied_a() == 8.0
    charger.heard()
    assert charger.applied_a() == 16.0


def test_heidelberg_with_failsafe_zero_shows_an_error_and_offers_nothing():
    charger = heidelberg()
    registers = charger.registers()
    registers.write("holding", 261, (160,), 16)
    charger.plug(Vehicle("v", 10**6, 10**7))
    run(charger, 15.2)
    assert charger.applied_a() == 0.0
    assert registers.read("input", 5, 1) == (9,)


def test_heidelberg_forgets_its_settings_at_power_on():
    charger = heidelberg()
    registers = charger.registers()
    for address, value in ((257, 30_000), (258, 4), (261, 60), (262, 60)):
        registers.write("holding", address, (value,), 16)
    charger.power_cycle()
    assert [registers.read("holding", a, 1)[0] for a in (257, 258, 261, 262)] == [15_000, 0, 0, 0]


@pytest.mark.parametrize("tenths", [1, 59, 161, 0xFFFF])
def test_heidelberg_takes_zero_or_six_to_sixteen_amps(tenths):
    registers = heidelberg().registers()
    with pytest.raises(Refused):
        registers.write("holding", 261, (tenths,), 16)
    registers.write("holding", 261, (60,), 16)


def test_heidelberg_bytes():
    charger = heidelberg()
    registers = charger.registers()
    registers.write("holding", 261, (60,), 16)
    charger.plug(Vehicle("v", 10**6, 10**7, max_a=16.0, follows=1.0))
    run(charger, 10)
    # layout, state C2, 6.0 A three times, 28.4 °C, 230 V three times, unlocked, 4140 VA
    expected = (0x0108, 7, 60, 60, 60, 284, 230, 230, 230, 1, 4140)
    assert registers.read("input", 4, 11) == expected


def test_heidelberg_sleeps_while_nothing_is_plugged_in_unless_told_not_to():
    charger = heidelberg()
    run(charger, 601)
    assert charger.silent
    charger.plug(Vehicle("v", 10**6, 10**7))
    assert not charger.silent
    awake = heidelberg()
    awake.registers().write("holding", 258, (4,), 16)
    run(awake, 700)
    assert not awake.silent
