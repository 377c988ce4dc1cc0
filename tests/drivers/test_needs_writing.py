# ruff: noqa: E501  (a row of a table reads best on one line)
"""What a driver engine must be able to write, pace and feed: the needs of real devices, by number.

The numbers are those of the survey of 62 device families; test_needs_reading.py has the others.
"""

import struct

import pytest

from drivers.device import Device, NotAllowed, NotRecognised
from drivers.table import BadTable
from drivers.wire import Read, Write
from tests.drivers.tiny import CONTROL, look, recognised, rows, text, tiny

ANY = rows('[1, "u16", "x_a"]')


def charger(write: str, control: str = "", more: str = "", **options: object) -> Device:
    """Make a charger with some write rows; its control says set, pause and zero unless given."""
    control = control or 'zero = "pauses"\nset = [["current", "current"]]\npause = [["current", 0]]'
    head = (
        '[control]\nmin = "6 A"\nmax = "32 A"\nstep = "0.1 A"\n' if "min =" not in control else "[control]\n"
    )
    body = ANY + f"[write]\nregisters = [{write}]\n{head}{control}\n{more}"
    return recognised(body, **options)  # type: ignore[arg-type]


def orders(device: Device, ma: int) -> list[tuple[int, int, tuple[int, ...]]]:
    return [(w.function, w.address, w.words) for w in device.set_current(ma)]


@pytest.mark.parametrize(
    ("order", "words"), [("", (0x4180, 0x0000)), (', words = "little"', (0x0000, 0x4180))]
)
def test_need_01_writes_may_have_another_word_order_than_reads(order: str, words: tuple[int, int]) -> None:
    device = charger(f'[100, "f32", "current", "A", {{function = 16, accepts = "0, 6..32"{order}}}]')
    assert orders(device, 16_000) == [(16, 100, words)]


# IEC 61851-1: duty cycle in 0.1 % is current / 0.06 A, for 6 A to 51 A.
@pytest.mark.parametrize(
    ("ma", "duty"), [(6_000, 100), (10_000, 166), (16_000, 266), (20_000, 333), (32_000, 533)]
)
def test_need_05_amperes_become_a_duty_cycle(ma: int, duty: int) -> None:
    device = charger(
        '[20, "u16", "current", "0.06 A", {function = 16, accepts = "5.9..32, raw 1000"}]',
        'zero = "undefined"\nset = [["current", "current"]]\npause = [["current", "raw 1000"]]',
    )
    assert orders(device, ma) == [(16, 20, (duty,))]
    assert orders(device, 0) == [(16, 20, (1000,))]


@pytest.mark.parametrize(("unit", "count"), [("W", 9936), ("100 W", 99), ("10 W", 993), ("kW", 9)])
def test_need_05_amperes_become_watts_at_the_lowest_voltage(unit: str, count: int) -> None:
    # 16 A on three phases at 230 V less 10 %: 9936 W.
    device = charger(
        f'[1600, "u16", "power", "{unit}", {{function = 6, accepts = "0..50000"}}]',
        'zero = "pauses"\nset = [["power", "current"]]\npause = [["power", 0]]',
    )
    assert orders(device, 16_000) == [(6, 1600, (count,))]


@pytest.mark.parametrize(
    ("seen", "watts"),
    [
        ({}, 9936),
        ({"current_l1_ma": 15_000}, 3312),
        ({"current_l1_ma": 1_000, "current_l2_ma": 999}, 3312),
        ({"current_l1_ma": 15_000, "current_l2_ma": 14_000, "current_l3_ma": 200}, 6624),
        ({"current_l1_ma": 0, "current_l2_ma": 0, "current_l3_ma": 0}, 9936),
    ],
)
def test_need_05_watts_follow_the_phases_that_the_vehicle_uses(
    seen: dict[str, int | str], watts: int
) -> None:
    device = charger(
        '[1600, "u32", "power", "W", {function = 16, accepts = "0..50000"}]',
        'zero = "pauses"\nset = [["power", "current"]]\npause = [["power", 0]]\nphases = "seen"',
    )
    (write,) = device.set_current(16_000, seen)
    assert write.words == (0, watts)


def test_need_05_one_float_to_three_registers() -> None:
    three = ", ".join(
        f'[{a}, "f32", "l{n}", "A", {{function = 16, accepts = "0, 6..32"}}]'
        for n, a in ((1, 1012), (2, 1014), (3, 1016))
    )
    device = charger(
        three,
        'zero = "pauses"\nset = [["l1", "current"], ["l2", "current"], ["l3", "current"]]\n'
        'pause = [["l1", 0], ["l2", 0], ["l3", 0]]',
    )
    assert orders(device, 16_000) == [(16, a, (0x4180, 0)) for a in (1012, 1014, 1016)]


@pytest.mark.parametrize(("config", "count"), [(0x80, 1600), (0x00, 16)])
def test_need_06_scale_of_a_setpoint_by_a_configuration_bit(config: int, count: int) -> None:
    device = charger(
        '[1000, "u16", "current", "A", {function = 6, accepts = "0, 6..80", unit_if = [["x_config & 0x80", "0.01 A"]]}]',
        known={9005: (config,)},
        once='[9005, "u16", "x_config"]',
    )
    assert orders(device, 16_000) == [(6, 1000, (count,))]
    assert device.allowed(Write(1, 6, 1000, (count,)))
    assert not device.allowed(Write(1, 6, 1000, (16 if config else 1600,))), (
        "16 would be 0.16 A, 1600 be 1600 A"
    )


def test_need_06_a_setpoint_whose_scale_is_not_known_is_not_written() -> None:
    device = charger(
        '[1000, "u16", "current", "A", {function = 6, accepts = "0, 6..80", unit_if = [["x_config & 0x80", "0.01 A"]]}]',
        more=rows('[9005, "u16", "x_config"]', every="once", more="optional = true"),
    )
    with pytest.raises(NotAllowed, match="not known yet"):
        device.set_current(16_000)


RELEASE = '[100, "f32", "current", "A", {function = 16, accepts = "6..32"}], [200, "u16", "release", "", {function = 6, accepts = "0, 1"}]'


@pytest.mark.parametrize("zero", ["no_limit", "refused"])
def test_need_07_zero_is_written_as_the_device_understands_it(zero: str) -> None:
    device = charger(
        RELEASE,
        f'zero = "{zero}"\nset = [["current", "current"]]\npause = [["release", 0]]\nresume = [["release", 1]]',
    )
    assert orders(device, 0) == [(6, 200, (0,))]
    assert orders(device, 5_000) == [(6, 200, (0,))], "below the minimum is a pause too"
    assert orders(device, 16_000) == [(16, 100, (0x4180, 0)), (6, 200, (1,))]
    assert not device.allowed(Write(1, 16, 100, (0, 0)))


def test_need_07_zero_that_aborts_is_a_power_below_the_least() -> None:
    device = charger(
        '[100, "u32", "power", "W", {function = 16, accepts = "1547..400000"}]',
        'zero = "aborts"\nset = [["power", "current"]]\npause = [["power", 1547]]',
    )
    assert orders(device, 0) == [(16, 100, (0, 1547))]


def test_need_07_a_table_that_does_not_say_what_zero_means_is_refused() -> None:
    with pytest.raises(BadTable, match=r"tiny.toml: \[control\]: zero: is missing"):
        tiny(ANY + CONTROL.replace('zero = "pauses"\n', ""))
    with pytest.raises(BadTable, match=r"\[control\]: pause: is missing"):
        tiny(ANY + CONTROL.replace('pause = [["current", 0]]\n', ""))
    with pytest.raises(BadTable, match=r"\[control\] pause: writes 0 to 'current', where zero = 'no_limit'"):
        tiny(ANY + CONTROL.replace('"pauses"', '"no_limit"'))
    with pytest.raises(BadTable, match=r"\[control\]: is missing: expected how a current is set"):
        tiny(ANY, kind="charger")


def test_need_07_resume_is_left_out_where_it_charges_already() -> None:
    device = charger(
        RELEASE,
        'zero = "refused"\nset = [["current", "current"]]\npause = [["release", 0]]\n'
        'resume = [["release", 1]]\nresume_unless = "charging == 1"',
        more=rows('[5, "u16", "charging"]'),
    )
    assert len(device.set_current(16_000, {"charging": 1})) == 1
    assert len(device.set_current(16_000, {"charging": 0})) == 2
    assert len(device.set_current(16_000)) == 2, "not known: written"


def test_what_was_so_at_recognition_is_no_reading_later() -> None:
    device = charger(
        RELEASE,
        'zero = "refused"\nset = [["current", "current"]]\npause = [["release", 0]]\n'
        'resume = [["release", 1]]\nresume_unless = "charging == 1"',
        more=rows('[5, "u16", "x_state"]')
        + '[derive.charging]\nrules = [["x_state == 3", 1]]\notherwise = 0\n',
        known={9005: (3,)},
        once='[9005, "u16", "x_state"]',
    )
    assert len(device.set_current(16_000)) == 2, "it charged when it was recognised, perhaps not now"
    assert "charging" not in device.decode({Read(1, "holding", 5, 1): 2}), "refused now: not known now"


KEEP = '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}], [300, "u16", "life", "", {function = 6, accepts = "0..65535"}]'


@pytest.mark.parametrize(
    ("section", "fed_by"),
    [
        ('kind = "validity"\ntime_ms = 20000', Write(1, 6, 100, (100,))),
        ('kind = "any_write"\ntime_ms = 20000', Write(1, 6, 100, (100,))),
        ('kind = "alive_bit"\ntime_ms = 20000\nkeep = [["life", 1]]', Write(1, 6, 300, (1,))),
        ('kind = "token"\ntime_ms = 20000\nkeep = [["life", 0x55AA]]', Write(1, 6, 300, (0x55AA,))),
        ('kind = "rewritten_timeout"\ntime_ms = 20000\nkeep = [["life", 65535]]', Write(1, 6, 300, (65535,))),
        ('kind = "enabled_watchdog"\ntime_ms = 20000\nkeep = [["life", 1]]', Write(1, 6, 300, (1,))),
        ('kind = "any_request"\ntime_ms = 20000', Read(1, "holding", 1, 1)),
        ('kind = "station_poll"\ntime_ms = 20000', Read(1, "holding", 1, 1)),
    ],
)
def test_need_08_every_kind_of_supervision_is_fed(section: str, fed_by: Read | Write) -> None:
    device = charger(KEEP, more=f"[supervision]\n{section}\n")
    assert device.keep_alive(10_000) == [fed_by]
    assert device.supervision().every_ms == 10_000
    assert device.supervision().kind == section.split('"')[1]


def test_need_08_no_supervision_is_said() -> None:
    device = charger(KEEP)
    assert device.supervision().kind == "none" and device.keep_alive(10_000) == []


def test_need_08_a_watchdog_is_switched_on_first() -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[400, "u16", "watchdog_on", "", {function = 16, accepts = "1"}],'
        '[401, "u16", "watchdog_time", "s", {function = 16, accepts = "10..600"}],'
        '[402, "u16", "reset", "", {function = 16, accepts = "0x5555"}]',
        more='[setup]\narm = [["watchdog_time", "time"], ["watchdog_on", 1]]\n'
        '[supervision]\nkind = "enabled_watchdog"\ntime_ms = 600000\nkeep = [["reset", 0x5555]]\n',
    )
    assert device.arm(6_000, 20_000) == [Write(1, 16, 401, (20,)), Write(1, 16, 400, (1,))]
    assert device.arm() == [Write(1, 16, 400, (1,))], "without a time the device keeps its own"


@pytest.mark.parametrize(
    ("time_ms", "fallback_ma", "seconds", "amperes"),
    [
        (20_000, 6_000, 20, 6),
        (20_999, 6_999, 20, 6),
        (5_000, 32_000, 10, 16),
        (900_000, 5_999, 600, 0),
    ],
)
def test_need_08_time_and_fallback_are_fitted_into_what_it_accepts(
    time_ms: int, fallback_ma: int, seconds: int, amperes: int
) -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[400, "u16", "time", "s", {function = 6, accepts = "10..600"}],'
        '[401, "u16", "fallback", "A", {function = 6, accepts = "0, 6..16"}]',
        more='[setup]\narm = [["time", "time"], ["fallback", "fallback"]]\n',
    )
    assert [w.words for w in device.arm(fallback_ma, time_ms)] == [(seconds,), (amperes,)]


@pytest.mark.parametrize(("unit", "count", "time_ms"), [("ms", 15_000, 15_000), ("s", 20, 20_000)])
def test_need_09_the_interval_follows_the_register(unit: str, count: int, time_ms: int) -> None:
    device = charger(
        KEEP,
        more=rows(f'[257, "u16", "supervision_time", "{unit}"]') + '[supervision]\nkind = "any_request"\n',
    )
    seen = look(device, {257: count})
    assert seen["supervision_time_ms"] == time_ms
    assert device.supervision(time_ms).every_ms == time_ms // 2
    assert 0 < device.supervision().every_ms <= 2_000, "as long as nobody knows it"


def test_need_09_a_quarter_where_the_device_looks_at_half_time() -> None:
    device = charger(
        KEEP,
        more='[supervision]\nkind = "alive_bit"\nshare = 4\ntime_ms = 20000\nevery_ms = 4000\nkeep = [["life", 1]]\n',
    )
    assert device.supervision().every_ms == 4_000
    assert device.supervision(8_000).every_ms == 2_000
    with pytest.raises(BadTable, match="share: expected 2 or more"):
        tiny(ANY + CONTROL + '[supervision]\nkind = "validity"\ntime_ms = 1000\nshare = 1\n')


@pytest.mark.parametrize(
    ("row", "function", "words"),
    [
        ('[100, "u16", "current", "A", {function = 6, accepts = "0, 6..32"}]', 6, (16,)),
        ('[100, "u16", "current", "A", {function = 16, accepts = "0, 6..32"}]', 16, (16,)),
        ('[100, "u32", "current", "mA", {function = 16, accepts = "0, 6000..32000"}]', 16, (0, 16_000)),
        (
            '[100, "i32", "current", "mA", {function = 16, accepts = "0, 6000..32000", words = "little"}]',
            16,
            (16_000, 0),
        ),
    ],
)
def test_need_11_function_and_width_of_a_write(row: str, function: int, words: tuple[int, ...]) -> None:
    assert orders(charger(row), 16_000) == [(function, 100, words)]


def test_need_11_coils_are_switched() -> None:
    device = charger(
        '[100, "u16", "current", "A", {function = 6, accepts = "6..63"}], [400, "bit", "release", "", {function = 5, accepts = "0, 1"}]',
        'zero = "refused"\nset = [["current", "current"]]\npause = [["release", 0]]\nresume = [["release", 1]]',
    )
    assert orders(device, 0) == [(5, 400, (0,))]
    assert orders(device, 16_000) == [(6, 100, (16,)), (5, 400, (1,))]
    assert not device.allowed(Write(1, 6, 400, (1,))), "the coil is not the register of the same number"


def test_need_11_one_register_functions_cannot_write_a_wide_value() -> None:
    with pytest.raises(BadTable, match="6 cannot write f32"):
        charger('[100, "f32", "current", "A", {function = 6, accepts = "0, 6..32"}]')


def test_need_13_pacing_is_said() -> None:
    device = recognised(
        ANY
        + "[limits]\ngap_ms = 100\nread_every_ms = 500\nwrite_every_ms = 5000\nchange_every_ms = 20000\ntimeout_ms = 20000\n"
    )
    p = device.pacing()
    assert (p.gap_ms, p.read_every_ms, p.write_every_ms, p.change_every_ms, p.timeout_ms) == (
        100,
        500,
        5000,
        20000,
        20000,
    )


def test_need_13_polls_leave_room_for_each_other() -> None:
    fast = rows(*(f'[{n}, "u16", "x_{n}"]' for n in range(6)), more="single = true")
    slow = rows(*(f'[{n}, "u16", "x_{n}"]' for n in range(100, 112)), more="single = true", every="slow")
    device = recognised(fast + slow + "[limits]\nread_every_ms = 500\nslow_ms = 30000\n")
    one, two = device.polls()
    assert (len(one.reads), len(two.reads)) == (6, 12)
    busy = 500 * (6 / one.every_ms + 12 / two.every_ms)
    assert busy <= 1, "the device bears one read in half a second"
    assert one.every_ms <= 4_000


def test_need_14_connection_limits_are_said() -> None:
    p = recognised(ANY + "[limits]\nclients = 1\nconnection_s = 30\nidle_s = 60\n").pacing()
    assert (p.clients, p.connection_s, p.idle_s) == (1, 30, 60)


@pytest.mark.parametrize(
    ("connectors", "unit", "address", "port"),
    [
        ("unit_step = 1", 3, 100, 0),
        ("stride = 1000", 1, 2100, 0),
        ("port_step = 1", 1, 100, 2),
        ("stride = 256", 1, 612, 0),
    ],
)
def test_need_15_a_connector_has_its_unit_stride_or_port(
    connectors: str, unit: int, address: int, port: int
) -> None:
    body = (
        rows('[100, "u16", "x_a"]')
        + rows('[50, "u16", "x_b"]', more="unit = 200")
        + CONTROL
        + f"[connectors]\nmax = 3\n{connectors}\n"
    )
    body += rows('[60, "u16", "x_c"]', more="station = true")
    table = tiny(body.replace('every = "once"', 'every = "once"\nstation = true'))
    device = Device(table, 1, connector=3)
    device.recognise({r: (7,) for r in device.identify()})
    reads = device.polls()[0].reads
    assert Read(unit, "holding", address, 1) in reads
    assert Read(200, "holding", 50, 1) in reads, "the station's own unit, no stride"
    assert Read(unit, "holding", 60, 1) in reads, "a register of the station"
    assert device.set_current(16_000) == [Write(unit, 6, address, (160,))]
    assert device.port_offset == port
    with pytest.raises(ValueError, match=r"connectors 1\.\.3, not 4"):
        Device(table, 1, connector=4)


def test_need_15_the_device_says_how_many_connectors_it_has() -> None:
    body = (
        ANY
        + rows('[2, "u16", "connectors"]', every="once", more="station = true")
        + "[connectors]\nmax = 12\nstride = 1000\ncount = true\n"
    )
    table = tiny(body)
    for connector, answer, good in ((2, 2, True), (3, 2, False)):
        device = Device(table, 1, connector=connector)
        replies = {r: (7,) if r.address % 1000 == 0 else (answer,) for r in device.identify()}
        if good:
            assert device.recognise(replies)["connectors"] == 2
        else:
            with pytest.raises(NotRecognised, match="expected connector 3; found 2 connectors"):
                device.recognise(replies)


def test_need_18_ascii_with_the_ways_of_one_maker() -> None:
    table = tiny(ANY, transport='ascii"\nanswer_start = ">"\nsend_twice = true\nformat = "8E1')
    (transport,) = table.transports
    assert (transport.type, transport.answer_start, transport.send_twice) == ("ascii", ">", True)


KEPT = (
    '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
    '[300, "u16", "default", "A", {function = 6, accepts = "0, 6..16", memory = "kept"}]'
)


def test_need_21_memory_that_wears_out_is_written_at_commissioning_only() -> None:
    device = charger(KEPT, more='[setup]\ncommission = [["default", "fallback"]]\n')
    (write,) = device.commission(6_000)
    assert write == Write(1, 6, 300, (6,), volatile=False)
    assert not device.allowed(write)
    assert device.allowed(write, commissioning=True)
    assert not device.allowed(Write(1, 6, 300, (17,)), commissioning=True)


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ('[setup]\narm = [["default", "fallback"]]\n', r"\[setup\] arm"),
        ('[supervision]\nkind = "token"\ntime_ms = 9000\nkeep = [["default", 6]]\n', r"\[supervision\] keep"),
    ],
)
def test_need_21_a_table_that_would_write_it_in_a_cycle_is_refused(section: str, where: str) -> None:
    with pytest.raises(BadTable, match=rf"{where}: 'default' wears out"):
        charger(KEPT, more=section)
    with pytest.raises(BadTable, match=r"\[control\] set: 'default' wears out"):
        charger(KEPT, 'zero = "pauses"\nset = [["default", "current"]]\npause = [["default", 0]]')


def test_need_23_two_steps_and_triggers() -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[5050, "u16", "source", "", {function = 6, accepts = "3"}],'
        '[5052, "u16", "trigger", "", {function = 6, accepts = "0, 1"}]',
        'zero = "pauses"\nset = [["current", "current"]]\npause = [["current", 0]]\n'
        'phases_1 = [["source", 3], ["trigger", 0]]\nphases_3 = [["source", 3], ["trigger", 1]]',
    )
    assert device.set_phases(1) == [Write(1, 6, 5050, (3,)), Write(1, 6, 5052, (0,))]
    assert device.set_phases(3)[-1] == Write(1, 6, 5052, (1,))


def test_need_23_what_a_restart_has_undone_is_seen_and_written_again() -> None:
    # ABB Terra AC: the fallback limit becomes 256 after an unexpected restart.
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[262, "u16", "fallback", "mA", {function = 16, accepts = "0, 6000..32000", read_back = "fallback_ma"}]',
        more=rows('[20, "u32", "fallback", "mA"]') + '[setup]\narm = [["fallback", "fallback"]]\n',
    )
    assert device.armed({"fallback_ma": 6_000}, 6_000) is True
    assert device.armed({"fallback_ma": 256}, 6_000) is False
    assert device.armed({}, 6_000) is None


def test_need_24_standby_is_disabled_when_armed() -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}], [258, "u16", "standby", "", {function = 6, accepts = "4"}]',
        more='[setup]\narm = [["standby", 4]]\n',
    )
    assert device.arm() == [Write(1, 6, 258, (4,))]
    assert not device.allowed(Write(1, 6, 258, (0,))), "standby is never switched on again"


@pytest.mark.parametrize(
    ("application", "written"), [(7, []), (0, [Write(1, 6, 0xA000, (7,), volatile=False)])]
)
def test_need_26_a_setting_is_written_before_reading_where_it_differs(
    application: int, written: list[Write]
) -> None:
    # Carlo Gavazzi EM24 E1: only application H has the full map.
    body = ANY + (
        '[write]\nregisters = [[0xA000, "u16", "application", "", {function = 6, accepts = "7", memory = "kept"}]]\n'
        '[setup]\narm = [["application", 7, "x_application != 7"]]\n'
    )
    device = recognised(body, {0xA000: (application,)}, once='[0xA000, "u16", "x_application"]')
    assert device.arm() == written
    assert all(device.allowed(w, commissioning=True) for w in written)


def test_need_26_a_kept_setting_of_which_nothing_is_known_is_left_alone() -> None:
    body = (
        ANY
        + rows('[0xA000, "u16", "x_application"]', every="once", more="optional = true")
        + (
            '[write]\nregisters = [[0xA000, "u16", "application", "", {function = 6, accepts = "7", memory = "kept"}]]\n'
            '[setup]\narm = [["application", 7, "x_application != 7"]]\n'
        )
    )
    assert recognised(body).arm() == []


def test_writes_are_rounded_down_to_the_float_below() -> None:
    device = charger('[100, "f32", "current", "A", {function = 16, accepts = "0, 6..32"}]')
    for ma in range(6_000, 32_001, 100):
        ((_, _, words),) = orders(device, ma)
        (amps,) = struct.unpack(">f", struct.pack(">2H", *words))
        assert ma - 1 < amps * 1000 <= ma


def test_the_head_of_the_tiny_table_is_a_table() -> None:
    assert "[identify]" in text() and tiny(ANY).kind == "meter"


@pytest.mark.parametrize(("layout", "kept"), [(0x102, []), (0x103, [Write(1, 6, 1850, (6,))])])
def test_need_25_a_setting_that_only_later_maps_have(layout: int, kept: list[Write]) -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[1850, "u16", "fallback", "A", {function = 6, accepts = "1, 6..32", when = "map_version >= 0x103"}]',
        more='[setup]\narm = [["fallback", "fallback"]]\n',
        known={9004: (layout,)},
        once='[9004, "u16", "map_version"]',
    )
    assert device.arm(6_000) == kept
    assert device.allowed(Write(1, 6, 1850, (6,))) is bool(kept)


def test_what_no_range_accepts_is_not_written() -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[262, "u16", "fallback", "A", {function = 6, accepts = "6..16"}]',
        more='[setup]\narm = [["fallback", "fallback"]]\n',
    )
    for fallback_ma in (0, 5_000):
        with pytest.raises(NotAllowed, match="fallback does not accept fallback"):
            device.arm(fallback_ma)
        assert not device.table.takes_fallback(fallback_ma)
    assert device.table.takes_fallback(6_000) and device.arm(6_000)
    assert device.arm() == [], "none given: the device keeps its own"


def test_a_fallback_of_nothing_is_written() -> None:
    device = charger(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],'
        '[262, "u16", "fallback", "A", {function = 6, accepts = "0, 6..16"}]',
        more='[setup]\narm = [["fallback", "fallback"]]\n',
    )
    assert device.arm(0) == [Write(1, 6, 262, (0,))], "a device left with its own would not stop"
    assert device.table.takes_fallback(0)
    assert charger(KEEP).table.takes_fallback(0), "cannot be told any: the installer sets it"


def test_the_reads_that_show_fallback_and_time() -> None:
    device = charger(
        KEEP,
        more=rows(
            '[40, "u16", "fallback", "A"]', '[60, "u16", "supervision_time", "s"]', '[80, "u16", "x_b"]'
        ),
    )
    assert device.fallback_reads() == [Read(1, "holding", 40, 1), Read(1, "holding", 60, 1)]


def test_a_write_without_a_register_that_shows_it_cannot_be_checked() -> None:
    device = charger(KEEP)
    (write,) = device.set_current(10_000)
    assert device.read_back(write) == [] and device.check_written(write, {}) is None
    assert device.read_back(Write(1, 6, 999, (0,))) == []
