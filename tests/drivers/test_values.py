# ruff: noqa: E501  (a case reads best on one line)
"""Registers, scales and conditions: properties for the promise, rows for the edges."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.condition import condition, ranges
from drivers.registers import decode, encode, type_of
from drivers.scale import factor, nearest

INTEGERS = {"u16": (0, 2**16 - 1), "i16": (-(2**15), 2**15 - 1), "u32": (0, 2**32 - 1), "i32": (-(2**31), 2**31 - 1),
            "u64": (0, 2**64 - 1), "i64": (-(2**63), 2**63 - 1)}  # fmt: skip


@given(st.sampled_from(sorted(INTEGERS)), st.data(), st.sampled_from(["big", "little"]), st.booleans())
def test_integers_come_back_from_their_registers(name, data, order, swap) -> None:
    value = data.draw(st.integers(*INTEGERS[name]))
    kind = type_of(name)
    words = encode(kind, value, order, swap)
    assert len(words) == kind.count and all(0 <= w <= 0xFFFF for w in words)
    assert decode(kind, words, order, swap) == value


@pytest.mark.parametrize("name", sorted(INTEGERS))
def test_integers_that_do_not_fit_are_refused(name: str) -> None:
    low, high = INTEGERS[name]
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=f"does not fit into {name}"):
            encode(type_of(name), value)


@given(st.floats(-1e30, 1e30))
def test_a_32_bit_float_is_never_above_the_number(number: float) -> None:
    words = encode(type_of("f32"), number)
    told = struct.unpack(">f", struct.pack(">2H", *words))[0]
    assert told <= number
    next_up = struct.unpack(">f", struct.pack(">f", math.nextafter(told, math.inf)))[0]
    assert told == number or told >= number - abs(number) * 2**-22 - 1e-44, next_up


@pytest.mark.parametrize("kind", ["str:2", "bcd16", "chr", "hex:2"])
def test_text_and_bcd_cannot_be_written(kind: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        encode(type_of(kind), 1)


@pytest.mark.parametrize(
    ("printed", "unit", "ours"),
    [
        ("A", "ma", 1000), ("0.1 A", "ma", 100), ("mA", "ma", 1), ("0.06 A", "ma", 60), ("1 V", "mv", 1000),
        ("0.001 kWh", "wh", 1), ("10 Ws", "wh", Fraction(1, 360)), ("Ws", "wh", Fraction(1, 3600)), ("kVAh as Wh", "wh", 1000), ("kVA as W", "w", 1000), ("mHz", "mhz", 1), ("mW", "w", Fraction(1, 1000)),
        ("100 W", "w", 100), ("-0.1 W", "w", Fraction(-1, 10)), ("0.01 Hz", "mhz", 10), ("0.1 °C", "mc", 100),
        ("", "pm", 1000), ("0.1 %", "pm", 1), ("s", "ms", 1000), ("min", "ms", 60_000), ("h", "s", 3600), ("min", "s", 60), ("", "", 1), ("1/3 A", "ma", Fraction(1000, 3)),
        ("kV", "mv", 1_000_000), ("kW", "w", 1000), ("MW", "w", 1_000_000), ("MWh", "wh", 1_000_000), ("VAh as Wh", "wh", 1),
        ("VA as W", "w", 1), ("var", "var", 1), ("kvar", "var", 1000), ("mvar", "var", Fraction(1, 1000)), ("kVA", "va", 1000),
        ("mVA", "va", Fraction(1, 1000)), ("Hz", "mhz", 1000), ("‰", "pm", 1), ("%", "pm", 10), ("degC", "mc", 1000), ("ms", "s", Fraction(1, 1000)),
    ],
)  # fmt: skip
def test_units_as_the_manual_prints_them_are_exact(printed: str, unit: str, ours: int | Fraction) -> None:
    assert factor(printed, unit) == ours


@given(st.integers(-(2**40), 2**40), st.fractions(max_denominator=10_000).filter(bool))
def test_a_reading_is_the_nearest_integer(raw: int, scale: Fraction) -> None:
    assert abs(nearest(raw, scale) - raw * scale) <= Fraction(1, 2)


@given(st.floats(-1e12, 1e12), st.sampled_from([1, 1000, Fraction(1, 1000)]))
def test_a_float_reading_is_the_nearest_integer(raw: float, scale: int | Fraction) -> None:
    assert abs(nearest(raw, Fraction(scale)) - Fraction(raw) * scale) <= Fraction(1, 2)


@pytest.mark.parametrize(("raw", "whole"), [(5, 3), (-5, -3), (4, 2), (-4, -2), (0, 0), (1, 1), (-1, -1)])
def test_halves_go_away_from_zero(raw: int, whole: int) -> None:
    assert nearest(raw, Fraction(1, 2)) == whole


@pytest.mark.parametrize(
    ("text", "values", "answer"),
    [
        ("x_a == 2", {"x_a": 2}, True), ("x_a == 2", {"x_a": 3}, False), ("x_a == 2", {}, None),
        ("x_a == 0x10", {"x_a": 16}, True), ("x_a != 2", {"x_a": 2}, False), ("x_a < 2", {"x_a": 2}, False),
        ("x_a <= 2", {"x_a": 2}, True), ("x_a > 2", {"x_a": 2}, False), ("x_a >= 2", {"x_a": 2}, True),
        ("x_a >= -5", {"x_a": -5}, True), ("x_a & 4", {"x_a": 6}, True), ("x_a & 4", {"x_a": 3}, False),
        ("x_a !& 4", {"x_a": 3}, True), ("x_a in 1,3..5", {"x_a": 5}, True), ("x_a in 1,3..5", {"x_a": 2}, False),
        ("model is AB", {"model": "AB"}, True), ("model starts al", {"model": "Alfen NV"}, True),
        ("model contains NV", {"model": "Alfen NV"}, True), ("model within A, B1", {"model": "B1"}, True),
        ("model within A,B1", {"model": "B"}, False),
        ("firmware older 1.10", {"firmware": "1.9.3"}, True), ("firmware older 1.2.1", {"firmware": "v1.2.1-4"}, False),
        ("firmware newer 5.21", {"firmware": "5.22"}, True), ("firmware newer 5.22", {"firmware": "5.22"}, False), ("x_a == 2", {"x_a": "2"}, False),
        ("x_a == 1 and x_b == 1", {"x_a": 1, "x_b": 1}, True), ("x_a == 1 and x_b == 1", {"x_a": 0}, False),
        ("x_a == 1 and x_b == 1", {"x_a": 1}, None), ("x_a answered", {"x_a": 0}, True), ("x_a answered", {}, None),
    ],
)  # fmt: skip
def test_conditions_say_yes_no_or_unknown(
    text: str, values: dict[str, int | str], answer: bool | None
) -> None:
    assert condition(text).holds(values) is answer


def test_a_refusal_is_an_answer_of_its_own() -> None:
    assert condition("x_a refused").holds({}, {"x_a"}) is True
    assert condition("x_a refused").holds({"x_a": 1}) is False
    assert condition("x_a answered").holds({}, {"x_a"}) is False
    assert condition("x_a == 1").holds({}, {"x_a"}) is None


def test_ranges_are_inclusive() -> None:
    assert ranges("1, 3..5,0x10..0x1F") == ((1, 1), (3, 5), (16, 31))
