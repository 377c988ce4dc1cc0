"""The first four families against bytes that were written down by hand from their manuals."""

import struct

import pytest

from drivers import library
from drivers.device import Device, NotAllowed, NotRecognised
from drivers.wire import Read, Write


def f32(*values: float) -> tuple[int, ...]:
    return struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values))


def text(letters: str, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}H", letters.encode().ljust(2 * count, b"\0"))


def device(name: str, unit: int = 1, **more: int) -> Device:
    return Device(library.load(name), unit, **more)


def heidelberg(layout: int = 0x108) -> Device:
    it = device("heidelberg_energy_control", 3)
    it.recognise({Read(3, "input", 4, 1): (layout,), Read(3, "input", 100, 2): (16, 6)})
    return it


def alfen(**more: int) -> Device:
    it = device("alfen_eve", **more)
    it.recognise(
        {
            Read(200, "holding", 100, 40): text("ALF-1000", 17)
            + text("Alfen NV", 5)
            + (1,)
            + text("6.4.0", 17),
            Read(200, "holding", 157, 11): text("ACE0123456", 11),
            Read(200, "holding", 1105, 1): (2,),
        }
    )
    return it


def test_the_janitza_is_read_in_one_block() -> None:
    it = device("janitza_umg604")
    (fast,) = it.polls()
    assert fast.reads == (Read(1, "holding", 19000, 78),)
    words = [0] * 78
    words[0:2], words[12:14], words[26:28] = f32(230.1), f32(16.25), f32(-11_000.4)
    words[68:70] = f32(float("nan"))
    seen = it.decode({fast.reads[0]: tuple(words)})
    assert seen["voltage_l1_mv"] == 230_100
    assert seen["current_l1_ma"] == 16_250
    assert seen["power_w"] == -11_000
    assert "energy_import_wh" not in seen, "NaN is unknown, not zero"


def test_the_sdm630_is_read_in_even_blocks_of_at_most_60() -> None:
    for poll in device("eastron_sdm630", 7).polls():
        for read in poll.reads:
            assert read.unit == 7 and read.space == "input"
            assert read.count % 2 == 0 and read.count <= 60


def test_the_sdm630_gives_kwh_as_wh_and_a_frequency_that_is_ten_times_too_high_as_it_is() -> None:
    it = device("eastron_sdm630")
    slow = it.polls()[1]
    block = slow.reads[1]
    assert block == Read(1, "input", 56, 20)
    words = [0] * 20
    words[14:16], words[16:18] = f32(500.1), f32(1234.5)
    seen = it.decode({block: tuple(words)})
    assert seen["frequency_mhz"] == 50_010
    assert seen["energy_import_wh"] == 1_234_500


@pytest.mark.parametrize(("unit", "connector", "asked"), [(1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 1, 2)])
def test_the_alfens_second_socket_is_meant_either_way(unit: int, connector: int, asked: int) -> None:
    it = device("alfen_eve", unit, connector=connector)
    assert it.unit == asked
    assert {r.unit for r in it.polls()[0].reads} == {asked}


def test_the_alfen_is_recognised_at_unit_200_and_read_at_its_socket() -> None:
    it = alfen(connector=2)
    assert it.unit == 2
    assert [r.unit for r in it.identify()] == [200, 200, 200]
    assert {r.unit for r in it.polls()[0].reads} == {2}


@pytest.mark.parametrize(
    ("letters", "state", "charging"),
    [("A", "A", 0), ("B1", "B", 0), ("C1", "B", 0), ("C2", "C", 1), ("D2", "D", 1), ("F", "F", 0)],
)
def test_the_alfen_says_its_mode_3_state(letters: str, state: str, charging: int) -> None:
    it = alfen()
    block = Read(1, "holding", 1200, 16)
    words = (1, *text(letters, 5), *f32(16.0), 0, 42, *f32(13.5), *f32(6.0), 0xFFFF, 3)
    seen = it.decode({block: words})
    assert (seen["state"], seen["charging"]) == (state, charging)
    assert seen["limit_ma"] == 16_000 and seen["setpoint_ma"] == 13_500 and seen["fallback_ma"] == 6_000
    assert seen["valid_for_ms"] == 42_000


def test_the_alfen_gets_both_words_of_a_float_in_one_request() -> None:
    it = alfen()
    assert it.set_current(16_000) == [Write(1, 16, 1210, f32(16.0))]
    assert it.set_current(0) == [Write(1, 16, 1210, (0, 0))]
    (write,) = it.set_current(16_149)
    (amps,) = struct.unpack(">f", struct.pack(">2H", *write.words))
    assert 16.099 < amps <= 16.1, "rounded down to 0.1 A, and never up by the float either"


def test_the_alfen_is_told_its_setpoint_again_at_half_of_its_validity() -> None:
    it = alfen()
    assert it.supervision().every_ms == 30_000
    assert it.supervision(20_000).every_ms == 10_000
    assert it.keep_alive(8_000) == [Write(1, 16, 1210, f32(8.0))]


def test_another_device_is_not_taken_for_an_alfen() -> None:
    it = device("alfen_eve")
    block = Read(200, "holding", 100, 40)
    with pytest.raises(NotRecognised, match=r"manufacturer starts Alfen.*manufacturer 'Other'"):
        it.recognise({block: text("Box", 17) + text("Other", 5) + (1,) + text("1", 17)})
    with pytest.raises(NotRecognised, match="no answer"):
        it.recognise({})
    with pytest.raises(NotAllowed, match="not recognised"):
        it.set_current(6_000)


def test_the_heidelberg_reads_as_its_register_table_says() -> None:
    it = heidelberg()
    (fast,) = it.polls()
    assert fast.reads == (Read(3, "holding", 257, 6), Read(3, "input", 5, 14))
    state = (7, 160, 159, 161, 0xFFCE, 230, 231, 229, 1, 11_040, 0, 500, 1, 2)
    seen = it.decode({fast.reads[0]: (15_000, 4, 1, 0, 160, 60), fast.reads[1]: state})
    assert seen["state"] == "C" and seen["charging"] == 1 and seen["locked"] == 0
    assert [seen[f"current_l{n}_ma"] for n in (1, 2, 3)] == [16_000, 15_900, 16_100]
    assert seen["temperature_mc"] == -5_000
    assert seen["power_w"] == 11_040 and seen["energy_import_wh"] == 65_538
    assert seen["supervision_time_ms"] == 15_000 and seen["fallback_ma"] == 6_000


def test_an_old_heidelberg_layout_has_no_power_register() -> None:
    reads = heidelberg(0x103).polls()[0].reads
    assert Read(3, "input", 5, 9) in reads


def test_the_heidelberg_is_armed_with_standby_off_watchdog_and_fallback() -> None:
    assert heidelberg().arm(6_000, 10_000) == [
        Write(3, 6, 258, (4,)),
        Write(3, 6, 257, (10_000,)),
        Write(3, 6, 262, (60,)),
        Write(3, 6, 259, (1,)),
    ]


@pytest.mark.parametrize(
    ("ma", "count"), [(0, 0), (5_999, 0), (6_000, 60), (6_099, 60), (6_100, 61), (16_000, 160), (32_000, 160)]
)
def test_the_heidelberg_gets_tenths_of_an_ampere_rounded_down(ma: int, count: int) -> None:
    assert heidelberg().set_current(ma) == [Write(3, 6, 261, (count,))]


@pytest.mark.parametrize(
    ("write", "allowed"),
    [
        (Write(3, 6, 261, (60,)), True),
        (Write(3, 6, 261, (59,)), False),
        (Write(3, 6, 261, (161,)), False),
        (Write(3, 16, 261, (60,)), False),
        (Write(3, 6, 260, (60,)), False),
        (Write(4, 6, 261, (60,)), False),
        (Write(3, 6, 261, (60, 60)), False),
        (Write(3, 6, 261, (65_536 + 60,)), False),
        (Write(3, 6, 261, ()), False),
    ],
)
def test_only_what_the_allow_list_holds_is_allowed(write: Write, allowed: bool) -> None:
    assert heidelberg().allowed(write) is allowed


def test_a_setpoint_can_be_seen_to_be_in_force() -> None:
    it = heidelberg()
    (write,) = it.set_current(13_000)
    (read,) = it.read_back(write)
    assert read == Read(3, "holding", 261, 1)
    assert it.check_written(write, {read: (130,)}) is True
    assert it.check_written(write, {read: (60,)}) is False
    assert it.check_written(write, {}) is None
