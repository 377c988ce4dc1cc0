"""Units as people read and write them."""

import pytest

from edge.model.units import amps_text, ma_from_amps


@pytest.mark.parametrize(
    ("current_ma", "text"),
    [
        (0, "0 A"), (1, "0.001 A"), (6_000, "6 A"), (6_250, "6.25 A"), (10_000, "10 A"), (62_500, "62.5 A"),
        (100_000, "100 A"), (-4_000, "-4 A"), (-500, "-0.5 A"), (2_887_000, "2887 A"),
    ],
)  # fmt: skip
def test_amps_are_told_as_people_read_them(current_ma, text):
    assert amps_text(current_ma) == text


@pytest.mark.parametrize("amps", ["0.0001", "62.5005"])
def test_amps_finer_than_a_milliamp_are_not_rounded(amps):
    with pytest.raises(ValueError, match="finer than 1 mA"):
        ma_from_amps(amps)
