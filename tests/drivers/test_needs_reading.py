# ruff: noqa: E501  (a row of a table reads best on one line)
"""What a driver engine must be able to read: the needs of real devices, by number.

The numbers are those of the survey of 62 device families; test_needs_writing.py has the others.
"""

import struct

import pytest

from drivers.device import Device, NotRecognised
from drivers.wire import Read
from tests.drivers.tiny import CONTROL, look, recognised, rows, tiny


def words(fmt: str, *values: float | int) -> dict[int, int]:
    """Lay values out from register 0 on, high word first."""
    data = struct.pack(">" + fmt, *values)
    return dict(enumerate(struct.unpack(f">{len(data) // 2}H", data)))


def test_need_01_word_order_per_device_and_per_point() -> None:
    body = rows('[0, "u32", "x_a"]', '[2, "u32", "x_b", "", {words = "big"}]', '[4, "f32", "x_c", "1 V"]')
    device = recognised(body, top='words = "little"')
    seen = look(device, {0: 0x5678, 1: 0x1234, 2: 0x1234, 3: 0x5678, 4: 0x0000, 5: 0x4366})
    assert seen["x_a"] == seen["x_b"] == 0x12345678
    assert seen["x_c"] == 230


def test_need_01_error_words_with_swapped_bytes_and_words() -> None:
    # Bender CC612: the error word stands low word and low byte first; all else is big.
    body = rows(
        '[111, "u32", "error_code", "", {words = "little", bytes = "little"}]', '[113, "u32", "x_other"]'
    )
    seen = look(recognised(body), {111: 0x0100, 112: 0x2000, 113: 0x0001, 114: 0x0002})
    assert seen["error_code"] == 0x00200001 == (1 << 21 | 1 << 0)
    assert seen["x_other"] == 0x00010002


def test_need_02_types_beyond_32_bits() -> None:
    body = rows(
        '[0, "f64", "energy_import", "Wh"]', '[4, "i64", "energy_net", "Wh"]', '[8, "u64", "uptime", "0.001 s"]',
        '[12, "bcd32", "x_time"]', '[14, "dotted:2", "x_ip"]', '[16, "mac", "x_mac"]', '[19, "bcd16", "x_bad"]',
    )  # fmt: skip
    seen = look(recognised(body), {
        **words("dqQ", 123456789.4, -5_000_000_000, 90_061_500), 12: 0x0013, 13: 0x4501, 14: 0xC0A8, 15: 0x0164,
        16: 0x0A1B, 17: 0x2C3D, 18: 0x4E5F, 19: 0x12AF,
    })  # fmt: skip
    assert seen["energy_import_wh"] == 123_456_789
    assert seen["energy_net_wh"] == -5_000_000_000
    assert seen["uptime_s"] == 90_062
    assert seen["x_time"] == 134501, "13:45:01 in binary coded decimals"
    assert seen["x_ip"] == "192.168.1.100" and seen["x_mac"] == "0a:1b:2c:3d:4e:5f"
    assert "x_bad" not in seen


def test_need_02_accumulators_are_unsigned() -> None:
    body = rows('[0, "acc32", "energy_import", "Wh"]', '[2, "acc64", "energy_export", "Wh"]')
    seen = look(recognised(body), words("IQ", 0xFFFFFFFE, 1 << 63))
    assert (seen["energy_import_wh"], seen["energy_export_wh"]) == (0xFFFFFFFE, 1 << 63)


@pytest.mark.parametrize(("exponent", "wh"), [(0, 1234), (2, 123_400), (-1, 123), (0x8000 - 0x10000, None)])
def test_need_02_accumulator_with_a_scale_factor_elsewhere(exponent: int, wh: int | None) -> None:
    body = rows(
        '[0, "acc32", "energy_import", "Wh", {sf = "x_sf"}]', '[30, "i16", "x_sf", "", {none = "min"}]'
    )
    seen = look(recognised(body), {0: 0, 1: 1234, 30: exponent & 0xFFFF})
    assert seen.get("energy_import_wh") == wh


def test_need_02_bit_fields() -> None:
    body = rows('[0, "u32", "x_pilot", "", {shift = 8, mask = 0x7F}]')
    assert look(recognised(body), {0: 0x0000, 1: 0x8400})["x_pilot"] == 4


@pytest.mark.parametrize(
    ("kind", "registers", "said"),
    [
        ("str:3", (0x4142, 0x4344, 0x0000), "ABCD"),
        ("strlo:2", (0x4241, 0x0043), "ABC"),
        ("utf16:3", (0x0041, 0x0042, 0x0043), "ABC"),
        ("str:3", (0x2020, 0x4142, 0x2020), "AB"),
        ("str:3", (0x0000, 0x4142, 0x4344), "ABCD"),
        ("str:3", (0x4142, 0x0043, 0x4400), "AB"),
        ("chr", (0x0043,), "C"),
        ("str:1", (0x4332,), "C2"),
        ("str:2", (0xFFFF, 0xFFFF), None),
        ("str:2", (0x0000, 0x0000), None),
        ("hex:2", (0x0A0B, 0x0C0D), "0a0b0c0d"),
    ],
)
def test_need_03_all_the_strings(kind: str, registers: tuple[int, ...], said: str | None) -> None:
    body = rows(f'[0, "{kind}", "x_text"]')
    assert look(recognised(body), dict(enumerate(registers))).get("x_text") == said


def test_need_04_floats_that_carry_integers_and_ratios_that_multiply() -> None:
    # Chint DTSU666: volts come as a float in 0.1 V, on the secondary side; the PT ratio counts in 0.1.
    body = rows(
        '[0, "f32", "voltage_l1", "0.01 V", {times = ["x_pt"]}]',
        '[2, "f32", "current_l1", "0.001 A", {times = ["x_ct"]}]',
    )
    once = '[9006, "u16", "x_ct"], [9007, "u16", "x_pt"]'
    device = recognised(body, {9006: (40,), 9007: (10,)}, once=once)
    seen = look(device, words("ff", 2301.0, 1250.0))
    assert seen["voltage_l1_mv"] == 230_100
    assert seen["current_l1_ma"] == 50_000


def test_need_04_without_the_ratio_there_is_no_reading() -> None:
    body = rows('[0, "u16", "current_l1", "A", {times = ["ct_ratio"]}]') + rows(
        '[500, "u16", "ct_ratio"]', every="slow", more="optional = true"
    )
    device = recognised(body)
    assert device.decode({Read(1, "holding", 0, 1): (5,), Read(1, "holding", 500, 1): 2}) == {}


def test_need_06_scale_by_a_configuration_bit() -> None:
    body = rows('[0, "u16", "current_l1", "A", {unit_if = [["x_config & 0x80", "0.01 A"]]}]')
    once = '[9005, "u16", "x_config"]'
    assert look(recognised(body, {9005: (0x80,)}, once=once), {0: 1600})["current_l1_ma"] == 16_000
    assert look(recognised(body, {9005: (0x00,)}, once=once), {0: 16})["current_l1_ma"] == 16_000


def test_need_06_scale_by_firmware() -> None:
    body = rows('[0, "u32", "energy_import", "0.1 Wh", {unit_if = [["firmware older 1.2.1", "1 Wh"]]}]')
    once = '[9001, "str:3", "firmware"]'
    for version, wh in (("1.2.0", 1000), ("1.2.1", 100), ("1.10.0", 100), ("1.1.99", 1000)):
        data = struct.unpack(">3H", version.encode().ljust(6, b"\0"))
        assert look(recognised(body, {9001: data}, once=once), {1: 1000})["energy_import_wh"] == wh


def test_need_06_meaning_by_firmware() -> None:
    # Bender 124: 0 and 1 changed places at firmware 5.22.
    body = rows('[124, "u16", "x_available"]') + (
        '[derive.available]\nrules = [["firmware older 5.22 and x_available == 0", 1],'
        ' ["firmware older 5.22", 0], ["x_available == 1", 1]]\notherwise = 0\n'
    )
    once = '[9001, "str:2", "firmware"]'
    old = recognised(body, {9001: (0x352E, 0x3231)}, once=once)  # 5.21
    new = recognised(body, {9001: (0x352E, 0x3232)}, once=once)  # 5.22
    assert look(old, {124: 0})["available"] == 1 and look(new, {124: 0})["available"] == 0


def test_need_10_what_is_written_elsewhere_is_read_elsewhere() -> None:
    # KEBA: 16 bits are written to 5004, 32 bits are read at 1100.
    body = rows('[1100, "u32", "limit", "mA"]') + CONTROL.replace(
        '[100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}]',
        '[5004, "u16", "current", "mA", {function = 6, accepts = "0, 6000..63000", read_back = "limit_ma"}]',
    )
    device = recognised(body)
    (write,) = device.set_current(16_000)
    assert device.read_back(write) == [Read(1, "holding", 1100, 2)]
    assert device.check_written(write, {Read(1, "holding", 1100, 2): (0, 16_000)}) is True
    assert device.check_written(write, {Read(1, "holding", 1100, 2): (0, 10_000)}) is False
    assert not any(r.address == 5004 for p in device.polls() for r in p.reads), "it is write-only"


def spans(body: str, limits: str) -> list[tuple[int, int]]:
    device = Device(tiny(body + "[limits]\n" + limits), 1)
    return [(r.address, r.count) for poll in device.polls() for r in poll.reads]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("", [(0, 12), (40, 2)]),
        ("hole_max = 40", [(0, 42)]),
        ("hole_max = 0", [(0, 3), (5, 1), (10, 2), (40, 2)]),
        ("gaps = false", [(0, 3), (5, 1), (10, 2), (40, 2)]),
        ("single = true", [(0, 2), (2, 1), (5, 1), (10, 2), (40, 2)]),
        ("even = true", [(0, 12), (40, 2)]),
        ("even = true\ngaps = false", [(0, 4), (5, 2), (10, 2), (40, 2)]),
        ("read_max = 6", [(0, 6), (10, 2), (40, 2)]),
        ("read_max = 4\neven = true", [(0, 4), (5, 2), (10, 2), (40, 2)]),
    ],
)
def test_need_12_reads_are_planned_as_the_device_bears(limits: str, expected: list[tuple[int, int]]) -> None:
    body = rows(
        '[0, "u32", "x_a"]',
        '[2, "u16", "x_b"]',
        '[5, "u16", "x_c"]',
        '[10, "u32", "x_d"]',
        '[40, "u32", "x_e"]',
    )
    assert spans(body, limits) == expected


def test_need_12_an_identification_area_of_single_words() -> None:
    body = rows('[0x0B, "u16", "x_code"]', '[0x0C, "u16", "x_version"]', more="single = true")
    assert spans(body, "") == [(0x0B, 1), (0x0C, 1)]


def test_need_12_an_address_that_means_another_thing_within_a_block() -> None:
    # Carlo Gavazzi: input 11 alone is the model code, within a block half of a voltage.
    body = rows('[10, "u32", "x_voltage"]')
    device = recognised(body, {11: (341,)}, once='[11, "u16", "x_model"]')
    assert device.decode({Read(1, "holding", 10, 2): (0, 4005)}) == {}
    assert device.raw({Read(1, "holding", 10, 2): (0, 4005)}) == {"x_voltage": 4005}


def test_need_12_a_refused_block_is_read_in_small_pieces() -> None:
    device = recognised(
        rows('[0, "u16", "x_a"]', '[1, "u16", "x_b"]') + rows('[2, "u16", "x_c"]', more="optional = true")
    )
    block, perhaps = device.polls()[0].reads
    assert block == Read(1, "holding", 0, 2), "what may be refused does not take the others along"
    assert perhaps == Read(1, "holding", 2, 1)
    assert not device.refuse(block, 6), "busy is no word on what it has"
    assert device.refuse(block, 2)
    pieces = [Read(1, "holding", n, 1) for n in range(3)]
    assert list(device.polls()[0].reads) == pieces
    assert device.refuse(pieces[2]), "optional: it is read no more"
    assert list(device.polls()[0].reads) == pieces[:2]
    assert not device.refuse(pieces[1]), "what it must have is asked again"
    assert list(device.polls()[0].reads) == pieces[:2]
    device.forget()
    assert device.polls()[0].reads == (block, perhaps)


@pytest.mark.parametrize(
    ("numbering", "space", "printed", "wire"),
    [
        ("wire", "holding", 40_000, 40_000),
        ("from_1", "holding", 3000, 2999),
        ("modicon", "holding", 40_001, 0),
        ("modicon", "input", 30_073, 72),
        ("modicon", "discrete", 10_001, 0),
        ("modicon", "coil", 401, 400),
    ],
)
def test_need_16_addresses_as_the_manual_prints_them(
    numbering: str, space: str, printed: int, wire: int
) -> None:
    kind = "bit" if space in ("coil", "discrete") else "u16"
    body = f'[[read]]\nspace = "{space}"\nevery = "fast"\nnumbering = "{numbering}"\nregisters = [[{printed}, "{kind}", "x_a"]]\n'
    device = recognised(body)
    assert device.polls()[0].reads == (Read(1, space, wire, 1),)  # type: ignore[arg-type]


@pytest.mark.parametrize(("answer", "is_next"), [(2, True), ((3,), False)])
def test_need_17_the_function_that_answers_tells_the_model(
    answer: int | tuple[int, ...], is_next: bool
) -> None:
    # Webasto Next answers telemetry on functions 3 and 4, Unite on 4 only.
    body = rows('[1000, "u16", "x_unite"]', every="once", space="input", more="optional = true") + rows(
        '[1, "u16", "x_a"]'
    )
    device = Device(tiny(body, expect=', "x_unite refused"'), 1)
    replies = {r: (7,) if r.address == 9000 else answer for r in device.identify()}
    if is_next:
        device.recognise(replies)
    else:
        with pytest.raises(NotRecognised, match="x_unite refused"):
            device.recognise(replies)


@pytest.mark.parametrize(
    ("kind", "none", "registers"),
    [
        ("u16", '"ones"', (0xFFFF,)),
        ("i16", '"max"', (0x7FFF,)),
        ("i16", '"min"', (0x8000,)),
        ("u32", '"ones"', (0xFFFF, 0xFFFF)),
        ("i32", '"max"', (0x7FFF, 0xFFFF)),
        ("i32", "-1", (0xFFFF, 0xFFFF)),
        ("u64", '"ones"', (0xFFFF,) * 4),
        ("i64", '"max"', (0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF)),
        ("f32", '"nan"', (0x7FC0, 0x0000)),
        ("f64", '"nan"', (0x7FF8, 0, 0, 0)),
        ("u16", "[1, 1000]", (1000,)),
        ("u16", '"zero"', (0,)),
        ("u16", "0xFFFE", (0xFFFE,)),
    ],
)
def test_need_19_sentinels_are_absent(kind: str, none: str, registers: tuple[int, ...]) -> None:
    body = rows(f'[0, "{kind}", "power", "W", {{none = {none}}}]', '[10, "u16", "x_other"]')
    seen = look(recognised(body), dict(enumerate(registers)))
    assert "power_w" not in seen and "x_other" in seen
    near = list(registers)
    near[-1] ^= 0x0100
    if not kind.startswith("f"):
        assert "power_w" in look(recognised(body), dict(enumerate(near)))


def test_need_19_a_sentinel_for_all_rows_of_a_type() -> None:
    body = rows('[0, "u16", "x_a"]', '[1, "i16", "x_b"]', '[2, "u16", "x_c", "", {none = 5}]')
    device = recognised(body + '[none]\nu16 = "ones"\ni16 = "max"\n')
    assert look(device, {0: 0xFFFF, 1: 0x7FFF, 2: 0xFFFF}).keys() == {"x_c"}


def test_need_19_a_transient_sentinel_is_unknown_now_and_known_in_the_next_look() -> None:
    device = recognised(rows('[0, "u32", "power", "W", {none = "ones"}]'))
    assert look(device, {0: 0xFFFF, 1: 0xFFFF}) == {}
    assert look(device, {0: 0, 1: 3680}) == {"power_w": 3680}


def test_need_20_absent_features_are_probed_and_left_alone() -> None:
    body = (
        rows('[600, "u16", "x_feature"]', every="once", more="optional = true")
        + rows('[1, "u16", "x_a"]')
        + rows('[601, "u16", "x_more"]', more='optional = true\nwhen = "x_feature answered"')
    )
    with_it = recognised(body, {600: (1,)})
    without = recognised(body)
    assert [r.address for r in with_it.polls()[0].reads] == [1, 601]
    assert [r.address for r in without.polls()[0].reads] == [1]


def test_need_20_a_device_that_hangs_up_is_not_asked_that_again() -> None:
    device = recognised(rows('[1, "u16", "x_a"]') + rows('[730, "u16", "x_b"]', more="optional = true"))
    assert device.refuse(Read(1, "holding", 730, 1))
    assert [r.address for r in device.polls()[0].reads] == [1]


def test_need_20_a_makers_own_exception_is_explained() -> None:
    device = recognised(rows('[1, "u16", "x_a"]') + '[exceptions]\n12 = "setpoint too high"\n')
    assert device.explain(12) == "setpoint too high"
    assert [device.explain(n) for n in (1, 3, 4, 6)] == [
        "illegal function",
        "illegal value",
        "device failure",
        "busy",
    ]
    assert device.explain(10) == "gateway path" and device.explain(11) == "gateway target silent"
    assert device.explain(2) == "illegal address" and device.explain(99) == "exception 99"


KEBA_STATE = """
[derive.state]
rules = [
  ["x_state == 3", "C"], ["x_state in 2,5", "B"], ["x_state == 1 and x_cable & 4", "B"],
  ["x_state == 1", "A"], ["x_state == 4", "F"],
]
otherwise = "X"
"""


@pytest.mark.parametrize(
    ("state", "cable", "letter"),
    [(3, 7, "C"), (2, 7, "B"), (1, 7, "B"), (1, 3, "A"), (1, 0, "A"), (4, 0, "F"), (0, 0, "X")],
)
def test_need_22_state_of_several_points(state: int, cable: int, letter: str) -> None:
    body = rows('[0, "u16", "x_state"]', '[4, "u16", "x_cable"]') + KEBA_STATE
    assert look(recognised(body), {0: state, 4: cable})["state"] == letter


def test_need_22_a_state_of_which_a_point_is_missing_is_not_guessed() -> None:
    device = recognised(rows('[0, "u16", "x_state"]', '[40, "u16", "x_cable"]') + KEBA_STATE)
    seen = device.decode({Read(1, "holding", 0, 1): (1,), Read(1, "holding", 40, 1): 2})
    assert "state" not in seen
    assert device.decode({Read(1, "holding", 0, 1): (3,)})["state"] == "C", "this one does not need the cable"


def test_need_22_bit_fields_and_lists_with_ranges() -> None:
    body = rows('[0, "u16", "plugged", "", {mask = 1}]', '[0, "u16", "charging", "", {shift = 1, mask = 1}]',
                '[1, "u16", "state", "", {map = {161 = "A", "176..179" = "B", 194 = "C", "240..255" = "F"}, otherwise = "X"}]')  # fmt: skip
    device = recognised(body)
    assert look(device, {0: 0b10, 1: 178}) == {"plugged": 0, "charging": 1, "state": "B"}
    assert look(device, {0: 0b01, 1: 255})["state"] == "F" and look(device, {1: 7})["state"] == "X"


def test_need_22_powers_and_sums_of_what_there_is() -> None:
    body = rows(
        '[0, "u16", "voltage_l1", "V"]',
        '[1, "u16", "current_l1", "0.1 A"]',
        '[2, "u16", "x_major"]',
        '[3, "u16", "x_minor"]',
    ) + (
        '[derive.power_l1]\nvolts_amps = [["voltage_l1_mv", "current_l1_ma"]]\n'
        '[derive.power]\nsum = ["power_l1_w", "power_l1_w"]\n[derive.firmware]\njoin = ["x_major", "x_minor"]\n'
    )
    seen = look(recognised(body), {0: 230, 1: 161, 2: 4, 3: 12})
    assert (seen["power_l1_w"], seen["power_w"], seen["firmware"]) == (3703, 7406, "4.12")


@pytest.mark.parametrize(("model", "mhz"), [("e34", 5001), ("e24", 50_010)])
def test_need_25_a_model_text_selects_the_scale(model: str, mhz: int) -> None:
    body = rows('[0, "u16", "frequency", "0.01 Hz", {unit_if = [["model within e34,e44,a14", "0.001 Hz"]]}]')
    data = struct.unpack(">2H", model.encode().ljust(4, b"\0"))
    device = recognised(body, {9001: data}, once='[9001, "str:2", "model"]')
    assert look(device, {0: 5001})["frequency_mhz"] == mhz


@pytest.mark.parametrize(("code", "value"), [(341, 0x00020001), (340, 0x00010002)])
def test_need_25_a_model_code_selects_the_word_order(code: int, value: int) -> None:
    # Carlo Gavazzi: engineering samples (codes 330 and 340) have the high word first.
    device = recognised(
        rows('[0, "u32", "x_a"]'),
        {9011: (code,)},
        once='[9011, "u16", "x_model"]',
        top='words = "little"\nwords_if = [["x_model in 330,340", "big"]]',
    )
    assert look(device, {0: 1, 1: 2})["x_a"] == value


@pytest.mark.parametrize(("version", "addresses"), [(0x103, [1]), (0x104, [1, 14])])
def test_need_25_a_map_version_selects_the_points(version: int, addresses: list[int]) -> None:
    body = rows('[1, "u16", "x_a"]') + rows('[14, "u16", "x_b"]', more='when = "map_version >= 0x104"')
    device = recognised(body, {9004: (version,)}, once='[9004, "u16", "map_version"]')
    assert [r.address for r in device.polls()[0].reads] == addresses


def test_need_25_sunspec_models_are_found_by_walking() -> None:
    body = rows('[2, "u16", "x_a"]', more="models = [203]") + rows('[9, "u16", "x_b"]', more="models = [213]")
    table = tiny(body, identify='sequence = "sunspec"')
    device = Device(table, 1)
    registers = {
        40000: 0x5375,
        40001: 0x6E53,
        40002: 1,
        40003: 66,
        40070: 203,
        40071: 105,
        40177: 0xFFFF,
        40178: 0,
        9000: 7,
    }
    replies = {}
    for _ in range(10):
        reads = device.identify(replies)
        if not reads:
            break
        replies |= {r: tuple(registers[r.address + n] for n in range(r.count)) for r in reads}
    device.recognise(replies)
    assert device.polls()[0].reads == (Read(1, "holding", 40072, 1),)
    nobody = Device(table, 1)
    with pytest.raises(NotRecognised):
        nobody.recognise({Read(1, "holding", a, 2): (0, 0) for a in (40000, 0, 50000)})


def test_need_25_a_walk_without_end_ends() -> None:
    device = Device(
        tiny(rows('[2, "u16", "x_a"]', more="models = [203]"), identify='sequence = "sunspec"'), 1
    )
    replies = {Read(1, "holding", 40000, 2): (0x5375, 0x6E53)}
    for _ in range(200):
        reads = [r for r in device.identify(replies) if r.space == "holding" and r.address != 9000]
        if not reads:
            break
        replies |= {r: (77, 0) for r in reads}
    else:
        pytest.fail("it walks for ever")
