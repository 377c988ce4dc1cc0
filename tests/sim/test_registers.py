"""Bytes on the wire of the simulated devices, computed by hand or taken from the specification."""

import struct

import pytest

from edge.sim.modbus import AsciiFrames, RtuFrames, TcpFrames, bits_of, crc16, packed_bits, reply_pdu
from edge.sim.registers import Refused, Registers, f32, f64, s16, text, u16, u32, u64


class Echo:
    """A unit of two holding registers: 7 and a writable one."""

    def __init__(self) -> None:
        self.silent = False
        self.count = 0
        self.value = 9
        self.registers = Registers()
        self.registers.add("holding", 0, lambda: u16(7))
        self.registers.add("holding", 1, lambda: u16(self.value), self._write)
        self.registers.add("holding", 2, lambda: f32(1.0), self._write_float)

    def _write(self, words: tuple[int, ...]) -> None:
        self.value = words[0]

    def _write_float(self, words: tuple[int, ...]) -> None:
        pass

    def heard(self) -> None:
        self.count += 1

    def read(self, table, address, count):
        return self.registers.read(table, address, count)

    def write(self, table, address, words, function):
        self.registers.write(table, address, words, function)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # IEEE 754: 230.5 = 1.80078125 * 2^7: sign 0, exponent 134, mantissa 0x668000
        (f32(230.5), (0x4366, 0x8000)),
        (f32(-1.0), (0xBF80, 0x0000)),
        (f64(1.0), (0x3FF0, 0, 0, 0)),
        (u32(0x12345678), (0x1234, 0x5678)),
        (u64(1), (0, 0, 0, 1)),
        (u16(70_000), (0xFFFF,)),
        (s16(-1), (0xFFFF,)),
        (text("ABC", 3), (0x4142, 0x4300, 0x0000)),
        (text("too long", 2), (0x746F, 0x6F20)),
    ],
)
def test_a_value_is_encoded_high_word_first(words, expected):
    assert words == expected


def test_reading_past_a_field_is_refused_or_filled():
    strict, filled = Registers(), Registers(gap=0xFFFF)
    for registers in (strict, filled):
        registers.add("holding", 10, lambda: u16(1))
    with pytest.raises(Refused) as refused:
        strict.read("holding", 10, 2)
    assert refused.value.code == 2
    assert filled.read("holding", 9, 3) == (0xFFFF, 1, 0xFFFF)


def test_a_map_with_two_fields_at_one_address_is_a_bug():
    registers = Registers()
    registers.add("input", 4, lambda: f32(1))
    with pytest.raises(ValueError, match="input 5 has two fields"):
        registers.add("input", 5, lambda: u16(1))


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("03 0000 0002", "03 04 0007 0009"),
        ("06 0001 002A", "06 0001 002A"),
        ("10 0001 0001 02 002A", "10 0001 0001"),
        ("03 0005 0001", "83 02"),  # no such address
        ("03 0000 0000", "83 03"),  # count 0
        ("03 0000 007E", "83 03"),  # 126 registers
        ("03 0000", "83 03"),  # a request cut short
        ("06 0000 0001", "86 02"),  # read-only
        ("06 0002 0001", "86 03"),  # half a float
        ("10 0002 0002 04 3F80 0000", "10 0002 0002"),
        ("10 0002 0002 02 3F80", "90 03"),  # byte count lies
        ("2B 0E01 00", "AB 01"),  # function not there
    ],
)
def test_a_request_gets_the_reply_of_the_specification(request_hex, reply_hex):
    assert reply_pdu(Echo(), bytes.fromhex(request_hex)) == bytes.fromhex(reply_hex)


def test_a_refused_write_of_many_changes_nothing():
    unit = Echo()
    assert reply_pdu(unit, bytes.fromhex("10 0001 0002 04 0005 0001"))[0] == 0x90
    assert unit.value == 9


def test_crc_of_the_specification():
    # Source: Modbus over Serial Line V1.02, appendix B: 02 07 → 41 12.
    assert crc16(bytes.fromhex("0207")) == bytes.fromhex("4112")


def rtu(unit: int, pdu_hex: str) -> bytes:
    frame = bytes((unit,)) + bytes.fromhex(pdu_hex)
    return frame + crc16(frame)


@pytest.mark.parametrize("step", [1, 3, 100], ids=["byte by byte", "in threes", "whole"])
def test_rtu_requests_are_found_however_they_arrive(step):
    unit = Echo()
    frames = RtuFrames({11: unit})
    stream = rtu(11, "03 0000 0001") + rtu(11, "10 0001 0001 02 0005")
    replies = [r for at in range(0, len(stream), step) for r in frames.take(stream[at : at + step])]
    assert [r for _, r in replies] == [rtu(11, "03 02 0007"), rtu(11, "10 0001 0001")]
    assert unit.value == 5


def test_rtu_says_nothing_for_others_and_heals_after_garbage():
    unit = Echo()
    frames = RtuFrames({11: unit})
    assert frames.take(rtu(12, "03 0000 0001")) == []
    assert frames.take(b"\x55" + rtu(11, "03 0000 0001")) == []
    frames.silence()
    assert frames.garbled == 1
    assert len(frames.take(rtu(11, "03 0000 0001"))) == 1
    unit.silent = True
    heard = unit.count
    assert frames.take(rtu(11, "03 0000 0001")) == []
    assert unit.count == heard


def test_rtu_broadcast_is_done_and_not_answered():
    unit = Echo()
    assert RtuFrames({11: unit}).take(rtu(0, "06 0001 0063")) == []
    assert unit.value == 99


def tcp(tid: int, unit: int, pdu_hex: str) -> bytes:
    pdu = bytes.fromhex(pdu_hex)
    return struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu


@pytest.mark.parametrize("step", [1, 7, 100])
def test_tcp_answers_every_pipelined_request_in_order(step):
    frames = TcpFrames({1: Echo()})
    stream = tcp(1, 1, "03 0000 0001") + tcp(2, 9, "03 0000 0001") + tcp(3, 1, "03 0001 0001")
    out = b"".join(frames.take(stream[at : at + step])[0] for at in range(0, len(stream), step))
    assert out == tcp(1, 1, "03 02 0007") + tcp(3, 1, "03 02 0009")


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n", tcp(1, 1, "")[:5] + b"\x00" * 9])
def test_tcp_gives_up_a_connection_that_speaks_something_else(garbage):
    assert TcpFrames({1: Echo()}).take(garbage) == (b"", False)


def test_ascii_frames_as_the_specification_writes_them():
    # Source: Serial Line V1.02, 2.5.2.1 and 6.2.1: ":" hex LRC CR LF.  0x01+0x03+0+0+0+0x01 = 0x05 → FB
    frames = AsciiFrames({1: Echo()}, {}, frozenset())
    assert frames.take(b":0103000000") == []
    assert frames.take(b"01FB\r\n") == [(1, b":0103020007F3\r\n")]
    assert frames.take(b":010300000001FA\r\n:ZZ\r\n") == []
    assert frames.garbled == 2
    assert len(frames.take(b"noise:010300000001FB\r\n")) == 1


def test_a_sleepy_unit_answers_the_second_time_with_its_own_sign():
    frames = AsciiFrames({1: Echo()}, {1: ">"}, frozenset({1}))
    request = b":010300000001FB\r\n"
    assert frames.take(request) == []
    assert frames.take(request) == [(1, b">0103020007F3\r\n")]
    assert frames.take(request) == []


def test_bits_are_packed_lowest_first():
    # Source: Application Protocol V1.1b3, 6.1: coils 27–20 as CD hex
    assert packed_bits((1, 0, 1, 1, 0, 0, 1, 1, 1)) == b"\xcd\x01"
    assert bits_of(b"\xcd\x01", 9) == (1, 0, 1, 1, 0, 0, 1, 1, 1)
